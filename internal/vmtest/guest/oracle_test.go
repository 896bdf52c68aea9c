//go:build guest

package guest

import (
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/oracle"
	"github.com/ponytrace/ponytrace/internal/random"
	"github.com/ponytrace/ponytrace/runtime/detect"
)

func judging(t *testing.T) *oracle.Kernel {
	t.Helper()
	machine, err := detect.Detect()
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := oracle.NewKernel(machine)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kernel.Close)
	return kernel
}

// TestCorpus runs scripts of the oracle's corpus and compares what each leaves behind
// with its evaluation: half of them on two of the four kernels, the others on the other
// two; all on each with GUEST_CORPUS=all. The machine's own kernel runs all of them
// (compiler.TestCorpus).
func TestCorpus(t *testing.T) {
	kernel := judging(t)
	for i, script := range oracle.Corpus() {
		if os.Getenv("GUEST_CORPUS") != "all" && i%2 != half(t) {
			continue
		}
		if err := kernel.Judge(script.Text); err != nil {
			if strings.Contains(err.Error(), "needs Linux 5.13") && !AtLeast(t, 5, 13) {
				continue
			}
			t.Errorf("%s: %s\n%v", script.File, script.Text, err)
		}
	}
}

// half is 0 on 5.10 and 6.12, 1 on 6.1 and 7.x.
func half(t *testing.T) int {
	if AtLeast(t, 7, 0) || AtLeast(t, 5, 11) && !AtLeast(t, 6, 2) {
		return 1
	}
	return 0
}

// TestRandomScripts does the same with scripts written at random, other ones on each
// kernel: GUEST_SCRIPTS of them, from the one of the number GUEST_SEED on. The machine's
// own kernel runs more (compiler.TestRandomScripts), and faster.
func TestRandomScripts(t *testing.T) {
	randomScripts := uint64(asked(t, "GUEST_SCRIPTS", 12))
	kernel := judging(t)
	allowed, refused := random.Allowed(kernel.Judge)
	for name, err := range refused {
		if AtLeast(t, 5, 13) || name != "map loop" && name != "len" {
			t.Errorf("this kernel has no %s: %v", name, err)
		}
	}
	straight := maps.Clone(allowed)
	for _, loop := range []string{"while", "range", "unroll"} {
		delete(straight, loop)
	}
	major, minor := Kernel(t)
	first := uint64(1_000_000*(1+100*major+minor) + asked(t, "GUEST_SEED", 0))
	long, large, failures := 0, 0, 0
	for seed := first; seed < first+randomScripts && failures < 3; seed++ {
		script := random.Script(seed, allowed)
		if !AtLeast(t, 5, 17) && seed%100 != 0 {
			// Without bpf_loop the verifier walks every round, which takes it seconds in
			// a virtual machine.
			script = random.Script(seed, straight)
		}
		switch err := kernel.Judge(script); {
		case err == nil:
		case oracle.TooLong(err):
			long++
		case oracle.TooLarge(err):
			large++
		default:
			failures++
			small := random.Minimise(script, func(text string) bool {
				other := kernel.Judge(text)
				return other != nil && oracle.Class(other) == oracle.Class(err)
			})
			t.Errorf("seed %d:\n%s\n%v", seed, small, kernel.Judge(small))
		}
	}
	t.Logf("%d scripts: %d ran too long to compare, %d beyond the verifier's limit, %d failed", randomScripts, long, large, failures)
	if uint64(large) > randomScripts/50 {
		t.Errorf("%d are beyond the verifier's limit", large)
	}
}
