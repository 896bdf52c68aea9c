package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/rlimit"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/internal/ir/irtest"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// open gives the code to the machine's kernel as a raw tracepoint program, the type that
// can be run at will.
func open(t *testing.T, code *Result) (*ebpf.Collection, error) {
	t.Helper()
	testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
	_ = rlimit.RemoveMemlock()
	return ebpf.NewCollectionWithOptions(&ebpf.CollectionSpec{
		Maps: specs(code),
		Programs: map[string]*ebpf.ProgramSpec{
			"p": {Type: ebpf.RawTracepoint, License: "GPL", Instructions: code.Instructions},
		},
	}, ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{LogLevel: ebpf.LogLevelInstruction, LogSizeStart: 1 << 24}})
}

// load is open where the kernel must accept the code.
func load(t *testing.T, code *Result) *ebpf.Collection {
	t.Helper()
	collection, err := open(t, code)
	var refused *ebpf.VerifierError
	if errors.As(err, &refused) {
		t.Fatalf("%+v\n%v", refused, code.Instructions)
	}
	if errors.Is(err, os.ErrPermission) {
		testkit.Lack(t, "CAP_BPF")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(collection.Close)
	return collection
}

func runOnKernel(t *testing.T, code *Result, context []byte) outcome {
	t.Helper()
	collection := load(t, code)
	arguments := make([]uint64, len(context)/8)
	for i := range arguments {
		arguments[i] = binary.LittleEndian.Uint64(context[8*i:])
	}
	result, err := collection.Programs["p"].Run(&ebpf.RunOptions{Context: arguments})
	if err != nil {
		t.Fatal(err)
	}
	o := outcome{result: uint64(result), data: make([]byte, irtest.DataSize), hash: map[string][]byte{}}
	if err := collection.Maps[irtest.DataMap].Lookup(uint32(0), &o.data); err != nil {
		t.Fatal(err)
	}
	var key, value []byte
	for entries := collection.Maps[irtest.HashMap].Iterate(); entries.Next(&key, &value); {
		o.hash[string(key)] = append([]byte(nil), value...)
	}
	return o
}

// TestRandomOnKernel is TestRandom with the real verifier and the real machine.
func TestRandomOnKernel(t *testing.T) {
	for seed := range testkit.Seeds(t, 8, 2_000) {
		context := randomContext(seed)
		want := evaluate(irtest.Random(seed), context)
		for _, f := range []*ir.Func{irtest.Random(seed), optimised(t, irtest.Random(seed))} {
			code := generate(t, f)
			if got := runOnKernel(t, code, context); !same(got, want) {
				t.Fatalf("seed %d: got %v\nwant %v\n%v\n%v", seed, got, want, f, code.Instructions)
			}
		}
	}
}

// TestCallbacksOnKernel is TestCallbacks with the real verifier and the real machine. On
// a kernel without bpf_loop, for which no callback is ever generated, it is TestGolden
// that holds the refusal.
func TestCallbacksOnKernel(t *testing.T) {
	if release := kernelRelease(t); slices.Compare(release[:], since[asm.FnLoop]) < 0 {
		return
	}
	for seed := range testkit.Seeds(t, 8, 2_000) {
		context := randomContext(seed)
		want := evaluate(irtest.RandomCallbacks(seed), context)
		for _, f := range []*ir.Func{irtest.RandomCallbacks(seed), optimised(t, irtest.RandomCallbacks(seed))} {
			code := generate(t, f)
			if got := runOnKernel(t, code, context); !same(got, want) {
				t.Fatalf("seed %d: got %v\nwant %v\n%v\n%v", seed, got, want, f, code.Instructions)
			}
		}
	}
}

// since is the release that brought a helper.
var since = map[asm.BuiltinFunc][]int{asm.FnForEachMapElem: {5, 13}, asm.FnLoop: {5, 17}}

// hasHelpers tells by the kernel's release whether it has every helper of the code.
func hasHelpers(t *testing.T, code *Result) bool {
	t.Helper()
	release := kernelRelease(t)
	return !slices.ContainsFunc(code.Instructions, func(i asm.Instruction) bool {
		first, known := since[asm.BuiltinFunc(i.Constant)]
		return i.IsBuiltinCall() && known && slices.Compare(release[:], first) < 0
	})
}

// wantRefused holds that a kernel that is too old for the code calls it invalid: were it
// to load, since would be wrong. Before 5.13 the address of a callback is refused before
// the verifier comes to the helper.
func wantRefused(t *testing.T, code *Result) {
	t.Helper()
	collection, err := open(t, code)
	if err == nil {
		collection.Close()
		t.Fatalf("kernel %v loads helpers that it should not have", kernelRelease(t))
	}
	if !errors.Is(err, syscall.EINVAL) {
		t.Fatal(err)
	}
}

func kernelRelease(t *testing.T) (release [2]int) {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(text), "%d.%d", &release[0], &release[1]); err != nil {
		t.Fatal(err)
	}
	return release
}

// count is what lower makes of `@ = count()`.
func count() *ir.Func {
	source := diag.NewSource("one.pt", "kprobe:vfs_read\n{ @ = count() }\n")
	b := ir.NewBuilder("count", diag.Span{Source: source, Start: 16, End: 31})
	b.Span = diag.Span{Source: source, Start: 18, End: 29}
	cpu := b.Call(asm.FnGetSmpProcessorId, ir.Invariant)
	row := b.Binary(ir.ShiftLeft, b.Bound(cpu, testCPUs-1), b.Const(6))
	address := b.Binary(ir.Add, b.DataAddress("percpu", 0), row)
	b.AtomicAdd(ir.MapValue, address, 0, b.Const(1))
	b.Return(b.Const(0))
	return b.Func
}

// TestLinesOnKernel wants the script in the verifier's log.
func TestLinesOnKernel(t *testing.T) {
	collection := load(t, generate(t, count()))
	if log := collection.Programs["p"].VerifierLog; !strings.Contains(log, "; { @ = count() }") {
		t.Errorf("no script line in the log:\n%s", log)
	}
}
