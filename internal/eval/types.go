package eval

import (
	"math"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// typeOf finds the type of an expression, once a round; nil where a map has none yet.
func (p *program) typeOf(e lang.Expr) *types.Type {
	if t, known := p.types[e]; known {
		return t
	}
	t := p.find(e)
	p.types[e] = t
	return t
}

func (p *program) find(e lang.Expr) *types.Type {
	switch e := e.(type) {
	case *lang.Integer:
		return literal(e.Value, e.Unsigned)
	case *lang.Decimal:
		return types.NoValue
	case *lang.String:
		return types.NewString(len(e.Value) + 1)
	case *lang.Name:
		return p.nameType(e)
	case *lang.Variable:
		return p.variableType(e)
	case *lang.Positional:
		return p.parameter(e.Index).Type
	case *lang.PositionalCount:
		return types.Int32
	case *lang.Map:
		m := p.mapNamed(e.Name)
		p.lookAtKeys(m, e.Keys)
		return m.value
	case *lang.Unary:
		return p.unaryType(e)
	case *lang.IncDec:
		return p.stepType(e)
	case *lang.Binary:
		return p.binaryType(e)
	case *lang.Ternary:
		return p.choiceType(e)
	case *lang.BlockExpr:
		return p.blockType(e)
	case *lang.Call:
		return p.callType(e)
	case *lang.Field:
		return p.fieldType(e)
	case *lang.Index:
		return p.elementType(e)
	case *lang.Cast:
		return p.castType(e)
	case *lang.Tuple:
		return p.tupleType(e)
	case *lang.Record:
		return p.recordType(e)
	case *lang.TypeExpr:
		return p.named(e.Type)
	case *lang.Paren:
		return p.typeOf(e.X)
	}
	fail(e.Range(), "no rule for its type")
	return nil
}

// presumed is the type of an operand. When nothing else is known of a map that is
// assigned from itself, an operand of unknown type is a number.
func (p *program) presumed(e lang.Expr) *types.Type {
	t := p.typeOf(e)
	if t == nil && p.guessing {
		return types.Int64
	}
	return t
}

// literal has the first of int, long and unsigned long that holds it.
func literal(n uint64, unsigned bool) *types.Type {
	switch {
	case unsigned || n > math.MaxInt64:
		return types.Uint64
	case n > math.MaxInt32:
		return types.Int64
	}
	return types.Int32
}

func (p *program) nameType(e *lang.Name) *types.Type {
	if e.Name == "true" || e.Name == "false" {
		return types.Boolean
	}
	if constant, ok := p.constants[e.Name]; ok {
		return constant.Type
	}
	return p.resultType(e.Name, e.Span, nil)
}

func (p *program) variableType(e *lang.Variable) *types.Type {
	v := p.scope.find(e.Name)
	if v == nil {
		fail(e.Span, "it was never assigned")
	}
	p.uses[e] = v
	return v.kind
}

// parameter is $n: a number where it looks like one, 0 where it was not given.
func (p *program) parameter(index int) Value {
	if index < 1 || index > len(p.environment.Args) {
		return number(types.Int32, 0)
	}
	argument := p.environment.Args[index-1]
	if n, err := strconv.ParseInt(argument, 0, 64); err == nil {
		if n == math.MinInt64 {
			return number(types.Int64, uint64(n))
		}
		return number(literal(uint64(max(n, -n)), false), uint64(n))
	}
	if n, err := strconv.ParseUint(argument, 0, 64); err == nil {
		return number(types.Uint64, n)
	}
	return text(argument)
}

func (p *program) unaryType(e *lang.Unary) *types.Type {
	t := p.typeOf(e.X)
	if e.Op == "-" || e.Op == "~" {
		t = p.presumed(e.X)
	}
	switch {
	case e.Op == "!":
		return types.Boolean
	case t == nil:
		return nil
	case e.Op == "*" && t.Elem != nil:
		return t.Elem
	case e.Op == "comptime" || e.Op == "+":
		return t
	case e.Op == "-":
		return negated(e.X, t)
	case e.Op == "~":
		return promoted(t)
	}
	fail(e.Span, "no rule for its type")
	return nil
}

// negated: the negative of what an int holds is an int, as in C, and that of a uint32 an
// int64.
func negated(e lang.Expr, t *types.Type) *types.Type {
	switch written, isLiteral := lang.Unparen(e).(*lang.Integer); {
	case isLiteral && !written.Unsigned && written.Value == 1<<63:
		return types.Int64
	case t.Size == 8:
		return types.NewInt(8, t.Signed)
	case t.Size < 4 || t.Signed:
		return types.Int32
	}
	return types.Int64
}

// stepType also counts as an assignment of a number.
func (p *program) stepType(e *lang.IncDec) *types.Type {
	if m, ok := lang.Unparen(e.X).(*lang.Map); ok {
		p.widenMap(m, types.Int64)
		return p.mapNamed(m.Name).value
	}
	v, _ := lang.Unparen(e.X).(*lang.Variable)
	if t := p.typeOf(v); t != nil && t.Kind == types.Pointer {
		return t
	}
	p.widen(p.uses[v], types.Int64)
	return p.uses[v].kind
}

func (p *program) binaryType(e *lang.Binary) *types.Type {
	x, y := p.presumed(e.X), p.presumed(e.Y)
	switch {
	case comparison(e.Op) || e.Op == "&&" || e.Op == "||" || e.Op == "=~" || e.Op == "!~":
		return types.Boolean
	case x == nil || y == nil:
		return nil
	case x.Kind == types.Pointer && y.Kind != types.Pointer:
		return x
	case e.Op == "<<" || e.Op == ">>":
		return operand(x)
	}
	return types.NewInt(8, signed(x, y))
}

func (p *program) choiceType(e *lang.Ternary) *types.Type {
	x, y := p.typeOf(e.Cond), p.typeOf(e.Y)
	if e.X != nil {
		x = p.typeOf(e.X)
	}
	switch {
	case x != nil && x.Kind == types.None:
		return nil
	case p.guessing && x == nil && y != nil:
		return y
	case p.guessing && y == nil && x != nil:
		return x
	case x == nil || y == nil:
		return nil
	}
	return widest(x, y)
}

func (p *program) blockType(e *lang.BlockExpr) (t *types.Type) {
	p.within(func() {
		p.lookAtAll(e.Statements)
		if e.Value != nil {
			t = p.typeOf(e.Value)
		}
	})
	return t
}

func (p *program) callType(e *lang.Call) *types.Type {
	arguments := make([]*types.Type, len(e.Args))
	for i, argument := range e.Args {
		if e.Name == "offsetof" && i > 0 {
			break // the name of a member
		}
		arguments[i] = p.argumentType(argument)
	}
	if f := p.functions[e.Name]; f != nil && fits(e, len(f.Params)) {
		if f.Result == nil {
			return types.NoValue
		}
		return p.named(f.Result)
	}
	if a := builtin.AggregationNamed(e.Name); a != nil {
		return p.aggregationType(e, arguments)
	}
	p.lookAtKeyArgument(e.Args)
	return p.resultType(e.Name, e.Span, e.Args)
}

// lookAtKeyArgument finds the types of the key in f(@m, key).
func (p *program) lookAtKeyArgument(arguments []lang.Expr) {
	if len(arguments) != 2 {
		return
	}
	if e, ok := lang.Unparen(arguments[0]).(*lang.Map); ok && len(e.Keys) == 0 {
		m := p.mapNamed(e.Name)
		p.lookAtKeys(m, arguments[1:])
	}
}

// argumentType leaves names that are types alone.
func (p *program) argumentType(e lang.Expr) *types.Type {
	if name, ok := e.(*lang.Name); ok && p.isType(name.Name) {
		return p.named(&lang.TypeName{Name: name.Name, Array: -1, Span: name.Span})
	}
	return p.typeOf(e)
}

func (p *program) aggregationType(e *lang.Call, arguments []*types.Type) *types.Type {
	rule, known := aggregations[e.Name]
	if !known {
		fail(e.Span, "no rule for this aggregation")
	}
	if len(arguments) > 0 && arguments[0] == nil {
		return nil
	}
	isSigned := len(arguments) > 0 && (arguments[0].Signed || arguments[0].Size < 8)
	if rule.shape != nil {
		return rule.shape(p.constant, e.Args, isSigned)
	}
	return types.NewAggregation(builtin.AggregationNamed(e.Name).Record, isSigned)
}

func (p *program) constant(e lang.Expr) int64 { return int64(p.value(e).Number) }

func (p *program) fieldType(e *lang.Field) *types.Type {
	t := p.typeOf(e.X)
	if t == nil {
		return nil
	}
	if t.Kind == types.Pointer && t.Elem != nil {
		t = t.Elem
	}
	if t.Kind == types.Tuple {
		i, err := strconv.Atoi(e.Name)
		if err != nil || i >= len(t.Fields) {
			fail(e.Span, "no such part")
		}
		return t.Fields[i].Type
	}
	return member(e, t).Type
}

// member finds a field by name, inside of anonymous members too.
func member(e *lang.Field, t *types.Type) types.Field {
	if found, ok := search(t, e.Name); ok {
		return found
	}
	fail(e.Span, "no such member in %s", t)
	return types.Field{}
}

func search(t *types.Type, name string) (types.Field, bool) {
	for _, field := range t.Fields {
		if field.Name == name {
			return field, true
		}
		if field.Name == "" && field.Type.Kind == types.Struct {
			if inner, ok := search(field.Type, name); ok {
				inner.Offset += field.Offset
				return inner, true
			}
		}
	}
	return types.Field{}, false
}

func (p *program) elementType(e *lang.Index) *types.Type {
	p.typeOf(e.I)
	switch t := p.typeOf(e.X); {
	case t == nil:
		return nil
	case t.Kind == types.Tuple:
		return t.Fields[p.constant(e.I)].Type
	case t.Kind == types.String:
		return types.NewInt(1, true)
	case t.Elem != nil:
		return t.Elem
	}
	fail(e.Span, "no rule for its type")
	return nil
}

func (p *program) castType(e *lang.Cast) *types.Type {
	from := p.typeOf(e.X)
	to := p.named(e.Type)
	if to.Kind == types.Array && to.Count == 0 && from != nil {
		sized := *to
		sized.Count, sized.Size = from.Size/to.Elem.Size, from.Size
		return &sized
	}
	return to
}

func (p *program) tupleType(e *lang.Tuple) *types.Type {
	parts := make([]*types.Type, len(e.Elems))
	for i, elem := range e.Elems {
		t := p.typeOf(elem)
		if t == nil {
			return nil
		}
		parts[i] = t
	}
	return types.NewTuple(parts...)
}

func (p *program) recordType(e *lang.Record) *types.Type {
	var names []string
	var parts []*types.Type
	for _, field := range e.Fields {
		t := p.typeOf(field.Value)
		if t == nil {
			return nil
		}
		names, parts = append(names, field.Name), append(parts, t)
	}
	return types.NewRecord(names, parts)
}

// resultType reads the type of a builtin from its signature: the first word of a
// function's, all of a variable's.
func (p *program) resultType(name string, span diag.Span, arguments []lang.Expr) *types.Type {
	f := builtin.FunctionNamed(name)
	if f == nil {
		fail(span, "it is not known")
	}
	name = f.Name
	if rule, ok := resultTypes[name]; ok {
		return rule(p, arguments)
	}
	result, _, _ := strings.Cut(f.Signature, " "+name)
	switch result {
	case "void":
		return types.NoValue
	case "string":
		return types.NewString(p.stringSize())
	case "int":
		return types.Int64
	}
	return p.named(&lang.TypeName{Name: result, Array: -1, Span: span})
}
