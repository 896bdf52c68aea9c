package runtime

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// TestSleeper is the process of TestMapRefresh, and no test.
func TestSleeper(t *testing.T) {
	if os.Getenv("PONYTRACE_SLEEPER") != "" {
		time.Sleep(time.Minute)
	}
}

// sleeper starts a process of this program, which lies at the same place in both, and gives
// the function that ends it.
func sleeper(t *testing.T) (pid int, end func()) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestSleeper$")
	cmd.Env = append(os.Environ(), "PONYTRACE_SLEEPER=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Cleanup(end)
	return cmd.Process.Pid, end
}

// stacksOf is a session with a map of stacks of processes.
func stacksOf(t *testing.T, out io.Writer, pids ...int) (*Session, *object.MapSpec) {
	key := types.NewLayout(0, types.NewUserStack("bpftrace", 2))
	stacks := &object.MapSpec{Key: &key, Value: types.NewAggregation(builtin.Count, false), Storage: object.Hash, Kernel: "h"}
	if !holdsProcess(stacks) {
		t.Error("the map holds no stack of a process")
	}
	o := lineObject(16)
	o.Maps = []*object.MapSpec{stacks}
	o.Kernel["h"] = &ebpf.MapSpec{Type: ebpf.Hash, KeySize: uint32(key.Size), ValueSize: 8, MaxEntries: 4}
	return open(t, o, Options{Stdout: out, Stderr: io.Discard, Pids: pids}), stacks
}

// enterStack enters a stack of a process, with one address in TestSleeper.
func enterStack(t *testing.T, s *Session, pid int) {
	address := uint64(reflect.ValueOf(TestSleeper).Pointer()) + 1
	var record []byte
	for _, word := range []uint64{uint64(pid), address, 0} {
		record = binary.NativeEndian.AppendUint64(record, word)
	}
	if err := s.collection.Maps["h"].Put(record, uint64(3)); err != nil {
		t.Fatal(err)
	}
}

const stackOfSleeper = "@[\n        github.com/ponytrace/ponytrace/runtime.TestSleeper+1\n]: 3\n"

func tableOf(s *Session, stacks *object.MapSpec, out *bytes.Buffer) string {
	s.printer.Sink.Table(report.NewTable(&s.object.Settings, s.tables.Of(stacks), 0, 0))
	s.printer.Flush()
	return out.String()
}

// A stack of a process that has ended prints with names, if its memory map was
// remembered.
func TestMapRefresh(t *testing.T) {
	var out bytes.Buffer
	s, stacks := stacksOf(t, &out)
	pid, end := sleeper(t)
	enterStack(t, s, pid)
	s.refresh.refresh()
	end()
	if got := tableOf(s, stacks, &out); got != stackOfSleeper {
		t.Errorf("%q, want %q", got, stackOfSleeper)
	}
}

// Each process of -p that ends with its first event has names.
func TestTraceesAreRemembered(t *testing.T) {
	var out bytes.Buffer
	pid, end := sleeper(t)
	s, stacks := stacksOf(t, &out, os.Getpid(), pid)
	s.over = make(chan struct{})
	if _, err := s.trace(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		close(s.over)
		s.ticks.Wait()
	})
	end()
	enterStack(t, s, pid)
	if got := tableOf(s, stacks, &out); got != stackOfSleeper {
		t.Errorf("%q, want %q", got, stackOfSleeper)
	}
}

func TestHoldsProcess(t *testing.T) {
	stack := types.NewUserStack("raw", 1)
	for _, test := range []struct {
		t    *types.Type
		want bool
	}{
		{stack, true}, {types.UserAddress, true}, {types.NewTuple(types.Int64, types.NewTuple(stack)), true},
		{&types.Type{Kind: types.Array, Elem: types.UserAddress, Count: 2, Size: 32}, true},
		{types.NewKernelStack("raw", 1), false}, {types.NewTuple(types.Int64), false}, {types.NewString(8), false},
	} {
		if got := events.HoldsProcess(test.t); got != test.want {
			t.Errorf("%s: %v", test.t, got)
		}
	}
}

// What was lost is a line of its own in JSON.
func TestLossesInJSON(t *testing.T) {
	o := lineObject(16)
	o.Programs = []*object.ProgramSpec{clause("line", code(emit(0, 1)), at(object.AtEnd))}
	var out bytes.Buffer
	s := open(t, o, Options{Stdout: &out, Stderr: io.Discard, Format: "json"})
	s.store.Set(object.DataDropped, 3)
	if _, err := s.Run(); err != nil {
		t.Fatal(err)
	}
	if want := `{"type": "lost_events", "count": 3, "data": {"events": 3}}` + "\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("%q, want %q at the end", out.String(), want)
	}
}
