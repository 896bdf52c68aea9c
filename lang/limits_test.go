package lang

import (
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/sizes"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// TestLimits feeds what is too deep, too long or too much: each must be refused with a
// reason.
func TestLimits(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"parentheses", "BEGIN { @ = " + strings.Repeat("(", 300) + "1" + strings.Repeat(")", 300) + " }", "more than 200 brackets"},
		{"blocks", "BEGIN " + strings.Repeat("{", 300) + strings.Repeat("}", 300), "more than 200 brackets"},
		{"signs", "BEGIN { @ = " + strings.Repeat("- ", 10000) + "1 }", "nested more than 200 levels"},
		{"ternaries", "BEGIN { @ = " + strings.Repeat("a ? b : ", 10000) + "1 }", "nested more than 200 levels"},
		{"operators", "BEGIN { @ = " + strings.Repeat("1 + ", 10000) + "1 }", "more than 1000 operators"},
		{"fields", "BEGIN { @ = a" + strings.Repeat(".b", 10000) + " }", "more than 1000 operators"},
		{"size", strings.Repeat(" ", maxSize+1), "is larger than 4194304 bytes"},
		{"errors", strings.Repeat("}", 100000), "too many errors"},
		{"values", "BEGIN { @ = " + strings.Repeat("{ ", 300) + "1" + strings.Repeat(" }", 300) + " }", "more than 200 brackets"},
		{"signs and values", "BEGIN { @ = " + strings.Repeat("-- -{ ", 150) + "1" + strings.Repeat(" }", 150) + " }", "nested more than 200 levels"},
		{"ifs", "BEGIN { @ = " + strings.Repeat("if 1 { ", 300) + "1" + strings.Repeat(" } else { 2 }", 300) + " }", "more than 200 brackets"},
		{"loops", "BEGIN { " + strings.Repeat("while 1 { ", 300) + strings.Repeat("}", 300) + " }", "more than 200 brackets"},
		{"records", "BEGIN { @ = " + strings.Repeat("(a = ", 300) + "1" + strings.Repeat(")", 300) + " }", "more than 200 brackets"},
		{"comptime", "BEGIN { @ = " + strings.Repeat("comptime ", 10000) + "1 }", "nested more than 200 levels"},
		{"patterns", "BEGIN { @ = a" + strings.Repeat(` =~ "b"`, 10000) + " }", "more than 1000 operators"},
		{"else if values", "BEGIN { @ = if a { 1 } " + strings.Repeat("else if a { 1 } ", 10000) + "else { 2 } }", "more than 1000 branches"},
		{"types", "BEGIN { @ = f(" + strings.Repeat("typeof(", 300) + "x" + strings.Repeat(")", 301) + " }", "more than 200 brackets"},
		{"tuples", "BEGIN { @ = $x" + strings.Repeat(".0", 10000) + " }", "more than 1000 operators"},
		{"bytes", "BEGIN { " + strings.Repeat("a", 100) + strings.Repeat("\x96", 300) + " }", "byte 0x96 is not UTF-8 text"},
		{"not text", "BEGIN { @ = \xff }", "byte 0xff is not UTF-8 text"},
		{"control", "BEGIN { @ = \x00 }", "unexpected character U+0000"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, diagnostics := Parse(diag.NewSource("script", test.text))
			if len(diagnostics) == 0 || !strings.Contains(diagnostics[len(diagnostics)-1].Message, test.want) {
				t.Errorf("got %v, want %s", diagnostics, test.want)
			}
			if text := diagnostics.Error(); len(text) > 100*1000 {
				t.Errorf("the messages have %d bytes", len(text))
			}
		})
	}
}

// TestWithinLimits feeds what is large and allowed.
func TestWithinLimits(t *testing.T) {
	for _, test := range sizes.AtLimits(testkit.Choose(200, 2000, 10000)) {
		t.Run(test.Name, func(t *testing.T) {
			if _, diagnostics := Parse(diag.NewSource("script", test.Text)); diagnostics != nil {
				t.Fatal(diagnostics)
			}
		})
	}
}

const oneLiner = "kprobe:blk_start_request < @ = hist(arg0->__data_len) >"

func BenchmarkParseOneLiner(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Parse(diag.NewSource("-e", oneLiner))
	}
}

func BenchmarkParse5000Lines(b *testing.B) { benchmarkLines(b, 5000) }

// BenchmarkParse50000Lines shows that time grows with the script's length and not faster.
func BenchmarkParse50000Lines(b *testing.B) { benchmarkLines(b, 50000) }

func benchmarkLines(b *testing.B, lines int) {
	const clause = `kprobe:vfs_read /pid == 1/ {
	$x = arg0 + 1;
	@[comm, tid] = count();
	if ($x > 10 && comm == "bash") {
		printf("%d %s\n", $x, comm);
	}
	@h = hist(arg2 * 2);
	delete(@x[tid]);
}

`
	text := strings.Repeat(clause, lines/10)
	b.ReportAllocs()
	for b.Loop() {
		if _, diagnostics := Parse(diag.NewSource("script", text)); diagnostics != nil {
			b.Fatal(diagnostics)
		}
	}
}

// seed gives a fuzz test the scripts of all other tests.
func seed(f *testing.F) {
	for _, pattern := range []string{"testdata/ast/*.txtar", "testdata/errors/*.pt"} {
		for _, path := range testkit.Glob(f, pattern) {
			for _, line := range scripts(f, path) {
				f.Add(line)
			}
		}
	}
}

// FuzzParse demands that nothing panics, that each span lies within the script and that
// an error is explained.
func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text string) {
		source := diag.NewSource("script", text)
		script, diagnostics := Parse(source)
		for _, d := range diagnostics {
			if d.Span.Start > d.Span.End || d.Span.End > len(text) || strings.Contains(d.Message, "internal") {
				t.Errorf("bad message %+v", d)
			}
		}
		_ = diagnostics.Error()
		Walk(script, func(node any) bool {
			checkSpan(t, node, len(text))
			return true
		})
	})
}

func checkSpan(t *testing.T, node any, size int) {
	t.Helper()
	ranged, ok := node.(interface{ Range() diag.Span })
	if !ok {
		return
	}
	if span := ranged.Range(); span.Source == nil || span.Start >= span.End || span.End > size {
		t.Errorf("%T has the span %d-%d", node, span.Start, span.End)
	}
}
