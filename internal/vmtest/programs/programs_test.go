package programs

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/testkit"
)

// Every program says how many rounds it has made.
func TestRun(t *testing.T) {
	testkit.Long(t)
	for _, v := range Variants {
		t.Run(v.Name, func(t *testing.T) {
			out, err := exec.Command(Build(t, v.Name), "3").CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), "3 rounds") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
