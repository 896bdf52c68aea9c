package compiler_test

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/rogpeppe/go-internal/txtar"
)

// stagesOf compiles a script for Linux 6.12 with its stages.
func stagesOf(t *testing.T, script string) *stage.Stages {
	t.Helper()
	stages := &stage.Stages{}
	mustCompile(t, script, compiler.Options{Stages: stages})
	return stages
}

// TestStagesLead follows each instruction of all goldens back: to an operation, to a span
// of the script. It also holds that asking for the stages changes nothing.
func TestStagesLead(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.txtar")
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		script, kernel := section(archive, "script"), readInput(t, section(archive, "input")).kernel
		stages := &stage.Stages{}
		with, err := compileText(script, frozen.Target(kernel), compiler.Options{Stages: stages})
		if err != nil {
			t.Fatal(err)
		}
		without, _ := compileText(script, frozen.Target(kernel), compiler.Options{})
		for i, program := range stages.Programs[:len(with.Programs)] {
			if !reflect.DeepEqual(with.Programs[i].Instructions, without.Programs[i].Instructions) {
				t.Errorf("%s: %s differs where its stages are asked for", path, program.Name)
			}
			leads(t, path, program)
			apart(t, path, program)
		}
	}
}

// leads: what an instruction was selected for is among the operations after the passes,
// or one that code generation added; each has a place in the script.
func leads(t *testing.T, path string, program *stage.Program) {
	t.Helper()
	known := map[string]bool{}
	for _, f := range program.Optimized {
		for _, b := range f.Blocks {
			for _, op := range b.Operations {
				known[fmt.Sprint(f.Name, op.ID)] = true
				if op.Span.Source == nil {
					t.Errorf("%s: %s has no place in the script", path, op.Text)
				}
			}
		}
	}
	for _, at := range program.Code {
		if at.Span.Source == nil || at.Function == "" {
			t.Errorf("%s: %d %s has no place in the script", path, at.Offset, at.Text)
		}
		if at.Operation == 0 && at.Reason == "" {
			t.Errorf("%s: %d %s has neither operation nor reason", path, at.Offset, at.Text)
		}
		if at.Operation != 0 && !known[fmt.Sprint(at.Function, at.Operation)] && !strings.HasPrefix(at.Reason, "in memory") {
			t.Errorf("%s: %d %s comes from v%d, which is not there", path, at.Offset, at.Text, at.Operation)
		}
	}
}

// apart: no register and no byte of the stack holds two things at once.
func apart(t *testing.T, path string, program *stage.Program) {
	t.Helper()
	for i, a := range program.Places {
		for _, b := range program.Places[i+1:] {
			same := a.Register == b.Register && a.Scratch == b.Scratch && a.Function == b.Function
			if a.Register < 0 {
				same = same && a.Offset < b.Offset+b.Size && b.Offset < a.Offset+a.Size
			}
			if same && a.From < b.To && b.From < a.To {
				t.Errorf("%s: %+v and %+v are in one place", path, a, b)
			}
		}
	}
}

// TestReasons has the reasons of a script whose operations are mostly the compiler's own.
func TestReasons(t *testing.T) {
	program := stagesOf(t, "kprobe:vfs_read /pid > 1/ { @[comm] = hist(arg2); printf(\"%d\\n\", arg2) }").Programs[0]
	reasons := map[string]string{}
	for _, f := range program.Optimized {
		for _, b := range f.Blocks {
			for _, op := range b.Operations {
				reasons[op.Reason] += op.Span.Text() + "\n"
			}
		}
	}
	for reason, where := range map[string]string{
		"the lookup may fail: the verifier wants this check":         "@[comm] = hist(arg2)",
		"insertion of a new key":                                     "@[comm] = hist(arg2)",
		"count of updates that the kernel refused":                   "@[comm] = hist(arg2)",
		"bucket = position of the highest bit":                       "@[comm] = hist(arg2)",
		"bound for the verifier":                                     "@[comm] = hist(arg2)",
		"the key in memory, for the helper":                          "@[comm] = hist(arg2)",
		"count of lost events":                                       "printf(\"%d\\n\", arg2)",
		"the ring buffer may be full: the verifier wants this check": "printf(\"%d\\n\", arg2)",
		"": "pid > 1",
	} {
		if !strings.Contains(reasons[reason], where+"\n") {
			t.Errorf("%q has %q, want %q", reason, reasons[reason], where)
		}
	}
}

// TestPassesAreNamed: what a pass adds, changes and removes bears its name.
func TestPassesAreNamed(t *testing.T) {
	program := stagesOf(t, "kprobe:vfs_read { $x = arg2 >> 4; if ($x != 0) { @ = $x; @b = pid; @c = pid } }").Programs[0]
	var added, changed, removed []string
	for _, b := range program.Optimized[0].Blocks {
		for _, op := range b.Operations {
			added, changed = append(added, op.Pass), append(changed, op.Changed...)
		}
	}
	for _, b := range program.IR[0].Blocks {
		for _, op := range b.Operations {
			removed = append(removed, op.Removed)
		}
	}
	if !slices.Contains(added, "fold") || !slices.Contains(changed, "promote") ||
		!slices.Contains(removed, "number") || !slices.Contains(removed, "promote") {
		t.Errorf("added %q, changed %q, removed %q", added, changed, removed)
	}
}

// TestPlaces: a register and a slot of the stack are named for what they hold, from the
// instruction that writes it to the last that reads it.
func TestPlaces(t *testing.T) {
	program := stagesOf(t, "kprobe:vfs_read { $x = arg2; @[pid] = $x }").Programs[0]
	var held []string
	for _, place := range program.Places {
		if at := at(program, place.From); at == nil {
			t.Errorf("%+v begins at no instruction", place)
		}
		held = append(held, place.Holds...)
	}
	if !slices.Contains(held, "s1 key") {
		t.Errorf("the places hold %q", held)
	}
}

func at(program *stage.Program, offset int) *stage.Instruction {
	for i := range program.Code {
		if program.Code[i].Offset == offset {
			return &program.Code[i]
		}
	}
	return nil
}

// TestTypesOfStages has the type of each expression, where it is written.
func TestTypesOfStages(t *testing.T) {
	stages := stagesOf(t, "kprobe:vfs_read { $x = arg0->f_flags; @[comm, $x] = count() }")
	got := map[string]string{}
	for _, typed := range stages.Programs[0].Types {
		got[typed.Span.Text()] = typed.Type
	}
	want := map[string]string{
		"arg0": "struct file *", "arg0->f_flags": "unsigned int", "$x": "unsigned int", "comm": "string[16]",
		"count()": "count", "@[comm, $x]": "count",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if n := len(stages.Tokens); n != 21 || stages.Tokens[2].Text != "vfs_read" || stages.Script == nil {
		t.Errorf("got %d tokens: %v", n, stages.Tokens)
	}
}
