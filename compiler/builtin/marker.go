package builtin

import (
	"fmt"
	"math"
	"strconv"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// Marker is what a program at a USDT place finds there. Places with the same form share a
// program.
type Marker struct {
	Name      string // PROVIDER:NAME
	Arguments []target.MarkerArgument
}

// form tells markers apart whose arguments are found in different ways.
func (m *Marker) form() string {
	text := ""
	for _, a := range m.Arguments {
		text += a.Text
		if a.FromPlace {
			text += "=" + strconv.FormatInt(a.Offset, 10)
		}
		text += a.Unreadable + "\x00"
	}
	return text
}

// markerType is the type of an argument. One of 8 bytes may be an address of the process.
func markerType(a target.MarkerArgument) *types.Type {
	return &types.Type{Kind: types.Int, Size: a.Size, Signed: a.Signed, User: a.Size == 8}
}

// typeOfMarker is the type of argN; nil where a place does not have it.
func typeOfMarker(marker *Marker, i int) *types.Type {
	if i >= len(marker.Arguments) || marker.Arguments[i].Unreadable != "" {
		return nil
	}
	return markerType(marker.Arguments[i])
}

// argumentOfMarker is the type of argN, nil after an error.
func argumentOfMarker(c Checker, name *lang.Call, i int) *types.Type {
	marker, differing := c.Scope().Marker, c.Scope().Differing
	beyond := i >= len(marker.Arguments)
	switch {
	case !beyond && marker.Arguments[i].Unreadable != "":
		c.Errorf(name.Span, "%s of %s %s", name.Name, marker.Name, marker.Arguments[i].Unreadable)
		return nil
	case differing != nil && differing.Args[i] != nil:
		return differing.Args[i]
	case beyond:
		c.Errorf(name.Span, "%s has %s, so there is no %s", marker.Name, plural(len(marker.Arguments), "argument"), name.Name)
		return nil
	}
	return markerType(marker.Arguments[i])
}

func markerFields(marker *Marker) []Argument {
	fields := make([]Argument, len(marker.Arguments))
	for i, a := range marker.Arguments {
		fields[i] = Argument{Name: fmt.Sprintf("arg%d", i), Missing: a.Unreadable}
		if a.Unreadable == "" {
			fields[i].Type = markerType(a)
			fields[i].Load = func(l Lowering) *ir.Value { return markerValue(l, a) }
		}
	}
	return fields
}

// lowerMarker is argN; one that the place does not have reads as 0 where others have it.
func lowerMarker(l Lowering, i int) *ir.Value {
	arguments := l.Scope().Marker.Arguments
	if i >= len(arguments) {
		return l.IR().Const(0)
	}
	return markerValue(l, arguments[i])
}

// markerValue computes an argument where a place has it.
func markerValue(l Lowering, a target.MarkerArgument) *ir.Value {
	b := l.IR()
	switch {
	case a.InMemory:
		address, offset := markerAddress(l, a)
		return b.ReadUser(address, offset, a.Size, a.Signed)
	case a.Base == nil && !a.FromPlace:
		return b.Extend(b.Const(a.Offset), a.Size, a.Signed)
	case a.Base != nil && a.Base.Shift%8 == 0 && a.Base.Shift/8+a.Size <= 8 && a.Base.Shift/8%a.Size == 0:
		return b.Load(ir.ContextSpace, b.Context(), a.Base.At+a.Base.Shift/8, a.Size, a.Signed)
	}
	sum, offset := markerAddress(l, a)
	return b.Extend(b.Binary(ir.Add, sum, b.Const(int64(offset))), a.Size, a.Signed)
}

// markerAddress is the sum of an operand, but for what the second number adds to it.
func markerAddress(l Lowering, a target.MarkerArgument) (sum *ir.Value, offset int) {
	b := l.IR()
	var terms []*ir.Value
	if a.FromPlace {
		terms = append(terms, loadRegister(l, l.Target().Registers().InstructionPointer))
	}
	if a.Base != nil {
		terms = append(terms, markerRegister(l, *a.Base))
	}
	if a.Index != nil {
		terms = append(terms, b.Binary(ir.Mul, markerRegister(l, *a.Index), b.Const(a.Scale)))
	}
	if a.Offset < math.MinInt32 || a.Offset > math.MaxInt32 || len(terms) == 0 {
		terms = append(terms, b.Const(a.Offset))
	} else {
		offset = int(a.Offset)
	}
	sum = terms[0]
	for _, term := range terms[1:] {
		sum = b.Binary(ir.Add, sum, term)
	}
	return sum, offset
}

// markerRegister is what a register adds to an address.
func markerRegister(l Lowering, r target.MarkerRegister) *ir.Value {
	b := l.IR()
	word := loadRegister(l, r.At)
	if r.Shift > 0 {
		word = b.Binary(ir.ShiftRight, word, b.Const(int64(r.Shift)))
	}
	return b.Extend(word, r.Size, r.Signed)
}
