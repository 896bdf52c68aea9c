package compiler_test

import (
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
