package compiler_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang/diag"
)

var errorComment = regexp.MustCompile(`// ERROR "(.*)"`)

// TestErrors compares the messages with the ERROR "regexp" on their lines, and how they
// are shown with a golden.
func TestErrors(t *testing.T) {
	paths, err := filepath.Glob("testdata/errors/*.pt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) { testErrors(t, path) })
	}
}

func testErrors(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var diagnostics diag.Diagnostics
	_, err = compileText(string(text), frozen.Target("6.12"), compiler.Options{Unsafe: true})
	if !errors.As(err, &diagnostics) {
		t.Fatalf("no message to the user: %v", err)
	}
	found := map[int]string{}
	for _, d := range diagnostics {
		line, _ := d.Span.Source.Position(d.Span.Start)
		found[line] += d.Message + " (" + d.Hint + ") "
	}
	for i, line := range strings.Split(string(text), "\n") {
		checkLine(t, line, found[i+1])
	}
	checkGolden(t, strings.TrimSuffix(path, ".pt")+".golden", strings.ReplaceAll(diagnostics.Error(), "script:", filepath.Base(path)+":")+"\n")
}

func checkLine(t *testing.T, line, message string) {
	t.Helper()
	want := errorComment.FindStringSubmatch(line)
	switch {
	case want == nil && message != "":
		t.Errorf("%s\n\tunwanted: %s", line, message)
	case want != nil && !regexp.MustCompile(want[1]).MatchString(message):
		t.Errorf("%s\n\tis: %s", line, message)
	}
}

// checkGolden holds the marked places against the file, where there is one.
func checkGolden(t *testing.T, path, got string) {
	t.Helper()
	want, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if *testkit.Update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(want) != got {
		t.Errorf("%s differs (go test -run Errors -update rewrites it); got\n%s", path, got)
	}
}

// errorsOfOptions are messages that depend on more than the script.
var errorsOfOptions = []struct {
	script, want string
	options      compiler.Options
}{
	{"kprobe:blk_start_request { }", `blk_start_request is gone since Linux 5.0(.|\n)*its successor is blk_mq_start_request; without --strict`, compiler.Options{Strict: true}},
	{"BEGIN { }", "environment variable PONYTRACE_MAX_STRLEN: .many. is not a number from 1", compiler.Options{Environment: manyBytes}},
	{"kretprobe:vfs_read { print(arg0) }", "arg0 is gone when the function returns", compiler.Options{Attach: "kprobe"}},
	{"kretprobe:vfs_read { print(args.count) }", "args are gone when the function returns", compiler.Options{Attach: "kprobe"}},
	{"config = { max_bpf_progs = 1 } BEGIN { } END { }", `1:42-45: ERROR: the script becomes 2 programs, and max_bpf_progs is 1(.|\n)*raise it`, compiler.Options{}},
	{"BEGIN { system(\"ls\") }", `1:9-15: ERROR: system\(\) changes the system and is allowed only with --unsafe`, compiler.Options{}},
	{"kprobe:vfs_read { } END { }", `1:1-16: ERROR: --probe-filter "tracepoint" leaves no probe of the script`, compiler.Options{Only: regexp.MustCompile("tracepoint")}},
	{"struct s { struct s x; }; BEGIN { print(sizeof(struct s)) }", `1:48-56: ERROR: the size of struct s is not known`, compiler.Options{}},
	{"BEGIN { print(comm + $1) }", `\+ does not apply to string\[16\] and string\[5\]`, compiler.Options{Args: []string{"text"}}},
}

// manyBytes is an environment with a setting that is no number.
func manyBytes(name string) string {
	if name == "PONYTRACE_MAX_STRLEN" {
		return "many"
	}
	return ""
}

func TestErrorsOfOptions(t *testing.T) {
	for _, c := range errorsOfOptions {
		t.Run(c.script, func(t *testing.T) {
			err := compileError(c.script, "6.12", c.options)
			if err == nil || !regexp.MustCompile(c.want).MatchString(err.Error()) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestOverrideWithoutHelper: the machine's own kernel says what its version does not
// tell.
func TestOverrideWithoutHelper(t *testing.T) {
	machine := frozen.Target("6.12")
	machine.Sources.Helper = func(asm.BuiltinFunc) (has, known bool) { return false, true }
	_, err := compileText("kprobe:vfs_read { override(1) }", machine, compiler.Options{Unsafe: true})
	want := "1:19-30: ERROR: override() needs a kernel that was built for it (CONFIG_BPF_KPROBE_OVERRIDE)"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// errorsOfKernels are messages that depend on the kernel.
var errorsOfKernels = []struct{ kernel, script, want string }{
	{"5.10", "BEGIN { print(nsecs(tai)) }", `1:21-24: ERROR: the clock tai needs Linux 6.1, and this is 5.10`},
	{"5.10", "config = { max_strlen = 4096 } tracepoint:syscalls:sys_enter_openat { print(strstr(str(args.filename), comm)) }",
		`this search takes up to 12288 steps; a kernel older than 5.17, without bpf_loop, can make 10000(.|\n)*search in less, as of str\(p, 128\)`},
	{"5.10", "BEGIN { @a[1] = 2; for ($kv : @a) { } }", `1:20-38: ERROR: a loop over a map needs Linux 5.13 or later \(bpf_for_each_map_elem\), and this is 5.10`},
	{"5.10", "BEGIN { @a[1] = 2; print(len(@a)) }", `1:26-33: ERROR: len\(\) of a map needs Linux 5.13 or later \(bpf_for_each_map_elem\), and this is 5.10`},
	{"5.10", "fexit:bpf:allowed { print(retval) }", `1:27-33: ERROR: retval of BPF programs needs Linux 5.17, and this is 5.10`},
	{"5.10", "fentry:bpf:on_exec { @ = count() }", `1:12-19: ERROR: no function of the BPF programs that are loaded matches on_exec`},
	{"5.10", "iter:task_file { print(path(ctx.file.f_path)) }", `1:24-45: ERROR: path\(\) in iterators needs Linux 5.12, and this is 5.10`},
	{"5.10", "profile:hz:99 { @[ustack(perf, dwarf)] = count() }", `1:32-37: ERROR: ustack\(dwarf\) needs Linux 5.17 or later with BTF, and this is 5.10(.|\n)*frame pointers`},
	{"6.12-arm64", "profile:hz:99 { @[ustack(dwarf)] = count() }", `1:26-31: ERROR: ustack\(dwarf\) is there on x86_64 only`},
	{"5.10", "kprobe:vfs_read { @[kstack(60), ustack] = count() }", `1:19-40: ERROR: the key of @ has 728 bytes; this kernel, older than 5.11, takes 512 at most(.|\n)*kstack\(20\)`},
}

// TestErrorsOfKernels has the messages about what a kernel lacks.
func TestErrorsOfKernels(t *testing.T) {
	for _, c := range errorsOfKernels {
		err := compileError(c.script, c.kernel, compiler.Options{})
		if err == nil || !regexp.MustCompile(c.want).MatchString(err.Error()) {
			t.Errorf("%s on %s: got %v, want %s", c.script, c.kernel, err, c.want)
		}
	}
}
