package eval

import (
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// outcome says where a statement leads.
type outcome int

const (
	next outcome = iota
	broke
	continued
)

func (p *program) block(b *lang.Block) outcome { return p.statements(b.Statements) }

func (p *program) statements(list []lang.Statement) outcome {
	for _, s := range list {
		if o := p.statement(s); o != next {
			return o
		}
	}
	return next
}

func (p *program) statement(s lang.Statement) outcome {
	p.step(s.Range())
	switch s := s.(type) {
	case *lang.Block:
		return p.block(s)
	case *lang.Let:
		p.let(s)
	case *lang.Assign:
		p.assign(s)
	case *lang.Discard:
		p.value(s.Value)
	case *lang.ExprStatement:
		p.value(s.X)
	case *lang.If:
		return p.choose(s)
	case *lang.While:
		for p.truth(s.Cond) && p.block(s.Body) != broke {
			p.step(s.Span)
		}
	case *lang.For:
		p.loop(s)
	case *lang.Unroll:
		for range p.constant(s.Count) {
			if p.block(s.Body) == broke {
				break
			}
		}
	case *lang.Break:
		return broke
	case *lang.Continue:
		return continued
	case *lang.Return:
		p.leave(s)
	default:
		fail(s.Range(), "no rule for this statement")
	}
	return next
}

func (p *program) leave(s *lang.Return) {
	if s.Value == nil {
		panic(jump{})
	}
	panic(jump{value: p.value(s.Value)})
}

func (p *program) choose(s *lang.If) outcome {
	if p.truth(s.Cond) {
		return p.block(s.Then)
	}
	if s.Else != nil {
		return p.statement(s.Else)
	}
	return next
}

func (p *program) let(s *lang.Let) {
	v := p.uses[s.Variable]
	if s.Value == nil {
		if v.kind != nil {
			v.value = zero(v.kind)
		}
		return
	}
	v.value = assigned(p.value(s.Value), v.kind)
}

// assigned is a value as a variable of the type holds it.
func assigned(v Value, t *types.Type) Value {
	if t != nil && t.Kind == types.Bool {
		return boolean(truth(v))
	}
	return convert(v, t)
}

func (p *program) assign(s *lang.Assign) {
	if call, ok := lang.Unparen(s.Value).(*lang.Call); ok && builtin.AggregationNamed(call.Name) != nil {
		p.aggregate(s.Target.(*lang.Map), call)
		return
	}
	if s.Op != "=" {
		p.update(s.Target, s.Op[:len(s.Op)-1], p.value(s.Value))
		return
	}
	v := p.value(s.Value)
	p.put(s.Target, v)
}

func (p *program) put(target lang.Expr, v Value) {
	switch target := lang.Unparen(target).(type) {
	case *lang.Variable:
		variable := p.uses[target]
		variable.value = assigned(v, variable.kind)
	case *lang.Map:
		m := p.mapNamed(target.Name)
		m.set(p.key(m, target.Keys), v)
	}
}

// update is `target op= operand`; it returns the old value and the new.
func (p *program) update(target lang.Expr, op lang.Operator, operand Value) (before, after Value) {
	if m, ok := lang.Unparen(target).(*lang.Map); ok {
		return p.updateEntry(m, op, operand)
	}
	variable := p.uses[lang.Unparen(target).(*lang.Variable)]
	before = variable.value
	after = number(variable.kind, operate(op, before, operand))
	variable.value = after
	return before, after
}

// updateEntry evaluates the key once.
func (p *program) updateEntry(e *lang.Map, op lang.Operator, operand Value) (before, after Value) {
	m := p.mapNamed(e.Name)
	key := p.key(m, e.Keys)
	before = zero(m.value)
	if found := m.entries[KeyText(key)]; found != nil {
		before = found.value
	}
	after = number(m.value, operate(op, before, operand))
	m.set(key, after)
	return before, after
}

func operate(op lang.Operator, x, y Value) uint64 {
	if x.Type.Kind == types.Pointer {
		return arithmetic(op, x.Number, y.Number*elementSize(x.Type), false)
	}
	isSigned := signed(x.Type, y.Type)
	if op == ">>" {
		isSigned = operand(x.Type).Signed
	}
	return arithmetic(op, x.Number, y.Number, isSigned)
}

// increment is ++ or --, which yields the value before it or after it.
func (p *program) increment(e *lang.IncDec) Value {
	before, after := p.update(e.X, e.Op[:1], number(types.Int32, 1))
	if e.Prefix {
		return after
	}
	return before
}

// loop evaluates the bounds once. Over a map the order is not defined, nor whether what
// the body changes shows.
func (p *program) loop(s *lang.For) {
	v := p.uses[s.Variable]
	if s.Map != nil {
		m := p.mapNamed(s.Map.Name)
		for _, e := range m.sorted() {
			v.value = convert(pairOf(m, e), v.kind)
			if p.block(s.Body) == broke {
				return
			}
		}
		return
	}
	low, high := p.value(s.Low), p.value(s.High)
	for i := low.Number; ordered("<", i, high.Number, v.kind.Signed); i++ {
		p.step(s.Span)
		v.value = number(v.kind, i)
		if p.block(s.Body) == broke {
			return
		}
	}
}

func pairOf(m *mapping, e *entry) Value {
	key := Value{Type: keyType(m), Parts: e.key}
	if len(e.key) == 1 {
		key = e.key[0]
	}
	return Value{Type: types.NewTuple(key.Type, m.value), Parts: []Value{key, e.value}}
}
