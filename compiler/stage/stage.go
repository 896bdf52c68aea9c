// Package stage holds what the stages of the compiler make, as values: what a script is
// at each step from its text to its instructions, and why. They are what `-d` prints, and
// what an explainer, a stepper or a lesson is written over.
//
//	stages := &stage.Stages{}
//	object, err := compiler.Compile(script, machine, compiler.Options{Stages: stages})
//
// Without that option nothing is collected.
//
// # The chain
//
// Each stage refers to the one before it, so that every instruction leads back to the
// text:
//
//	Tokens            words of the text                          Span
//	Script            the syntax tree                            Range() of each node
//	Program.Types     the type of each expression                Span
//	Program.IR        operations                                 Span, Reason
//	Program.Optimized the same after the passes, by the same ID  Span, Reason, Pass, Changed
//	Program.Code      instructions                               Function and Operation, Span, Reason
//	Program.Places    registers and stack                        Holds, From, To
//
// Two operations of a function with the same ID are the same operation at two stages. An
// operation's Span is the part of the script that it computes, its Reason why the
// compiler needs it where the script does not contain it: "lookup of the key",
// "bound for the verifier". Where the Reason is empty, the operation is what is written
// at its Span. Pass names the pass that added it, Changed those that changed it, and
// Removed, in Program.IR, the one that found it unnecessary.
//
// Several programs come of a clause whose probes differ in their arguments, and several
// clauses of one probe share a program, so that programs rather than clauses come with
// types.
//
// # The notation of instructions
//
// Disassemble writes instructions as the kernel's verifier and bpftool do
// (kernel/bpf/disasm.c,
// https://elixir.bootlin.com/linux/v6.12/source/kernel/bpf/disasm.c), and counts them in
// units of 8 bytes, as they do: a load of 64 bits takes two. A jump's distance counts
// from the next instruction. Text differs from theirs where that helps to read it: `goto
// +5` for `goto pc+5`, numbers of comparisons in decimal, and maps by name, as they have
// neither number nor address before they are loaded.
package stage

import (
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Stages are those of one script.
type Stages struct {
	Tokens []lang.Token
	Script *lang.Script
	// Programs are in the order of the object. Those that only call others, of a system
	// call, come last.
	Programs []*Program
}

// Program is what became of clauses at attach points.
type Program struct {
	Name   string
	Probes []string // that it serves
	// Types are those of the expressions, in the order of the script. Maps are there as
	// expressions; what they hold is their type.
	Types []Typed
	// IR is the program and the functions that it calls, before and after the passes.
	IR, Optimized []*Function
	Code          []Instruction
	Places        []Place
}

// Typed is an expression with its type.
type Typed struct {
	Span diag.Span
	Type string
}

// Function is a function as operations.
type Function struct {
	Name   string
	Slots  []string // pieces of memory: name, size in bytes, what for
	Cells  []string // variables: name, what for
	Blocks []Block
}

// Block is a run of operations that ends in a jump.
type Block struct {
	Name       string
	Cold       bool // rarely run, so placed out of line
	Operations []Operation
}

// Operation is one operation of the intermediate representation.
type Operation struct {
	ID   int
	Text string // v5 = bound v4 3
	// Op is the name of the operation, Args are the IDs of its operands. Name is the map,
	// variable, piece of memory, helper or function that it is about; Number the constant,
	// the limit of a bound, or the offset in a map's memory.
	Op     string
	Args   []int
	Name   string
	Number int64
	// Space is the kind of memory that it accesses, at Offset from the address: Size
	// bytes, which are a number with a sign where Signed.
	Space        string
	Offset, Size int
	Signed       bool

	Span    diag.Span // the part of the script that it belongs to
	Reason  string    // why the compiler needs it; empty where it is what is written
	Pass    string    // that added it; empty where lowering did
	Changed []string  // passes that changed it
	Removed string    // the pass after which it was gone; in Program.IR only
}

// Instruction is one instruction of eBPF.
type Instruction struct {
	Offset   int // in units of 8 bytes, as the kernel counts
	Opcode   byte
	Text     string
	Target   int    // the offset that it jumps to, calls or takes the address of; -1 for none
	Symbol   string // the function that starts with it, or a label, which has a dot in its name
	Function string // that it belongs to
	// Operation is the ID of what it was selected for, in Function after the passes; 0
	// for none.
	Operation int
	Span      diag.Span
	// Reason is why it is there, where that is not the operation itself: "spill",
	// "argument of the call".
	Reason string
}

// Place is a register or a part of the stack, and what it holds for how long.
type Place struct {
	Function string
	Register int // -1 where it is memory
	// Offset and Size are bytes: from the end of the frame, which r10 points to, or from
	// the start of the scratch row.
	Offset, Size int
	Scratch      bool // the memory is in the scratch map, not in the frame
	// Holds are the operations ("v5"), variables ("c1 rest") or slots ("s0 key") that
	// have it.
	Holds []string
	// From is the offset of the instruction that writes it first, To of the last that
	// needs it. A value is not needed all the time in between where From and To of
	// another Place lie there, too.
	From, To int
}
