package compiler_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/eval"
	"github.com/ponytrace/ponytrace/internal/oracle"
	"github.com/ponytrace/ponytrace/internal/random"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

// features asks the compiler what it has: all but what needs bpf_for_each_map_elem (Linux
// 5.13) where that is missing.
func features(t testing.TB, machine *target.Target) random.Features {
	allowed, refused := random.Allowed(func(script string) error { return judge(script, machine, nil) })
	for name, err := range refused {
		if machine.Features.ForEachMapElement || name != "map loop" && name != "len" {
			t.Errorf("the compiler has no %s for %s: %v", name, machine.Version, err)
		}
	}
	return allowed
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

// TestRandomScripts compiles PROGRAMS random scripts, from the one of the number SEED on,
// for the four kernels in turn, and compares what they do in the emulator, and on the
// machine's own kernel, with their evaluation. It goes on until FINDINGS of them failed,
// and says now and then how far it is. internal/soak.sh runs one of it on each processor.
func TestRandomScripts(t *testing.T) {
	programs, first, findings := number(t, "PROGRAMS", testkit.Choose(20, 150, 1000)), number(t, "SEED", 0), number(t, "FINDINGS", 3)
	kernel := ownKernel(t)
	var machines []*target.Target
	var known []random.Features
	for _, name := range frozen.Names()[:4] {
		machine := frozen.Target(name)
		machines = append(machines, machine)
		known = append(known, features(t, machine))
	}
	long, large, failures := 0, 0, 0
	for i := range programs {
		machine := machines[i%len(machines)]
		script := random.Script(uint64(first+i), known[i%len(machines)])
		switch err := judge(script, machine, kernel); {
		case err == nil:
		case oracle.TooLong(err):
			long++
		case oracle.TooLarge(err):
			large++
			t.Logf("seed %d for %s is beyond the verifier's limit", first+i, machine.Version)
		default:
			failures++
			small := random.Minimise(script, func(text string) bool { return oracle.Class(judge(text, machine, kernel)) == oracle.Class(err) })
			t.Errorf("seed %d for %s:\n%s\n%v", first+i, machine.Version, small, judge(small, machine, kernel))
		}
		if (i+1)%1000 == 0 || i+1 == programs || failures == findings {
			t.Logf("%d scripts from %d on: %d compared, %d ran too long to compare, %d beyond the verifier's limit, %d failed",
				i+1, first, i+1-long-large-failures, long, large, failures)
		}
		if failures == findings {
			return
		}
	}
	if large > 1+programs/100 {
		t.Errorf("%d of %d are beyond the verifier's limit", large, programs)
	}
}

// TestNamesChangeNothing gives names to values of random scripts: variables, maps, parts
// of tuples and records, macros, casts to the same type. What a script does must not
// change.
func TestNamesChangeNothing(t *testing.T) {
	machine := frozen.Target("6.12")
	known := features(t, machine)
	compared := 0
	for seed := range testkit.Seeds(t, 100, 20_000) {
		script := random.Script(seed, known)
		want, err := behaviour(script, machine)
		if err != nil {
			continue
		}
		named := random.Named(seed, script, 8)
		switch got, err := behaviour(named, machine); {
		case oracle.TooLong(err):
		case err != nil:
			t.Errorf("seed %d is refused with names: %.300v", seed, err)
		case oracle.Difference(got, want) != "":
			t.Errorf("seed %d:\n%s\nwith names:\n%s\n%s", seed, script, named, oracle.Difference(got, want))
		default:
			compared++
		}
	}
	t.Logf("%d scripts compared", compared)
}

// behaviour is what a script leaves behind in the emulator, but for the maps that are
// only names.
func behaviour(script string, machine *target.Target) (*eval.Result, error) {
	o, err := compileFor(script, machine, compiler.Options{})
	if err != nil {
		return nil, err
	}
	result, err := observeEmulated(o)
	if err != nil {
		return nil, err
	}
	for name := range result.Maps {
		if strings.HasPrefix(name, random.NamePrefix) {
			delete(result.Maps, name)
		}
	}
	return result, nil
}
