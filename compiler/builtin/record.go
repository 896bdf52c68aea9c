package builtin

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// The record that perf hands to a program for a tracepoint is its context:
//
//	+---------------+---------------------------------------+--------------------------+
//	| 8 bytes, for  | fields at the offsets of the format   | what fields lead to that |
//	| the kernel    | file: numbers, arrays, structs        | are __data_loc, __rel_loc|
//	+---------------+---------------------------------------+--------------------------+
//
// A field that leads elsewhere is one word: 16 bits of length above 16 bits of place. The
// place counts from the start of the record (__data_loc) or from the end of the word
// (__rel_loc). What lies there has no end of its own: a text is as long as the word says,
// though it has a zero before most often, and other arrays have no other length.
//
// The first 8 bytes hold a pointer of the kernel's, so nothing may be read by the offset
// 0.
// https://elixir.bootlin.com/linux/v6.12/source/include/trace/stages/stage2_data_offsets.h,
// https://elixir.bootlin.com/linux/v6.12/source/kernel/trace/bpf_trace.c
// (tp_prog_is_valid_access)

func recordFields(c Checker, tracepoint *target.Tracepoint) []Argument {
	described := tracepoint.Fields()
	fields := make([]Argument, len(described))
	for i, field := range described {
		fields[i] = recordField(c, tracepoint, field)
	}
	return fields
}

func recordField(c Checker, tracepoint *target.Tracepoint, field target.TracepointField) Argument {
	argument := Argument{Name: field.Name, Type: field.Type}
	switch {
	case field.DataLocation && tracepoint.Category == syscallCategory:
		argument.Missing = "is in the record, but the kernel does not hand it to programs; read it through its pointer, as in str(args.filename)"
	case field.DataLocation:
		located(c, field, &argument)
	case field.Type.Size == 0:
		argument.Missing = "has no size in the tracepoint's format"
	case field.Type.Scalar():
		argument.InRecord, argument.Offset = true, field.Offset
		argument.Load = func(l Lowering) *ir.Value { return loadField(l, field) }
	default:
		argument.InRecord, argument.Offset = true, field.Offset
		argument.Into = func(l Lowering, to Place) { fieldInto(l, field, to) }
	}
	return argument
}

// loadField loads a scalar. The verifier allows only what is aligned.
func loadField(l Lowering, field target.TracepointField) *ir.Value {
	b := l.IR()
	if field.Offset%field.Type.Size != 0 {
		return b.ReadKernel(b.Context(), field.Offset, field.Type.Size, field.Type.Signed)
	}
	return b.Load(ir.ContextSpace, b.Context(), field.Offset, field.Type.Size, field.Type.Signed)
}

func fieldInto(l Lowering, field target.TracepointField, to Place) {
	b := l.IR()
	id := asm.FnProbeReadKernel
	if field.Type.Kind == types.String {
		id = asm.FnProbeReadKernelStr
	}
	source := b.Binary(ir.Add, b.Context(), b.Const(int64(field.Offset)))
	helper(l, id, ir.Writes, l.Pointer(to), b.Const(int64(field.Type.Size)), source)
}

// located describes a value elsewhere in the record.
func located(c Checker, field target.TracepointField, argument *Argument) {
	argument.Address = func(l Lowering) *ir.Value { return locatedAddress(l, field) }
	argument.Length = func(l Lowering) *ir.Value {
		before := l.IR().Because(ir.FieldPlace)
		defer func() { l.IR().Why = before }()
		return l.IR().Binary(ir.ShiftRight, locationWord(l, field), l.IR().Const(16))
	}
	limit := c.Settings().MaxStringSize
	if field.Type.Kind == types.String {
		argument.Type = types.NewString(limit)
		argument.Into = func(l Lowering, to Place) { textInto(l, argument, to) }
		return
	}
	argument.Type = types.NewVector(field.Type.Elem, max(limit/field.Type.Elem.Size, 1))
	argument.Into = func(l Lowering, to Place) { vectorInto(l, argument, to) }
}

// locationSize is that of the word that tells where a value lies, in bytes.
const locationSize = 4

func locationWord(l Lowering, field target.TracepointField) *ir.Value {
	b := l.IR()
	if field.Offset%locationSize != 0 {
		return b.ReadKernel(b.Context(), field.Offset, locationSize, false)
	}
	return b.Load(ir.ContextSpace, b.Context(), field.Offset, locationSize, false)
}

func locatedAddress(l Lowering, field target.TracepointField) *ir.Value {
	b := l.IR()
	before := b.Because(ir.FieldPlace)
	defer func() { b.Why = before }()
	place := b.Binary(ir.And, locationWord(l, field), b.Const(0xffff))
	if field.Relative {
		place = b.Binary(ir.Add, place, b.Const(int64(field.Offset+locationSize)))
	}
	return b.Binary(ir.Add, b.Context(), place)
}

// textInto copies a text up to its first zero or its length. One that max_strlen cuts
// gets its next byte instead of the ending zero, as str() does it.
func textInto(l Lowering, argument *Argument, to Place) {
	b, limit := l.IR(), argument.Type.Size
	source, length := argument.Address(l), argument.Length(l)
	readAtMost(l, to, limit, b.Binary(ir.Add, length, b.Const(1)), func(to Place, size *ir.Value) {
		read := helper(l, asm.FnProbeReadKernelStr, ir.Writes, l.Pointer(to), size, source)
		if size.Op != ir.Const { // all of it
			return
		}
		longer, join := b.NewColdBlock(), b.NewBlock()
		b.If(ir.Less, length, b.Const(int64(limit)), join, longer)
		b.Enter(longer)
		markCut(l, read, limit, to, func() *ir.Value { return b.ReadKernel(source, limit-1, 1, false) })
		b.Jump(join)
		b.Enter(join)
	})
}

// vectorInto copies an array as far as there is room for it, behind its whole length.
func vectorInto(l Lowering, argument *Argument, to Place) {
	source, length := argument.Address(l), argument.Length(l)
	l.IR().Store(to.Space, to.Address, to.Offset, types.BufferHeader, length)
	readAtMost(l, placeAfter(to, types.BufferHeader), argument.Type.Size-types.BufferHeader, length, func(to Place, size *ir.Value) {
		helper(l, asm.FnProbeReadKernel, ir.Writes, l.Pointer(to), size, source)
	})
}
