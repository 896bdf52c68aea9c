package lower

import (
	"github.com/ponytrace/ponytrace/compiler/internal/glob"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// match is =~ and !~. What is literal up to a star at its end is compared without a loop.
func (f *function) match(e *lang.Binary, then, otherwise *ir.Block) {
	if e.Op == "!~" {
		then, otherwise = otherwise, then
	}
	text, _ := (hooks{f}).Text(e.Y)
	pattern, err := glob.Parse(text)
	if err != nil {
		f.b.Func.Fail(e.Span, "%v", err)
	}
	first, literal := literalOf(pattern.Segments[0])
	switch {
	case f.typeOf(e.X).Kind == types.ProbeName:
		f.decideProbe(e.X, pattern.Matches, then, otherwise)
	case literal && len(pattern.Segments) == 1:
		f.compareLiteral(e.X, first, then, otherwise)
	case literal && len(pattern.Segments) == 2 && len(pattern.Segments[1]) == 0:
		f.comparePrefix(e.X, first, then, otherwise)
	default:
		f.matchPattern(e.X, pattern, then, otherwise)
	}
}

func literalOf(s glob.Segment) (string, bool) {
	text := make([]byte, len(s))
	for i := range s {
		if !s[i].Literal {
			return "", false
		}
		text[i] = s[i].Byte
	}
	return string(text), true
}

func literalSegment(text string) glob.Segment {
	s := make(glob.Segment, len(text))
	for i := range s {
		s[i] = glob.Element{Byte: text[i], Literal: true}
	}
	return s
}

func (f *function) matchPattern(e lang.Expr, pattern *glob.Pattern, then, otherwise *ir.Block) {
	longest := 0
	for _, segment := range pattern.Segments {
		longest = max(longest, len(segment))
	}
	t := f.textOf(e, powerOfTwo(f.textSize(e)), longest)
	defer f.release(t.extent)
	if len(pattern.Segments) == 1 {
		whole := f.b.NewBlock()
		f.b.If(ir.Equal, f.length(t), f.b.Const(int64(longest)), whole, otherwise)
		f.b.Enter(whole)
		f.matchAt(t, f.b.Const(0), pattern.Segments[0], then, otherwise)
		return
	}
	f.matchEnds(t, pattern, then, otherwise)
}

// matchEnds matches the first and the last segment, then in what is left between them the
// others.
func (f *function) matchEnds(t text, pattern *glob.Pattern, then, otherwise *ir.Block) {
	last := len(pattern.Segments) - 1
	first, ending := pattern.Segments[0], pattern.Segments[last]
	length := f.length(t)
	long, begins, ends := f.b.NewBlock(), f.b.NewBlock(), f.b.NewBlock()
	f.b.If(ir.LessEqual, f.b.Const(int64(len(first)+len(ending))), length, long, otherwise)
	f.b.Enter(long)
	f.matchAt(t, f.b.Const(0), first, begins, otherwise)
	f.b.Enter(begins)
	rest := f.b.Binary(ir.Sub, length, f.b.Const(int64(len(ending))))
	f.matchAt(t, rest, ending, ends, otherwise)
	f.b.Enter(ends)
	if last > 1 {
		f.matchMiddle(t, rest, len(first), pattern.Segments[1:last], otherwise)
	}
	f.b.Jump(then)
}

// matchMiddle goes on where all segments are found, one behind the other.
func (f *function) matchMiddle(t text, end *ir.Value, from int, segments []glob.Segment, otherwise *ir.Block) {
	s := f.newSearch(t, end, f.b.Const(int64(from)))
	defer f.release(s.from)
	defer f.release(s.end)
	for _, segment := range segments {
		found := f.b.NewBlock()
		place := f.find(s, segment)
		f.b.If(ir.NotEqual, place, f.b.Const(-1), found, otherwise)
		f.b.Enter(found)
		f.setShared(s.from.offset, f.b.Binary(ir.Add, place, f.b.Const(int64(len(segment)))))
	}
}

// matchAt matches a segment at a place of the text.
func (f *function) matchAt(t text, place *ir.Value, segment glob.Segment, then, otherwise *ir.Block) {
	for start := 0; start < len(segment); start += wordSize {
		f.matchWord(t, place, start, segment[start:min(start+wordSize, len(segment))], otherwise)
	}
	for i := range segment {
		if !segment[i].Literal && !segment[i].Any() {
			next := f.b.NewBlock()
			f.matchSet(f.loadText(t, place, i, 1), &segment[i], next, otherwise)
			f.b.Enter(next)
		}
	}
	f.b.Jump(then)
}

// matchWord compares the literal bytes of up to a word.
func (f *function) matchWord(t text, place *ir.Value, start int, part glob.Segment, otherwise *ir.Block) {
	var bytes, mask [wordSize]byte
	for i := range part {
		if part[i].Literal {
			bytes[i], mask[i] = part[i].Byte, 0xff
		}
	}
	kept := littleEndian(string(mask[:]))
	if kept == 0 {
		return
	}
	next := f.b.NewBlock()
	word := f.loadText(t, place, start, wordSize)
	if kept != -1 {
		word = f.b.Binary(ir.And, word, f.b.Const(kept))
	}
	f.b.If(ir.Equal, word, f.b.Const(littleEndian(string(bytes[:]))), next, otherwise)
	f.b.Enter(next)
}

func (f *function) matchSet(c *ir.Value, set *glob.Element, then, otherwise *ir.Block) {
	inside, outside := then, otherwise
	if set.Not {
		inside, outside = otherwise, then
	}
	for _, r := range set.Ranges {
		next := f.b.NewBlock()
		above := f.b.Binary(ir.Sub, c, f.b.Const(int64(r.Low)))
		f.b.If(ir.LessEqual, above, f.b.Const(int64(r.High-r.Low)), inside, next)
		f.b.Enter(next)
	}
	f.b.Jump(outside)
}
