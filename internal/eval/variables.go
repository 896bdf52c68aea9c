package eval

import (
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// variable is a `$x` in its scope, and its value while the script runs.
type variable struct {
	kind  *types.Type
	fixed bool // by `let $x : type`
	value Value
}

// scope is the variables of a block and those around it.
type scope struct {
	names map[string]*variable
	outer *scope
}

func (s *scope) find(name string) *variable {
	for ; s != nil; s = s.outer {
		if v := s.names[name]; v != nil {
			return v
		}
	}
	return nil
}

// within looks at something in a scope of its own.
func (p *program) within(look func()) {
	outer := p.scope
	p.scope = &scope{names: map[string]*variable{}, outer: outer}
	look()
	p.scope = outer
}

// declare makes a variable in the innermost scope. Its type of an earlier round is kept.
func (p *program) declare(e *lang.Variable) *variable {
	v := p.declared[e]
	if v == nil {
		v = &variable{}
		p.declared[e] = v
	}
	p.scope.names[e.Name] = v
	p.uses[e] = v
	return v
}

// widen gives a variable a type that holds another one too.
func (p *program) widen(v *variable, t *types.Type) {
	if t == nil || v.fixed {
		return
	}
	wider := widest(v.kind, t)
	if v.kind == nil || !wider.Equal(v.kind) {
		v.kind, p.changed = wider, true
	}
}

// rebuilt is a tuple or record with other parts.
func rebuilt(t *types.Type, part func(i int) *types.Type) *types.Type {
	var names []string
	var parts []*types.Type
	for i, field := range t.Fields {
		names = append(names, field.Name)
		parts = append(parts, part(i))
	}
	if t.Kind == types.Record {
		return types.NewRecord(names, parts)
	}
	return types.NewTuple(parts...)
}

// widest is the type that holds the values of both; nil stands for a type that is not
// known yet.
func widest(a, b *types.Type) *types.Type {
	switch {
	case a == nil:
		return b
	case b == nil || a.Equal(b):
		return a
	case a.Integer() && b.Integer():
		return smallest(a, b)
	case a.Kind == types.String && b.Kind == types.String:
		return types.NewString(max(a.Size, b.Size))
	case a.Aggregation() && a.Record == b.Record:
		wider := *a
		wider.Signed = a.Signed || b.Signed
		return &wider
	case (a.Kind == types.Tuple || a.Kind == types.Record) && a.Kind == b.Kind && len(a.Fields) == len(b.Fields):
		return rebuilt(a, func(i int) *types.Type { return widest(a.Fields[i].Type, partType(b, a, i)) })
	}
	return a
}

// partType is the type of the part of a tuple that goes with part i of another, or of the
// field of its name in a record.
func partType(t, other *types.Type, i int) *types.Type {
	for _, field := range t.Fields {
		if t.Kind == types.Record && field.Name == other.Fields[i].Name {
			return field.Type
		}
	}
	return t.Fields[i].Type
}

// smallest is the first of the integer types, from the smallest on, that has all values
// of both; uint64 where an int64 and a uint64 meet.
func smallest(a, b *types.Type) *types.Type {
	for _, size := range []int{1, 2, 4, 8} {
		for _, t := range []*types.Type{types.NewInt(size, false), types.NewInt(size, true)} {
			if holds(t, a) && holds(t, b) {
				return t
			}
		}
	}
	return types.Uint64
}

// holds reports whether an integer type has all values of another.
func holds(t, other *types.Type) bool {
	if t.Signed == other.Signed {
		return t.Size >= other.Size
	}
	return t.Signed && t.Size > other.Size
}

// counter is the type of the variable of a loop over a range.
func counter(low, high *types.Type) *types.Type {
	return types.NewInt(8, operand(low).Signed || operand(high).Signed)
}

// findTypes looks at the whole script until no type changes. Maps that are assigned from
// themselves may have none then: what operators say of them is taken next, and at last
// they hold numbers.
func (p *program) findTypes() {
	p.repeat()
	if p.guessing = p.lacksTypes(); !p.guessing {
		return
	}
	p.repeat()
	if !p.lacksTypes() {
		return
	}
	for _, m := range p.maps {
		if m.assigned && m.value == nil {
			m.value = types.Int64
		}
	}
	for _, v := range p.declared {
		if v.kind == nil {
			v.kind = types.Int64
		}
	}
	p.repeat()
}

func (p *program) lacksTypes() bool {
	for _, m := range p.maps {
		if m.assigned && m.value == nil {
			return true
		}
	}
	for _, v := range p.declared {
		if v.kind == nil {
			return true
		}
	}
	return false
}

func (p *program) repeat() {
	for p.round = range 100 {
		p.types, p.uses = map[lang.Expr]*types.Type{}, map[*lang.Variable]*variable{}
		p.changed = false
		for _, f := range p.script.Functions {
			if p.called[f] {
				p.lookAtFunction(f)
			}
		}
		for _, clause := range p.script.Clauses {
			if clause.Predicate != nil {
				p.typeOf(clause.Predicate)
			}
			p.lookAtBlock(clause.Body)
		}
		if !p.changed {
			return
		}
	}
	fail(p.script.Clauses[0].Span, "the types never settle")
}

func (p *program) lookAtFunction(f *lang.Function) {
	p.within(func() {
		for _, parameter := range f.Params {
			v := p.declare(parameter.Variable)
			v.kind, v.fixed = p.named(parameter.Type), true
		}
		p.returns = nil
		if f.Result != nil {
			p.returns = p.named(f.Result)
		}
		p.lookAtBlock(f.Body)
	})
}

func (p *program) lookAtBlock(b *lang.Block) { p.within(func() { p.lookAtAll(b.Statements) }) }

func (p *program) lookAtAll(list []lang.Statement) {
	for _, s := range list {
		p.lookAt(s)
	}
}

func (p *program) lookAt(s lang.Statement) {
	switch s := s.(type) {
	case *lang.Block:
		p.lookAtBlock(s)
	case *lang.Let:
		p.lookAtLet(s)
	case *lang.Assign:
		p.lookAtAssign(s)
	case *lang.Discard:
		p.typeOf(s.Value)
	case *lang.ExprStatement:
		p.typeOf(s.X)
	case *lang.If:
		p.typeOf(s.Cond)
		p.lookAtBlock(s.Then)
		if s.Else != nil {
			p.lookAt(s.Else)
		}
	case *lang.While:
		p.typeOf(s.Cond)
		p.lookAtBlock(s.Body)
	case *lang.For:
		p.lookAtFor(s)
	case *lang.Unroll:
		p.typeOf(s.Count)
		p.lookAtBlock(s.Body)
	case *lang.Return:
		if s.Value != nil {
			p.typeOf(s.Value)
		}
	}
}

func (p *program) lookAtLet(s *lang.Let) {
	var t *types.Type
	if s.Value != nil {
		t = p.typeOf(s.Value)
	}
	v := p.declare(s.Variable)
	if s.Type != nil {
		v.kind, v.fixed = p.named(s.Type), true
	}
	p.widen(v, t)
}

func (p *program) lookAtAssign(s *lang.Assign) {
	t := p.typeOf(s.Value)
	switch target := s.Target.(type) {
	case *lang.Variable:
		v := p.scope.find(target.Name)
		if v == nil {
			v = p.declare(target)
		}
		p.uses[target] = v
		p.widen(v, p.updated(s, v.kind, t))
	case *lang.Map:
		p.widenMap(target, p.updated(s, p.mapNamed(target.Name).value, t))
	default:
		fail(s.Span, "nothing is assigned here")
	}
}

// updated is the type of what an assignment gives its target: of `x op= y` that of x op
// y.
func (p *program) updated(s *lang.Assign, x, y *types.Type) *types.Type {
	if s.Op == "=" {
		return y
	}
	if y == nil && !p.guessing {
		return nil
	}
	if x != nil && x.Kind == types.Pointer {
		return x
	}
	if x == nil {
		x = types.Int64
	}
	if y == nil || s.Op == "<<=" || s.Op == ">>=" {
		y = x
	}
	return types.NewInt(8, signed(x, y))
}

func (p *program) lookAtFor(s *lang.For) {
	kind := types.Int64
	if s.Map != nil {
		kind = p.pair(s.Map)
	} else {
		kind = counter(p.typeOf(s.Low), p.typeOf(s.High))
	}
	p.within(func() {
		p.widen(p.declare(s.Variable), kind)
		p.lookAtBlock(s.Body)
	})
}
