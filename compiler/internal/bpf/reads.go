package bpf

import (
	"slices"

	"github.com/cilium/ebpf/asm"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
)

// readers are the helpers whose failure is counted, with what they read.
var readers = map[asm.BuiltinFunc]object.Read{
	asm.FnProbeReadKernel:    {},
	asm.FnProbeReadUser:      {User: true},
	asm.FnProbeReadKernelStr: {},
	asm.FnProbeReadUserStr:   {User: true},
}

// countFailure adds, where -k asks for it, after the call of a helper that reads memory:
//
//	if r0 >= 0 goto next      the result stays: a text's length is used
//	r1 = &reads[place]        r1 to r5 are lost in a call anyway
//	r2 = 1
//	lock *r1 += r2
//	next:
func (e *emitter) countFailure(i *instruction) {
	if e.options.ReadsMap == "" || i.op != asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call) || i.src != 0 {
		return
	}
	read, counted := readers[asm.BuiltinFunc(i.constant)]
	if !counted || i.span.Source == nil {
		return
	}
	read.Span = i.span
	const added = 4
	e.jumps = append(e.jumps, jump{index: len(e.code), to: len(e.code) + added})
	skip := asm.JSGE.Imm(asm.R0, 0, "")
	skip.Offset = -1
	for _, code := range []asm.Instruction{
		skip,
		asm.LoadMapValue(asm.R1, 0, uint32(e.place(read))*8).WithReference(e.options.ReadsMap),
		asm.Mov.Imm(asm.R2, 1),
		asm.AddAtomic.Mem(asm.R1, asm.R2, asm.DWord, 0),
	} {
		e.append(code, i.origin().added(ir.FailedRead))
	}
}

// place is the number of the count.
func (p *program) place(read object.Read) int {
	at := slices.Index(p.reads, read)
	if at < 0 {
		at = len(p.reads)
		p.reads = append(p.reads, read)
	}
	return at
}
