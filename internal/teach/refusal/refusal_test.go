package refusal

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/runtime/verdict"
)

// TestGallery: each example is complete, and differs little from the right program.
func TestGallery(t *testing.T) {
	files, _ := filepath.Glob("gallery/*.txtar")
	if len(files) != len(order) || len(order) < 30 {
		t.Errorf("%d files, %d names", len(files), len(order))
	}
	for _, name := range Names() {
		e, err := Find(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if e.Title == "" || e.Why == "" || e.Mend == "" || e.Program == "" {
			t.Errorf("%s lacks a text", name)
		}
		differ := len(slices.DeleteFunc(slices.Clone(e.Lines), func(l Line) bool { return l.In == Both }))
		if differ == 0 || differ > 12 {
			t.Errorf("%s: the programs differ in %d lines", name, differ)
		}
		testWords(t, e)
		testNotation(t, e)
	}
}

// testWords: all kernels are heard, at least one refuses, and the table knows the words
// and leads from them to this example.
func testWords(t *testing.T, e *Example) {
	var kernels []string
	refused := false
	for _, words := range e.Words {
		kernels = append(kernels, words.Kernel)
		if words.Accepted {
			continue
		}
		refused = true
		if v := verdict.Read(words.Lines); !slices.Contains(v.Examples, e.Name) {
			t.Errorf("%s on %s: %q leads to %v", e.Name, words.Kernel, words.Lines, v.Examples)
		}
	}
	if !slices.Equal(kernels, Kernels) || !refused {
		t.Errorf("%s: words of %v, refused %v", e.Name, kernels, refused)
	}
}

// testNotation: what is written in the file is what is shown.
func testNotation(t *testing.T, e *Example) {
	for _, which := range []In{Wrong, Right} {
		lines := e.Of(which)
		code, err := Disassemble(lines)
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			return
		}
		lines = slices.DeleteFunc(lines, func(l Line) bool { return l.Label != "" })
		for i, at := range code {
			written, shown := lines[i].Text, at.Text
			if at.Target >= 0 {
				written, shown = beforeLast(written), beforeLast(shown)
			}
			if written != shown {
				t.Errorf("%s: %q is shown as %q", e.Name, written, shown)
			}
		}
	}
}

// beforeLast leaves out where a jump goes.
func beforeLast(text string) string { return text[:strings.LastIndexByte(text, ' ')] }

// TestLeads: the table leads to examples that are there.
func TestLeads(t *testing.T) {
	table, err := os.ReadFile("../../../runtime/verdict/rules.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		names, leads := strings.CutPrefix(line, "> ")
		for name := range strings.FieldsSeq(names) {
			if leads && !slices.Contains(order, name) {
				t.Errorf("%s is not in the gallery", name)
			}
		}
	}
}

func TestAssemble(t *testing.T) {
	code, err := Assemble(parseLines("  w2 = w3\n  if w1 s>= -3 goto out\n  lock *(u32 *)(r1 +0) += r2\n  r1 = 0x100000000\nout:\n  exit\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := asm.Instructions{
		asm.Mov.Reg32(asm.R2, asm.R3), asm.JSGE.Imm32(asm.R1, -3, "out"), asm.StoreXAdd(asm.R1, asm.R2, asm.Word),
		asm.LoadImm(asm.R1, 1<<32, asm.DWord), asm.Return().WithSymbol("out"),
	}
	for i := range want {
		if code[i].OpCode != want[i].OpCode || code[i].Dst != want[i].Dst || code[i].Src != want[i].Src ||
			code[i].Constant != want[i].Constant || code[i].Symbol() != want[i].Symbol() {
			t.Errorf("%v, want %v", code[i], want[i])
		}
	}
	for _, wrong := range []string{
		"r11 = 0", "x1 = 0", "r1 ?= 0", "r1 = *(u7 *)(r1 +0)", "r1 = *(u8 *)(r +0)", "*(u8 *)(r1 +x) = 0", "call bpf_nothing#1",
		"if r1 ~ 0 goto out", "nothing", "r1 = zero", "goto", "",
	} {
		if _, err := Assemble([]Line{{In: Both, Text: wrong}}); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}

func TestParse(t *testing.T) {
	for _, wrong := range []string{"colour: red\n", "map: m hash, width 3\n", "map: m hash, key x\n"} {
		if _, err := Parse("x", []byte(wrong)); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}

var instructionLine = regexp.MustCompile(`^[-+ ][> ] +\d+: `)

// TestWidth: nothing is wider than the terminal but instructions.
func TestWidth(t *testing.T) {
	for _, width := range []int{34, 60, 100} {
		for _, name := range Names() {
			e, err := Find(name)
			if err != nil {
				t.Fatal(err)
			}
			explained, err := e.Explain()
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			explained.Print(&text, Look{Width: width})
			for line := range strings.Lines(text.String()) {
				if utf8.RuneCountInString(line)-1 > width && !instructionLine.MatchString(line) {
					t.Errorf("%s in %d columns: %q", name, width, line)
				}
			}
		}
	}
}

// TestPrint shows how an example looks.
func TestPrint(t *testing.T) {
	e, err := Find("no-result")
	if err != nil {
		t.Fatal(err)
	}
	explained, err := e.Explain()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	explained.Print(&text, Look{Width: 80, Color: true})
	for _, want := range []string{
		"\x1b[1mno-result\x1b[0m: the program ends without a result\n\nA program of type kprobe: it runs when a function",
		"\n      0: r1 = 1\n >    1: exit\nSomething is missing: it is marked with + in the right program. > is where the\nverifier stops.\n",
		"\nLinux 5.10, 6.1, 6.12:\n    1: (95) exit\n    R0 !read_ok\n",
		"\n      0: r1 = 1\n\x1b[32m+     1: r0 = 0  the result\x1b[0m\n      2: exit\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
}

// TestForeignLog: a log may hold anything, and lines of any length.
func TestForeignLog(t *testing.T) {
	var text strings.Builder
	PrintVerdict(&text, ReadLog("3: (95) exit\n\x1b[31m"+strings.Repeat("ä", 500)+"\nR1 type=\a expected=x"), Look{Width: 40})
	for line := range strings.Lines(text.String()) {
		if utf8.RuneCountInString(line) > 41 || !utf8.ValidString(line) || strings.ContainsAny(line, "\x1b\a") {
			t.Errorf("%q", line)
		}
	}
}

func TestUnknown(t *testing.T) {
	if _, err := Find("nullcheck"); err == nil || !strings.Contains(err.Error(), "did you mean null-check?") {
		t.Error(err)
	}
	if _, err := Find("../refusal"); err == nil || !strings.Contains(err.Error(), "explain --wrong lists them") {
		t.Error(err)
	}
}
