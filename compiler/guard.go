package compiler

import (
	"errors"

	"github.com/ponytrace/ponytrace/compiler/internal/guard"
	"github.com/ponytrace/ponytrace/compiler/internal/lower"
	"github.com/ponytrace/ponytrace/compiler/object"
)

// lowered returns what lowers the program of a number. Where the programs of the run may
// need a guard against one another, all are lowered before the first is compiled, because
// what each of them does decides on the others.
func lowered(unit *lower.Unit, options Options) (programOf func(number int) *program, guarded bool) {
	lower := func(number int) *program { return lowerProgram(unit, unit.Info.Programs[number], number, options) }
	if !guard.Possible(mechanisms(unit), &unit.Target.Features) {
		return lower, false
	}
	programs := make([]*program, len(unit.Info.Programs))
	for number := range programs {
		programs[number] = lower(number)
	}
	return func(number int) *program { return programs[number] }, protect(programs, unit)
}

func mechanisms(unit *lower.Unit) []object.Mechanism {
	var list []object.Mechanism
	for _, p := range unit.Info.Programs {
		list = append(list, p.Site.Points[0].Mechanism)
	}
	return list
}

// protect puts the guard into the programs that need it, and reports whether any does.
func protect(programs []*program, unit *lower.Unit) (guarded bool) {
	features := &unit.Target.Features
	described := make([]guard.Program, len(programs))
	for i, c := range programs {
		mechanism := c.Site.Points[0].Mechanism
		scratch := c.options.scratch && mechanism.Preempted(features)
		described[i] = guard.Describe(c.Func, mechanism, c.SharedSize > 0 || scratch)
	}
	for i, g := range guard.Choose(described, features) {
		c, p := programs[i], described[i]
		g.Insert(c.Func, guardWords(unit))
		guarded = guarded || !g.None()
		c.ownFrame = p.Mechanism.OwnFrame(features)
		c.framed = p.Mechanism.Preempted(features) && !p.Memory
		if p.KeepsCPU(g, features) && !guard.KeepCPU(c.Func, p.Memory, features) {
			c.uncallable = true
		}
	}
	return guarded
}

// errScratch: a program that is preempted needs memory of the CPU where preemption is on,
// because its frame is full, or because the kernel has the frame there.
var errScratch = errors.New("the frame is full")

// errParts: a program cannot call the parts of its clauses without preemption.
var errParts = errors.New("parts of a clause are called without preemption")

func guardWords(unit *lower.Unit) guard.Words {
	return guard.Words{CPUs: lower.CPURows(unit.Target), Atomic: unit.Target.Features.FetchingAtomics}
}
