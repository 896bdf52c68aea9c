package target

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Goroutine is how a probe finds the goroutine that runs a function of Go, which is a
// struct of the program's runtime, g. Its address is
//
//	x86_64   in r14 where Go passes arguments in registers (since 1.17), and else, as in all
//	         functions in assembly, in a variable of the thread
//	arm64    in r28
//
// https://github.com/golang/go/blob/go1.26.0/src/cmd/compile/abi-internal.md
type Goroutine struct {
	// Register is the place of the register in struct pt_regs, -1 for none.
	Register int
	// Thread is where the variable of the thread lies, from the thread's pointer on.
	Thread int
	// ID is where in g its number lies, of 8 bytes.
	ID int
}

// Errors of Binary.Goroutine.
var (
	ErrNotGo          = errors.New("it is not a function of a Go program")
	ErrGoroutineLost  = errors.New("where the thread has its goroutine is not known: a program that is linked with C needs its symbols for that")
	errGoroutineShape = errors.New("where a goroutine has its number is not known of this version of Go without debug information")
)

// goroutineIDs are the places of the number, each since a minor version of Go, measured
// in programs of 1.16 to 1.26.
var goroutineIDs = []struct{ since, at int }{{16, 152}, {23, 160}, {25, 152}, {27, -1}}

// GoroutineID returns where in g its number lies, of programs made by a version of Go such
// as go1.26.0.
func GoroutineID(version string) (int, error) {
	minor := goMinor(version)
	at := -1
	for _, known := range goroutineIDs {
		if minor >= known.since {
			at = known.at
		}
	}
	if at < 0 {
		return 0, fmt.Errorf("%w: %q", errGoroutineShape, version)
	}
	return at, nil
}

// goMinor reads the 26 of go1.26.0; -1 for what is no version of Go 1.
func goMinor(version string) int {
	text, one := strings.CutPrefix(version, "go1.")
	if end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		text = text[:end]
	}
	minor, err := strconv.Atoi(text)
	if !one || err != nil {
		return -1
	}
	return minor
}

// GoroutineRegister returns the register that has the goroutine in functions that Go has
// compiled, or -1.
func GoroutineRegister(arch, version string) int {
	switch {
	case arch == "arm64":
		return registers[arch].Named["r28"]
	case goMinor(version) >= 17:
		return registers[arch].Named["r14"]
	}
	return -1
}
