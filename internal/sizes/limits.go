package sizes

import "strings"

// Named is a script with a name for its subtest.
type Named struct{ Name, Text string }

// AtLimits are scripts that are as deep as a script may be, or have many of what it may
// have any number of.
func AtLimits(many int) []Named {
	repeat := strings.Repeat
	return []Named{
		{"nothing", ""},
		{"byte order mark", "\ufeffBEGIN { }"},
		{"CRLF", "BEGIN {\r\n\t@ = 1; // x\r\n}\r\n"},
		{"parentheses", value(repeat("(", 199) + "1" + repeat(")", 199))},
		{"else if", "BEGIN { if a { } " + repeat("else if a { } ", many) + "}"},
		{"clauses", repeat("BEGIN { } ", many)},
		{"probes", repeat("kprobe:f, ", many) + "kprobe:g { }"},
		{"arguments", "BEGIN { f(" + repeat("1, ", many) + "1) }"},
		{"values", value(repeat("{ ", 199) + "1" + repeat(" }", 199))},
		{"ifs", value(repeat("if 1 { ", 199) + "1" + repeat(" } else { 2 }", 199))},
		{"else if values", value("if a { 1 } " + repeat("else if a { 1 } ", 900) + "else { 2 }")},
		{"loops", "BEGIN { " + repeat("while 1 { ", 199) + repeat("}", 199) + " }"},
		{"types", value("f(" + repeat("typeof(", 198) + "x" + repeat(")", 199))},
		{"parameters", "macro m(" + numbered("a%d, ", many) + "b) { b } " +
			"fn f(" + numbered("$a%d : uint64, ", many) + "$b : uint64) { }"},
		{"fields", value("(" + numbered("a%d = 1, ", many) + "b = 2)")},
		{"pieces", "uprobe:" + repeat("/$1", many) + ":f { }"},
		{"declarations", repeat("let @a = hash(1); macro m() { 1 } fn f() { } ", many)},
	}
}

func value(text string) string { return "BEGIN { @ = " + text + " }" }
