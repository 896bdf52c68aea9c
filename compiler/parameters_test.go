package compiler_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/lang"
)

// A script with a named parameter of each type; @r tells what they are.
const parametersScript = `
interval:s:(getopt("every", 7)) { exit() }
BEGIN {
	@r = getopt("every", 7, "seconds between reports") * 100 + getopt("verbose") * 10 + (getopt("name", "pony", "of the process") == comm);
}`

func compileNamed(named ...string) error {
	script, _ := lang.Parse(lang.NewSource("script", parametersScript))
	_, err := compiler.Compile(script, frozen.Target("6.12"), compiler.Options{Named: named})
	return err
}

func TestNamedParameters(t *testing.T) {
	for _, c := range []struct {
		named string
		want  int64
	}{
		{"", 701}, {"every=0x10", 1601}, {"verbose", 711}, {"verbose=true name=x", 710}, {"verbose=0", 701}, {"name=", 700},
	} {
		script, diagnostics := lang.Parse(lang.NewSource("script", parametersScript))
		if diagnostics.HasErrors() {
			t.Fatal(diagnostics)
		}
		o, err := compiler.Compile(script, frozen.Target("6.12"), compiler.Options{Named: strings.Fields(c.named)})
		if err != nil {
			t.Errorf("%s: %v", c.named, err)
			continue
		}
		maps, _, err := emulate(o)
		if got := word(o, maps, "r"); err != nil || got != c.want {
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
	want := `Named parameters of the script, behind --:
  --every=NUMBER           seconds between reports (default 7)
  --verbose                (default false)
  --name=TEXT              of the process (default pony)`
	if usage.Text != want {
		t.Errorf("got\n%s\nwant\n%s", usage.Text, want)
	}
}

func TestKfuncExist(t *testing.T) {
	for kernel, want := range map[string]int64{"5.10": 0, "6.12": 1} {
		script, _ := lang.Parse(lang.NewSource("script", `BEGIN { @r = kfunc_exist("bpf_rdonly_cast") }`))
		o, err := compiler.Compile(script, frozen.Target(kernel), compiler.Options{})
		if err != nil {
			t.Fatal(err)
		}
		maps, _, err := emulate(o)
		if got := word(o, maps, "r"); err != nil || got != want {
			t.Errorf("%s: got %d (%v), want %d", kernel, got, err, want)
		}
	}
}

// TestLargeParameters: a positional parameter has the type of the literal that it could be.
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
		script, diagnostics := lang.Parse(lang.NewSource("script", c.script))
		if diagnostics.HasErrors() {
			t.Fatal(diagnostics)
		}
		o, err := compiler.Compile(script, frozen.Target("6.12"), compiler.Options{Args: []string{c.arg}})
		if err != nil {
			t.Errorf("%s of %s: %v", c.script, c.arg, err)
			continue
		}
		maps, _, err := emulate(o)
		if got := word(o, maps, "r"); err != nil || got != c.want {
			t.Errorf("%s of %s: got %d (%v), want %d", c.script, c.arg, got, err, c.want)
		}
	}
}
