package compiler_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// A script with a named parameter of each type; @r tells what they are.
const parametersScript = `
interval:s:(getopt("every", 7)) { exit() }
BEGIN {
	@r = getopt("every", 7, "seconds between reports") * 100 + getopt("verbose") * 10 + (getopt("name", "pony", "of the process") == comm);
}`

func compileNamed(named ...string) error {
	return compileError(parametersScript, "6.12", compiler.Options{Named: named})
}

func TestNamedParameters(t *testing.T) {
	for _, c := range []struct {
		named string
		want  int64
	}{
		{"", 701}, {"every=0x10", 1601}, {"verbose", 711}, {"verbose=true name=x", 710}, {"verbose=0", 701}, {"name=", 700},
	} {
		o, err := compileText(parametersScript, frozen.Target("6.12"), compiler.Options{Named: strings.Fields(c.named)})
		if err != nil {
			t.Errorf("%s: %v", c.named, err)
			continue
		}
		machine, err := emulate(o)
		if got := word(o, machine, "r"); err != nil || got != c.want {
			t.Errorf("%s: got %d (%v), want %d", c.named, got, err, c.want)
		}
	}
}

func TestWrongNamedParameters(t *testing.T) {
	for _, c := range []struct{ named, want string }{
		{"evry=5", `the script has no parameter --evry(.|\n)*did you mean --every`},
		{"zzzzzzz", `the script has no parameter --zzzzzzz(.|\n)*it has --every, --verbose, --name`},
		{"every=x", `2:13-31: ERROR: --every wants a number, not "x"`},
		{"every", `--every wants a number, not ""`},
		{"verbose=maybe", `--verbose is true or false, not "maybe"`},
		{"name", `--name wants a value: --name=TEXT`},
	} {
		err := compileNamed(c.named)
		if err == nil || !regexp.MustCompile(c.want).MatchString(err.Error()) {
			t.Errorf("%s: got %v, want %s", c.named, err, c.want)
		}
	}
}

func TestHelpOfScript(t *testing.T) {
	err := compileNamed("help")
	var usage *compiler.UsageError
	if !errors.As(err, &usage) || !usage.Asked {
		t.Fatal(err)
	}
	want := `Named parameters of the script:
  --every=NUMBER           seconds between reports (default 7)
  --verbose                (default false)
  --name=TEXT              of the process (default pony)`
	if usage.Text != want {
		t.Errorf("got\n%s\nwant\n%s", usage.Text, want)
	}
}

func TestKfuncExist(t *testing.T) {
	for kernel, want := range map[string]int64{"5.10": 0, "6.12": 1} {
		o, err := compileText(`BEGIN { @r = kfunc_exist("bpf_rdonly_cast") }`, frozen.Target(kernel), compiler.Options{})
		if err != nil {
			t.Fatal(err)
		}
		machine, err := emulate(o)
		if got := word(o, machine, "r"); err != nil || got != want {
			t.Errorf("%s: got %d (%v), want %d", kernel, got, err, want)
		}
	}
}

// TestLargeParameters: a positional parameter has the type of the literal that it could
// be.
func TestLargeParameters(t *testing.T) {
	for _, c := range []struct {
		script, arg string
		want        int64
	}{
		{"BEGIN { @r = $1 > 1 }", "0xffffffffffffffff", 1},
		{"BEGIN { @r = $1 / 2 }", "18446744073709551615", 1<<63 - 1},
		{"BEGIN { @r = $1 < 0 }", "-9223372036854775808", 1},
		{"BEGIN { @r = $1 < 0 }", "-1", 1},
		{"BEGIN { @r = -9223372036854775808 < $1 }", "0", 1},
		{"BEGIN { @r = -9223372036854775808u < $1 }", "0", 0},
		{`config = { usage = "u" } BEGIN { @r = strlen(str(($1))) }`, "text", 4},
		{"BEGIN { @r = strlen(str($1 + 1 + 1)) * 10 + strlen(str(3 + $1)) }", "hello", 32},
	} {
		o, err := compileText(c.script, frozen.Target("6.12"), compiler.Options{Args: []string{c.arg}})
		if err != nil {
			t.Errorf("%s of %s: %v", c.script, c.arg, err)
			continue
		}
		machine, err := emulate(o)
		if got := word(o, machine, "r"); err != nil || got != c.want {
			t.Errorf("%s of %s: got %d (%v), want %d", c.script, c.arg, got, err, c.want)
		}
	}
}

// attachPoints compiles a script for 6.12 and returns its attach points in order.
func attachPoints(t *testing.T, text string, args ...string) (points []string, err error) {
	t.Helper()
	o, err := compileText(text, frozen.Target("6.12"), compiler.Options{Args: args})
	if err != nil {
		return nil, err
	}
	for _, program := range o.Programs {
		for _, point := range program.Points {
			points = append(points, point.Probe)
		}
	}
	return points, nil
}

// TestProbeParameters: parameters write a whole probe, a list of them, or parts.
func TestProbeParameters(t *testing.T) {
	for _, c := range []struct {
		script string
		args   []string
		want   string
	}{
		{"$1 { @++ }", []string{"kprobe:vfs_read"}, "kprobe:vfs_read"},
		{"$1 { @++ }", []string{"k:vfs_read"}, "kprobe:vfs_read"},
		{"$1 { @++ }", []string{"kprobe:vfs_read,tracepoint:sched:sched_switch, interval:s:1"}, "kprobe:vfs_read tracepoint:sched:sched_switch interval:s:1"},
		{"$1 { @++ }", []string{"\tBEGIN , END\n"}, "begin end"},
		{"$1, $2 /pid > 0/ < @++ >", []string{"kprobe:vfs_read", "interval:1s"}, "kprobe:vfs_read interval:1s"},
		{"$1:vfs_read { @++ }", []string{"kprobe,kretprobe"}, "kprobe:vfs_read kretprobe:vfs_read"},
		{"$1:sched_switch { @++ }", []string{"tracepoint:sched"}, "tracepoint:sched:sched_switch"},
		{"tracepoint:$1 { @++ }", []string{"sched:sched_switch"}, "tracepoint:sched:sched_switch"},
		{"tracepoint:$1:$2 { @++ }", []string{"sched", "sched_switch"}, "tracepoint:sched:sched_switch"},
		{"$2:s:$# { @ = $#; $1 }", []string{"5", "interval"}, "interval:s:2"},
		{"interval:s:(1 + $1) { @++ }", []string{"2"}, "interval:s:3"},
		{`config = { usage = "u" } $1 { @++ }`, []string{"interval:s:1"}, "interval:s:1"},
	} {
		points, err := attachPoints(t, c.script, c.args...)
		if got := strings.Join(points, " "); err != nil || got != c.want {
			t.Errorf("%s of %q: got %q (%v), want %q", c.script, c.args, got, err, c.want)
		}
	}
}

// TestHostileProbeParameters: a parameter names probes and nothing else. What it holds is
// no script.
func TestHostileProbeParameters(t *testing.T) {
	const noProbe = "HINT: a parameter names probes, such as kprobe:vfs_read,kretprobe:vfs_read; predicates and actions are the script's"
	long := strings.Repeat("x", 5000)
	for _, c := range []struct{ script, arg, want, hint string }{
		{"$1 { }", `BEGIN { printf("x") } END`, `$1 is "BEGIN { printf(\"x\") } END", which names no probe`, noProbe},
		{"$1 { }", "kprobe:vfs_read < exit() >", `$1 is "kprobe:vfs_read < exit() >", which names no probe`, noProbe},
		{"$1 { }", "BEGIN;END", `$1 is "BEGIN;END", which names no probe`, noProbe},
		{"$1 { }", `kprobe:"vfs_read"`, `$1 is "kprobe:\"vfs_read\"", which names no probe`, noProbe},
		{"$1 { }", "kprobe:$2", `$1 is "kprobe:$2", which names no probe`, noProbe},
		{"$1 { }", "interval:s:(1+1)", `$1 is "interval:s:(1+1)", which names no probe`, noProbe},
		{"$1 { }", "\x1b[31mBEGIN", `$1 is "\x1b[31mBEGIN", which names no probe`, noProbe},
		{"$1 { }", "BEGIN\u00a0", `$1 is "BEGIN\u00a0", which names no probe`, noProbe},
		{"$1 { }", "kprobe:vfs_r\u0435ad", `$1 is "kprobe:vfs_r\u0435ad", which names no probe`, noProbe},
		{"$1 { }", "", `$1 is "", which names no probe`, noProbe},
		{"$1 { }", long, `$1 is "` + long[:60] + `", which names no probe`, noProbe},
		{"$1 { }", "BEGIN /1/", `there is no probe type "BEGIN /1/"`, ""},
		{"$1 { }", "BEGIN\nEND", `there is no probe type "BEGIN\nEND"`, ""},
		{"$1 { }", "BEGIN,,END", `there is no probe type ""`, ""},
		{"$1 { }", "0", `there is no probe type "0"`, ""},
		{"$1 { }", "kprob:vfs_read", `there is no probe type "kprob"`, "HINT: did you mean kprobe?"},
		{"$1 { }", "kprobe", `kprobe probes are written kprobe:[MODULE:]FUNCTION[+OFFSET]`, ""},
		{"$1 { }", "BEGIN:x", `begin probes are written BEGIN`, ""},
		{"$1 { }", strings.Repeat("BEGIN,", 1024) + "END", `$1 names 1025 probes, and max_bpf_progs is 1024`, ""},
		{"$2 { }", "kprobe:vfs_read", "the parameter $2 was not given", "HINT: it is a part of the probe; parameters stand behind the script"},
		{"kprobe:$2 { }", "vfs_read", "the parameter $2 was not given", "HINT: it is a part of the probe; parameters stand behind the script"},
		{"kprobe:$1 { }", "vfs_read { }", "this kernel has no traceable function vfs_read { }", ""},
		{"kprobe:$1 { }", "vfs_r\u0435ad", "this kernel has no traceable function vfs_r\u0435ad", "HINT: it holds the character U+0435, which no name of the kernel does"},
	} {
		_, err := attachPoints(t, c.script, c.arg)
		var diagnostics diag.Diagnostics
		if !errors.As(err, &diagnostics) {
			t.Errorf("%s of %.80q: %v", c.script, c.arg, err)
			continue
		}
		if got := diagnostics[0].Message; got != c.want {
			t.Errorf("%s of %.80q: %s\nwant %s", c.script, c.arg, got, c.want)
		}
		if c.hint != "" && "HINT: "+diagnostics[0].Hint != c.hint {
			t.Errorf("%s of %.80q: %s\nwant %s", c.script, c.arg, diagnostics[0].Hint, c.hint)
		}
	}
}
