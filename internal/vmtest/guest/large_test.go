//go:build guest

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/internal/sizes"
)

// TestLargeClauses runs every one of 5,000 statements for every event, 2,000 on every other
// kernel, and no event twice. A command line is too short for such a script, so it is a
// file.
func TestLargeClauses(t *testing.T) {
	for attach, statements := range map[string]int{"auto": 5000 - 3000*half(t), "kprobe": 1000} {
		largeClause(t, attach, statements)
	}
}

func largeClause(t *testing.T, attach string, statements int) {
	const reads = 3
	each := statements / 4 * reads
	script := "config = { max_map_keys = 4096 }\n" + sizes.Large(`kprobe:vfs_read /comm == "reader"/`, "arg2", "mixed", statements)
	path := filepath.Join(t.TempDir(), "large.pt")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	load := fmt.Sprintf("workload --comm reader read --n %d --size 100", reads)
	start := time.Now()
	out := MustRun(t, "ponytrace", "--attach", attach, "-c", load, path)
	t.Logf("--attach %s: %v", attach, time.Since(start).Round(time.Millisecond))
	for text, want := range map[string]int{
		"\nline ": each, "]: 3\n": statements / 4,
		fmt.Sprintf("\n@x: %d\n", each):        1,
		fmt.Sprintf("\n[1M, 2M) %15d |", each): 1,
	} {
		if n := strings.Count("\n"+out.Stdout, text); n != want {
			t.Errorf("--attach %s: %q is there %d times, not %d", attach, text, n, want)
		}
	}
}
