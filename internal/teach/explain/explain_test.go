package explain_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	_ "github.com/ponytrace/ponytrace/compiler/target/frozen/arm64"
	"github.com/ponytrace/ponytrace/internal/teach/explain"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/rogpeppe/go-internal/txtar"
)

const root = "../../.."

// explained compiles a script for a frozen kernel, and explains it.
func explained(t *testing.T, text, kernel string, options compiler.Options) (*explain.Explanation, *object.Object) {
	t.Helper()
	return explainedFor(t, text, frozen.Target(kernel), options)
}

func explainedFor(t *testing.T, text string, machine *target.Target, options compiler.Options) (*explain.Explanation, *object.Object) {
	t.Helper()
	parsed, diagnostics := lang.Parse(diag.NewSource("script", text))
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	stages := &stage.Stages{}
	options.Stages = stages
	built, err := compiler.Compile(parsed, machine, options)
	if err != nil {
		t.Fatal(err)
	}
	return explain.New(built, stages, machine), built
}

// sample is a script of a golden or of the examples.
type sample struct {
	name, text, kernel string
	heads              []string // of a golden whose input says nothing of values: the header of each program
	options            compiler.Options
}

func samples(t *testing.T) (list []sample) {
	for _, path := range testkit.Glob(t, root+"/compiler/testdata/*.txtar") {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, golden(path, archive))
	}
	for _, path := range testkit.Glob(t, root+"/examples/*.pt") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, sample{name: path, text: string(text), kernel: "6.12", options: compiler.Options{Args: []string{"1"}}})
	}
	return list
}

func golden(path string, archive *txtar.Archive) sample {
	s, given := sample{name: path, kernel: "6.12"}, false
	for _, f := range archive.Files {
		switch text := string(f.Data); f.Name {
		case "script":
			s.text = text
		case "input":
			given = strings.Contains(text, "memory") || strings.Contains(text, "context")
			if _, name, found := strings.Cut(text, "kernel "); found {
				s.kernel = strings.Fields(name)[0]
			}
		case "maps":
		default:
			head, _, _ := strings.Cut(text, "\n")
			s.heads = append(s.heads, head)
		}
	}
	if given {
		s.heads = nil
	}
	return s
}

// TestEveryRow: each instruction of every golden and example has a reason in words and a
// part of the script that it comes from, and no sentence lacks what it is about.
func TestEveryRow(t *testing.T) {
	unfinished := regexp.MustCompile(`%!|: $|\(\)|  |^[^a-zA-Z0-9_$@(-]`)
	for _, s := range samples(t) {
		e, _ := explained(t, s.text, s.kernel, s.options)
		for _, p := range e.Programs {
			if p.Context.Type == "" || p.Context.When == "" || p.Context.Holds == "" || len(p.Rows) == 0 {
				t.Errorf("%s: %s has the context %+v", s.name, p.Name, p.Context)
			}
			for _, row := range p.Rows {
				if row.Reason == "" || unfinished.MatchString(row.Reason) {
					t.Errorf("%s: %s %d %s has the reason %q", s.name, p.Name, row.Number, row.Text, row.Reason)
				}
				if text := e.Sources[row.Span.Source].Text; row.Span.Line == 0 || row.Span.Start >= row.Span.End || row.Span.End > len(text) {
					t.Errorf("%s: %s %d %s has the span %+v", s.name, p.Name, row.Number, row.Text, row.Span)
				}
			}
		}
		for _, m := range e.Maps {
			if m.Purpose == "" || m.Memory == 0 || m.Full < m.Memory {
				t.Errorf("%s: %+v", s.name, m)
			}
		}
	}
}

// TestCost: the cost is that of the golden's header.
func TestCost(t *testing.T) {
	compared := 0
	for _, s := range samples(t) {
		if s.heads == nil {
			continue
		}
		e, _ := explained(t, s.text, s.kernel, s.options)
		for i, head := range s.heads {
			c := e.Programs[i].Cost
			got := fmt.Sprintf("static %d - executed %d - helpers %d - stack "+
				"%d", c.Instructions, c.Executed, c.Helpers, c.Stack)
			if compared++; got != head {
				t.Errorf("%s: %s: got %s, want %s", s.name, e.Programs[i].Name, got, head)
			}
		}
	}
	if compared < 20 {
		t.Errorf("only %d programs were compared", compared)
	}
}

// TestShifts: what remains of a number after a shift depends on its sign, and one bit is
// no bits.
func TestShifts(t *testing.T) {
	tests := []struct{ value, text, reason string }{
		{"arg2 >> 63", ">>= 63", "its highest bit alone: 0 or 1"},
		{"(int64)arg2 >> 63", "s>>= 63", "its sign alone: 0, or -1 below 0"},
		{"arg2 >> 40", ">>= 40", "40 bits to the right"},
		{"arg2 & 7", "&= 7", "keeps the lower 3 bits"},
		{"arg2 & 1", "&= 1", "keeps the lowest bit"},
	}
	for _, test := range tests {
		e, _ := explained(t, "kprobe:vfs_read { @ = "+test.value+" }", "6.12", compiler.Options{})
		found := slices.ContainsFunc(e.Programs[0].Rows, func(row explain.Row) bool {
			return strings.HasSuffix(row.Text, " "+test.text) && row.Reason == test.reason
		})
		if !found {
			t.Errorf("%s: no row has %s, with the reason %q", test.value, test.text, test.reason)
		}
	}
}

// TestHelpersOfCompiler: the table has each helper that the compiler's sources name, but
// for those that they only know the version of, and no other.
func TestHelpersOfCompiler(t *testing.T) {
	named := map[string]bool{}
	for _, folder := range []string{"builtin", "internal"} {
		err := filepath.WalkDir(root+"/compiler/"+folder, func(path string, _ fs.DirEntry, err error) error {
			if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") && !strings.Contains(path, "irtest") {
				namedIn(t, path, named)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	namedIn(t, root+"/compiler/dispatch.go", named)
	for _, h := range explain.HelperTable() {
		if name := h.Number.String(); !named[name] {
			t.Errorf("%s is in the table, but the compiler does not call it", name)
		} else {
			delete(named, name)
		}
	}
	for name := range named {
		t.Errorf("%s is not in the table", name)
	}
}

// namedIn collects the helpers that a file names, as asm.FnMapLookupElem.
func namedIn(t *testing.T, path string, named map[string]bool) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, is := n.(*ast.SelectorExpr); is && fmt.Sprint(s.X) == "asm" && strings.HasPrefix(s.Sel.Name, "Fn") {
			named[s.Sel.Name] = true
		}
		return true
	})
}

// TestSignatures: the emulator takes as many arguments as the signature has, as far as it
// reads them.
func TestSignatures(t *testing.T) {
	checked := 0
	for _, h := range explain.HelperTable() {
		if !strings.Contains(h.Signature, "bpf_") || !strings.HasSuffix(h.Sentence, ".") || h.Short == "" {
			t.Errorf("%+v", h)
		}
		missing := missingArgument(h.Number, len(h.Parameters)-1)
		if missing == "" || strings.Contains(missing, "no helper") {
			continue
		}
		checked++
		if want := fmt.Sprintf("r%d is read before", len(h.Parameters)); !strings.Contains(missing, want) {
			t.Errorf("%s with one argument too few: %s", h.Signature, missing)
		}
		if enough := missingArgument(h.Number, len(h.Parameters)); strings.Contains(enough, "is read before") {
			t.Errorf("%s with all arguments: %s", h.Signature, enough)
		}
	}
	if checked < 15 {
		t.Errorf("the emulator has only %d of the helpers", checked)
	}
}

// missingArgument calls a helper with its first arguments alone.
func missingArgument(number asm.BuiltinFunc, given int) string {
	code := asm.Instructions{asm.Mov.Reg(asm.R0, asm.R1)}
	if given == 0 {
		code = asm.Instructions{asm.FnGetSmpProcessorId.Call()}
	}
	for r := 2; r <= given; r++ {
		code = append(code, asm.Mov.Imm(asm.R0+asm.Register(r), 0))
	}
	_, err := emu.Run(append(code, number.Call(), asm.Mov.Imm(asm.R0, 0), asm.Return()), &emu.Environment{})
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestTypesInTables: program types, mechanisms and map types that occur are in the tables
// that name them.
func TestTypesInTables(t *testing.T) {
	for _, m := range object.Mechanisms() {
		program := &object.ProgramSpec{Points: []object.Point{{Mechanism: m, At: object.FunctionPoint{Functions: []string{"f"}}}}}
		if c := explain.ContextOf(program); c.When == "" || c.Holds == "" {
			t.Errorf("%s is not explained", m)
		}
	}
}

// TestAdd puts what a kernel knows beside the instructions.
func TestAdd(t *testing.T) {
	e, _ := explained(t, "kprobe:vfs_read { @ = count() }", "6.12", compiler.Options{})
	last := len(e.Programs[0].Rows) - 1
	number := e.Programs[0].Rows[last].Number
	e.Add([]explain.Kernel{
		{Program: "another", Verified: 7},
		{Program: e.Programs[0].Name, Verified: 99, Stack: 24,
			Known:   map[int][]explain.Fact{number: {{Place: "r0", Text: "0"}}, 1000: {{Place: "r1"}}},
			Machine: map[int][]explain.Machine{number: {{Offset: 12, Bytes: "c3", Text: "ret"}}}},
	})
	row := e.Programs[0].Rows[last]
	if c := e.Programs[0].Cost; c.Verified != 99 || c.Stack != 24 || row.Known[0].Text != "0" || row.Machine[0].Text != "ret" {
		t.Errorf("%+v, %+v", c, row)
	}
}

// TestContextWords: what programs read of their contexts has the names that people know.
func TestContextWords(t *testing.T) {
	for _, test := range []struct{ script, attach, kernel, want string }{
		{"kprobe:vfs_read { @ = arg2 }", "kprobe", "6.12", "third argument, count: rdx of pt_regs"},
		{"kprobe:vfs_read { @ = arg2 }", "fentry", "6.12", "third argument, count: word 2 of the " +
			"context"},
		{"kprobe:vfs_read { @ = arg2 }", "kprobe", "6.12-arm64", "third argument, count: r2 of pt_regs"},
		{"kretprobe:vfs_read { @ = retval }", "kprobe", "6.12", "what the function returned: rax of " +
			"pt_regs"},
		{"kretprobe:vfs_read { @ = retval }", "fentry", "6.12", "what the function returned: the word " +
			"after the arguments"},
		{"tracepoint:sched:sched_switch { @ = args.prev_pid " +
			"}", "tracepoint", "6.12", "field prev_pid of the record, at byte 24"},
		{"tracepoint:syscalls:sys_enter_openat { @ = count() " +
			"}", "", "6.12", "the number of the system call"},
		{"profile:hz:99 { @ = reg(\"ip\") }", "", "6.12", "address of the instruction: rip of pt_regs"},
	} {
		e, _ := explained(t, test.script, test.kernel, compiler.Options{Attach: test.attach})
		var reasons []string
		for _, row := range e.Programs[0].Rows {
			reasons = append(reasons, row.Reason)
		}
		if all := strings.Join(reasons, "\n"); !strings.Contains(all, test.want) {
			t.Errorf("%s lacks %q:\n%s", test.script, test.want, all)
		}
	}
}

// TestHelperSince: a helper that the kernel lacks is never in the list.
func TestHelperSince(t *testing.T) {
	machine := frozen.Target("5.10")
	for _, s := range samples(t) {
		if s.kernel != "5.10" {
			continue
		}
		e, _ := explained(t, s.text, s.kernel, s.options)
		for _, h := range e.Helpers {
			for _, known := range explain.HelperTable() {
				if target.HelperName(known.Number) == h.Name && !machine.Helper(known.Number) {
					t.Errorf("%s calls %s", s.name, h.Name)
				}
			}
		}
	}
}
