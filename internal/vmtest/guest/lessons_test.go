//go:build guest

package guest

import (
	"os"
	"regexp"
	"testing"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/internal/teach/lesson"
)

// Every kernel takes the scripts of the lessons and the solutions of their exercises: the
// emulator, in which a host tests them, has no verifier. To attach each as well would take
// minutes.
func TestLessons(t *testing.T) {
	machine, err := ponytrace.Detect()
	if err != nil {
		t.Fatal(err)
	}
	lessons, err := lesson.All()
	if err != nil || len(lessons) == 0 {
		t.Fatalf("%d lessons, %v", len(lessons), err)
	}
	for _, l := range lessons {
		for name, text := range map[string]string{"script.pt": l.Script, "solution.pt": l.Solution} {
			if err := load(text, machine, ponytrace.Options{Environment: os.Getenv}); err != nil {
				t.Errorf("%s of %s: %v", name, l.Folder, err)
			}
		}
	}
}

// As root, learn --run traces this kernel.
func TestLearnRun(t *testing.T) {
	p := Start(t, "ponytrace", "learn", "3", "--run")
	p.Await("Attached ")
	Workload(t, "--comm", "pony", "read", "--n", "20", "--size", "100")
	p.Signal(os.Interrupt)
	out := p.Wait()
	if !regexp.MustCompile(`(?m)^@reads\[pony\]: 2\d$`).MatchString(out.Stdout) || out.Code != 0 {
		t.Errorf("ended with %d\n%s%s", out.Code, out.Stdout, out.Stderr)
	}
}
