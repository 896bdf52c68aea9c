// Package verifierlog reads what the kernel's verifier writes about a program at log
// level 2, and tells in plain words what the verifier knows after each instruction.
//
// # What the verifier does
//
// It walks through the program as the processor would, but with what it knows of values
// instead of the values: "a number from 0 to 63", "the address of a map's value, or
// null". At a jump whose outcome it does not know it goes on behind the jump and keeps
// the other way for later. A path ends with the exit, or where the verifier has been with
// the same or with less knowledge: that it calls safe. So an instruction is visited once,
// several times, or never.
//
// # What it writes
//
// In 5.10, all that it knows stands in a line before each instruction:
//
//	8: R0_w=inv(id=0) R1_w=map_ptr(id=0,off=0,ks=16,vs=8,imm=0) R10=fp0 fp-8=mmmmmmmm
//	8: (85) call bpf_map_lookup_elem#1
//	9: R0=map_value_or_null(id=1,off=0,ks=16,vs=8,imm=0) R10=fp0 fp-8=mmmmmmmm
//
// and a kept way begins without a word after the end of another. Later kernels write what
// an instruction has touched, behind it or in the next line, and where a kept way comes
// from:
//
//	8: (85) call bpf_map_lookup_elem#1    ; R0_w=map_value_or_null(id=1,map=at_,ks=16,vs=8)
//	from 14 to 46: R0=0 R6=scalar(id=1) R10=fp0 fp-8=mmmmmmmm
//
// 6.1 does not name maps, 6.12 does; 7.x drops what nothing reads any more. Marks such as
// _w are for the verifier's own use. The letters of a stack slot stand for its bytes, the
// highest address first: m was written, 0 is zero, ? is nothing.
//
// Both come from print_verifier_state:
// https://elixir.bootlin.com/linux/v5.10/source/kernel/bpf/verifier.c
// https://elixir.bootlin.com/linux/v6.12/source/kernel/bpf/log.c
//
// # How it is read
//
// walker (walk.go) goes along with the verifier: it keeps the state of the path, and at
// each conditional jump the state before it, on a stack as the verifier's own. The
// difference of the states before and after an instruction is what the first visit found
// out. Later visits are compared with that. value.go and number.go put the kernel's words
// for a value into plain ones.
//
// A log may come from anywhere: its size, the number of instructions, of values and of
// kept states are bounded, and what is not understood is left out or printed as it is.
package verifierlog

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Log is what a log says of a program.
type Log struct {
	// Instructions are those that the verifier has visited, by their numbers.
	Instructions []*Instruction
	// Start is what it knows before the first one.
	Start []Fact
	Total Total
	// Cut: the log is longer than is read.
	Cut bool
}

// Total is what the verifier sums up at the end.
type Total struct {
	Visited int // instructions, on all paths
	Limit   int // of that
	States  int // that were kept to compare with
	// Stack is how many bytes each function has of it; the program comes first.
	Stack []int
}

// Instruction is what the verifier knows after an instruction.
type Instruction struct {
	Number int
	Visits int
	// Known is what changed by the first visit; where a jump is not taken, if that may
	// be.
	Known []Fact
	// Taken is what is known in addition where a conditional jump is taken.
	Taken []Fact
	// Varies are the places of which other visits found something else.
	Varies []string
	// Branch is how a conditional jump may end.
	Branch Branch

	compared bool // Known is set
}

// Branch is how the verifier has seen a conditional jump end, over all visits.
type Branch uint8

const (
	NoBranch Branch = iota // it is no such jump
	Both
	Never  // it is never taken
	Always // it is always taken
)

// Fact is what the verifier knows of a place.
type Fact struct {
	Place string // r0, stack -8..-1
	Text  string // value of map @, or null
	// Kernel is the same in the kernel's words.
	Kernel string
}

// Map is a map of the kernel, so that facts can name it.
type Map struct {
	Name               string // in the kernel
	Called             string // for people: @reads
	KeySize, ValueSize int
	// Stride is the distance of rows, one for each CPU, that the value consists of; 0
	// where it has none.
	Stride int
	Parts  []Part // of the value, or of each row
}

// Part is a part of a value with a name.
type Part struct {
	Offset, Size int
	Called       string // value of @reads
}

// Program is what else is known of the program: older kernels do not name the maps.
type Program struct {
	Maps []Map
	// Loads are the maps, by their names in the kernel, whose address an instruction
	// loads.
	Loads map[int]string
}

// Limits of what is read.
const (
	maxLog          = 256 << 20 // bytes
	maxInstructions = 1 << 20   // of a program, as in the kernel
	maxLine         = 64 << 10  // bytes; what a line has beyond is left out
)

// Parse reads the log of a program.
func Parse(text string, program Program) *Log {
	w := newWalker(program)
	cut := len(text) > maxLog
	for line := range strings.Lines(text[:min(len(text), maxLog)]) {
		line = strings.TrimRight(line, "\r\n")
		w.line(line[:min(len(line), maxLine)])
	}
	w.leave(none)
	log := &Log{Start: w.start, Total: w.total, Cut: cut}
	log.Instructions = slices.SortedFunc(maps.Values(w.instructions),
		func(a, b *Instruction) int { return cmp.Compare(a.Number, b.Number) })
	for _, at := range log.Instructions {
		w.finish(at)
	}
	return log
}

// At returns what is known of an instruction, nil where the verifier has not been.
func (l *Log) At(number int) *Instruction {
	i, found := slices.BinarySearchFunc(l.Instructions, number,
		func(at *Instruction, number int) int { return cmp.Compare(at.Number, number) })
	if !found {
		return nil
	}
	return l.Instructions[i]
}
