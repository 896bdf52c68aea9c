package lower

import (
	"math"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/internal/sema"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/lang"
)

// maxRounds is BPF_MAX_LOOPS: what bpf_loop accepts.
// https://elixir.bootlin.com/linux/v6.12/source/include/linux/bpf.h
const maxRounds = 1 << 23

// boundedWork is how many instructions the rounds of one nest of loops may cost the
// verifier where it has to walk them all: of the million that it walks
// (BPF_COMPLEXITY_LIMIT_INSNS) some are for the rest of the clause, and each branch is
// walked on both sides.
const (
	boundedWork = 50_000
	maxWork     = 3 * boundedWork // of all nests of a clause together
)

// iterator is what a loop over a map gives in each round.
type iterator struct {
	m          *object.MapSpec
	key, value builtin.Place
}

func (f *function) while(s *lang.While) {
	f.repeat(f.b.Const(maxRounds), func(*ir.Value) {
		body, done := f.b.NewBlock(), f.b.NewBlock()
		f.condition(s.Cond, body, done)
		f.b.Enter(done)
		f.loop.end()
		f.b.Enter(body)
		f.block(s.Body)
	})
}

func (f *function) forLoop(s *lang.For) {
	if s.Map != nil {
		f.forMap(s)
		return
	}
	low, high := f.value(s.Low), f.value(s.High)
	if n, few := f.fewRounds(s, low, high); few {
		f.repeatFew(n, func(round *ir.Value) {
			f.setVariable(f.instance.Variables[s.Variable], f.b.Binary(ir.Add, round, f.b.Const(low.Int)))
			f.block(s.Body)
		})
		return
	}
	remember := func() *ir.Value { return low }
	if low.Op == ir.Const {
		remember = func() *ir.Value { return f.b.Const(low.Int) }
	} else if f.callbacks() {
		word := f.share(8)
		f.setShared(word, low)
		remember = func() *ir.Value { return f.shared(word) }
	}
	f.repeat(f.distance(s, low, high), func(round *ir.Value) {
		f.setVariable(f.instance.Variables[s.Variable], f.b.Binary(ir.Add, round, remember()))
		f.block(s.Body)
	})
}

// fewRounds reports whether the verifier can well walk every round of a loop, so that it
// needs no callback: a jump costs less than a call. It returns how many rounds there are.
func (f *function) fewRounds(s *lang.For, low, high *ir.Value) (int64, bool) {
	x, xok := low.Constant()
	y, yok := high.Constant()
	if !xok || !yok || f.nest != nil || f.deepest(s.Body) > textFrames || aggregates(s.Body) {
		return 0, false
	}
	n := between(x, y, f.instance.Variables[s.Variable].Type.Signed)
	return n, n <= maxFew && n*int64(f.nodes(s.Body)) <= maxFew
}

// nodes is how many a body has, those of the macros, functions and definitions that it
// leads to included.
func (f *function) nodes(body any) (n int) {
	f.mentions(body, func(any) bool {
		n++
		return n > maxFew
	})
	return n
}

// aggregates reports whether a body updates an aggregation. A histogram's bucket is one
// of many, and the verifier would walk the rounds that follow for each of them.
func aggregates(body *lang.Block) (found bool) {
	lang.Walk(body, func(node any) bool {
		call, ok := node.(*lang.Call)
		found = found || ok && builtin.AggregationNamed(call.Name) != nil
		return !found
	})
	return found
}

// maxFew bounds the rounds of such a loop times the nodes of its body.
const maxFew = 500

// repeatFew is a loop of jumps.
func (f *function) repeatFew(rounds int64, body func(round *ir.Value)) {
	outer, before := f.loop, f.b.Because(ir.LoopRound)
	counter := f.b.NewCell("round")
	head, inside, next, end := f.b.NewBlock(), f.b.NewBlock(), f.b.NewBlock(), f.b.NewBlock()
	f.b.CellSet(counter, f.b.Const(0))
	f.b.Jump(head)
	f.b.Enter(head)
	f.b.If(ir.Less, f.b.CellGet(counter), f.b.Const(rounds), inside, end)
	f.b.Enter(inside)
	f.loop = innermost{end: func() { f.b.Jump(end) }, again: func() { f.b.Jump(next) }}
	round := f.b.CellGet(counter)
	f.b.Why = before
	body(round)
	f.b.Because(ir.LoopRound)
	f.b.Jump(next)
	f.b.Enter(next)
	f.b.CellSet(counter, f.b.Binary(ir.Add, f.b.CellGet(counter), f.b.Const(1)))
	f.b.Jump(head)
	f.b.Enter(end)
	f.loop, f.b.Why = outer, before
}

// distance is high - low, or 0 where there is nothing between them.
func (f *function) distance(s *lang.For, low, high *ir.Value) *ir.Value {
	before := f.b.Because(ir.LoopRound)
	defer func() { f.b.Why = before }()
	signed := f.instance.Variables[s.Variable].Type.Signed
	if x, ok := low.Constant(); ok {
		if y, ok := high.Constant(); ok {
			return f.b.Const(between(x, y, signed))
		}
	}
	return f.choose("rounds",
		func(then, otherwise *ir.Block) { f.b.If(signedCompare(ir.Less, signed), low, high, then, otherwise) },
		func() *ir.Value { return f.b.Binary(ir.Sub, high, low) },
		func() *ir.Value { return f.b.Const(0) })
}

// between is how many numbers there are from low on and below high; the largest int64
// where there are more.
func between(low, high int64, signed bool) int64 {
	switch n := high - low; {
	case signed && low >= high, !signed && uint64(low) >= uint64(high):
		return 0
	case n < 0:
		return math.MaxInt64
	default:
		return n
	}
}

func (f *function) unroll(s *lang.Unroll) {
	n, _ := (hooks{f}).Integer(s.Count)
	outer, end := f.loop, f.b.NewBlock()
	for range n {
		next := f.b.NewBlock()
		f.loop = innermost{end: func() { f.b.Jump(end) }, again: func() { f.b.Jump(next) }}
		f.block(s.Body)
		f.b.Jump(next)
		f.b.Enter(next)
	}
	f.b.Jump(end)
	f.b.Enter(end)
	f.loop = outer
}

// callbacks reports whether the kernel can repeat a function of the program.
func (f *function) callbacks() bool { return f.unit.Target.Features.Loop }

// repeat runs body in rounds, numbered from 0.
func (f *function) repeat(rounds *ir.Value, body func(round *ir.Value)) {
	if f.callbacks() {
		f.repeatByHelper(rounds, body)
	} else {
		f.repeatBounded(rounds, body)
	}
}

// repeatByHelper makes a callback of the body. More rounds than the helper accepts are
// cut off, and that is counted.
//
// No rounds are none of the helper's: of a call with 0 the verifier never walks the
// callback, drops it as dead code, and then does not find what it put in line to call it
// ("verifier bug: No program to jit", Linux 6.18).
func (f *function) repeatByHelper(rounds *ir.Value, body func(round *ir.Value)) {
	before := f.b.Because(ir.LoopRound)
	defer func() { f.b.Why = before }()
	if n, ok := rounds.Constant(); !ok || n >= maxRounds {
		rounds = f.limited(rounds)
	}
	some, join := f.b.NewBlock(), f.b.NewBlock()
	f.b.If(ir.NotEqual, rounds, f.b.Const(0), some, join)
	f.b.Enter(some)
	var result *ir.Value
	f.callback("loop", 1, 0, func(callback *ir.Value, captured *ir.Value) {
		result = f.b.Call(asm.FnLoop, ir.Writes, rounds, callback, captured, f.b.Const(0))
	}, body)
	f.b.Because(ir.LoopCut)
	f.countCut(result)
	f.b.Jump(join)
	f.b.Enter(join)
}

// limited is rounds, or just more than is allowed where there are more.
func (f *function) limited(rounds *ir.Value) *ir.Value {
	before := f.b.Because(ir.LoopLimit)
	defer func() { f.b.Why = before }()
	return f.choose("rounds",
		func(then, otherwise *ir.Block) { f.b.If(ir.Less, rounds, f.b.Const(maxRounds), then, otherwise) },
		func() *ir.Value { return rounds },
		func() *ir.Value { return f.b.Const(maxRounds) })
}

// countCut counts a loop that went through all rounds that there can be.
func (f *function) countCut(rounds *ir.Value) {
	cut, join := f.b.NewColdBlock(), f.b.NewBlock()
	f.b.If(ir.Equal, rounds, f.b.Const(maxRounds), cut, join)
	f.b.Enter(cut)
	f.count(object.DataCut)
	f.b.Jump(join)
	f.b.Enter(join)
}

// The words of the slot that a callback captures.
const (
	capturedContext = 0
	capturedRow     = 8
	capturedSize    = 16
)

// callback makes a function of body and passes it to start, with the address of what it
// captures: the context, and the shared row where it uses that. The verifier remembers
// what kinds of pointers lie there. A callback gets that address as its parameter number
// captured, and parameter number first goes to body. What it returns is 0 to go on and 1
// to end the loop.
func (f *function) callback(name string, captured, first int, start func(callback, captured *ir.Value), body func(*ir.Value)) {
	outer := *f
	slot := f.b.NewSlot("captured", capturedSize)
	before := f.b.Because(ir.Captured)
	f.b.Store(ir.Frame, f.b.SlotAddress(slot), capturedContext, 8, f.b.Context())
	inner := f.b.NewCallback(name)
	f.enterFunction(inner)
	inner.Because(ir.Captured)
	inner.UseContext(inner.Load(ir.Frame, inner.Parameter(captured), capturedContext, 8, false))
	f.row = inner.Load(ir.Frame, inner.Parameter(captured), capturedRow, 8, false)
	f.loop = innermost{
		end:   func() { f.b.Return(f.b.Const(1)) },
		again: func() { f.b.Return(f.b.Const(0)) },
	}
	parameter := inner.Parameter(first)
	inner.Why = before
	body(parameter)
	inner.Because(ir.LoopRound)
	f.b.Return(f.b.Const(0))
	escapes, usesRow := f.escapes, f.usesRow
	f.leaveFunction(&outer)
	if f.nest != nil {
		f.nest.before -= inner.Func.Size()
	}
	if usesRow {
		f.b.Store(ir.Frame, f.b.SlotAddress(slot), capturedRow, 8, f.rowAddress())
	}
	f.b.Why = before
	if len(escapes) > 0 {
		f.setShared(f.leavingWord(), f.b.Const(0))
	}
	start(f.b.FuncAddress(inner.Func), f.b.SlotAddress(slot))
	f.dispatchEscapes(escapes)
}

// enterFunction goes on in another function of the program, which has cells and slots of
// its own.
//
//go:noinline
func (f *function) enterFunction(b *ir.Builder) {
	b.Span, b.Blind = f.b.Span, f.b.Blind
	f.b = b
	f.cells, f.slots = map[*sema.Variable]*ir.Cell{}, map[*sema.Variable]*ir.Slot{}
	f.escapes, f.frames = nil, f.frames+1
	f.row, f.usesRow, f.rowOfCPU = nil, false, nil
}

//go:noinline
func (f *function) leaveFunction(outer *function) {
	f.b, f.cells, f.slots, f.loop = outer.b, outer.cells, outer.slots, outer.loop
	f.escapes, f.frames = outer.escapes, outer.frames
	f.row, f.usesRow, f.rowOfCPU = outer.row, outer.usesRow, outer.rowOfCPU
}

// repeatBounded makes a loop of jumps for kernels without bpf_loop, whose verifier walks
// every round. How many it can walk is known only when the body is; what goes beyond is
// cut off, and counted.
func (f *function) repeatBounded(rounds *ir.Value, body func(round *ir.Value)) {
	outer, outermost := f.loop, f.nest == nil
	if outermost {
		f.nest = &nest{before: f.b.Func.Size(), known: 1, most: 1}
	}
	before := f.b.Because(ir.LoopRound)
	entered := f.nest.enter(rounds)
	counter := f.b.NewCell("round")
	head, inside, next, cut, end := f.b.NewBlock(), f.b.NewBlock(), f.b.NewBlock(), f.b.NewColdBlock(), f.b.NewBlock()
	f.b.CellSet(counter, f.b.Const(0))
	f.b.Jump(head)
	f.b.Enter(head)
	f.b.If(ir.Less, f.b.CellGet(counter), f.nest.limit(f.b, entered), inside, cut)
	f.b.Enter(inside)
	first := f.b.NewBlock()
	f.b.If(ir.Less, f.b.CellGet(counter), rounds, first, end)
	f.b.Enter(first)
	f.loop = innermost{end: func() { f.b.Jump(end) }, again: func() { f.b.Jump(next) }}
	round := f.b.CellGet(counter)
	f.b.Why = before
	body(round)
	f.b.Because(ir.LoopRound)
	f.b.Jump(next)
	f.b.Enter(next)
	f.b.CellSet(counter, f.b.Binary(ir.Add, f.b.CellGet(counter), f.b.Const(1)))
	f.b.Jump(head)
	f.b.Enter(cut)
	f.b.Because(ir.LoopCut)
	f.cutOff(rounds, counter, end)
	f.b.Enter(end)
	f.b.Why = before
	f.loop = outer
	f.nest.leave(entered)
	if outermost {
		f.nest.size = max(f.b.Func.Size()-f.nest.before, 1)
		f.nests, f.nest = append(f.nests, f.nest), nil
	}
}

// cutOff counts a loop that had rounds left.
func (f *function) cutOff(rounds *ir.Value, counter *ir.Cell, end *ir.Block) {
	left := f.b.NewColdBlock()
	f.b.If(ir.Less, f.b.CellGet(counter), rounds, left, end)
	f.b.Enter(left)
	f.count(object.DataCut)
	f.b.Jump(end)
}

// nest is a bounded loop and those inside of it. Those whose rounds are known, and few
// enough, run them all. The others get the same limit, so that the product of all keeps
// to what the nest may cost.
type nest struct {
	before         int // values of the function before the outermost loop
	size           int // values of the outermost loop
	known, most    int // product of the known rounds around the place at hand, and the largest there was
	depth, deepest int // of the other loops
	limits         []*ir.Value
}

// leastBody is about how many instructions the verifier walks in a round of the smallest
// body.
const leastBody = 20

// enter returns the rounds of a loop where they are known and few enough, else 0.
func (n *nest) enter(rounds *ir.Value) int {
	if count, ok := rounds.Constant(); ok && count > 0 && count*int64(n.known*leastBody) <= boundedWork {
		n.known *= int(count)
		n.most = max(n.most, n.known)
		return int(count)
	}
	n.depth++
	n.deepest = max(n.deepest, n.depth)
	return 0
}

func (n *nest) leave(entered int) {
	if entered > 0 {
		n.known /= entered
	} else {
		n.depth--
	}
}

// limit is the number of rounds, or a constant that limitLoops fills in.
func (n *nest) limit(b *ir.Builder, entered int) *ir.Value {
	before := b.Because(ir.LoopLimit)
	limit := b.Const(int64(entered))
	b.Why = before
	if entered == 0 {
		n.limits = append(n.limits, limit)
	}
	return limit
}

// limitLoops shares out what the verifier walks among the bounded loops of a clause, now
// that all are known.
func (f *function) limitLoops() {
	work := min(boundedWork, maxWork/max(len(f.nests), 1))
	for _, n := range f.nests {
		if len(n.limits) == 0 {
			continue
		}
		rounds := math.Pow(float64(work/(n.size*n.most)), 1/float64(n.deepest))
		for _, limit := range n.limits {
			limit.Int = max(int64(rounds), 2)
		}
	}
}

// forMap runs the body for each key of a map, by bpf_for_each_map_elem. A body that
// changes the map, or may, gets copies: the memory of a removed key is that of the next
// new one.
func (f *function) forMap(s *lang.For) {
	before := f.b.Because(ir.LoopRound)
	defer func() { f.b.Why = before }()
	m := (hooks{f}).Map(s.Map)
	v := f.instance.Variables[s.Variable]
	f.callback("map", 3, 1, func(callback, captured *ir.Value) {
		f.MapCall(m, asm.FnForEachMapElem, ir.Writes, callback, captured, f.b.Const(0))
	}, func(key *ir.Value) {
		pair := iterator{
			m:     m,
			key:   builtin.Place{Space: ir.MapValue, Address: key},
			value: builtin.Place{Space: ir.MapValue, Address: f.b.Parameter(2)},
		}
		if v.Shared || f.mentionsMap(s.Body, m.Name) {
			f.storePair(f.variablePlace(v), v.Type, pair)
		} else {
			f.iterators[v] = pair
		}
		f.block(s.Body)
	})
}
