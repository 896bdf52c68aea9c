package ir

import (
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/lang/diag"
)

// TestCheck breaks one invariant at a time.
func TestCheck(t *testing.T) {
	tests := map[string]struct {
		build func(b *Builder)
		want  string
	}{
		"fine":          {func(b *Builder) { b.Return(b.Const(0)) }, ""},
		"no terminator": {func(b *Builder) { b.Const(0) }, "b0 has no terminator"},
		"operand count": {func(b *Builder) { b.Append(Value{Op: Add, Args: []*Value{b.Const(1)}}); b.Return(b.Const(0)) },
			"add has 1 operands"},
		"no result": {func(b *Builder) {
			cell := b.NewCell("x")
			set := b.Append(Value{Op: CellSet, Cell: cell, Args: []*Value{b.Const(1)}})
			b.Return(set)
		}, "which has no result"},
		"dominance": {func(b *Builder) {
			then, join := b.NewBlock(), b.NewBlock()
			b.If(Equal, b.Const(0), b.Context(), then, join)
			b.Enter(then)
			x := b.Const(7)
			b.Jump(join)
			b.Enter(join)
			b.Return(x)
		}, "does not dominate its use"},
		"bound": {func(b *Builder) { b.Return(b.Bound(b.Const(0), 5)) }, "bound has a bad limit"},
		"space": {func(b *Builder) { b.Return(b.Load(NoSpace, b.Context(), 0, 8, false)) }, "load has a bad space"},
		"size":  {func(b *Builder) { b.Return(b.Load(Kernel, b.Context(), 0, 3, false)) }, "load has a bad size"},
		"a slot of another function": {func(b *Builder) { b.Return(b.SlotAddress(&Slot{Size: 8})) },
			"slot has a bad slot"},
		"back to the entry":        {func(b *Builder) { b.Jump(b.Func.Blocks[0]) }, "b0 leads back to the entry"},
		"a parameter of a program": {func(b *Builder) { b.Return(b.Parameter(0)) }, "parameter has a bad number"},
		"the context of a callback": {func(b *Builder) {
			callback := b.NewCallback("each")
			callback.Return(callback.Context())
			b.Return(b.Const(0))
		}, "context has a bad place"},
		"a function of another program": {func(b *Builder) {
			b.Return(b.Invoke(NewBuilder("g", diag.Span{}).NewCallback("each").Func))
		}, "invoke has a bad callee"},
		"recursion": {func(b *Builder) {
			callback := b.NewCallback("each")
			callback.Return(callback.Invoke(callback.Func))
			b.Return(b.Invoke(callback.Func))
		}, "f_each1 calls itself"},
		"eight calls deep": {func(b *Builder) {
			for range MaxFrames {
				callee := b.NewCallback("each")
				b.Return(b.Invoke(callee.Func))
				b = callee
			}
			b.Return(b.Const(0))
		}, "more than 8 functions at once"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			source := diag.NewSource("one.pt", "BEGIN { exit() }")
			b := NewBuilder("f", diag.Span{Source: source, Start: 8, End: 14})
			test.build(b)
			err := Check(b.Func)
			if test.want == "" && err == nil {
				return
			}
			if err == nil || !strings.Contains(err.Error(), "one.pt:1:9: internal error in f") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestDominators walks a loop with a branch inside and a way out.
func TestDominators(t *testing.T) {
	b := NewBuilder("f", diag.Span{})
	head, left, right, latch, after := b.NewBlock(), b.NewBlock(), b.NewBlock(), b.NewBlock(), b.NewBlock()
	x := b.Context()
	b.Jump(head)
	b.Enter(head)
	b.If(Equal, x, x, left, right)
	b.Enter(left)
	b.Jump(latch)
	b.Enter(right)
	b.If(Less, x, x, latch, after)
	b.Enter(latch)
	b.Jump(head)
	b.Enter(after)
	b.Return(x)
	d := b.Func.Dominators()
	parents := map[*Block]*Block{head: b.Func.Blocks[0], left: head, right: head, latch: head, after: right}
	for block, parent := range parents {
		if got := d.Parent(block); got != parent {
			t.Errorf("parent of %v is %v, want %v", block, got, parent)
		}
	}
	if d.Common(left, after) != head || !d.Dominates(right, after) || d.Dominates(latch, head) {
		t.Error("common or dominates")
	}
	loops := b.Func.Loops()
	for _, block := range b.Func.Blocks {
		if want := block != b.Func.Blocks[0] && block != after; loops[block.ID] != want {
			t.Errorf("%v is in a loop: %v", block, !want)
		}
	}
}
