// Command bench measures ponytrace from outside, as a user meets it.
//
//	bench host PONYTRACE      start, end, memory, size, stacks and output on this machine; bpftrace beside it when it is installed
//	bench events PONYTRACE    what an event costs; in a guest under -icount nanoseconds are executed instructions
//	bench attach PONYTRACE    attaching and detaching many functions, and listing what can be attached
//	bench stacks PONYTRACE    naming stacks of this machine, which host does, too
//
// Every number is the median of its runs, with the lowest and the highest in brackets,
// and the budget beside it: those of the README. Nothing here fails, for a machine that
// has other work to do is slower.
//
// A start ends with the notice that all is attached. Versions of bpftrace before 0.24
// print theirs before they attach, so their starts are longer than shown.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 2 {
		switch args[0] {
		case "host":
			return host(args[1])
		case "events":
			return events(args[1])
		case "attach":
			return attach(args[1])
		case "stacks":
			return stacks(args[1])
		}
	}
	return fmt.Errorf("usage: bench host|events|attach|stacks PONYTRACE")
}
