package lower

import (
	"math/bits"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// text is a copy of a text in the memory that a program and its callbacks share, where
// code may look at any byte: at most size bytes, then a zero. What lies behind the first
// zero is left over from others.
type text struct {
	extent
	size     int
	capacity int // a power of two, at least size: places in the text are kept below it
}

// wordSize is how many bytes are looked at at once. A text may be loaded by words from
// any place.
const wordSize = 8

func powerOfTwo(size int) int { return max(wordSize, 1<<bits.Len(uint(size-1))) }

// textOf copies a text. Places go up to capacity; extra bytes may be loaded or written
// from there on.
func (f *function) textOf(e lang.Expr, capacity, extra int) text {
	t := text{extent: f.allocate(capacity + extra + wordSize), size: f.textSize(e), capacity: capacity}
	f.storeText(e, f.sharedPlace(t.offset))
	f.endAt(t, t.size)
	return t
}

// textSize is how many bytes a text has at most.
//
//go:noinline
func (f *function) textSize(e lang.Expr) int {
	switch t := f.typeOf(e); t.Kind {
	case types.Pointer:
		return f.unit.Info.Settings.MaxStringSize
	case types.Buffer:
		return t.Size - types.BufferHeader
	default:
		return t.Size
	}
}

// storeText writes a text: a string, an array of bytes or what a pointer points at.
func (f *function) storeText(e lang.Expr, to builtin.Place) {
	switch t := f.typeOf(e); t.Kind {
	case types.Pointer:
		builtin.ReadString(hooks{f}, t, f.value(e), f.textSize(e), to)
	case types.Buffer:
		f.zero(to, f.textSize(e))
		builtin.ReadBytes(hooks{f}, e, f.textSize(e), to)
	default:
		f.store(e, to, t, f.uneven(e))
	}
}

// uneven reports a text that may end before others of its type, with nothing written
// behind its end: reading on there is what the verifier refuses.
func (f *function) uneven(e lang.Expr) bool {
	switch e := f.resolved(e).(type) {
	case *lang.Ternary, *lang.BlockExpr:
		return true
	case *lang.Field:
		return f.varies(e)
	case *lang.Call:
		return slices.ContainsFunc(e.Args, f.varies) || len(e.Args) == 2 && f.computedSize(e.Args[1])
	}
	return false
}

// varies reports a value whose length only the record has.
func (f *function) varies(e lang.Expr) bool {
	argument := f.argument(e)
	return argument != nil && argument.Length != nil
}

func (f *function) computedSize(e lang.Expr) bool {
	_, known := (hooks{f}).Integer(e)
	return !known && f.typeOf(e).Integer()
}

func (f *function) endAt(t text, place int) {
	row := f.sharedPlace(t.offset + place)
	f.b.Store(row.Space, row.Address, row.Offset, 1, f.b.Const(0))
}

// address is where a place in the text lies, which may vary.
func (f *function) address(t text, place *ir.Value) builtin.Place {
	row := f.sharedPlace(t.offset)
	row.Address = f.b.Binary(ir.Add, row.Address, f.b.Bound(place, int64(t.capacity-1)))
	return row
}

// load reads some bytes behind a place of the text.
func (f *function) loadText(t text, place *ir.Value, offset, size int) *ir.Value {
	at := f.address(t, place)
	return f.b.Load(at.Space, at.Address, at.Offset+offset, size, false)
}

func (f *function) word(t text, number *ir.Value) *ir.Value {
	return f.loadText(t, f.b.Binary(ir.ShiftLeft, number, f.b.Const(3)), 0, wordSize)
}

func words(size int) int { return (size + wordSize - 1) / wordSize }

const (
	everyByte = 0x0101010101010101
	everyTop  = -0x7f7f7f7f7f7f7f80 // the highest bit of each byte
)

// zeroBytes is 0 where a word has no zero byte; else its lowest bit is the highest of the
// first zero byte.
func (f *function) zeroBytes(word *ir.Value) *ir.Value {
	below := f.b.Binary(ir.Sub, word, f.b.Const(everyByte))
	return f.b.Binary(ir.And, f.b.Binary(ir.And, below, f.b.Unary(ir.Not, word)), f.b.Const(everyTop))
}

// otherBytes has the highest bit of each byte that is not zero.
func (f *function) otherBytes(word *ir.Value) *ir.Value {
	low := f.b.Const(^everyTop)
	carried := f.b.Binary(ir.Add, f.b.Binary(ir.And, word, low), low)
	return f.b.Binary(ir.And, f.b.Binary(ir.Or, carried, word), f.b.Const(everyTop))
}

func (f *function) lowestBit(word *ir.Value) *ir.Value {
	return f.b.Binary(ir.And, word, f.b.Unary(ir.Neg, word))
}

// byteOf is the number of the byte that has bit as its highest.
func (f *function) byteOf(bit *ir.Value) *ir.Value {
	below := f.b.Binary(ir.And, f.b.Binary(ir.Sub, bit, f.b.Const(1)), f.b.Const(everyByte))
	counted := f.b.Binary(ir.ShiftRight, f.b.Binary(ir.Mul, below, f.b.Const(everyByte)), f.b.Const(56))
	return f.b.Binary(ir.Sub, counted, f.b.Const(1))
}

// when runs what only where a comparison holds. If it does not leave, it goes on behind.
func (f *function) when(compare ir.Op, x, y *ir.Value, what func()) {
	holds, next := f.b.NewBlock(), f.b.NewBlock()
	f.b.If(compare, x, y, holds, next)
	f.b.Enter(holds)
	what()
	f.b.Jump(next)
	f.b.Enter(next)
}

// length is the place of the first zero.
func (f *function) length(t text) *ir.Value {
	all := int64(words(t.size))
	n := f.scanWords(int(all), func(round *ir.Value, found func(*ir.Value)) {
		f.when(ir.NotEqual, f.zeroBytes(f.word(t, round)), f.b.Const(0), func() { found(round) })
	})
	return f.choose("length",
		func(then, otherwise *ir.Block) { f.b.If(ir.Less, n, f.b.Const(all), then, otherwise) },
		func() *ir.Value {
			in := f.byteOf(f.lowestBit(f.zeroBytes(f.word(t, n))))
			return f.b.Binary(ir.Add, f.b.Binary(ir.ShiftLeft, n, f.b.Const(3)), in)
		},
		func() *ir.Value { return f.b.Const(int64(t.size)) })
}

// difference jumps to same where two texts of the same capacity are equal. Else it
// returns two numbers that compare as the texts do, or are equal.
//
// The first word decides that has a difference or the end of a; of it the bytes up to
// there, which as numbers compare as the last of them does.
func (f *function) difference(a, b text, same *ir.Block) (x, y *ir.Value) {
	all := int64(words(max(a.size, b.size)))
	n := f.scanWords(int(all), func(round *ir.Value, found func(*ir.Value)) {
		x := f.word(a, round)
		f.when(ir.NotEqual, x, f.word(b, round), func() { found(round) })
		f.when(ir.NotEqual, f.zeroBytes(x), f.b.Const(0), func() { found(round) })
	})
	differ := f.b.NewBlock()
	f.b.If(ir.Less, n, f.b.Const(all), differ, same)
	f.b.Enter(differ)
	x, y = f.word(a, n), f.word(b, n)
	stop := f.b.Binary(ir.Or, f.otherBytes(f.b.Binary(ir.Xor, x, y)), f.zeroBytes(x))
	mask := f.b.Binary(ir.Sub, f.b.Binary(ir.ShiftLeft, f.lowestBit(stop), f.b.Const(1)), f.b.Const(1))
	return f.b.Binary(ir.And, x, mask), f.b.Binary(ir.And, y, mask)
}

// compareTexts jumps to then where `a op b` holds byte by byte; op is Equal, Less or
// LessEqual.
func (f *function) compareTexts(a, b text, op ir.Op, then, otherwise *ir.Block) {
	same := then
	if op == ir.Less {
		same = otherwise
	}
	x, y := f.difference(a, b, same)
	f.b.If(op, x, y, then, otherwise)
}

// twoTexts copies two texts to be compared.
func (f *function) twoTexts(x, y lang.Expr, use func(a, b text)) {
	capacity := powerOfTwo(max(f.textSize(x), f.textSize(y)))
	a := f.textOf(x, capacity, 0)
	b := f.textOf(y, capacity, 0)
	use(a, b)
	f.release(a.extent)
	f.release(b.extent)
}

// orderStrings is <, <=, > and >=.
func (f *function) orderStrings(e *lang.Binary, then, otherwise *ir.Block) {
	op := ir.Less
	if e.Op == "<=" || e.Op == ">=" {
		op = ir.LessEqual
	}
	f.twoTexts(e.X, e.Y, func(a, b text) {
		if e.Op == ">" || e.Op == ">=" {
			a, b = b, a
		}
		f.compareTexts(a, b, op, then, otherwise)
	})
}

// unrolledText is up to how many bytes equality is compared without a loop.
const unrolledText = 64

func (f *function) compareStrings(x, y lang.Expr, then, otherwise *ir.Block) {
	if text, ok := (hooks{f}).Text(x); ok {
		f.compareLiteral(y, text, then, otherwise)
		return
	}
	if text, ok := (hooks{f}).Text(y); ok {
		f.compareLiteral(x, text, then, otherwise)
		return
	}
	size := words(max(f.typeOf(x).Size, f.typeOf(y).Size)) * wordSize
	arrays := f.typeOf(x).Kind != types.String || f.typeOf(y).Kind != types.String
	if size <= unrolledText && !arrays { // behind the zero of a text in an array lies anything
		f.compareBytes(f.padded(x, size), f.padded(y, size), size, then, otherwise)
		return
	}
	f.twoTexts(x, y, func(a, b text) { f.compareTexts(a, b, ir.Equal, then, otherwise) })
}

// padded computes a string into frame memory of the size, padded with zeroes.
func (f *function) padded(e lang.Expr, size int) builtin.Place {
	place := f.slotPlace(f.b.NewSlot("text", size))
	f.store(e, place, types.NewString(size), true)
	return place
}

// compareLiteral compares the bytes of the literal and its ending zero.
func (f *function) compareLiteral(e lang.Expr, literal string, then, otherwise *ir.Block) {
	size := f.typeOf(e).Size
	if len(literal) < size {
		literal += "\x00"
	}
	f.comparePrefix(e, literal, then, otherwise)
}

// comparePrefix compares the first bytes of a text with those of a literal, in the
// largest pieces that fit.
func (f *function) comparePrefix(e lang.Expr, literal string, then, otherwise *ir.Block) {
	if len(literal) > f.textSize(e) {
		f.effect(e)
		f.b.Jump(otherwise)
		return
	}
	place := f.slotPlace(f.b.NewSlot("text", f.textSize(e)))
	f.storeText(e, place)
	for _, piece := range pieces(literal) {
		next := f.b.NewBlock()
		value := f.b.Load(place.Space, place.Address, place.Offset+piece.offset, piece.size, false)
		f.b.If(ir.Equal, value, f.b.Const(piece.value), next, otherwise)
		f.b.Enter(next)
	}
	f.b.Jump(then)
}

// piece is a part of a text as a number.
type piece struct {
	offset, size int
	value        int64
}

// pieces cuts a text into words of 8, 4, 2 and 1 bytes, each aligned. All targets are
// little endian.
func pieces(text string) []piece {
	var list []piece
	for offset := 0; offset < len(text); {
		size := wordSize
		for size > len(text)-offset {
			size /= 2
		}
		list = append(list, piece{offset, size, littleEndian(text[offset : offset+size])})
		offset += size
	}
	return list
}

// littleEndian is the number that at most 8 bytes make.
func littleEndian(bytes string) int64 {
	var value uint64
	for i := range len(bytes) {
		value |= uint64(bytes[i]) << (8 * i)
	}
	return int64(value)
}
