package builtin

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// Differing holds the types of argN and retval that are not the same in all functions of
// a clause: there they are numbers of 64 bits, signed where one of them is. nil is for
// what all functions have alike.
type Differing struct {
	Args   [maxArguments]*types.Type
	Result *types.Type
}

// DifferingIn compares what a clause finds at each of its functions; nil when it finds
// the same everywhere.
func DifferingIn(scopes []*Scope) *Differing {
	d, found := &Differing{}, false
	for i := range d.Args {
		d.Args[i] = common(scopes, func(s *Scope) *types.Type { return typeOfArgument(s, i) })
		found = found || d.Args[i] != nil
	}
	d.Result = common(scopes, typeOfResult)
	if !found && d.Result == nil {
		return nil
	}
	return d
}

// common returns the number that stands for different types, nil when all are the same. It
// is an address of the process where it is one wherever there is one.
func common(scopes []*Scope, of func(*Scope) *types.Type) *types.Type {
	first, same, signed, user := of(scopes[0]), true, false, true
	for _, scope := range scopes {
		t := of(scope)
		same = same && t.Equal(first) && (t == nil || t.Kind != types.Pointer || t.Elem.Equal(first.Elem))
		user = user && (t == nil || t.User)
		signed = signed || t != nil && t.Kind == types.Int && t.Signed
	}
	if same {
		return nil
	}
	return &types.Type{Kind: types.Int, Size: 8, Signed: signed, User: user}
}

func typeOfArgument(s *Scope, i int) *types.Type {
	switch {
	case s.Marker != nil:
		return typeOfMarker(s.Marker, i)
	case s.Function == nil:
		return types.Uint64
	case i < len(s.Function.Params):
		return s.Function.Params[i].Type
	}
	return nil
}

func typeOfResult(s *Scope) *types.Type {
	if s.Function == nil {
		return types.Uint64
	}
	return s.Function.Return
}

// argumentNumber is argN as a number. An argument that the function does not have, or
// that is no number, reads as 0.
func argumentNumber(l Lowering, i int) *ir.Value {
	scope := l.Scope()
	if scope.Function == nil {
		return lowerArgument(l, i)
	}
	if i >= len(scope.Function.Params) {
		return l.IR().Const(0)
	}
	param := scope.Function.Params[i]
	if missing(param, scope.Mechanism) != "" || !param.Type.Scalar() && !oneWord(param) {
		return l.IR().Const(0)
	}
	return launder(l, param.Type, argumentValue(l, param))
}

// returnNumber is retval as a number, 0 where the function returns nothing.
func returnNumber(l Lowering) *ir.Value {
	switch result := typeOfResult(l.Scope()); {
	case result == nil, unreadable(l.Scope().Function), !result.Scalar() && result.Size > 8:
		return l.IR().Const(0)
	case l.Scope().Function != nil:
		return launder(l, result, returned(l, l.Scope().Function))
	default:
		return launder(l, result, extended(l, returnWord(l, 0), result))
	}
}

// unreadable reports a function whose result is no number in a register.
func unreadable(f *target.Function) bool {
	return f != nil && (f.ReturnAbsent != "" || f.ReturnsMemory)
}

// launder copies a pointer that the verifier knows through memory, after which it takes
// it for a number.
func launder(l Lowering, t *types.Type, value *ir.Value) *ir.Value {
	if !tracked(t, l.Scope().Mechanism) {
		return value
	}
	b := l.IR()
	before := b.Because(ir.Launder)
	defer func() { b.Why = before }()
	from, to := b.SlotAddress(b.NewSlot("pointer", 8)), b.SlotAddress(b.NewSlot("number", 8))
	b.Store(ir.Frame, from, 0, 8, value)
	helper(l, asm.FnProbeReadKernel, ir.Writes, to, b.Const(8), from)
	return b.Load(ir.Frame, to, 0, 8, false)
}

// extended is a value of the type, as a word holds it.
func extended(l Lowering, word *ir.Value, t *types.Type) *ir.Value {
	if t.Size&(t.Size-1) != 0 { // a struct of 3, 5, 6 or 7 bytes
		return l.IR().Binary(ir.And, word, l.IR().Const(1<<(8*t.Size)-1))
	}
	return l.IR().Extend(word, t.Size, t.Signed)
}

func argumentValue(l Lowering, param target.Param) *ir.Value {
	switch {
	case len(param.Pieces) > 0:
		return extended(l, piecedWord(l, param.Pieces), param.Type)
	case param.Indirect:
		return l.IR().ReadUser(argumentWord(l, param, 0), 0, param.Type.Size, param.Type.Signed)
	}
	return extended(l, argumentWord(l, param, 0), param.Type)
}

// OnFunction reports a program at the entry or the return of functions.
func (s *Scope) OnFunction() bool { return atEntry(s.Mechanism) || atReturn(s.Mechanism) }
