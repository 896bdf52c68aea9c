package emu_test

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// One event of a script, without a kernel: what it wrote into the ring buffer, and what
// it cost.
func ExampleRun() {
	script, _ := lang.Parse(diag.NewSource("script", `BEGIN { printf("%d\n", pid) }`))
	built, err := compiler.Compile(script, frozen.Target("6.12"), compiler.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	e := &emu.Environment{
		Maps:   map[string]*emu.Map{},
		Values: map[asm.BuiltinFunc]uint64{asm.FnGetCurrentPidTgid: 42<<32 | 43},
	}
	for name, spec := range built.Kernel {
		e.Maps[name] = emu.NewMap(spec, 1)
	}
	result, err := emu.Run(built.Programs[0].Instructions, e)
	event := built.Events[0]
	fmt.Printf("%q %d, %d calls of helpers, %v\n", event.Format, e.Records[0][event.Layout.Fields[0].Offset], result.Helpers, err)
	// Output: "%d\n" 42, 3 calls of helpers, <nil>
}
