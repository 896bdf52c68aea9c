package lang

import (
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/lang/diag"
)

// places are all in which a character may stand outside of strings and comments; ¤ is
// that character.
var places = []string{
	"¤BEGIN { }", "BEGIN¤{ }", "BEGIN¤ { }", "BEGIN ¤{ }", "BEGIN¤, END { }", "BEGIN,¤END { }", "BEGIN { }¤", "BEGIN { }¤END { }", "END¤/1/ { }",
	"kprobe¤:f { }", "kprobe:¤f { }", "kprobe:f¤{ }", "kprobe:f¤/1/ { }", "kprobe:f /1/¤{ }", "kprobe:f /1¤/ { }", "kprobe:f¤, kprobe:g { }",
	"kprobe:f,¤kprobe:g { }", "kprobe:f*¤{ }", "kprobe:f[ab]¤{ }", "kprobe:f+1¤{ }", "kprobe:$1¤{ }", "$1¤{ }", "$1,¤$2 { }", "kprobe:f¤< exit() >",
	"tracepoint:a:¤b { }", "interval:s:1¤{ }", "interval:s:¤1 { }", "interval:s:(1¤+ 1) { }", "uprobe:/a/b¤:f { }", "uprobe:/a/b:f¤{ }",
	"BEGIN {¤exit() }", "BEGIN { exit¤() }", "BEGIN { exit(¤) }", "BEGIN { exit()¤; }", "BEGIN { exit(); }¤", "BEGIN <¤exit() >",
	"BEGIN { $¤x = 1 }", "BEGIN { $x¤= 1 }", "BEGIN { @¤= 1 }", "BEGIN { @x¤[1] = 1 }", "BEGIN { @x[¤1] = 1 }", "BEGIN { $x = 1¤+ 1 }", "BEGIN { $x = 1 +¤1 }",
	"BEGIN { if¤(1) { } }", "BEGIN { if (1)¤{ } }", "BEGIN { while (1) {¤} }", "BEGIN { print($1¤) }", "BEGIN { print($#¤) }", "BEGIN { print(5¤) }",
	"BEGIN { print(arg0¤->a) }", "BEGIN { print(arg0->¤a) }", "BEGIN { print((struct¤a *)0) }", "BEGIN { $x = (1,¤2) }",
	"config¤= { a = 1 } BEGIN { }", "config =¤{ a = 1 } BEGIN { }", "config = {¤a = 1 } BEGIN { }", "config = { a¤= 1 } BEGIN { }", "config = { a = 1¤} BEGIN { }",
	"let¤@a = hash(1); BEGIN { }", "let @a¤= hash(1); BEGIN { }", "let @a = hash¤(1); BEGIN { }", "let @a = hash(1¤); BEGIN { }",
	"struct¤a { int x; }; BEGIN { }", "struct a¤{ int x; }; BEGIN { }", "struct a {¤int x; }; BEGIN { }", "struct a { int¤x; }; BEGIN { }", "enum a {¤b }; BEGIN { }",
	"typedef¤int a; BEGIN { }", "import¤\"a.pt\"; BEGIN { }", "import \"a.pt\"¤; BEGIN { }",
	"fn¤f($x : int64) { } BEGIN { }", "fn f¤($x : int64) { } BEGIN { }", "fn f($x¤: int64) { } BEGIN { }", "macro¤m() { } BEGIN { }",
	"#¤define X 5\nBEGIN { }", "#define¤X 5\nBEGIN { }", "#define X¤5\nBEGIN { }", "#define X 5¤\nBEGIN { }", "#undef¤X\nBEGIN { }", "#ifdef¤X\n#endif\nBEGIN { }",
	"#ifndef X¤\n#endif\nBEGIN { }", "#if¤1\n#endif\nBEGIN { }", "#if 1 ¤&& 1\n#endif\nBEGIN { }", "#if 1\n#elif¤1\n#endif\nBEGIN { }", "#if 1\n#else¤\n#endif\nBEGIN { }", "#if 1\n#endif¤\nBEGIN { }",
}

// TestUnseen: a character that is not seen is named by its number, wherever it stands,
// and before anything else.
func TestUnseen(t *testing.T) {
	const blank, remove = "write a plain space", "it cannot be seen: remove it"
	for character, want := range map[string][2]string{
		"\u00a0": {"U+00A0", blank}, "\u1680": {"U+1680", blank}, "\u180e": {"U+180E", blank}, "\u2003": {"U+2003", blank}, "\u202f": {"U+202F", blank},
		"\u205f": {"U+205F", blank}, "\u2800": {"U+2800", blank}, "\u3000": {"U+3000", blank}, "\u3164": {"U+3164", blank},
		"\u00ad": {"U+00AD", remove}, "\u200b": {"U+200B", remove}, "\u200c": {"U+200C", remove}, "\u200d": {"U+200D", remove}, "\u200e": {"U+200E", remove},
		"\u202e": {"U+202E", remove}, "\u2060": {"U+2060", remove}, "\u2066": {"U+2066", remove}, "\ufe0f": {"U+FE0F", remove}, "\U000e0041": {"U+E0041", remove},
		"\ufeff": {"U+FEFF", remove}, "\u2028": {"U+2028", "write a line end"}, "\u0085": {"U+0085", "write a line end"},
	} {
		for _, place := range places {
			if character == "\ufeff" && strings.HasPrefix(place, "¤") {
				continue // at the beginning of a file it is the mark of UTF-8
			}
			script := strings.Replace(place, "¤", character, 1)
			_, diagnostics := Parse(diag.NewSource("a.pt", script))
			if len(diagnostics) == 0 {
				t.Errorf("%+q: no message", script)
				continue
			}
			first := diagnostics[0]
			if first.Message != "unexpected character "+want[0] || first.Hint != want[1] || first.Span.Text() != character {
				t.Errorf("%+q: %s (%s) at %+q", script, first.Message, first.Hint, first.Span.Text())
			}
		}
	}
}

// TestLookalikes: what looks like a character of the language is named, with the one that
// was meant.
func TestLookalikes(t *testing.T) {
	for script, want := range map[string]string{
		"BEGIN { print(“hi”) }":                "unexpected character “ (U+201C): write \"",
		"BEGIN { print(‘hi’) }":                "unexpected character ‘ (U+2018): write \"",
		"BEGIN { print('hi') }":                "unexpected character ': strings are written with \"double quotes\"",
		"BEGIN { print(1 – 2) }":               "unexpected character – (U+2013): write -",
		"BEGIN { print(1 − 2) }":               "unexpected character − (U+2212): write -",
		"BEGIN { print(1 × 2) }":               "unexpected character × (U+00D7): write *",
		"BEGIN ‹ exit() ›":                     "unexpected character ‹ (U+2039): write <",
		"BEGIN { exit()； }":                    "unexpected character ； (U+FF1B): write ;",
		"BEGIN { exit()\u037e }":               "unexpected character \u037e (U+037E): write ;",
		"BEGIN ｛ exit() ｝":                     "unexpected character ｛ (U+FF5B): write {",
		"ｂegin { }":                            "unexpected character ｂ (U+FF42): write b",
		"kprobe：f { }":                         "unexpected character ： (U+FF1A): write :",
		"kprobe:f–g { }":                       "unexpected character – (U+2013): write -",
		"kprobe:“f” { }":                       "unexpected character “ (U+201C): write \"",
		"interval:s:１ { }":                     "unexpected character １ (U+FF11): write 1",
		"kprobe:f ⁄ 1 ⁄ { }":                   "unexpected character ⁄ (U+2044): write /",
		"BEGIN { pr\u0456nt(1) }":              "unexpected character \u0456 (U+0456): ",
		"BEGIN { $e\u0301 = 1 }":               "unexpected character U+0301: ",
		"BEGIN\x00{ }":                         "unexpected character U+0000: it cannot be seen: remove it",
		"kprobe:f\x7f{ }":                      "unexpected character U+007F: it cannot be seen: remove it",
		"kprobe:f\xa0{ }":                      "byte 0xa0 is not UTF-8 text: in Latin-1 it is a no-break space: write a plain space",
		"BEGIN\xe9{ }":                         "byte 0xe9 is not UTF-8 text: ",
		"\ufeff\ufeffBEGIN { }":                "unexpected character U+FEFF: it cannot be seen: remove it",
		"BEGIN { exit()\u00a0; } END\u00a0{ }": "unexpected character U+00A0: write a plain space",
	} {
		_, diagnostics := Parse(diag.NewSource("a.pt", script))
		if len(diagnostics) == 0 {
			t.Errorf("%+q: no message", script)
		} else if got := diagnostics[0].Message + ": " + diagnostics[0].Hint; got != want {
			t.Errorf("%+q: %s\nwant %s", script, got, want)
		}
	}
}

// TestForeignText: strings, comments, quoted names and letters in paths are the script's
// own.
func TestForeignText(t *testing.T) {
	for _, script := range []string{
		"\ufeffBEGIN { exit() }", "BEGIN { print(\"a\u00a0b\u200b“\") }", "BEGIN { } // a\u00a0b\u200b", "/* \u00a0 */ BEGIN { }", "kprobe:\"a\u00a0b\" { }",
		"uprobe:/home/jürgen/bin:main { }", "#define X \"a\u00a0b\" // \u00a0\nBEGIN { }", "#include <a\u00a0b.h>\nBEGIN { }", "#pragma \u00a0\nBEGIN { }",
	} {
		if _, diagnostics := Parse(diag.NewSource("a.pt", script)); len(diagnostics) > 0 {
			t.Errorf("%+q: %v", script, diagnostics)
		}
	}
}

// TestUnclosedDirectives: a line of quotes and comments that are never closed is looked
// at once, not once for each of them.
func TestUnclosedDirectives(t *testing.T) {
	for _, piece := range []string{`\"`, "/*", `"`, "/", "\u00a0"} {
		Parse(diag.NewSource("a.pt", "#define X "+strings.Repeat(piece, 1<<18)+"\nBEGIN { }"))
	}
}
