package compiler_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// BenchmarkOneLiner parses and compiles; the kernel's types are read once, as they would
// be for the first script.
func BenchmarkOneLiner(b *testing.B) {
	machine := frozen.Target("6.12")
	for b.Loop() {
		script, diagnostics := lang.Parse(diag.NewSource("-e", `kprobe:vfs_read { @[comm] = hist(arg2) }`))
		if diagnostics.HasErrors() {
			b.Fatal(diagnostics)
		}
		if _, err := compiler.Compile(script, machine, compiler.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLines compiles scripts of many lines: the time of a line must not depend on
// how many there are.
func BenchmarkLines(b *testing.B) {
	for _, lines := range []int{10, 100, 1000, 5000} {
		b.Run(fmt.Sprint(lines), func(b *testing.B) { compileLines(b, manyClauses(lines), lines) })
	}
}

// BenchmarkLinesOfOneClause has all lines in one clause.
func BenchmarkLinesOfOneClause(b *testing.B) {
	for _, lines := range []int{10, 100, 1000, 5000} {
		b.Run(fmt.Sprint(lines), func(b *testing.B) { compileLines(b, oneClause(lines), lines) })
	}
}

// manyClauses is a script of five lines a clause.
func manyClauses(lines int) string {
	var text strings.Builder
	for i := range lines / 5 {
		fmt.Fprintf(&text, "kprobe:vfs_read /pid == %d/ { $x = arg2; $y = $x;\n", i)
		for j := range 3 {
			fmt.Fprintln(&text, " ", longStatements[(3*i+j)%len(longStatements)])
		}
		text.WriteString("}\n")
	}
	return text.String()
}

func oneClause(lines int) string {
	var text strings.Builder
	text.WriteString("kprobe:vfs_read { $x = arg2; $y = $x;\n")
	for i := range lines - 2 {
		fmt.Fprintln(&text, " ", longStatements[i%len(longStatements)])
	}
	return text.String() + "}\n"
}

var longStatements = []string{
	`$x = arg2 & 0xff;`, `if ($x > 10) { @a[pid, comm] = count(); }`, `@b = hist($x);`, `@c++;`,
	`printf("%d %s %d\n", pid, comm, $x);`, `@d[$x] = nsecs;`, `$y = $x > 3 && pid != 7 ? $x * 3 : 5;`, `@e[comm] = sum($y);`,
}

func compileLines(b *testing.B, text string, lines int) {
	machine := frozen.Target("6.12")
	for b.Loop() {
		script, diagnostics := lang.Parse(diag.NewSource("long.pt", text))
		if diagnostics.HasErrors() {
			b.Fatal(diagnostics)
		}
		if _, err := compiler.Compile(script, machine, compiler.Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*lines), "ns/line")
}
