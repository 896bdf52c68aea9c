package bpf

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// linker joins the functions of a program: the program itself first, each before those
// that it calls, so that all calls lead forward.
type linker struct {
	main    *ir.Func
	code    asm.Instructions
	origins []origin // where each instruction of code comes from
	// starts are the indices of the first instructions of the functions.
	starts    []int
	functions []*ir.Func
	size      int // of code in units of 8 bytes
}

func (l *linker) add(e *emitter) {
	l.starts, l.functions = append(l.starts, len(l.code)), append(l.functions, e.ir)
	if len(l.starts) == 1 { // in nearly all programs the only one
		l.code, l.origins = e.code, e.origins
	} else {
		l.code, l.origins = append(l.code, e.code...), append(l.origins, e.origins...)
	}
	for i := range e.code {
		l.size += int(e.code[i].Width())
	}
}

// maxProgram is BPF_COMPLEXITY_LIMIT_INSNS of include/linux/bpf.h, the most that the
// kernel takes of a program.
const maxProgram = 1_000_000

// checkSize refuses a program that is too long and names the statement that most of it
// comes from.
func (l *linker) checkSize() {
	if l.size <= maxProgram {
		return
	}
	sizes := map[diag.Span]int{}
	largest := l.main.Span
	for i := range l.origins {
		span := l.origins[i].span
		sizes[span] += int(l.code[i].Width())
		if span.Source != nil && sizes[span] > sizes[largest] {
			largest = span
		}
	}
	panic(excess{
		Span:    largest,
		Message: fmt.Sprintf("the clause has %d instructions, %d of them for this; the kernel takes %d", l.size, sizes[largest], maxProgram),
		Hint:    "spread the work over several clauses",
	})
}

// describeFunctions gives every function its BTF where there are several: the kernel
// wants it of all or none, and does not take the address of a function without. It need
// know the parameters of global functions only.
func (l *linker) describeFunctions() {
	if len(l.starts) == 1 {
		return
	}
	for i, start := range l.starts {
		first := &l.code[start]
		*first = btf.WithFuncMetadata(*first, describe(l.functions[i], first.Symbol()))
	}
}

var (
	resultType    = &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	parameterType = &btf.Int{Name: "unsigned long", Size: 8}
	contextType   = &btf.Pointer{Target: &btf.Void{}}
)

// contextTag makes the kernel take a pointer to anything for the program's context, since
// Linux 6.8.
// https://elixir.bootlin.com/linux/v6.8/source/kernel/bpf/btf.c (btf_prepare_func_args)
const contextTag = "arg:ctx"

func describe(f *ir.Func, name string) *btf.Func {
	proto := &btf.FuncProto{Return: resultType}
	description := &btf.Func{Name: name, Type: proto, Linkage: btf.StaticFunc}
	if f.Program == nil || f.Global {
		description.Linkage = btf.GlobalFunc
	}
	for i := range f.Params {
		param := btf.FuncParam{Name: fmt.Sprintf("p%d", i), Type: parameterType}
		proto.Params = append(proto.Params, param)
	}
	if f.WithContext {
		proto.Params[0].Type = contextType
		description.ParamTags = make([][]string, f.Params)
		description.ParamTags[0] = []string{contextTag}
	}
	return description
}

// lines returns where in the script each run of instructions comes from.
func (l *linker) lines() []object.Line {
	var lines []object.Line
	for i, offset := 0, 0; i < len(l.code); i++ {
		if i == 0 || l.origins[i].span != l.origins[i-1].span {
			lines = append(lines, object.Line{Instruction: offset, Span: l.origins[i].span})
		}
		offset += int(l.code[i].Width())
	}
	return lines
}
