package runtime

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/attach"
	"github.com/ponytrace/ponytrace/runtime/detect"
)

// TestTooComplex loads a loop of more rounds than the verifier walks, as a program that
// clauses share.
func TestTooComplex(t *testing.T) {
	testkit.Long(t)
	testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
	machine, err := detect.Detect()
	if err != nil {
		t.Fatal(err)
	}
	source := diag.NewSource("script", "BEGIN { first; loop; last }")
	at := func(word string) diag.Span {
		start := strings.Index(source.Text, word)
		return diag.Span{Source: source, Start: start, End: start + len(word)}
	}
	// A long body: the verifier is slow where it comes to a jump, and counts
	// instructions.
	const body = 400
	code := asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Add.Imm(asm.R0, 1).WithSymbol("loop")}
	for range body {
		code = append(code, asm.Mov.Imm(asm.R1, 1))
	}
	program := &object.ProgramSpec{
		Name: "endless", Type: ebpf.RawTracepoint, Clause: at("BEGIN"),
		Instructions: append(code, asm.JLT.Imm(asm.R0, 2_000_000, "loop"), asm.Mov.Imm(asm.R0, 0), asm.Return()),
		Lines: []object.Line{
			{Instruction: 0, Span: at("first")}, {Instruction: 1, Span: at("loop")}, {Instruction: body + 3, Span: at("last")},
		},
	}
	_, err = Load(&object.Object{
		Programs: []*object.ProgramSpec{program},
		Kernel:   map[string]*ebpf.MapSpec{object.DataMap: mmapable(object.DataHeader)},
		Settings: object.Settings{License: "GPL"},
		Joined:   true,
	}, machine, Options{Stdout: io.Discard, Stderr: io.Discard})
	if refused := new(attach.RefusedError); !errors.As(err, &refused) || refused.Instead != attach.Separate {
		t.Errorf("%v does not ask for a program for each clause", err)
	}
	var diagnostics diag.Diagnostics
	if !errors.As(err, &diagnostics) || len(diagnostics) != 1 {
		t.Fatalf("got %v", err)
	}
	if d := diagnostics[0]; d.Span.Text() != "loop" || !strings.Contains(d.Message, "more ways to run than the kernel's verifier walks") {
		t.Errorf("got %v", diagnostics)
	}
}

// The advice halves the texts until their rows fit.
func TestTooLarge(t *testing.T) {
	o := &object.Object{
		Kernel:   map[string]*ebpf.MapSpec{"small": {ValueSize: 64}, "texts": {ValueSize: 16 << 20}},
		Settings: object.Settings{MaxStringSize: 65536},
	}
	const want = "more than the 4096 KiB that this kernel gives: set max_strlen = 16384 (it is 65536)"
	if err := tooLarge(o); !strings.Contains(err.Error(), "16384 KiB of memory in one piece") || !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
}
