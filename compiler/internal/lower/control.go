package lower

import (
	"maps"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/internal/sema"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

func (f *function) block(b *lang.Block) { f.statements(b.Statements) }

func (f *function) statements(list []lang.Statement) {
	defer func(outer map[*object.MapSpec]*object.Event) { f.printed = outer }(f.printed)
	f.printed = maps.Clone(f.printed)
	for len(list) > 0 {
		n := max(f.instance.Parts[list[0]], 1)
		if f.instance.Parts[list[0]] > 0 && f.separable(list[:n]) {
			f.part(list[:n])
		} else {
			f.sequence(list[:n])
		}
		list = list[n:]
	}
}

func (f *function) sequence(list []lang.Statement) {
	for _, s := range list {
		f.b.Span, f.b.Why = s.Range(), ir.Why{}
		f.statement(s)
	}
}

func (f *function) statement(s lang.Statement) {
	switch s := s.(type) {
	case *lang.Block:
		f.block(s)
	case *lang.If:
		f.branch(s)
	case *lang.While:
		f.while(s)
	case *lang.For:
		f.forLoop(s)
	case *lang.Unroll:
		f.unroll(s)
	case *lang.Break:
		f.loop.end()
	case *lang.Continue:
		f.loop.again()
	case *lang.Return:
		f.returns(s)
	case *lang.Let:
		f.let(s)
	case *lang.Assign:
		f.assign(s)
	case *lang.Discard:
		f.effect(s.Value)
	case *lang.ExprStatement:
		f.effect(s.X)
	}
}

func (f *function) branch(s *lang.If) {
	f.either(s.Cond, func() { f.block(s.Then) }, func() {
		if s.Else != nil {
			f.statement(s.Else)
		}
	})
}

func (f *function) either(cond lang.Expr, yes, no func()) {
	then, otherwise, join := f.b.NewBlock(), f.b.NewBlock(), f.b.NewBlock()
	f.condition(cond, then, otherwise)
	f.b.Enter(then)
	yes()
	f.b.Jump(join)
	f.b.Enter(otherwise)
	no()
	f.b.Jump(join)
	f.b.Enter(join)
}

// effect evaluates an expression whose value nobody wants.
func (f *function) effect(e lang.Expr) {
	e = f.resolved(e)
	switch e := e.(type) {
	case *lang.BlockExpr:
		f.statements(e.Statements)
		if e.Value != nil {
			f.effect(e.Value)
		}
		return
	case *lang.Ternary:
		if e.X != nil {
			f.either(e.Cond, func() { f.effect(e.X) }, func() { f.effect(e.Y) })
			return
		}
	case *lang.Call:
		if f.effectOfCall(e) {
			return
		}
	}
	if t := f.typeOf(e); t.Scalar() {
		f.value(e)
	} else if t.Size > 0 {
		f.computed(e, t)
	}
}

// effectOfCall reports whether the call is done, whatever its result.
func (f *function) effectOfCall(e *lang.Call) bool {
	if body := f.instance.Expansions[e]; body != nil {
		f.effect(body)
		return true
	}
	if inline := f.instance.Inlines[e]; inline != nil {
		if f.invokes(inline) {
			f.invoke(e, inline)
			return true
		}
		var place func() builtin.Place
		if !inline.Result.Scalar() && inline.Result.Kind != types.None {
			place = f.resultPlace(inline)
		}
		f.inline(e, inline, place)
		return true
	}
	function := builtin.FunctionNamed(e.Name)
	if function.Lower != nil {
		function.Lower(hooks{f}, e)
	}
	return function.Lower != nil
}

// condition jumps to then or otherwise without making a 0 or 1 of the decision.
func (f *function) condition(e lang.Expr, then, otherwise *ir.Block) {
	before := f.b.Why
	defer func() { f.b.Why = before }()
	e = f.resolved(e)
	f.b.Why = ir.In(e.Range())
	if n, known := (hooks{f}).Integer(e); known {
		if n == 0 {
			then = otherwise
		}
		f.b.Jump(then)
		return
	}
	switch e := e.(type) {
	case *lang.Unary:
		if e.Op == "!" {
			f.condition(e.X, otherwise, then)
			return
		}
	case *lang.Binary:
		if f.decides(e, then, otherwise) {
			return
		}
	}
	f.b.If(ir.NotEqual, f.value(e), f.b.Const(0), then, otherwise)
}

// decides handles the operators that are decisions; it reports whether e is one.
func (f *function) decides(e *lang.Binary, then, otherwise *ir.Block) bool {
	switch e.Op {
	case "&&":
		next := f.b.NewBlock()
		f.condition(e.X, next, otherwise)
		f.b.Enter(next)
		f.condition(e.Y, then, otherwise)
	case "||":
		next := f.b.NewBlock()
		f.condition(e.X, then, next)
		f.b.Enter(next)
		f.condition(e.Y, then, otherwise)
	case "==", "!=", "<", "<=", ">", ">=":
		f.compare(e, then, otherwise)
	case "=~", "!~":
		f.match(e, then, otherwise)
	default:
		return false
	}
	return true
}

func (f *function) compare(e *lang.Binary, then, otherwise *ir.Block) {
	x, y := f.typeOf(e.X), f.typeOf(e.Y)
	if e.Op == "!=" && (!x.Scalar() || !y.Scalar()) {
		then, otherwise = otherwise, then
	}
	switch {
	case x.Kind == types.ProbeName && y.Kind == types.String:
		f.compareProbe(e.X, e.Y, then, otherwise)
	case y.Kind == types.ProbeName && x.Kind == types.String:
		f.compareProbe(e.Y, e.X, then, otherwise)
	case types.Texts(x, y) && e.Op != "==" && e.Op != "!=":
		f.orderStrings(e, then, otherwise)
	case types.Texts(x, y):
		f.compareStrings(e.X, e.Y, then, otherwise)
	case !x.Scalar():
		f.compareMemory(e.X, e.Y, then, otherwise)
	default:
		f.compareNumbers(e, sema.Signed(x, y), then, otherwise)
	}
}

func (f *function) compareNumbers(e *lang.Binary, signed bool, then, otherwise *ir.Block) {
	x, y := f.value(e.X), f.value(e.Y)
	if e.Op == ">" || e.Op == ">=" {
		x, y = y, x
	}
	op := ir.Less
	switch e.Op {
	case "==":
		op = ir.Equal
	case "!=":
		op = ir.NotEqual
	case "<=", ">=":
		op = ir.LessEqual
	}
	if f.parts > 0 && (op == ir.Equal || op == ir.NotEqual) {
		x, y = f.unlinked(x, y)
	}
	f.b.If(signedCompare(op, signed), x, y, then, otherwise)
}

func signedCompare(op ir.Op, signed bool) ir.Op {
	switch {
	case signed && op == ir.Less:
		return ir.SignedLess
	case signed && op == ir.LessEqual:
		return ir.SignedLessEqual
	}
	return op
}

// compareProbe compares indices: the texts are known here.
func (f *function) compareProbe(name, text lang.Expr, then, otherwise *ir.Block) {
	wanted, _ := (hooks{f}).Text(text)
	f.decideProbe(name, func(probe string) bool { return probe == wanted }, then, otherwise)
}

// decideProbe jumps to then for the names that are wanted.
func (f *function) decideProbe(name lang.Expr, wanted func(string) bool, then, otherwise *ir.Block) {
	value := f.value(name)
	for i, probe := range f.unit.Info.ProbeNames {
		if f.typeOf(name).Name != "" {
			probe = probe[strings.LastIndexByte(probe, ':')+1:]
		}
		if wanted(probe) {
			next := f.b.NewBlock()
			f.b.If(ir.Equal, value, f.b.Const(int64(i)), then, next)
			f.b.Enter(next)
		}
	}
	f.b.Jump(otherwise)
}
