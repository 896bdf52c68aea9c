package compiler_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/random"
	"github.com/ponytrace/ponytrace/lang"
)

// features asks the compiler what it has.
func features(t testing.TB, machine *target.Target) random.Features {
	found := random.Features{}
	for name, script := range random.Probe {
		if err := judge(script, machine, nil); err != nil {
			t.Logf("without %s: %v", name, err)
			continue
		}
		found[name] = true
	}
	return found
}

// number reads an environment variable.
func number(t testing.TB, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestRandomScripts compiles PROGRAMS random scripts, from the one of the number SEED on, for the four kernels in turn,
// and compares what they do in the emulator, and on the machine's own kernel, with their evaluation.
func TestRandomScripts(t *testing.T) {
	programs, first := number(t, "PROGRAMS", 40), number(t, "SEED", 0)
	kernel := ownKernel(t)
	failures := 0
	var machines []*target.Target
	var known []random.Features
	for _, name := range frozen.Names()[:4] {
		machine := frozen.Target(name)
		machines = append(machines, machine)
		known = append(known, features(t, machine))
	}
	for i := range programs {
		machine := machines[i%len(machines)]
		script := random.Script(uint64(first+i), known[i%len(machines)])
		err := judge(script, machine, kernel)
		if err == nil || skipped(err) {
			continue
		}
		small := random.Minimise(script, func(text string) bool { return class(judge(text, machine, kernel)) == class(err) })
		t.Errorf("seed %d for %s:\n%s\n%v", first+i, machine.Version, small, judge(small, machine, kernel))
		if failures++; failures == 3 {
			t.Fatal("and so on")
		}
	}
}

// skipped reports an evaluation that is not worth waiting for.
func skipped(err error) bool { return strings.Contains(err.Error(), "the script runs too long") }

// class tells failures apart while a script is minimised.
func class(err error) string {
	var diagnostics lang.Diagnostics
	switch {
	case err == nil:
		return ""
	case errors.As(err, &diagnostics):
		return fmt.Sprintf("%.12s", diagnostics[0].Message)
	}
	return fmt.Sprintf("%.9s", err.Error())
}
