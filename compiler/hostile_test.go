package compiler_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/lang"
)

// hostile are scripts that nobody writes but to harm, of about a megabyte each.
var hostile = map[string]string{
	"parentheses":   "BEGIN { @ = " + strings.Repeat("(", 500_000) + "1" + strings.Repeat(")", 500_000) + " }",
	"blocks":        "BEGIN " + strings.Repeat("{", 500_000) + strings.Repeat("}", 500_000),
	"ifs":           "BEGIN { " + strings.Repeat("if 1 { ", 100_000) + strings.Repeat("}", 100_000) + " }",
	"else ifs":      "BEGIN { if 1 { }" + strings.Repeat(" else if 1 { }", 70_000) + " }",
	"minuses":       "BEGIN { @ = " + strings.Repeat("-", 1_000_000) + "1 }",
	"sum":           "BEGIN { @ = 1" + strings.Repeat("+1", 500_000) + " }",
	"conjunction":   "BEGIN { if pid" + strings.Repeat(" && pid", 140_000) + " { } }",
	"ternaries":     "BEGIN { @ = " + strings.Repeat("pid ? 1 : ", 100_000) + "2 }",
	"tuple":         "BEGIN { @ = (1" + strings.Repeat(", 1", 300_000) + ") }",
	"nested tuples": "BEGIN { @ = " + strings.Repeat("(1, ", 200_000) + "1" + strings.Repeat(")", 200_000) + " }",
	"doubled tuple": "BEGIN { $a = (1, 2); " + doubled(60) + " }",
	"keys":          "BEGIN { @[1" + strings.Repeat(", 1", 300_000) + "] = 1 }",
	"clauses":       strings.Repeat("BEGIN { }\n", 100_000),
	"maps":          "BEGIN { " + numbered("@m%d = 1; ", 60_000) + "}",
	"variables":     "BEGIN { " + numbered("$v%d = 1; ", 60_000) + "}",
	"assignments":   "BEGIN { " + strings.Repeat("$x = pid; ", 100_000) + "}",
	"string":        `BEGIN { @ = "` + strings.Repeat("a", 1_000_000) + `" }`,
	"strings":       "BEGIN { " + strings.Repeat(`@ = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"; `, 16_000) + "}",
	"format":        `BEGIN { printf("` + strings.Repeat("%d", 300_000) + `"` + strings.Repeat(", 1", 300_000) + ") }",
	"huge array":    "struct s { char x[9223372036854775807]; char y[4000000000][4000000000]; }; BEGIN { @ = sizeof(struct s) }",
	"members":       "struct s { " + numbered("int x%d; ", 60_000) + "}; BEGIN { @ = sizeof(struct s) }",
	"structs":       numbered("struct s%d { int x; };\n", 40_000) + "BEGIN { @ = 1 }",
	"nested struct": strings.Repeat("struct s { ", 80_000) + "int x; " + strings.Repeat("} a; ", 80_000),
	"copied struct": "struct s { char x[1000000000]; }; BEGIN { $a = *(struct s *)uptr(5); @ = $a }",
	"itself":        "struct s { struct s x; }; BEGIN { @ = sizeof(struct s) }",
	"enum":          "enum e { " + numbered("A%d, ", 100_000) + "}; BEGIN { @ = A5 }",
	"defines":       numbered("#define A%d 1\n", 50_000) + "BEGIN { @ = A5 }",
	"define chain":  chained("#define A%d (A%d + A%d)\n", 8_000) + "BEGIN { @ = A0 }",
	"define twice":  chained("#define A%d (A%d + A%d)\n", 30) + "#define A30 1\nBEGIN { @ = A0 }",
	"define used":   chained("#define A%d (A%d + A%d)\n", 12) + "#define A12 pid\nBEGIN { " + strings.Repeat("@ = A0; ", 100_000) + "}",
	"map chain":     "BEGIN { " + linked("@m%d = @m%d; ", 300) + "@m300 = 1 }",
	"macro chain":   chained("macro a%d(x) { a%d(x) + a%d(x) }\n", 20_000) + "BEGIN { @ = a0(1) }",
	"fn chain":      chained("fn a%d($x : int64) : int64 { return a%d($x) + a%d($x) }\n", 15_000) + "BEGIN { @ = a0(1) }",
	"recursion":     "macro a(x) { b(x) } macro b(x) { a(x) } fn f($x : int64) : int64 { return f($x) } BEGIN { @ = a(1) + f(1) }",
	"unroll":        "BEGIN { unroll(1000000000) { @++ } }",
	"unrolls":       "BEGIN { " + strings.Repeat("unroll(100) { ", 20) + "@++ " + strings.Repeat("} ", 20) + "}",
	"loops":         "BEGIN { " + strings.Repeat("for ($i : 0..10) { ", 10_000) + strings.Repeat("} ", 10_000) + "}",
	"comments":      strings.Repeat("/**/", 250_000) + "BEGIN { }",
	"predicate":     "BEGIN /" + strings.Repeat("pid == 1 || ", 80_000) + "0/ { }",
	"probes":        strings.Repeat("BEGIN, ", 140_000) + "BEGIN { }",
	"zero bytes":    strings.Repeat("\x00", 1_000_000),
	"wildcards":     "kprobe:" + strings.Repeat("*a", 100_000) + " { }",
	"pattern":       `BEGIN { @ = comm =~ "` + strings.Repeat("*a", 200_000) + `" }`,
	"cast":          "BEGIN { @ = " + strings.Repeat("(int8)", 150_000) + "1 }",
	"dereferences":  "BEGIN { @ = " + strings.Repeat("*", 1_000_000) + "pid }",
	"fields":        "BEGIN { @ = curtask" + strings.Repeat("->parent", 100_000) + " }",
}

// numbered repeats a format with the numbers from 0 on.
func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// chained makes each definition mention the next one twice.
func chained(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i, i+1, i+1)
	}
	return b.String()
}

// linked makes each line mention the next one.
func linked(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i, i+1)
	}
	return b.String()
}

// doubled makes tuples of tuples, each twice as large.
func doubled(n int) string {
	var b strings.Builder
	previous := "$a"
	for i := range n {
		fmt.Fprintf(&b, "$a%d = (%s, %s); ", i, previous, previous)
		previous = fmt.Sprintf("$a%d", i)
	}
	return b.String() + "@ = " + previous
}

// TestHostile wants an object or a message within seconds and within memory.
func TestHostile(t *testing.T) {
	machine := frozen.Target("6.12")
	for name, script := range hostile {
		t.Run(name, func(t *testing.T) {
			start, before := time.Now(), allocated()
			err := refusal(script, machine)
			var diagnostics lang.Diagnostics
			if err != nil && !errors.As(err, &diagnostics) {
				t.Error(err)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
			if used := allocated() - before; used > 4<<30 {
				t.Errorf("it allocated %d MB", used>>20)
			}
			t.Logf("%v, %d MB: %.150v", time.Since(start), (allocated()-before)>>20, err)
		})
	}
}

func refusal(script string, machine *target.Target) error {
	parsed, diagnostics := lang.Parse(lang.NewSource("script", script))
	if diagnostics.HasErrors() {
		return diagnostics
	}
	_, err := compiler.Compile(parsed, machine, compiler.Options{})
	return err
}

func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}
