//go:build guest

package guest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

var kilobytes = regexp.MustCompile(`(?m)^ *(\d+) -> (\d+) +: (\d+) `)

// totals adds up the tables of all intervals, by the bucket's first value.
func totals(text string) map[string]int {
	sum := map[string]int{}
	for _, match := range kilobytes.FindAllStringSubmatch(text, -1) {
		var n int
		fmt.Sscan(match[3], &n)
		if n > 0 {
			sum[match[1]] += n
		}
	}
	return sum
}

func TestBitehist(t *testing.T) {
	out := MustRun(t, "ponytrace", "-q", "-c", "workload block --dev /dev/nullb0 --sizes 4096x100,32768x20,65536x7",
		"examples/bitehist.pt", "1", "9")
	if !strings.HasPrefix(out.Stdout, "Tracing block device I/O... Interval 1 secs.\n") {
		t.Errorf("begins with %.80q", out.Stdout)
	}
	if got := fmt.Sprint(totals(out.Stdout)); got != "map[32:20 4:100 64:7]" || out.Stderr != "" {
		t.Errorf("%s\n%s%s", got, out.Stdout, out.Stderr)
	}
}

// bitesize prints at intervals only, so it runs to its end with the load inside.
func TestBitesize(t *testing.T) {
	p := Start(t, "ponytrace", "examples/bitesize.pt", "3", "1")
	p.Await("Attached ")
	Workload(t, "block", "--dev", "/dev/nullb0", "--sizes", "4096x100,32768x20,65536x7")
	out := p.Wait()
	if got := fmt.Sprint(totals(out.Stdout)); got != "map[32:20 4:100 64:7]" || out.Code != 0 {
		t.Errorf("ended with %d: %s\n%s%s", out.Code, got, out.Stdout, out.Stderr)
	}
	if !regexp.MustCompile(`(?m)^  PID: \d+ UID: 0 CMD: (workload|kworker/\S+)$`).MatchString(out.Stdout) {
		t.Errorf("no process in\n%s", out.Stdout)
	}
}
