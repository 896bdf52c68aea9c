//go:build guest

package guest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/builtin"
)

// Every function and variable of the table gets past the kernel's verifier in the program of its example.
func TestTableLoads(t *testing.T) {
	for _, section := range builtin.Sections() {
		if section.Title != "Functions" && section.Title != "Variables" {
			continue
		}
		for _, entry := range section.Entries {
			var major, minor int
			if n, _ := fmt.Sscanf(entry.Since, "%d.%d", &major, &minor); n == 2 && !AtLeast(t, major, minor) {
				continue
			}
			out := Run(t, "ponytrace", "--dry-run", "--unsafe", "-e", entry.Example)
			if out.Code != 0 && !lacking(out.Stderr) {
				t.Errorf("%s: %s: ended with %d\n%s", entry.Name, entry.Example, out.Code, out.Stderr)
			}
		}
	}
}

// lacking: what the example needs is not in this machine or kernel, and ponytrace says so.
func lacking(message string) bool {
	for _, known := range []string{
		`there is no folder "/sys/fs/cgroup/system.slice"`,
		"override() needs a kernel that was built for it",
		"this kernel does not let such a probe call bpf_override_return",
		"is passed in memory, where a probe cannot read it",
	} {
		if strings.Contains(message, known) {
			return true
		}
	}
	return false
}
