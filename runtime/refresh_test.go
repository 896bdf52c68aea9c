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

// A stack of a process that has ended prints with names, if its memory map was
// remembered.
func TestMapRefresh(t *testing.T) {
	key := types.NewLayout(0, types.NewUserStack("bpftrace", 2))
	stacks := &object.MapSpec{Key: &key, Value: types.NewAggregation(builtin.Count, false), Storage: object.Hash, Kernel: "h"}
	o := lineObject(16)
	o.Maps = []*object.MapSpec{stacks}
	o.Kernel["h"] = &ebpf.MapSpec{Type: ebpf.Hash, KeySize: uint32(key.Size), ValueSize: 8, MaxEntries: 4}
	var out bytes.Buffer
	s := open(t, o, Options{Stdout: &out, Stderr: io.Discard})
	sleeper := exec.Command(os.Args[0], "-test.run=^TestSleeper$")
	sleeper.Env = append(os.Environ(), "PONYTRACE_SLEEPER=1")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	address := uint64(reflect.ValueOf(TestSleeper).Pointer()) + 1 // the test binary lies at the same place in both processes
	record := binary.NativeEndian.AppendUint64(nil, uint64(sleeper.Process.Pid))
	record = binary.NativeEndian.AppendUint64(binary.NativeEndian.AppendUint64(record, address), 0)
	if err := s.collection.Maps["h"].Put(record, uint64(3)); err != nil {
		t.Fatal(err)
	}
	if !holdsProcess(stacks) {
		t.Error("the map holds no stack of a process")
	}
	s.refresh.refresh()
	_ = sleeper.Process.Kill()
	_ = sleeper.Wait()
	s.printer.Sink.Table(report.NewTable(&s.object.Settings, s.tables.Of(stacks), 0, 0))
	s.printer.Flush()
	if want := "@[\n        github.com/ponytrace/ponytrace/runtime.TestSleeper+1\n]: 3\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
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
