// Package cfi reads what compilers leave in programs so that a stack can be walked
// without frame pointers: the section .eh_frame (call frame information), of x86_64.
//
// For each place in the code it says where the caller's frame begins: the canonical frame
// address (CFA), which is the stack pointer of the caller behind its call. The return
// address lies in the 8 bytes before. The section is a program for a small machine, whose
// instructions change the rules from place to place; it is compact, and slow to look up.
// Parse runs all of it once and returns rows, ordered by place, each valid up to the next:
//
//	place  CFA      caller's RBP
//	1040   RSP+8    unchanged      at the entry of a function
//	1041   RSP+16   at CFA-16      behind push %rbp
//	1044   RBP+16   at CFA-16      behind mov %rsp, %rbp
//
// A row has 8 bytes, because programs in the kernel search them (runtime/unwind.go).
// What such a row cannot say ends the walk: rules of other registers than RSP and RBP,
// and expressions other than those of PLT entries, of functions that align their stack,
// and of the frame of a signal. Rules of registers other than RBP and the return address
// are not needed to walk on.
//
// Rejected: walking .eh_frame itself for each address. It would need RBX and R12 to R15
// too, no tables, and 1 to 10 us for each frame in user space, with a copy of the stack.
//
// At runs the program of one function, for the rule of one place.
//
// The text is hostile: it may say anything. Parse runs at most two instructions for each
// byte, whoever shares them, and keeps at most as many functions and rows as it may.
//
// Format: https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/ehframechpt.html
// and DWARF 5, section 6.4.
package cfi

import "encoding/binary"

// Kind tells how the CFA is found.
type Kind uint8

const (
	// End: there is no caller, or none that can be found.
	End Kind = iota
	// Signal is what a signal handler returns to: the kernel's struct ucontext lies at RSP,
	// with all registers.
	Signal
	// Stack is RSP + CFA, Frame RBP + CFA.
	Stack
	Frame
	// StackMemory and FrameMemory are the word that lies there.
	StackMemory
	FrameMemory
	// Linkage is an entry of the PLT, of 16 bytes: RSP + 8, and 8 more from the byte CFA on.
	Linkage
)

// Row is valid from a place on, up to that of the next.
type Row struct {
	Place uint32
	Rule
}

// Rule is how the frame of the caller is found.
type Rule struct {
	CFA  int16 // in words of 8 bytes
	RBP  int8  // Unchanged, AtFrame, or in words from the CFA
	Kind Kind
}

// What RBP may be besides a distance: those from the CFA are below 0.
const (
	Unchanged = 0
	AtFrame   = 1 // in the word at RBP
)

// ByFramePointer is the rule of code without tables, which is right where RBP holds the
// address of a frame.
var ByFramePointer = Rule{CFA: 2, RBP: -2, Kind: Frame}

// RowSize is that of a row in memory.
const RowSize = 8

// Append adds a row as the kernel's programs read it: a word, with the place in its low
// half.
func (r Row) Append(to []byte) []byte {
	to = binary.LittleEndian.AppendUint32(to, r.Place)
	to = binary.LittleEndian.AppendUint16(to, uint16(r.CFA))
	return append(to, byte(r.RBP), byte(r.Kind))
}
