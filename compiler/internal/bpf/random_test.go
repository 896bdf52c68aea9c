package bpf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/internal/ir/irtest"
	"github.com/ponytrace/ponytrace/compiler/internal/opt"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

// outcome is all that a random function leaves behind.
type outcome struct {
	result uint64
	data   []byte
	hash   map[string][]byte
}

func (o outcome) String() string {
	return fmt.Sprintf("%#x, data %x, hash %x", o.result, o.data, o.hash)
}

func randomContext(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 3))
	var context []byte
	for range irtest.ContextSize / 8 {
		context = binary.LittleEndian.AppendUint64(context, r.Uint64()>>r.IntN(64))
	}
	return context
}

func evaluate(f *ir.Func, context []byte) outcome {
	world := &irtest.World{
		Context: context,
		Data:    map[string][]byte{irtest.DataMap: make([]byte, irtest.DataSize)},
		Hash:    map[string]map[string][]byte{irtest.HashMap: {}},
	}
	result := irtest.Evaluate(f, world)
	return outcome{result, world.Data[irtest.DataMap], world.Hash[irtest.HashMap]}
}

const testCPUs = 4

// specs are the maps of a random function.
func specs(code *Result) map[string]*ebpf.MapSpec {
	return map[string]*ebpf.MapSpec{
		irtest.DataMap: {Type: ebpf.Array, KeySize: 4, ValueSize: irtest.DataSize, MaxEntries: 1},
		irtest.HashMap: {Type: ebpf.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 64},
		"percpu":       {Type: ebpf.Array, KeySize: 4, ValueSize: 64 * testCPUs, MaxEntries: 1},
		"scratch":      {Type: ebpf.Array, KeySize: 4, ValueSize: uint32(max(code.ScratchSize, 8) * testCPUs), MaxEntries: 1},
	}
}

func emulate(code *Result, context []byte) (outcome, emu.Result, error) {
	environment := &emu.Environment{Context: context, Maps: map[string]*emu.Map{}, CPU: testCPUs - 1}
	for name, spec := range specs(code) {
		environment.Maps[name] = emu.NewMap(spec, testCPUs)
	}
	result, err := emu.Run(code.Instructions, environment)
	if err != nil {
		return outcome{}, result, err
	}
	hash := map[string][]byte{}
	for key, values := range environment.Maps[irtest.HashMap].Values {
		hash[key] = values[0]
	}
	return outcome{result.Return, environment.Maps[irtest.DataMap].Values[""][0], hash}, result, nil
}

// same compares what can be seen everywhere: of the result the lower half.
func same(a, b outcome) bool {
	if uint32(a.result) != uint32(b.result) || !bytes.Equal(a.data, b.data) || len(a.hash) != len(b.hash) {
		return false
	}
	for key, value := range a.hash {
		if !bytes.Equal(value, b.hash[key]) {
			return false
		}
	}
	return true
}

func generate(t *testing.T, f *ir.Func) *Result {
	t.Helper()
	release := kernelRelease(t)
	fetch := slices.Compare(release[:], []int{5, 12}) >= 0
	code, err := Generate(f, Options{CPUs: testCPUs, ScratchMap: "scratch", FetchAtomics: fetch})
	if err != nil {
		t.Fatalf("%v\n%v", err, f)
	}
	return code
}

// optimised returns the program after the passes.
func optimised(t *testing.T, f *ir.Func) *ir.Func {
	t.Helper()
	before := f.String()
	if err := opt.Run(f, nil); err != nil {
		t.Fatalf("%v\n%v", err, before)
	}
	if err := ir.Check(f); err != nil {
		t.Fatalf("%v\n%v\nbefore\n%v", err, f, before)
	}
	return f
}

// TestRandom compares the code of random programs, with and without the passes, with
// their direct evaluation.
func TestRandom(t *testing.T) { compareRandom(t, irtest.Random) }

// TestCallbacks is TestRandom for programs with loops and callbacks that helpers run.
func TestCallbacks(t *testing.T) { compareRandom(t, irtest.RandomCallbacks) }

func compareRandom(t *testing.T, random func(seed uint64) *ir.Func) {
	for seed := range testkit.Seeds(t, 100, 20_000) {
		plain := random(seed)
		if err := ir.Check(plain); err != nil {
			t.Fatalf("seed %d: %v\n%v", seed, err, plain)
		}
		context := randomContext(seed)
		want := evaluate(plain, context)
		for _, f := range []*ir.Func{plain, optimised(t, random(seed))} {
			code := generate(t, f)
			got, _, err := emulate(code, context)
			if err != nil {
				t.Fatalf("seed %d: %v\n%v\n%v", seed, err, f, code.Instructions)
			}
			if !same(got, want) {
				t.Fatalf("seed %d: got %v\nwant %v\n%v\n%v", seed, got, want, f, code.Instructions)
			}
		}
	}
}
