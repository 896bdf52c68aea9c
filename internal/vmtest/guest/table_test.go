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

// lacking: the machine has no cgroups mounted.
func lacking(message string) bool {
	return strings.Contains(message, `there is no folder "/sys/fs/cgroup/system.slice"`)
}
