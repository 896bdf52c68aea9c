package explain

// terms are the words that an explanation uses and that somebody who knows Linux, but not
// eBPF, may not know.
var terms = []Term{
	{"verifier", "The part of the kernel that reads a program before it is loaded. It refuses one " +
		"that might not end, or that " +
		"might read or write what it must not."},
	{"registers", "r0 to r10 are the registers of eBPF, of 64 bits. r0 has results; r1 to r5 pass " +
		"arguments to calls and are " +
		"overwritten by them; r6 to r9 keep their values; r10 is the end of the stack. w0 to w9 are " +
		"the lower 32 bits."},
	{"context", "What a program is handed when it runs: at its start, r1 is the address of it."},
	{"stack", "512 bytes of memory that a program has while it runs. They lie below the address in " +
		"r10."},
	{"map", "Memory of the kernel that lasts from one run of a program to the next, and that " +
		"ponytrace reads, too."},
	{"helper", "A function of the kernel that programs may call."},
	{"record", "What a program sends to ponytrace through a ring buffer: the values of one " +
		"printf(), for example."},
	{"null", "The address 0, which leads nowhere: what a helper returns where it has nothing to " +
		"give."},
	{"BTF", "The kernel's own description of its functions and types, which tells where the " +
		"members of structures lie."},
	{"machine code", "What the kernel makes of a program for the processor, by its JIT compiler, " +
		"before the program runs."},
	{"usual path", "What runs for an event with made-up values: addresses lead to memory that can " +
		"be read, and keys are in their maps."},
}
