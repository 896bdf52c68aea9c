//go:build guest

package guest

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestMain makes the maps of scripts small before 6.1, where they allocate their elements
// up front: Linux 5.10 takes a second of an emulated CPU for one of the usual 4,096 keys.
func TestMain(m *testing.M) {
	if major, minor, err := version(); err == nil && 100*major+minor < 601 {
		os.Setenv("PONYTRACE_MAX_MAP_KEYS", "512")
	}
	os.Exit(m.Run())
}

// trace runs a script under a load and gives what the script printed, without what the
// load said. The rest are flags, and then the script's parameters.
func trace(t *testing.T, script, load string, rest ...string) Output {
	t.Helper()
	args := append([]string{"-e", script, "-c", "workload " + load}, rest...)
	return withoutLoad(MustRun(t, "ponytrace", args...))
}

// withoutLoad takes away the workload's report and the lines that are there only to part
// it from the maps.
func withoutLoad(out Output) Output {
	var kept []string
	for line := range strings.Lines(out.Stdout) {
		if !strings.HasPrefix(line, `{"`) && line != "\n" {
			kept = append(kept, line)
		}
	}
	out.Stdout = strings.Join(kept, "")
	return out
}

// asked is the number in a variable of the environment, by which a run can ask for more
// than usual.
func asked(t *testing.T, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

func equal(t *testing.T, what, got, want string) {
	t.Helper()
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("%s\ngot:\n%s\nwant:\n%s", what, got, want)
	}
}

var row = regexp.MustCompile(`(?m)^(?:\[[^)]*\)|\(.*\)|\S+) +(\d+) \|`)

// buckets are the counts of a histogram, with one space between them.
func buckets(text string) string {
	var counts []string
	for _, match := range row.FindAllStringSubmatch(text, -1) {
		counts = append(counts, match[1])
	}
	return strings.Join(counts, " ")
}

// The command that the project began with, in both spellings, typed as it was.
func TestBlockHistogram(t *testing.T) {
	const load = "block --dev /dev/nullb0 --sizes 4096x100,32768x20,65536x7"
	const want = `@:
[4K, 8K)             100 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
[8K, 16K)              0 |                                                    |
[16K, 32K)             0 |                                                    |
[32K, 64K)            20 |@@@@@@@@@@                                          |
[64K, 128K)            7 |@@@                                                 |
`
	for _, script := range []string{
		"kprobe:blk_start_request < @ = hist(arg0->__data_len) >",
		"kprobe:blk_start_request { @ = hist(arg0->__data_len) }",
	} {
		out := trace(t, script, load)
		equal(t, script, out.Stdout, want)
		equal(t, script, out.Stderr, "blk_start_request is gone since Linux 5.0: tracing its successor blk_mq_start_request\nAttached 1 probe")
	}
}

func TestBlockHistogramOfAnotherDisk(t *testing.T) {
	out := trace(t, "kprobe:blk_start_request < @ = hist(arg0->__data_len) >",
		"block --dev /dev/vda --sizes 512x3,4096x50,131072x7,1015808x3 --read")
	equal(t, out.Stdout, buckets(out.Stdout), "3 0 0 50 0 0 0 0 7 0 3")
}

// tracing starts a script and returns when everything is attached; until [ended], tests
// may run loads.
func tracing(t *testing.T, script string, flags ...string) *Process {
	t.Helper()
	p := Start(t, "ponytrace", append(flags, "-e", script)...)
	p.Await("Attached ")
	return p
}

// ended is what the script has to say when the user presses Ctrl-C.
func ended(p *Process) Output {
	p.t.Helper()
	p.Signal(os.Interrupt)
	out := p.Wait()
	if out.Code != 0 {
		p.t.Fatalf("ponytrace ended with %d\n%s%s", out.Code, out.Stdout, out.Stderr)
	}
	return withoutLoad(out)
}
