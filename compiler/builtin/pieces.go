package builtin

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// A value of a program's function need not be where the calling convention has it: debug
// information may have parts of it in several registers, or in memory.

// pieceWord is the bytes of a piece that is not larger than a word.
func pieceWord(l Lowering, p target.Piece, size int) *ir.Value {
	word := l.IR().Load(ir.ContextSpace, l.IR().Context(), p.Register, 8, false)
	if p.InMemory {
		return l.IR().ReadUser(word, p.Offset, size, false)
	}
	return word
}

// piecedWord is a scalar.
func piecedWord(l Lowering, pieces []target.Piece) *ir.Value {
	b := l.IR()
	if len(pieces) == 1 {
		return pieceWord(l, pieces[0], pieces[0].Size)
	}
	all := b.Const(0)
	for _, p := range pieces {
		part := pieceWord(l, p, p.Size)
		if p.Size < 8 {
			part = b.Binary(ir.And, part, b.Const(1<<(8*p.Size)-1))
		}
		all = b.Binary(ir.Or, all, b.Binary(ir.ShiftLeft, part, b.Const(int64(8*p.At))))
	}
	return all
}

// storePieces writes a value of size bytes in memory of the program. What no piece has is
// padding.
func storePieces(l Lowering, pieces []target.Piece, size int, to Place) {
	at := 0
	for _, p := range pieces {
		if p.At > at {
			l.Zero(placeAfter(to, at), p.At-at)
		}
		storePiece(l, p, placeAfter(to, p.At))
		at = p.At + p.Size
	}
	if at < size {
		l.Zero(placeAfter(to, at), size-at)
	}
}

func storePiece(l Lowering, p target.Piece, to Place) {
	b := l.IR()
	if !p.InMemory {
		storeBytes(l, to, p.Size, pieceWord(l, p, p.Size))
		return
	}
	base := b.Load(ir.ContextSpace, b.Context(), p.Register, 8, false)
	address := b.Binary(ir.Add, base, b.Const(int64(p.Offset)))
	helper(l, asm.FnProbeReadUser, ir.Writes, l.Pointer(to), b.Const(int64(p.Size)), address)
}

// pieceAddress returns how to find a value that lies in memory as a whole.
func pieceAddress(param target.Param) func(Lowering) *ir.Value {
	only := param.Pieces[0]
	if len(param.Pieces) > 1 || !only.InMemory {
		return nil
	}
	return func(l Lowering) *ir.Value {
		b := l.IR()
		base := b.Load(ir.ContextSpace, b.Context(), only.Register, 8, false)
		return b.Binary(ir.Add, base, b.Const(int64(only.Offset)))
	}
}
