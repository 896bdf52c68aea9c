package compiler_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
)

// In a PID namespace of its own, ponytrace finds processes in /proc by the numbers that they
// have there; so addresses of processes come with those.
func TestNestedProcesses(t *testing.T) {
	for _, script := range []string{"profile:hz:99 { @[ustack(3)] = count() }", `profile:hz:99 { @[usym(reg("ip"))] = count() }`} {
		for _, nested := range []bool{false, true} {
			machine := *frozen.Target("6.12")
			machine.Nested = nested
			o, err := compileText(script, &machine, compiler.Options{})
			if err != nil {
				t.Fatal(err)
			}
			asks := slices.ContainsFunc(o.Programs[0].Instructions, func(i asm.Instruction) bool {
				return i.IsBuiltinCall() && i.Constant == int64(asm.FnGetNsCurrentPidTgid)
			})
			if asks != nested {
				t.Errorf("%s, nested %v: asks for the number in the namespace: %v", script, nested, asks)
			}
		}
	}
}

// Tables are brought to processes by their numbers outside of it.
func TestNestedTables(t *testing.T) {
	machine := *frozen.Target("6.12")
	machine.Nested = true
	_, err := compileText("profile:hz:99 { @[ustack(dwarf)] = count() }", &machine, compiler.Options{})
	if err == nil || !strings.Contains(err.Error(), "ustack(dwarf) finds no processes from a PID namespace of its own") {
		t.Error(err)
	}
}
