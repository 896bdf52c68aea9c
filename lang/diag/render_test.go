package diag

import (
	"slices"
	"strings"
	"testing"
)

// TestRender shows what the error goldens do not: other widths, long lines, several
// lines, related places.
func TestRender(t *testing.T) {
	tests := []struct {
		name, text, mark string
		d                Diagnostic
		want             string
	}{
		{"tabs stay", "\t\tx = 1", "x", Diagnostic{Message: "m"},
			"f:1:3-4: ERROR: m\n\t\tx = 1\n\t\t~\n"},
		{"wide characters", "日本 é x", "x", Diagnostic{Message: "m"},
			"f:1:11-12: ERROR: m\n日本 é x\n       ~\n"},
		{"control characters", "\x1b[31mx\x7f", "x", Diagnostic{Message: "a \x1b b"},
			"f:1:6-7: ERROR: a ␛ b\n␛[31mx␡\n     ~\n"},
		{"reordering characters", "a\u202ex", "x", Diagnostic{Message: "m"},
			"f:1:5-6: ERROR: m\na\ufffdx\n  ~\n"},
		{"several lines", "a {\n}", "{\n}", Diagnostic{Message: "m"},
			"f:1:3-4: ERROR: m\na {\n  ~\n"},
		{"a warning", "a b", "b", Diagnostic{Message: "m", Warning: true, Hint: "h"},
			"f:1:3-4: WARNING: m\na b\n  ~\nHINT: h\n"},
		{"a hint of several lines", "a b", "b", Diagnostic{Message: "m", Hint: "h\nERROR: \x1b"},
			"f:1:3-4: ERROR: m\na b\n  ~\nHINT: h\n      ERROR: ␛\n"},
		{"a long line", strings.Repeat("a", 100) + "X" + strings.Repeat("b", 200), "X", Diagnostic{Message: "m"},
			"f:1:101-102: ERROR: m\n..." + strings.Repeat("a", 40) + "X" + strings.Repeat("b", 119) + "...\n" +
				strings.Repeat(" ", 43) + "~\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.d.Span = find(test.text, test.mark)
			var got strings.Builder
			test.d.Render(&got)
			if got.String() != test.want {
				t.Errorf("got\n%s\nwant\n%s", got.String(), test.want)
			}
		})
	}
}

func find(text, mark string) Span {
	start := strings.Index(text, mark)
	return Span{Source: NewSource("f", text), Start: start, End: start + len(mark)}
}

func TestRenderRelated(t *testing.T) {
	span := find("@ = 1; @ = \"s\"", "\"s\"")
	d := Diagnostic{Span: span, Message: "m"}
	d.Related = []Related{{Span: Span{Source: span.Source, Start: 4, End: 5}, Message: "n"}}
	const want = "f:1:12-15: ERROR: m\n@ = 1; @ = \"s\"\n           ~~~\nf:1:5-6: NOTE: n\n@ = 1; @ = \"s\"\n    ~"
	if got := (Diagnostics{d}).Error(); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := (Diagnostics{{Message: "no place"}}).Error(); got != "ERROR: no place" {
		t.Errorf("got %s", got)
	}
}

func TestSorted(t *testing.T) {
	source := NewSource("f", "abc")
	at := func(start int) Diagnostic { return Diagnostic{Span: Span{source, start, start + 1}, Message: "m"} }
	sorted := Diagnostics{at(2), at(0), at(2), at(1)}.Sorted()
	if len(sorted) != 3 || sorted[0].Span.Start != 0 || sorted[2].Span.Start != 2 {
		t.Errorf("got %v", sorted)
	}
	if Diagnostics(nil).Sorted() != nil {
		t.Error("nothing sorted is something")
	}
}

func TestNearest(t *testing.T) {
	names := []string{"printf", "print", "pid", "tid", "comm", "count", "__data_len", "cmd_flags"}
	tests := []struct {
		word string
		max  int
		want string
	}{
		{"prinft", 1, "printf"},
		{"prin", 3, "print"},
		{"ipd", 3, "pid"},
		{"COMM", 1, "comm"},
		{"data_len", 1, "__data_len"},
		{"cmdflags", 1, "cmd_flags"},
		{"fi", 1, ""},
		{"x", 3, ""},
		{"entirely_different", 3, ""},
	}
	for _, test := range tests {
		if got := strings.Join(Nearest(test.word, slices.Values(names), test.max), " "); got != test.want {
			t.Errorf("Nearest(%q) = %q, want %q", test.word, got, test.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	if got, want := Printable("no\x1b[31m file\r\n\tHINT: \u202eno\x7f\x9b"), "no␛[31m file␍\n\tHINT: \ufffdno␡\ufffd"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
