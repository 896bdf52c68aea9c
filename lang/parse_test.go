package lang

import (
	"os"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/rogpeppe/go-internal/txtar"
)

// scripts returns the script of a golden and each of its lines by itself.
func scripts(t testing.TB, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	if archive := txtar.Parse(data); len(archive.Files) > 0 {
		text = string(archive.Files[0].Data)
	}
	return append(strings.Split(text, "\n"), text)
}

// TestOneLiners holds what people type: it parses, and the formatter keeps its meaning.
func TestOneLiners(t *testing.T) {
	lines := []string{
		oneLiner,
		`kprobe:blk_start_request { @ = hist(arg0->__data_len) }`,
		`kprobe:blk_start_request<@=hist(arg0->__data_len)>`,
		`tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }`,
		`tracepoint:syscalls:sys_enter_openat { printf("%s %s\n", comm, str(args.filename)); }`,
		`tracepoint:syscalls:sys_exit_read /args.ret/ { @[comm] = sum(args.ret); }`,
		`tracepoint:syscalls:sys_exit_read /pid == 18644/ { @bytes = hist(args.ret); }`,
		`kretprobe:vfs_read { @bytes = lhist(retval, 0, 2000, 200); }`,
		`kprobe:vfs_read { @start[tid] = nsecs; } kretprobe:vfs_read /@start[tid]/ { @ns[comm] = hist(nsecs - @start[tid]); delete(@start[tid]); }`,
		`profile:hz:99 { @[cpu] = count(); }`,
		`interval:s:1 { time("%H:%M:%S\n"); print(@); clear(@); }`,
		`interval:1s{print(@)}END{clear(@)}`,
		`BEGIN { printf("%d\n", $#); @x[$1, "a"] = $2 ?: 5ms; exit() }`,
		`uprobe:/bin/bash:readline < @ = count() > uretprobe:/bin/bash:readline { printf("%s\n", str(retval)) }`,
		`kprobe:tcp_* /comm != "sshd" && (pid > 1000 || uid == 0)/ { @[func, probe] = count() }`,
		"#define MASK !~0\nBEGIN { @ = MASK }",
		`k:f { @ = ((struct sock *)arg0)->__sk_common.skc_family == 2 }`,
	}
	for _, line := range lines {
		if script, diagnostics := Parse(diag.NewSource("-e", line)); diagnostics != nil || len(script.Clauses) == 0 {
			t.Errorf("%s: %v", line, diagnostics)
		}
		checkFormat(t, line)
	}
}

// TestFormatErrors formats what the error tests hold: broken scripts come back unchanged.
func TestFormatErrors(t *testing.T) {
	for _, path := range glob(t, "testdata/errors/*.pt") {
		for _, text := range scripts(t, path) {
			checkFormat(t, text)
			source := diag.NewSource("script", text)
			if formatted, diagnostics := Format(source); diagnostics.HasErrors() && formatted != text {
				t.Errorf("%s became %s", text, formatted)
			}
		}
	}
}

func TestWalk(t *testing.T) {
	script, diagnostics := Parse(diag.NewSource("script", `config = { a = 1 }
interval:s:$1 /pid == 1/ { @x[comm] += (uint64)-$y; if (@z.f[0] ? 1 : $#) { f((1, "s")) } else { ++$w; return } }`))
	if diagnostics != nil {
		t.Fatal(diagnostics)
	}
	var names []string
	Walk(script, func(node any) bool {
		switch n := node.(type) {
		case *Name:
			names = append(names, n.Name)
		case *Variable:
			names = append(names, "$"+n.Name)
		case *Map:
			names = append(names, "@"+n.Name)
		case *Positional, *PositionalCount, *Integer, *String:
			names = append(names, n.(Expr).Range().Text())
		}
		return true
	})
	const want = `1 $1 pid 1 @x comm $y @z 0 1 $# 1 "s" $w`
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestUnparen(t *testing.T) {
	script, _ := Parse(diag.NewSource("script", "BEGIN { ((x)) }"))
	x := script.Clauses[0].Body.Statements[0].(*ExprStatement).X
	if name, ok := Unparen(x).(*Name); !ok || name.Name != "x" {
		t.Errorf("got %T", Unparen(x))
	}
}
