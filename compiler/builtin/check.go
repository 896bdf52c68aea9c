package builtin

import (
	"math"
	"slices"
	"strings"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// What the hooks of many entries share.

// plainHelper calls a helper that takes no arguments.
func plainHelper(id asm.BuiltinFunc, effect ir.Effect) func(Lowering, *lang.Call) *ir.Value {
	return func(l Lowering, _ *lang.Call) *ir.Value { return helper(l, id, effect) }
}

// firstArgument is the value of functions that only say how their argument prints.
func firstArgument(l Lowering, call *lang.Call) *ir.Value { return l.Value(call.Args[0]) }

// word returns an argument that is a word of its own, as curr_ns in pid(curr_ns); empty
// when it is absent or no word.
func word(call *lang.Call, i int) string {
	if i >= len(call.Args) {
		return ""
	}
	name, ok := lang.Unparen(call.Args[i]).(*lang.Name)
	if !ok {
		return ""
	}
	return name.Name
}

// mode reports a first argument that is none of the words, and returns it.
func mode(c Checker, call *lang.Call, words ...string) string {
	given := word(call, 0)
	if len(call.Args) > 0 && !slices.Contains(words, given) {
		c.Errorf(call.Args[0].Range(), "%s() knows %s, not %s", call.Name, listed(words), call.Args[0].Range().Text())
		return ""
	}
	return given
}

// listed joins words as in "a, b and c".
func listed(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// wantNumber reports an argument that is no number; false also where its type is not
// known.
func wantNumber(c Checker, call *lang.Call, i int) bool {
	t := c.Type(call.Args[i])
	if t.Kind == types.None || t.Integer() {
		return t.Kind != types.None
	}
	c.Errorf(call.Args[i].Range(), "%s() wants a number, not %s", call.Name, t)
	return false
}

// wantSize returns a size, length or count, as far as it is known before tracing starts,
// and reports one that is no number or below the least. A number without a sign is never
// below zero.
func wantSize(c Checker, call *lang.Call, i int, least int64) (size int64, known bool) {
	t := c.Type(call.Args[i])
	if t.Kind != types.None && !t.Integer() {
		c.Errorf(call.Args[i].Range(), "the size in %s() is a number, not %s", call.Name, t)
		return 0, false
	}
	size, known = c.Integer(call.Args[i])
	switch {
	case known && size < 0 && !t.Signed:
		size = math.MaxInt64
	case known && size < least:
		c.Errorf(call.Args[i].Range(), "the size in %s() is at least %d", call.Name, least)
	}
	return size, known
}

// sizeWithin is a size that is only known when the probe fires, brought between least and
// limit: one below zero is none.
func sizeWithin(l Lowering, size lang.Expr, least int64, limit *ir.Value) *ir.Value {
	b := l.IR()
	cell, wanted := b.NewCell("size"), l.Value(size)
	smaller, larger, none, some, join := b.NewBlock(), b.NewBlock(), b.NewBlock(), b.NewBlock(), b.NewBlock()
	b.CellSet(cell, limit)
	b.If(ir.Less, wanted, limit, smaller, larger)
	b.Enter(larger)
	if l.Type(size).Signed {
		b.If(ir.SignedLess, wanted, b.Const(0), none, join)
	} else {
		b.Jump(join)
	}
	b.Enter(smaller)
	b.If(ir.Less, wanted, b.Const(least), none, some)
	b.Enter(none)
	b.CellSet(cell, b.Const(least))
	b.Jump(join)
	b.Enter(some)
	b.CellSet(cell, wanted)
	b.Jump(join)
	b.Enter(join)
	return b.CellGet(cell)
}

// wantAddress reports an argument that is neither a pointer nor a number.
func wantAddress(c Checker, call *lang.Call, i int) bool {
	t := c.Type(call.Args[i])
	if t.Kind == types.None || t.Integer() || t.Kind == types.Pointer || t.Kind == types.KernelSymbol {
		return t.Kind != types.None
	}
	c.Errorf(call.Args[i].Range(), "%s() wants an address, not %s", call.Name, t)
	return false
}

// wantText returns an argument that must be a text written in the script.
func wantText(c Checker, call *lang.Call, i int, what string) (string, bool) {
	text, ok := c.Text(call.Args[i])
	if !ok && c.Type(call.Args[i]).Kind != types.None {
		c.Errorf(call.Args[i].Range(), "%s of %s() must be a literal string", what, call.Name)
	}
	return text, ok
}

// numbered is the Check hook of a function of one number.
func numbered(result *types.Type) func(Checker, *lang.Call) *types.Type {
	return func(c Checker, call *lang.Call) *types.Type {
		if !wantNumber(c, call, 0) {
			return types.NoValue
		}
		return result
	}
}
