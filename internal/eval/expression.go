package eval

import (
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

func (p *program) truth(e lang.Expr) bool { return truth(p.value(e)) }

func truth(v Value) bool { return v.Number != 0 }

// value evaluates an expression.
func (p *program) value(e lang.Expr) Value {
	p.step(e.Range())
	switch e := e.(type) {
	case *lang.Integer:
		return number(literal(e.Value, e.Unsigned), e.Value)
	case *lang.String:
		return text(e.Value)
	case *lang.Name:
		return p.nameValue(e)
	case *lang.Variable:
		return p.uses[e].value
	case *lang.Positional:
		return p.parameter(e.Index)
	case *lang.PositionalCount:
		return number(types.Int32, uint64(len(p.environment.Args)))
	case *lang.Map:
		return p.readMap(e)
	case *lang.Unary:
		return p.unary(e)
	case *lang.IncDec:
		return p.increment(e)
	case *lang.Binary:
		return p.binary(e)
	case *lang.Ternary:
		return p.choice(e)
	case *lang.BlockExpr:
		return p.blockValue(e)
	case *lang.Call:
		return p.call(e)
	case *lang.Field:
		return p.field(e)
	case *lang.Index:
		return p.element(e)
	case *lang.Cast:
		return p.cast(e)
	case *lang.Tuple:
		return p.tuple(e)
	case *lang.Record:
		return p.record(e)
	case *lang.Paren:
		return p.value(e.X)
	}
	fail(e.Range(), "no rule for its value")
	return Value{}
}

func (p *program) nameValue(e *lang.Name) Value {
	if e.Name == "true" || e.Name == "false" {
		return boolean(e.Name == "true")
	}
	if constant, ok := p.constants[e.Name]; ok {
		return constant
	}
	return p.builtin(e.Name, e, nil)
}

func (p *program) unary(e *lang.Unary) Value {
	x := p.value(e.X)
	switch e.Op {
	case "!":
		return boolean(!truth(x))
	case "-":
		return number(p.typeOf(e), -x.Number)
	case "~":
		return number(p.typeOf(e), ^x.Number)
	case "*":
		return p.load(x.Number, x.Type.Elem)
	}
	return x
}

// load reads memory; what cannot be read is 0.
func (p *program) load(address uint64, t *types.Type) Value {
	for start, bytes := range p.environment.Memory {
		if address >= start && address-start <= uint64(len(bytes)) && uint64(t.Size) <= uint64(len(bytes))-(address-start) {
			return Decode(t, bytes[address-start:])
		}
	}
	return zero(t)
}

func (p *program) binary(e *lang.Binary) Value {
	switch e.Op {
	case "&&":
		return boolean(p.truth(e.X) && p.truth(e.Y))
	case "||":
		return boolean(p.truth(e.X) || p.truth(e.Y))
	}
	x, y := p.value(e.X), p.value(e.Y)
	switch {
	case e.Op == "=~" || e.Op == "!~":
		return boolean(matches(x.Text, y.Text) == (e.Op == "=~"))
	case comparison(e.Op) && x.Type.Scalar():
		return boolean(ordered(e.Op, x.Number, y.Number, signed(x.Type, y.Type)))
	case comparison(e.Op) && x.Type.Kind == types.String && e.Op != "==" && e.Op != "!=":
		return boolean(ordered(e.Op, uint64(int64(strings.Compare(x.Text, y.Text))), 0, true))
	case comparison(e.Op):
		return boolean(equal(x, y) == (e.Op == "=="))
	case x.Type.Kind == types.Pointer && y.Type.Kind != types.Pointer:
		return number(x.Type, arithmetic(e.Op, x.Number, y.Number*elementSize(x.Type), false))
	}
	t := p.typeOf(e)
	return number(t, arithmetic(e.Op, x.Number, y.Number, t.Signed))
}

func elementSize(pointer *types.Type) uint64 {
	if pointer.Elem == nil || pointer.Elem.Size == 0 {
		return 1
	}
	return uint64(pointer.Elem.Size)
}

func (p *program) choice(e *lang.Ternary) Value {
	cond := p.value(e.Cond)
	switch {
	case truth(cond) && e.X == nil:
		return convert(cond, p.typeOf(e))
	case truth(cond):
		return convert(p.value(e.X), p.typeOf(e))
	}
	return convert(p.value(e.Y), p.typeOf(e))
}

func (p *program) blockValue(e *lang.BlockExpr) Value {
	if p.statements(e.Statements) != next {
		fail(e.Span, "a loop is left from inside an expression")
	}
	if e.Value == nil {
		return Value{Type: types.NoValue}
	}
	return p.value(e.Value)
}

func (p *program) call(e *lang.Call) Value {
	if f := p.functions[e.Name]; f != nil && fits(e, len(f.Params)) {
		return p.callFunction(f, e)
	}
	return p.builtin(e.Name, e, e.Args)
}

// callFunction passes arguments by value. A function that ends without return yields 0.
func (p *program) callFunction(f *lang.Function, e *lang.Call) Value {
	arguments := make([]Value, len(e.Args))
	for i, argument := range e.Args {
		arguments[i] = p.value(argument)
	}
	for i, parameter := range f.Params {
		v := p.uses[parameter.Variable]
		v.value = assigned(arguments[i], v.kind)
	}
	result := p.catch(false, func() { p.block(f.Body) })
	switch t := p.typeOf(e); {
	case t.Kind == types.None:
		return Value{Type: t}
	case result.Type == nil:
		return zero(t)
	default:
		return assigned(result, t)
	}
}

func (p *program) field(e *lang.Field) Value {
	x := p.value(e.X)
	switch {
	case x.Type.Kind == types.Tuple:
		i, _ := strconv.Atoi(e.Name)
		return x.Parts[i]
	case x.Type.Kind == types.Record:
		for i, field := range x.Type.Fields {
			if field.Name == e.Name {
				return x.Parts[i]
			}
		}
	case x.Type.Kind == types.Pointer:
		return p.memberAt(x.Number, member(e, x.Type.Elem))
	}
	return x.member(member(e, x.Type))
}

func (v Value) member(field types.Field) Value {
	if field.BitSize > 0 {
		return cut(v.Raw[field.Offset:], field)
	}
	return Decode(field.Type, v.Raw[field.Offset:])
}

func (p *program) memberAt(address uint64, field types.Field) Value {
	address += uint64(field.Offset)
	if field.BitSize == 0 {
		return p.load(address, field.Type)
	}
	return cut(p.load(address, &types.Type{Kind: types.Struct, Size: (field.BitOffset + field.BitSize + 7) / 8}).Raw, field)
}

// cut takes a bitfield out of memory, bit by bit; those that cannot be read are 0.
func cut(raw []byte, field types.Field) Value {
	n := uint64(0)
	for i := range field.BitSize {
		at := field.BitOffset + i
		if at/8 < len(raw) {
			n |= uint64(raw[at/8]>>(at%8)&1) << i
		}
	}
	if field.Type.Signed {
		unused := 64 - field.BitSize
		n = uint64(int64(n<<unused) >> unused)
	}
	return Value{Type: field.Type, Number: n}
}

func (p *program) element(e *lang.Index) Value {
	x, i := p.value(e.X), p.value(e.I).Number
	switch {
	case x.Type.Kind == types.Pointer:
		return p.load(x.Number+i*elementSize(x.Type), x.Type.Elem)
	case x.Type.Kind == types.String && i < uint64(len(x.Text)):
		return number(p.typeOf(e), uint64(x.Text[i]))
	case i < uint64(len(x.Parts)):
		return x.Parts[i]
	}
	return zero(p.typeOf(e))
}

func (p *program) cast(e *lang.Cast) Value {
	x, to := p.value(e.X), p.typeOf(e)
	switch {
	case to.Kind == types.Bool:
		return boolean(truth(x))
	case to.Scalar() && x.Type.Scalar():
		return number(to, x.Number)
	case to.Kind == types.Tuple || to.Kind == types.Record:
		return convert(x, to)
	}
	raw := encode(x)
	return Decode(to, append(raw, make([]byte, max(0, to.Size-len(raw)))...))
}

func (p *program) tuple(e *lang.Tuple) Value {
	v := Value{Type: p.typeOf(e)}
	for i, elem := range e.Elems {
		v.Parts = append(v.Parts, convert(p.value(elem), v.Type.Fields[i].Type))
	}
	return v
}

func (p *program) record(e *lang.Record) Value {
	v := Value{Type: p.typeOf(e)}
	for i, field := range e.Fields {
		v.Parts = append(v.Parts, convert(p.value(field.Value), v.Type.Fields[i].Type))
	}
	return v
}
