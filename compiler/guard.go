package compiler

import (
	"github.com/ponytrace/ponytrace/compiler/internal/guard"
	"github.com/ponytrace/ponytrace/compiler/internal/lower"
	"github.com/ponytrace/ponytrace/compiler/object"
)

// lowered returns what lowers the instance of a number. Where the programs of the run may need a guard against one
// another, all are lowered before the first is compiled, because what each of them does decides on the others.
func lowered(unit *lower.Unit, options Options) (clauseOf func(number int) *clause, guarded bool) {
	lower := func(number int) *clause { return lowerClause(unit, unit.Info.Instances[number], number, options) }
	if !guard.Possible(mechanisms(unit), &unit.Target.Features) {
		return lower, false
	}
	clauses := make([]*clause, len(unit.Info.Instances))
	for number := range clauses {
		clauses[number] = lower(number)
	}
	return func(number int) *clause { return clauses[number] }, protect(clauses, unit)
}

func mechanisms(unit *lower.Unit) []object.Mechanism {
	var list []object.Mechanism
	for _, instance := range unit.Info.Instances {
		list = append(list, instance.Site.Points[0].Mechanism)
	}
	return list
}

// protect puts the guard into the programs that need it, and reports whether any does.
func protect(clauses []*clause, unit *lower.Unit) (guarded bool) {
	programs := make([]guard.Program, len(clauses))
	for i, c := range clauses {
		programs[i] = guard.Describe(c.Func, c.instance.Site.Points[0].Mechanism, c.SharedSize > 0)
	}
	for i, g := range guard.Choose(programs, &unit.Target.Features) {
		g.Insert(clauses[i].Func, guardWords(unit))
		guarded = guarded || !g.None()
	}
	return guarded
}

func guardWords(unit *lower.Unit) guard.Words {
	return guard.Words{CPUs: lower.CPURows(unit.Target), Atomic: unit.Target.Features.FetchingAtomics}
}
