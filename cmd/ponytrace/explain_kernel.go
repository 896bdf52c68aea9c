package main

import (
	"encoding/hex"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/internal/teach/explain"
)

// kernelOf asks the kernel what it makes of the programs. Where it shows no machine code,
// the notices say why. What it does not let this process load is the error.
func kernelOf(program *ponytrace.Program) (list []explain.Kernel, notices []string, err error) {
	inspected, err := program.Inspect()
	for i := range inspected {
		one := &inspected[i]
		list = append(list, explain.Kernel{
			Program: one.Name, Known: factsOf(one), Machine: machineOf(one),
			Verified: one.Verified.Total.Visited, Stack: stackOf(one.Verified.Total.Stack),
		})
		if one.Hidden != "" && len(notices) == 0 {
			notices = append(notices, one.Hidden)
		}
	}
	return list, notices, err
}

func factsOf(inspected *ponytrace.Inspected) map[int][]explain.Fact {
	facts := map[int][]explain.Fact{}
	for number, known := range inspected.Known() {
		for _, fact := range known {
			facts[number] = append(facts[number], explain.Fact{Place: fact.Place, Text: fact.Text})
		}
	}
	return facts
}

func machineOf(inspected *ponytrace.Inspected) map[int][]explain.Machine {
	machine := map[int][]explain.Machine{}
	for number, code := range inspected.MachineCode() {
		for _, at := range code {
			machine[number] = append(machine[number], explain.Machine{
				Offset: at.Offset, Bytes: hex.EncodeToString(at.Bytes), Text: at.Text,
			})
		}
	}
	return machine
}

// stackOf is the stack of the program itself. Those of the functions that it calls
// follow.
func stackOf(stack []int) int {
	if len(stack) == 0 {
		return 0
	}
	return stack[0]
}
