package events

import (
	"slices"

	"github.com/ponytrace/ponytrace/compiler/types"
)

// HoldsProcess reports whether values of the type hold addresses of a process.
func HoldsProcess(t *types.Type) bool {
	switch t.Kind {
	case types.UserSymbol, types.UserStack:
		return true
	case types.Array:
		return HoldsProcess(t.Elem)
	case types.Struct, types.Tuple, types.Record:
		return slices.ContainsFunc(t.Fields, func(f types.Field) bool { return HoldsProcess(f.Type) })
	}
	return false
}

// processes calls visit with the ID of each process that has addresses in the table.
func (t *Table) processes(visit func(pid int)) {
	for row := range t.Len() {
		for part := range t.KeyParts() {
			processes(t.KeyPart(row, part), visit)
		}
		processes(t.Value(row), visit)
	}
}

func processes(v Value, visit func(pid int)) {
	switch {
	case v.Type.Kind == types.UserSymbol || v.Type.Kind == types.UserStack:
		visit(v.Process())
	case HoldsProcess(v.Type):
		for i := range v.Len() {
			processes(v.Part(i), visit)
		}
	}
}
