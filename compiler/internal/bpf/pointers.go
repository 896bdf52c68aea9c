package bpf

import (
	"slices"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// marks are values and cells with a property.
type marks struct {
	values map[*ir.Value]bool
	cells  map[*ir.Cell]bool
}

// findPointers marks what may hold an address whose type the verifier tracks.
func findPointers(f *ir.Func) *marks {
	pointers := &marks{map[*ir.Value]bool{}, map[*ir.Cell]bool{}}
	order := f.ReversePostorder()
	for grew := true; grew; {
		before := len(pointers.values) + len(pointers.cells)
		for _, b := range order {
			for _, v := range b.Values {
				pointers.visit(v)
			}
		}
		grew = len(pointers.values)+len(pointers.cells) > before
	}
	return pointers
}

func (m *marks) visit(v *ir.Value) {
	if !m.derived(v) {
		return
	}
	m.values[v] = true
	if v.Op == ir.CellSet {
		m.cells[v.Cell] = true
	}
}

func (m *marks) derived(v *ir.Value) bool {
	switch v.Op {
	case ir.Context, ir.SlotAddress, ir.MapPointer, ir.DataAddress, ir.FuncAddress, ir.Parameter, ir.Call, ir.Invoke, ir.Kfunc:
		return true
	case ir.Load:
		return v.Size == 8 && v.Space != ir.MapValue && v.Space != ir.Record
	case ir.CellGet:
		return m.cells[v.Cell]
	case ir.Add, ir.Sub, ir.CellSet:
		return slices.ContainsFunc(v.Args, func(arg *ir.Value) bool { return m.values[arg] })
	}
	return false
}
