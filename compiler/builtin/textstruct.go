package builtin

import (
	"strings"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// Texts of languages other than C are structs: where the bytes are, and how many. str()
// takes one for the text, and a pointer or reference to one, too.

// textStructs are the members that lead to both.
var textStructs = [][2]string{
	{"data_ptr", "length"},                           // &str of Rust
	{"vec.buf.inner.ptr.pointer.pointer", "vec.len"}, // String of Rust
	{"vec.buf.ptr.pointer.pointer", "vec.len"},       // the same, before Rust 1.84
	{"str", "len"},                           // string of Go
	{"_M_dataplus._M_p", "_M_string_length"}, // std::string of libstdc++
	{"_M_str", "_M_len"},                     // std::string_view
}

// textStruct is where in a struct the address and the length of its text are.
type textStruct struct{ address, length int }

// textIn returns that of a struct of a program, or of a pointer to one.
func textIn(t *target.Target, of *types.Type) (found textStruct, ok bool) {
	if of.Kind == types.Pointer && of.Elem != nil {
		of = of.Elem
	}
	if _, described := of.Origin.(target.Composite); !described || of.Kind != types.Struct {
		return found, false
	}
	for _, paths := range textStructs {
		address, pointer := memberAt(t, of, paths[0])
		length, number := memberAt(t, of, paths[1])
		if bytePointer(pointer) && number != nil && number.Kind == types.Int && number.Size == 8 {
			return textStruct{address, length}, true
		}
	}
	return found, false
}

// memberAt follows a.b.c; the type is nil where there is no such member.
func memberAt(t *target.Target, of *types.Type, path string) (offset int, found *types.Type) {
	found = of
	for name := range strings.SplitSeq(path, ".") {
		m, ok := t.Member(found, name)
		if !ok || m.Missing != "" || m.BitSize > 0 || m.Type == nil {
			return 0, nil
		}
		offset, found = offset+m.Offset, m.Type
	}
	return offset, found
}

func bytePointer(t *types.Type) bool {
	return t != nil && t.Kind == types.Pointer && t.Elem != nil && t.Elem.Kind == types.Int && t.Elem.Size == 1
}

// structWord reads the word at an offset of a struct that is a value or behind a pointer.
func structWord(l Lowering, e lang.Expr) func(offset int) *ir.Value {
	b, t := l.IR(), l.Type(e)
	switch {
	case t.Kind == types.Pointer:
		base := l.Value(e)
		return func(offset int) *ir.Value { return b.ReadUser(base, offset, 8, false) }
	case !l.Held(e):
		base := l.Address(e)
		return func(offset int) *ir.Value { return b.ReadUser(base, offset, 8, false) }
	}
	place := b.SlotAddress(b.NewSlot("text", t.Size))
	l.Store(e, Place{Space: ir.Frame, Address: place}, false)
	return func(offset int) *ir.Value { return b.Load(ir.Frame, place, offset, 8, false) }
}

// readTextStruct copies a text that ends where its length says, at most limit bytes. One
// that max_strlen cuts has no ending zero, as str() does it.
func readTextStruct(l Lowering, e lang.Expr, text textStruct, size *ir.Value, limit int, to Place) {
	b := l.IR()
	word := structWord(l, e)
	address, length := word(text.address), word(text.length)
	l.Zero(to, limit)
	if limit < l.Settings().MaxStringSize || size.Op != ir.Const {
		length = atMost(l, length, b.Binary(ir.Sub, atLeastOne(l, size), b.Const(1)))
	}
	readAtMost(l, to, limit, length, func(to Place, size *ir.Value) {
		helper(l, asm.FnProbeReadUser, ir.Writes, l.Pointer(to), size, address)
	})
}

// atLeastOne makes 1 of 0.
func atLeastOne(l Lowering, n *ir.Value) *ir.Value {
	if n.Op == ir.Const {
		return n
	}
	b := l.IR()
	cell, more, join := b.NewCell("size"), b.NewBlock(), b.NewBlock()
	b.CellSet(cell, b.Const(1))
	b.If(ir.Less, b.Const(1), n, more, join)
	b.Enter(more)
	b.CellSet(cell, n)
	b.Jump(join)
	b.Enter(join)
	return b.CellGet(cell)
}
