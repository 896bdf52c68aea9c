// Package bpf turns the intermediate representation into eBPF instructions: instruction
// selection, registers, the stack frame, the order of blocks and line information.
//
// # The machine
//
// eBPF has eleven 64-bit registers. r0 holds results, r1 to r5 pass arguments and are
// lost in a call, r6 to r9 survive it, r10 points behind the frame of 512 bytes.
// Instructions have two addresses (dst op= src), immediates are 32 bits and
// sign-extended, offsets are 16 bits. The program starts with its context in r1.
//
// Before the code runs, the kernel's verifier walks it. What it wants shapes this
// package: no block that cannot be reached, no register or stack byte read before it is
// written, every access of memory provably within its object. Only instructions of Linux
// 5.10 are used: no signed division, no sign-extending moves or loads, no 32-bit jump
// offsets; fetching atomics where the options say.
//
// # The passes
//
//	demand    which values need a register at all; constants and addresses fold into their users
//	select    values to instructions over any number of virtual registers
//	coalesce  one register for both ends of a move
//	allocate  liveness, linear scan, spilling
//	frame     the only place that counts the 512 bytes
//	emit      jumps, labels, counts of failed reads (reads.go)
//	link      the program and its callbacks in one, line information
//
// Virtual registers may be written more than once (cells are), so liveness comes from
// dataflow over the blocks, not from single assignment; loops need no further thought.
//
// Constants, frame addresses, maps and global addresses never stay in a register over a
// call: one instruction makes them again, which costs no more than moving them. What must
// survive a call and finds r6 to r9 taken goes to the frame in full width, so that the
// verifier keeps its pointer types. Linux 5.10 forgets the bounds of a spilled number:
// the reload of a Bound value masks it again.
//
// A slot goes to the scratch map instead of the frame when it is large, when the frame is
// full, or when its address gets a variable added to it (refused for the stack before
// Linux 5.12). The scratch map is an array of one element that holds one row for each
// CPU.
//
// All functions that are active at once share the 512 bytes and the scratch row. Those
// that are called are compiled first and their callers take what remains.
//
// Sources: Documentation/bpf/standardization/instruction-set.rst and
// kernel/bpf/verifier.c of Linux v5.10 and v6.12
// (https://github.com/torvalds/linux/blob/v6.12/kernel/bpf/verifier.c); linear scan with
// lifetime holes after Wimmer and Mössenböck, "Optimized Interval Splitting in a Linear
// Scan Register Allocator" (VEE 2005), without the splitting: programs are short, and a
// value that is spilled is reloaded by one instruction.
package bpf

import (
	"github.com/cilium/ebpf/asm"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Options says what the code may rely on.
type Options struct {
	// CPUs is the number of possible CPUs rounded up to a power of two: the rows of the
	// scratch map.
	CPUs int
	// ScratchMap names the array map that takes what the frame cannot hold.
	ScratchMap string
	// ReadsMap names the array map that counts reads that fail; empty where they are not
	// counted.
	ReadsMap string
	// FetchAtomics: atomic instructions that bring what was there before, since Linux
	// 5.12.
	FetchAtomics bool
	// Trace asks for Result.Origins and Result.Places.
	Trace bool
}

// Result is the code of a program and its callbacks.
type Result struct {
	Instructions asm.Instructions
	Lines        []object.Line
	Reads        []object.Read // where the counts of ReadsMap belong
	Stack        int           // bytes of the stack in use at the deepest, as the kernel counts
	ScratchSize  int           // bytes of a row of the scratch map, a power of two; 0 when it is not used
	Static       int           // size in units of 8 bytes, as the kernel counts
	Origins      []Origin      // of each instruction; with Options.Trace only
	Places       []Place
}

// Generate compiles the program f, which Check accepts, and may change it. An error is
// diag.Diagnostics where a limit of the kernel does not allow for the program, else a
// mistake of the compiler: an *ir.Error.
func Generate(f *ir.Func, options Options) (result *Result, err error) {
	defer ir.Catch(&err)
	for _, tight := range []bool{false, true} {
		result, err = generateWithin(f, options, tight)
		if err == nil || len(f.Callbacks) == 0 {
			break
		}
	}
	return result, err
}

// generateWithin makes all callees give up what they can of the stack where tight.
func generateWithin(f *ir.Func, options Options, tight bool) (result *Result, err error) {
	defer catchExcess(&err)
	p := &program{options: options, tight: tight, calls: f.Calls(), functions: map[*ir.Func]*function{}, needs: map[*ir.Func]need{}}
	for _, g := range p.calls.Order {
		p.compile(g)
	}
	return p.link(f), nil
}

// excess is thrown where a limit of the kernel does not allow for the program.
type excess diag.Diagnostic

func catchExcess(err *error) {
	switch thrown := recover().(type) {
	case nil:
	case excess:
		*err = diag.Diagnostics{diag.Diagnostic(thrown)}
	default:
		panic(thrown)
	}
}
