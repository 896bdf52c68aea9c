package lower

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/glob"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/lang"
)

// texts is the function as the table's hooks see it where they look at texts.
type texts struct{ *function }

var _ builtin.Texts = texts{}

// search is where in a text is searched: between two places, which lie in memory.
type search struct {
	text
	from, end extent
}

func (f *function) newSearch(t text, end, from *ir.Value) search {
	s := search{t, f.allocate(8), f.allocate(8)}
	f.setShared(s.from.offset, from)
	f.setShared(s.end.offset, end)
	return s
}

// find is the first place where the segment matches, or -1. Segments that a word holds
// are tried at a word of places in each round.
func (f *function) find(s search, segment glob.Segment) *ir.Value {
	step := 1
	if len(segment) <= wordSize {
		step = wordSize
	}
	return f.scan(s.size/step+1, step, f.b.Const(-1), func(round *ir.Value, found func(*ir.Value)) {
		start := f.b.Binary(ir.Add, f.shared(s.from.offset), f.b.Binary(ir.Mul, round, f.b.Const(int64(step))))
		f.when(ir.LessEqual, f.shared(s.end.offset), start, func() { found(f.b.Const(-1)) })
		for i := range step {
			here, next := f.b.NewBlock(), f.b.NewBlock()
			place := f.b.Binary(ir.Add, start, f.b.Const(int64(i)))
			f.matchAt(s.text, place, segment, here, next)
			f.b.Enter(here)
			found(f.within(s, place, len(segment)))
			f.b.Enter(next)
		}
	})
}

// within is the place, or -1 where the segment would go beyond the end.
func (f *function) within(s search, place *ir.Value, size int) *ir.Value {
	behind := f.b.Binary(ir.Add, place, f.b.Const(int64(size)))
	return f.choose("place",
		func(then, otherwise *ir.Block) { f.b.If(ir.LessEqual, behind, f.shared(s.end.offset), then, otherwise) },
		func() *ir.Value { return place },
		func() *ir.Value { return f.b.Const(-1) })
}

// longestSegment is up to how many bytes what is searched for becomes code.
const longestSegment = 64

// Find is the place where the second text begins in the first, or -1.
func (f texts) Find(hay, needle lang.Expr) *ir.Value {
	literal, known := hooks(f).Text(needle)
	if known && len(literal) == 0 {
		f.effect(hay)
		return f.b.Const(0)
	}
	t := f.textOf(hay, powerOfTwo(f.textSize(hay)), f.textSize(needle)+wordSize)
	defer f.release(t.extent)
	if known && len(literal) <= longestSegment {
		s := f.newSearch(t, f.length(t), f.b.Const(0))
		defer f.release(s.from)
		defer f.release(s.end)
		return f.find(s, literalSegment(literal))
	}
	return f.findOther(t, needle)
}

// findOther searches for a text that is known only when the probe fires.
func (f *function) findOther(t text, needle lang.Expr) *ir.Value {
	other := f.textOf(needle, powerOfTwo(f.textSize(needle)), 0)
	last := f.b.Binary(ir.Sub, f.length(t), f.length(other))
	s := f.newSearch(t, last, f.b.Const(0))
	defer f.release(other.extent)
	defer f.release(s.from)
	defer f.release(s.end)
	return f.scan(t.size+1, 1, f.b.Const(-1), func(round *ir.Value, found func(*ir.Value)) {
		f.when(ir.SignedLess, f.shared(s.end.offset), round, func() { found(f.b.Const(-1)) })
		f.setShared(s.from.offset, round)
		f.when(ir.NotEqual, f.beginsAt(s, other), f.b.Const(0), func() { found(f.shared(s.from.offset)) })
	})
}

// beginsAt is 1 where the other text stands at the place `from` of the text, else 0.
func (f *function) beginsAt(s search, other text) *ir.Value {
	return f.scan(words(other.size), 1, f.b.Const(1), func(round *ir.Value, found func(*ir.Value)) {
		offset := f.b.Binary(ir.ShiftLeft, round, f.b.Const(3))
		x := f.loadText(s.text, f.b.Binary(ir.Add, f.shared(s.from.offset), offset), 0, wordSize)
		y := f.word(other, round)
		ends := f.zeroBytes(y)
		different := f.b.Binary(ir.Xor, x, y)
		f.when(ir.NotEqual, ends, f.b.Const(0), func() {
			before := f.b.Binary(ir.Sub, f.b.Binary(ir.ShiftRight, f.lowestBit(ends), f.b.Const(7)), f.b.Const(1))
			found(f.b.Binary(ir.Equal, f.b.Binary(ir.And, different, before), f.b.Const(0)))
		})
		f.when(ir.NotEqual, different, f.b.Const(0), func() { found(f.b.Const(0)) })
	})
}

// Length is the number of bytes before the first zero.
func (f texts) Length(e lang.Expr) *ir.Value {
	t := f.textOf(e, powerOfTwo(f.textSize(e)), 0)
	defer f.release(t.extent)
	return f.length(t)
}

// Same is 1 where at most limit bytes of two texts are the same, else 0.
func (f texts) Same(x, y, limit lang.Expr) *ir.Value {
	return f.choose("same",
		func(then, otherwise *ir.Block) { f.compareLimited(x, y, limit, then, otherwise) },
		func() *ir.Value { return f.b.Const(1) },
		func() *ir.Value { return f.b.Const(0) })
}

func (f *function) compareLimited(x, y, limit lang.Expr, then, otherwise *ir.Block) {
	n, known := (hooks{f}).Integer(limit)
	literal, ok := (hooks{f}).Text(y)
	if known && ok && n >= 0 && n <= int64(len(literal)) && n <= unrolledText {
		f.comparePrefix(x, literal[:n], then, otherwise)
		return
	}
	f.twoTexts(x, y, func(a, b text) {
		n := f.value(limit)
		f.compareTexts(f.limitText(a, n), f.limitText(b, n), ir.Equal, then, otherwise)
	})
}

// limitText ends a text behind at most n bytes.
func (f *function) limitText(t text, n *ir.Value) text {
	if limit, known := n.Constant(); known {
		if limit >= 0 && limit < int64(t.size) {
			t.size = int(limit)
			f.endAt(t, t.size)
		}
		return t
	}
	f.when(ir.Less, n, f.b.Const(int64(t.size)), func() {
		at := f.address(t, n)
		f.b.Store(at.Space, at.Address, at.Offset, 1, f.b.Const(0))
	})
	return t
}

// Join writes texts one behind the other, size bytes at most.
func (f texts) Join(list []lang.Expr, to builtin.Place, size int) {
	all, longest := 0, 0
	for _, e := range list {
		all += f.textSize(e)
		longest = max(longest, f.textSize(e))
	}
	capacity := powerOfTwo(all + 1)
	t := text{extent: f.allocate(capacity + longest + wordSize), capacity: capacity}
	defer f.release(t.extent)
	for i, e := range list {
		at := f.sharedPlace(t.offset)
		if i > 0 {
			at = f.address(t, f.length(t))
		}
		f.storeText(e, at)
		f.b.Store(at.Space, at.Address, at.Offset+f.textSize(e), 1, f.b.Const(0))
		t.size += f.textSize(e)
	}
	f.zero(to, size)
	f.copyText(to, f.sharedPlace(t.offset), size)
}

// copyText copies a text up to its first zero. Of one that is longer it copies size
// bytes, and no zero.
func (f *function) copyText(to, from builtin.Place, size int) {
	copied := f.b.Call(asm.FnProbeReadKernelStr, ir.Writes, f.Pointer(to), f.b.Const(int64(size)), f.Pointer(from))
	f.when(ir.Equal, copied, f.b.Const(int64(size)), func() {
		last := f.b.Load(from.Space, from.Address, from.Offset+size-1, 1, false)
		f.b.Store(to.Space, to.Address, to.Offset+size-1, 1, last)
	})
}
