// Package sizes has scripts of any size, one for each way in which a script can be large.
// No stage may take more than time in proportion to their size, but for sorting:
// benchmarks of packages lang and compiler show the time of an element at four sizes
// each.
package sizes

import (
	"fmt"
	"strings"
)

// Sizes are the numbers of elements at which to measure.
var Sizes = []int{2500, 5000, 10_000, 20_000}

// A Shape is a way to be large.
type Shape struct {
	Name string
	// Wrong: the script has an error in each element.
	Wrong bool
	Text  func(n int) string
}

// many lets a script have as many programs as it likes.
const many = "config = { max_bpf_progs = 1000000 }\n"

// Shapes are all of them.
var Shapes = []Shape{
	{Name: "points", Text: func(n int) string {
		return many + "BEGIN" + strings.Repeat(", BEGIN", n-1) + " { @ = 1 }\n"
	}},
	{Name: "intervals", Text: func(n int) string {
		return many + numbered(", interval:ms:%d", n)[2:] + " { @ = 1 }\n"
	}},
	{Name: "clauses", Text: func(n int) string { return many + strings.Repeat("BEGIN { @ = 1 }\n", n) }},
	{Name: "programs", Text: func(n int) string {
		return many + numbered("interval:ms:%d { @ = 1 }\n", n)
	}},
	{Name: "functions traced", Text: func(n int) string {
		return many + strings.Repeat("kprobe:vfs_read { @ = count() }\n", n)
	}},
	{Name: "predicates", Text: func(n int) string {
		return many + numbered("BEGIN /pid == %d/ { @++ }\n", n)
	}},
	{Name: "statements", Text: body("@a = %d;\n")},
	{Name: "keys", Text: body("@a[%d] = count();\n")},
	{Name: "ifs", Text: body("if (pid == %d) { @a = 1 }\n")},
	{Name: "else ifs", Text: func(n int) string {
		return "BEGIN { if (pid == 1) { @ = 1 }" +
			numbered(" else if (pid == %d) { @ = 1 }", n) + " }\n"
	}},
	{Name: "lines", Text: body("printf(\"%%d\\n\", %d);\n")},
	{Name: "one line", Text: body("@a[%d] = 1; ")},
	{Name: "maps", Text: body("@m%d = 1;\n")},
	{Name: "keyed maps", Text: body("@m%d[pid] = 1;\n")},
	{Name: "variables", Text: body("$v%d = pid;\n")},
	{Name: "variables read", Text: pair("$v%d = pid;\n", "@ = $v%d;\n")},
	{Name: "functions", Text: func(n int) string {
		const declaration = "fn f%d($x : uint64) : uint64 { return $x + 1 }\n"
		return numbered(declaration, n/2) + body("@ = f%d(1);\n")(n/2)
	}},
	{Name: "macros", Text: func(n int) string {
		return numbered("macro m%d(x) { x + 1 }\n", n/2) + body("@ = m%d(1);\n")(n/2)
	}},
	{Name: "defines", Text: func(n int) string {
		return numbered("#define D%d 1\n", n/2) + body("@ = D%d;\n")(n/2)
	}},
	{Name: "structs", Text: func(n int) string {
		return numbered("struct s%d { int x; };\n", n) + "BEGIN { @ = sizeof(struct s1) }\n"
	}},
	{Name: "enumerators", Text: func(n int) string {
		return "enum e {\n" + numbered("E%d,\n", n) + "};\nBEGIN { @ = E1 }\n"
	}},
	{Name: "pieces", Wrong: true, Text: func(n int) string {
		return "kprobe:" + strings.Repeat("a$1", n) + " { @ = 1 }\n"
	}},
	{Name: "format", Text: func(n int) string {
		return "BEGIN { printf(\"" + strings.Repeat("text ", n) + "\\n\") }\n"
	}},
	{Name: "comments", Text: func(n int) string {
		return numbered("// %d\n", n/2) + body("@a = %d; // why\n")(n/2)
	}},
	{Name: "settings", Text: func(n int) string {
		return "config = {\n" + strings.Repeat("max_strlen = 64;\n", n) + "}\nBEGIN { @ = 1 }\n"
	}},
	{Name: "unknown functions", Wrong: true, Text: body("@a = nothing%d();\n")},
	{Name: "unknown variables", Wrong: true, Text: body("@a = $v%d;\n")},
	{Name: "unknown maps", Wrong: true, Text: body("print(@m%d);\n")},
	{Name: "unknown probes", Wrong: true, Text: func(n int) string {
		return numbered("kprobe:vfs_reed%d { @ = 1 }\n", n)
	}},
	{Name: "unknown points", Wrong: true, Text: func(n int) string {
		return "BEGIN" + numbered(", kprobe:vfs_reed%d", n) + " { @ = 1 }\n"
	}},
	{Name: "broken clauses", Wrong: true, Text: func(n int) string {
		return numbered("BEGIN { @ = %d + }\n", n)
	}},
	{Name: "strange characters", Wrong: true, Text: body("@a = %d \x01;\n")},
	{Name: "conflicts", Wrong: true, Text: pair("@m%d = 1;\n", "@m%d = \"text\";\n")},
}

// pair is a clause of two statements for each number, all first ones first.
func pair(first, second string) func(n int) string {
	return func(n int) string {
		return "BEGIN {\n" + numbered(first, n/2) + numbered(second, n/2) + "}\n"
	}
}

func body(statement string) func(n int) string {
	return func(n int) string { return "BEGIN {\n" + numbered(statement, n) + "}\n" }
}

// numbered repeats a format with the numbers from 1 on.
func numbered(format string, n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, format, i+1)
	}
	return text.String()
}
