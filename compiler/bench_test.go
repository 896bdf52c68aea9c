package compiler_test

import (
	"fmt"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/lang"
)

// BenchmarkOneLiner parses and compiles; the kernel's types are read once, as they would be for the first script.
func BenchmarkOneLiner(b *testing.B) {
	machine := frozen.Target("6.12")
	for b.Loop() {
		script, diagnostics := lang.Parse(lang.NewSource("-e", `kprobe:vfs_read { @[comm] = hist(arg2) }`))
		if diagnostics.HasErrors() {
			b.Fatal(diagnostics)
		}
		if _, err := compiler.Compile(script, machine, compiler.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLongClause compiles one clause of many statements: the time per statement must not depend on how many there are.
func BenchmarkLongClause(b *testing.B) {
	for _, statements := range []int{20, 200, 2000} {
		text := "kprobe:vfs_read {\n"
		for i := range statements {
			text += longStatements[i%len(longStatements)] + "\n"
		}
		compileLong(b, text+"}\n", statements)
	}
}

var longStatements = []string{
	`$x = arg2 & 0xff;`, `if ($x > 10) { @a[pid, comm] = count(); }`, `@b = hist($x);`, `@c++;`,
	`printf("%d %s %d\n", pid, comm, $x);`, `@d[$x] = nsecs;`, `$y = $x > 3 && pid != 7 ? $x * 3 : 5;`, `@e[comm] = sum($y);`,
}

// BenchmarkManyClauses compiles a script of many short clauses.
func BenchmarkManyClauses(b *testing.B) {
	for _, clauses := range []int{10, 100, 1000} {
		text := ""
		for i := range clauses {
			text += fmt.Sprintf("kprobe:vfs_read /pid == %d/ {\n  $x = arg2 / 1024;\n  @a[comm] = hist($x);\n  printf(\"%%d\\n\", $x);\n}\n", i)
		}
		compileLong(b, text, 5*clauses)
	}
}

func compileLong(b *testing.B, text string, statements int) {
	machine := frozen.Target("6.12")
	b.Run(fmt.Sprint(statements), func(b *testing.B) {
		for b.Loop() {
			script, diagnostics := lang.Parse(lang.NewSource("long.pt", text))
			if diagnostics.HasErrors() {
				b.Fatal(diagnostics)
			}
			if _, err := compiler.Compile(script, machine, compiler.Options{}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*statements), "ns/statement")
	})
}
