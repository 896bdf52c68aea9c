//go:build guest

package guest

import (
	"os"
	"strings"
	"testing"
)

// Every program that is traced here runs here.
func TestPrograms(t *testing.T) {
	entries, err := os.ReadDir("/programs")
	if err != nil || len(entries) < 20 {
		t.Fatalf("%d programs: %v", len(entries), err)
	}
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".debug") || strings.HasSuffix(entry.Name(), ".so") {
			continue
		}
		if out := MustRun(t, "/programs/"+entry.Name(), "2"); !strings.HasPrefix(out.Stdout, "2 rounds") {
			t.Errorf("%s says %q", entry.Name(), out.Stdout)
		}
	}
}
