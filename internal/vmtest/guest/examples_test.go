//go:build guest

package guest

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
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

// At Ctrl-C the tools print what the last interval has so far, and no table twice.
func TestPartialIntervals(t *testing.T) {
	tools := []struct{ name, line string }{
		{"bitehist", `(?m)^ +4 -> 7 +: 100 `},
		{"bitesize", `(?s)^.*\n\n\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\n.*\n  PID: \d+ UID: 0 CMD: .* 4 -> 7 +: \d+ `}, // of several kernel threads before 6.12
		{"filetop", `(?m)^ +20 +2000 +0 +0 pony +zero$`},
		{"syscount", `(?m)^@calls\[\d+, pony\]: \d+$`},
	}
	var sessions []*Process
	for _, tool := range tools {
		p := Start(t, "ponytrace", "examples/"+tool.name+".pt", "1000")
		p.Await("Attached ")
		sessions = append(sessions, p)
	}
	Workload(t, "--comm", "pony", "block", "--dev", "/dev/nullb0", "--sizes", "4096x100")
	Workload(t, "--comm", "pony", "read", "--n", "20", "--size", "100")
	for i, tool := range tools {
		sessions[i].Signal(os.Interrupt)
		out := sessions[i].Wait()
		if found := regexp.MustCompile(tool.line).FindAllString(out.Stdout, -1); len(found) < 1 || out.Code != 0 {
			t.Errorf("%s ended with %d\n%s%s", tool.name, out.Code, out.Stdout, out.Stderr)
		}
		if got := totals(out.Stdout); strings.HasPrefix(tool.name, "bite") && got["4"] != 100 {
			t.Errorf("%s: %v in\n%s", tool.name, got, out.Stdout)
		}
	}
}

// With a number of intervals there is no partial one after the last.
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

var request = regexp.MustCompile(`(?m)^ +\d+\.\d{6} ([RWM]) +(\d+) +(\d+) +(\d+:\d+) +(\d+) (\d+) +(.*)$`)

func TestIosnoop(t *testing.T) {
	disk, err := os.ReadFile("/sys/block/nullb0/dev")
	if err != nil {
		t.Fatal(err)
	}
	p := Start(t, "ponytrace", "examples/iosnoop.pt")
	p.Await("Attached ")
	Workload(t, "--comm", "writer", "block", "--dev", "/dev/nullb0", "--sizes", "4096x100,65536x7")
	Workload(t, "--comm", "reader", "block", "--dev", "/dev/nullb0", "--read", "--sizes", "32768x20")
	p.Signal(os.Interrupt)
	out := p.Wait()
	header, _, _ := strings.Cut(out.Stdout, "\n")
	if header != "TIME(s)            T  BYTES    LAT(us) DISK        SECTOR PID      COMM" {
		t.Errorf("the header is %q", header)
	}
	count := map[string]int{}
	names := map[string]bool{}
	for _, line := range request.FindAllStringSubmatch(out.Stdout, -1) {
		if line[4] == strings.TrimSpace(string(disk)) {
			count[line[1]+" "+line[2]]++
			names[line[7]] = true
		}
	}
	if got := fmt.Sprint(count); got != "map[R 32768:20 W 4096:100 W 65536:7]" || out.Code != 0 {
		t.Errorf("ended with %d: %s\n%s%s", out.Code, got, out.Stdout, out.Stderr)
	}
	if len(names) == 0 || strings.Count(out.Stdout, "\n") != len(request.FindAllString(out.Stdout, -1))+1 {
		t.Errorf("not all lines are requests:\n%s", out.Stdout)
	}
}

const heatmapBanner = "|1us      |10us     |100us    |1ms      |10ms     |100ms    |1s       |10s\n"

// heatmaps are the ways in which ioheatmap prints, each with its legend and its rows.
var heatmaps = []struct {
	name, begins, darkest string
	row                   *regexp.Regexp
	parameters            []string
}{
	{"grey", heatmapLegend("\x1b[48;5;232m \x1b[00m", "\x1b[48;5;255m \x1b[00m") + heatmapBanner, "\x1b[48;5;232m \x1b[00m",
		regexp.MustCompile(`(?m)^((?:\x1b\[48;5;2[345]\dm \x1b\[00m){71}) # (\d+)$`), []string{"1"}},
	{"text", heatmapLegend("#", " ") + heatmapBanner, "#",
		regexp.MustCompile(`(?m)^([ .*oO#]{71}) # (\d+)$`), []string{"--", "1", "--text"}},
	{"all", heatmapLegend("#", " ") + "|1ns     |10ns     |100ns    " + heatmapBanner, "#",
		regexp.MustCompile(`(?m)^([ .*oO#]{100}) # (\d+)$`), []string{"--", "1", "--text", "--all"}},
}

func heatmapLegend(dark, light string) string {
	return fmt.Sprintf("  heatmap of IO latency\n  %s - many events with this latency\n  %s - few events\n", dark, light)
}

// TestIoheatmap has all three watch a disk that has 127 requests.
func TestIoheatmap(t *testing.T) {
	var sessions []*Process
	for _, c := range heatmaps {
		p := Start(t, "ponytrace", append([]string{"examples/ioheatmap.pt"}, c.parameters...)...)
		p.Await(" # 0\n")
		sessions = append(sessions, p)
	}
	Workload(t, "block", "--dev", "/dev/nullb0", "--sizes", "4096x100,32768x20,65536x7")
	for i, c := range heatmaps {
		p := sessions[i]
		for end := time.Now().Add(patience); inRows(c.row, p.stdout.String()) < 127 && time.Now().Before(end); {
			time.Sleep(20 * time.Millisecond)
		}
		p.Signal(os.Interrupt)
		out := p.Wait()
		rows, begins := strings.CutPrefix(out.Stdout, c.begins)
		if got := inRows(c.row, out.Stdout); out.Code != 0 || got != 127 || !begins || !strings.Contains(rows, c.darkest) {
			t.Errorf("%s: ended with %d, %d requests in\n%q\n%s", c.name, out.Code, got, out.Stdout, out.Stderr)
		}
	}
}

// inRows adds up the requests of a heatmap's rows.
func inRows(row *regexp.Regexp, text string) (total int) {
	for _, found := range row.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(found[2])
		total += n
	}
	return total
}

var longest = regexp.MustCompile(`(?m)^@longest_us\[(.*)\]: (\d+)$`)

// TestRunqlat: of more threads than CPUs some wait; the longest wait of all threads lies
// in the last bucket.
func TestRunqlat(t *testing.T) {
	out := MustRun(t, "ponytrace", "-q", "-c", "workload --comm crowd syscalls --n 60000 --threads 6", "examples/runqlat.pt")
	var most uint64
	names := map[string]bool{}
	for _, found := range longest.FindAllStringSubmatch(out.Stdout, -1) {
		n, _ := strconv.ParseUint(found[2], 10, 64)
		most, names[found[1]] = max(most, n), true
	}
	rows := regexp.MustCompile(`(?m)^(\[\S+).*\|$`).FindAllStringSubmatch(out.Stdout, -1)
	if !names["crowd"] || len(rows) == 0 {
		t.Fatalf("%s", out.Stdout)
	}
	low := uint64(1)
	for low*2 <= most {
		low *= 2
	}
	label := fmt.Sprintf("[%d,", low)
	if low >= 1024 {
		label = fmt.Sprintf("[%dK,", low/1024)
	}
	if got := rows[len(rows)-1][1]; got != label {
		t.Errorf("the last bucket is %s, and the longest wait %d us\n%s", got, most, out.Stdout)
	}
}

func TestFiletop(t *testing.T) {
	p := Start(t, "ponytrace", "examples/filetop.pt", "--", "3", "--comm=pony")
	p.Await("Attached ")
	Workload(t, "--comm", "pony", "read", "--n", "300", "--size", "512")
	Workload(t, "--comm", "other", "read", "--n", "300", "--size", "512")
	p.Await("zero\n")
	p.Signal(os.Interrupt)
	out := p.Wait()
	want := regexp.MustCompile(`(?m)^     300   153600        0        0 pony             zero$`)
	if out.Code != 0 || !want.MatchString(out.Stdout) || strings.Contains(out.Stdout, "other") {
		t.Errorf("ended with %d\n%s%s", out.Code, out.Stdout, out.Stderr)
	}
}

func TestFailures(t *testing.T) {
	out := MustRun(t, "ponytrace", "-q", "-c", "workload --comm pony syscalls --name openat --n 30", "examples/failures.pt")
	want := regexp.MustCompile(`(?m)^pony             openat               No such file or directory                30$`)
	if !want.MatchString(out.Stdout) {
		t.Errorf("no line %s in\n%s", want, out.Stdout)
	}
}
