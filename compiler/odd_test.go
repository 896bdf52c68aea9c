package compiler_test

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/internal/emu"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/lang"
)

func compileWith(script string, arguments ...string) (*object.Object, error) {
	return compileOn("6.12", script, arguments...)
}

func compileOn(kernel, script string, arguments ...string) (*object.Object, error) {
	parsed, diagnostics := lang.Parse(lang.NewSource("script", script))
	if diagnostics.HasErrors() {
		return nil, diagnostics
	}
	return compiler.Compile(parsed, frozen.Target(kernel), compiler.Options{Args: arguments, Unsafe: true})
}

// emulatedValues are what helpers return.
var emulatedValues = map[asm.BuiltinFunc]uint64{
	asm.FnKtimeGetNs: 1000, asm.FnGetCurrentPidTgid: 7<<32 | 8, asm.FnGetCurrentUidGid: 9<<32 | 10,
	asm.FnGetCurrentTaskBtf: 1 << 62, asm.FnGetAttachCookie: 0, asm.FnGetSmpProcessorId: 0,
	asm.FnKtimeGetBootNs: 3000, asm.FnKtimeGetTaiNs: 5000, asm.FnJiffies64: 250, asm.FnGetPrandomU32: 4,
	asm.FnGetNumaNodeId: 1, asm.FnGetCurrentCgroupId: 77,
}

// emulate runs every program once, in order, and returns the records that they sent.
func emulate(o *object.Object) (map[string]*emu.Map, [][]byte, error) {
	machine := &emu.Environment{
		Context: make([]byte, 512),
		Maps:    map[string]*emu.Map{},
		Values:  emulatedValues,
		Comm:    "pony", Stack: []uint64{0x11, 0x22, 0x33}, Memory: map[uint64][]byte{kernelText: emulatedMemory()},
	}
	for name, spec := range o.Kernel {
		machine.Maps[name] = emu.NewMap(spec, 4)
	}
	for _, fact := range o.Facts {
		word := machine.Maps[object.DataMap].Values[""][0][fact.Offset:]
		binary.LittleEndian.PutUint64(word, factValue(fact))
	}
	for _, program := range o.Programs {
		if _, err := emu.Run(program.Instructions, machine); err != nil {
			return nil, nil, err
		}
	}
	return machine.Maps, machine.Records, nil
}

// factValue stands for what the runtime would find out.
func factValue(fact object.Fact) uint64 { return 100*uint64(fact.Kind) + uint64(len(fact.Text)) }

// loads asks the machine's kernel whether it takes the programs that depend on no function of its own.
func loads(t *testing.T, o *object.Object) {
	t.Helper()
	collection := &ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{}, Programs: map[string]*ebpf.ProgramSpec{}}
	for name, spec := range o.Kernel {
		collection.Maps[name] = spec.Copy()
	}
	for _, p := range o.Programs {
		if p.Type == ebpf.RawTracepoint {
			collection.Programs[p.Name] = &ebpf.ProgramSpec{Name: p.Name, Type: p.Type, License: "GPL", Instructions: p.Instructions}
		}
	}
	loaded, err := ebpf.NewCollection(collection)
	if errors.Is(err, os.ErrPermission) {
		return
	}
	if err != nil {
		t.Errorf("the kernel says %+v", err)
		return
	}
	loaded.Close()
}

// TestOdd compiles scripts that nobody should write: each must run or be refused with a message to the user.
func TestOdd(t *testing.T) {
	text, err := os.ReadFile("testdata/odd.txt")
	if err != nil {
		t.Fatal(err)
	}
	for script := range strings.Lines(string(text)) {
		script = strings.TrimSpace(script)
		if script == "" || strings.HasPrefix(script, "//") {
			continue
		}
		t.Run(script, func(t *testing.T) { odd(t, script) })
	}
}

func odd(t *testing.T, script string) {
	o, err := compileWith(script, "12", "text", "-3")
	var diagnostics lang.Diagnostics
	switch {
	case errors.As(err, &diagnostics):
		t.Log(diagnostics[0].Message)
		return
	case err != nil:
		t.Fatal(err)
	}
	if _, _, err := emulate(o); err != nil {
		t.Error(err)
	}
	if os.Geteuid() == 0 {
		loads(t, o)
	}
}

// word reads the 64-bit value of a map without a key.
func word(o *object.Object, maps map[string]*emu.Map, name string) int64 {
	for _, m := range o.Maps {
		if m.Name == name && m.Storage == object.Slot {
			data := maps[object.DataMap].Values[""][0]
			return int64(binary.LittleEndian.Uint64(data[m.Offset:]))
		}
	}
	return -1
}
