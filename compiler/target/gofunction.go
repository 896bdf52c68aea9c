package target

// GoFunction is where probes of a function that Go has compiled go, as offsets in the
// file.
type GoFunction struct {
	// Entry is behind the check of the stack: a function whose stack has to grow begins
	// anew, on the new one. Registers are there what they were at the start, and so is the
	// stack pointer.
	Entry uint64
	// Returns are the instructions that return: Go moves stacks, and so finds return
	// addresses that a kernel has replaced, and ends the program.
	Returns []uint64
	// Leaves: it also ends by jumping to another function, which then returns for it.
	Leaves bool
}
