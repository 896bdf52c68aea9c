package sema

import (
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// maxDepth is how deep loops may nest: each may be a function of its own, and of those
// eight can be active at once (MAX_CALL_FRAMES of include/linux/bpf_verifier.h), the
// program and two for a search in a long text among them.
const maxDepth = 5

// loop checks what a loop repeats, one level deeper than what is around it.
func (c *checker) loop(span diag.Span, check func()) {
	if c.instance.depth == maxDepth {
		c.Errorf(span, "loops stand at most %d deep, those of the functions that they call included", maxDepth)
		return
	}
	c.instance.depth++
	c.instance.loops++
	check()
	c.instance.loops--
	c.instance.depth--
}

func (c *checker) forLoop(s *lang.For) {
	if s.Map != nil {
		c.forMap(s)
		return
	}
	low, high := c.bound(s.Low), c.bound(s.High)
	c.loop(s.Span, func() {
		c.inScope(c.instance.scope, func() {
			v := c.loopVariable(s.Variable, types.NewInt(8, c.signedRange(s, low, high)))
			v.Fixed = true
			c.block(s.Body)
		})
	})
}

// bound checks an end of a range and reports whether its type is uint64.
func (c *checker) bound(e lang.Expr) (unsigned bool) {
	t := c.expression(e)
	if t.Kind != types.None && !t.Integer() {
		c.Errorf(e.Range(), "the ends of a range are numbers, not %s", t)
	}
	return t.Size == 8 && !t.Signed
}

// signedRange reports whether a range counts with a sign: not where both ends are uint64,
// or one is known to be beyond int64.
func (c *checker) signedRange(s *lang.For, low, high bool) bool {
	x, xKnown := c.Integer(s.Low)
	y, yKnown := c.Integer(s.High)
	if low && xKnown && x < 0 || high && yKnown && y < 0 {
		return false
	}
	return !low || !high || xKnown && yKnown
}

func (c *checker) loopVariable(e *lang.Variable, t *types.Type) *Variable {
	v := c.declareVariable(e)
	c.mention(e, v)
	v.Type = t
	return v
}

// forMap checks `for ($kv : @map)`: $kv.0 is the key, $kv.1 the value.
func (c *checker) forMap(s *lang.For) {
	pair := types.NoValue
	if m := c.maps[s.Map.Name]; m == nil || m.Value == nil {
		c.unassigned(s.Map)
	} else if t, ok := c.pair(s, m); ok {
		pair = t
	}
	c.loop(s.Span, func() {
		c.inScope(c.instance.scope, func() {
			c.loopVariable(s.Variable, pair).Fixed = true
			c.block(s.Body)
		})
	})
}

// pair is the type of what a loop over a map gives: (key, value), where a key of several
// parts is a tuple.
func (c *checker) pair(s *lang.For, m *Map) (*types.Type, bool) {
	switch {
	case len(m.Key) == 0:
		c.Errorf(s.Map.Span, "@%s has no keys to go over", m.Name)
	case !c.target.Features.ForEachMapElement:
		c.Errorf(s.Span, "a loop over a map needs Linux 5.13 or later (bpf_for_each_map_elem), and this is %s", c.target.Version)
	default:
		return c.pairOf(s, m)
	}
	return nil, false
}

func (c *checker) pairOf(s *lang.For, m *Map) (*types.Type, bool) {
	value, ok := c.computed(s.Map, m)
	if !ok {
		return nil, false
	}
	m.Read = true
	key := m.Key[0]
	if len(m.Key) > 1 {
		key = types.NewTuple(m.Key...)
	}
	return types.NewTuple(key, value), true
}

// maxUnroll bounds the copies that unroll makes.
const maxUnroll = 100

func (c *checker) unroll(s *lang.Unroll) {
	c.expression(s.Count)
	n, known := c.Integer(s.Count)
	switch {
	case !known:
		c.Errorf(s.Count.Range(), "how often unroll repeats must be known before tracing starts: a number or a parameter")
	case n < 1 || n > maxUnroll:
		c.Errorf(s.Count.Range(), "unroll repeats from 1 to %d times, not %d", maxUnroll, n)
	}
	c.instance.loops++
	c.repeated(s, min(max(n, 1), maxUnroll))
	c.instance.loops--
}

// repeated checks the body of an unroll, and bounds how much all of them write out: one
// in another multiplies.
func (c *checker) repeated(s *lang.Unroll, n int64) {
	outer := c.instance.repeats
	c.instance.repeats *= int(n)
	c.instance.written += c.instance.repeats * ownNodes(s.Body)
	if c.instance.written > maxCopied {
		c.Errorf(s.Span, "what the unrolls of this clause write out is too large together")
		c.Hint("a loop can do it: for ($i : 0..%d)", n)
		c.instance.repeats = outer
		return
	}
	c.block(s.Body)
	c.instance.repeats = outer
}

// ownNodes counts the nodes of a body but for those of the unrolls inside.
func ownNodes(body *lang.Block) (n int) {
	lang.Walk(body, func(node any) bool {
		_, unroll := node.(*lang.Unroll)
		n++
		return !unroll
	})
	return n
}

func (c *checker) inLoop(span diag.Span, word string) {
	if c.instance.loops == 0 {
		c.Errorf(span, "%s stands only in a loop", word)
		if word == "break" {
			c.Hint("return ends the clause")
		}
	}
}
