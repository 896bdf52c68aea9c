package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/internal/teach/explain"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

// TestKernelOf asks this machine's kernel: each instruction of the script has machine code
// or is told to have none, and what the verifier knows has words.
func TestKernelOf(t *testing.T) {
	testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
	machine, err := ponytrace.Detect()
	if err != nil {
		t.Fatal(err)
	}
	if ponytrace.Privilege(machine) != nil {
		testkit.Lack(t, "CAP_BPF")
	}
	source := ponytrace.NewSource("script", "BEGIN { @[pid] = 1 } END { clear(@) }")
	script, err := ponytrace.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	stages := &ponytrace.Stages{}
	program, err := ponytrace.Compile(script, machine, ponytrace.Options{Stages: stages})
	if err != nil {
		t.Fatal(err)
	}
	kernels, notices, err := kernelOf(program)
	if err != nil || len(kernels) != len(stages.Programs) {
		t.Fatalf("got %d programs, %v", len(kernels), err)
	}
	testkit.Need(t, "the kernel's JIT compiler", len(notices) == 0)
	for i, kernel := range kernels {
		if kernel.Program != stages.Programs[i].Name || kernel.Verified == 0 {
			t.Errorf("got %+v", kernel)
		}
		for _, at := range stages.Programs[i].Code {
			removed := tells(kernel.Known[at.Offset], "machine code", "none")
			if removed == (len(kernel.Machine[at.Offset]) > 0) {
				t.Errorf("%s: %d %s has the machine code %v, and is known to be %v", kernel.Program,
					at.Offset, at.Text, kernel.Machine[at.Offset], kernel.Known[at.Offset])
			}
		}
	}
	var facts []explain.Fact
	for _, known := range kernels[0].Known {
		facts = append(facts, known...)
	}
	if !tells(facts, "r1", "map @") || !tells(facts, "r2", "address of stack -") {
		t.Errorf("the verifier knows %v", facts)
	}
}

func tells(facts []explain.Fact, place, text string) bool {
	return slices.ContainsFunc(facts, func(fact explain.Fact) bool {
		return fact.Place == place && strings.HasPrefix(fact.Text, text)
	})
}
