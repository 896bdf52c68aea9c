package compiler_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/oracle"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// said are the messages that compileText has returned so far: TestMessagesAreShown looks
// for every one that there is.
var said struct {
	sync.Mutex
	messages map[string]bool
}

func init() { said.messages = map[string]bool{} }

// compileText compiles a script for a machine.
func compileText(text string, machine *target.Target, options compiler.Options) (*object.Object, error) {
	parsed, diagnostics := lang.Parse(diag.NewSource("script", text))
	if diagnostics.HasErrors() {
		return nil, diagnostics
	}
	o, err := compiler.Compile(parsed, machine, options)
	if errors.As(err, &diagnostics) {
		said.Lock()
		defer said.Unlock()
		for _, d := range diagnostics {
			said.messages[d.Message] = true
		}
	}
	return o, err
}

// compileWith compiles a script with positional parameters for Linux 6.12.
func compileWith(script string, arguments ...string) (*object.Object, error) {
	return compileText(script, frozen.Target("6.12"), compiler.Options{Args: arguments, Unsafe: true})
}

// compileFor compiles a script of the oracle, which has the parameters of all of them.
func compileFor(text string, machine *target.Target, options compiler.Options) (*object.Object, error) {
	options.Args = oracle.Args
	return compileText(text, machine, options)
}

// emulatedValues are what helpers return.
var emulatedValues = map[asm.BuiltinFunc]uint64{
	asm.FnKtimeGetNs: 1000, asm.FnGetCurrentPidTgid: 7<<32 | 8, asm.FnGetCurrentUidGid: 9<<32 | 10,
	asm.FnGetCurrentTask: 1 << 62, asm.FnGetCurrentTaskBtf: 1 << 62, asm.FnGetAttachCookie: 0,
	asm.FnKtimeGetBootNs: 3000, asm.FnKtimeGetTaiNs: 5000, asm.FnJiffies64: 250, asm.FnGetPrandomU32: 4,
	asm.FnGetNumaNodeId: 1, asm.FnGetCurrentCgroupId: 77, asm.FnCurrentTaskUnderCgroup: 1,
}

// emulator is what the programs of an object run in, with its maps: an empty context,
// values of helpers that never change, memory at kernelText. Tests change it where they
// need something else.
func emulator(o *object.Object) *emu.Environment {
	machine := &emu.Environment{
		Context: make([]byte, contextSize),
		Maps:    map[string]*emu.Map{},
		Values:  maps.Clone(emulatedValues),
		Comm:    "pony", Stack: []uint64{0x11, 0x22, 0x33}, UserStack: []uint64{0x11, 0x22, 0x33},
		Memory: map[uint64][]byte{kernelText: emulatedMemory()},
	}
	for name, spec := range o.Kernel {
		machine.Maps[name] = emu.NewMap(spec, 4)
	}
	for _, fact := range o.RuntimeConsts {
		binary.LittleEndian.PutUint64(emulatedData(machine)[fact.Offset:], factValue(fact))
	}
	return machine
}

// emulatedData is the map of the variables that have no map of their own.
func emulatedData(machine *emu.Environment) []byte { return machine.Maps[object.DataMap].Values[""][0] }

// factValue stands for what the runtime would find out.
func factValue(fact object.RuntimeConst) uint64 {
	return 100*uint64(fact.Kind) + uint64(len(fact.Text))
}

// runAll runs every program once, in order.
func runAll(o *object.Object, machine *emu.Environment) error {
	for _, program := range o.Programs {
		if _, err := emu.Run(program.Instructions, machine); err != nil {
			return fmt.Errorf("%w\n%v", err, program.Instructions)
		}
	}
	return nil
}

// emulate runs an object in an unchanged emulator.
func emulate(o *object.Object) (*emu.Environment, error) {
	machine := emulator(o)
	return machine, runAll(o, machine)
}

// word reads the 64-bit value of a map without a key.
func word(o *object.Object, machine *emu.Environment, name string) int64 {
	for _, m := range o.Maps {
		if m.Name == name && m.Storage == object.Slot {
			return int64(binary.LittleEndian.Uint64(emulatedData(machine)[m.Offset:]))
		}
	}
	return -1
}

// mustCompile compiles a script for Linux 6.12, which has to succeed.
func mustCompile(t *testing.T, text string, options compiler.Options) *object.Object {
	t.Helper()
	o, err := compileText(text, frozen.Target("6.12"), options)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// compileError is what compiling for a frozen kernel ends with.
func compileError(script, kernel string, options compiler.Options) error {
	_, err := compileText(script, frozen.Target(kernel), options)
	return err
}
