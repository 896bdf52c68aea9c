package target

import (
	"errors"
	"fmt"

	"github.com/ponytrace/ponytrace/compiler/internal/glob"
)

// ErrNoDebugInfo means that a program does not describe its functions.
var ErrNoDebugInfo = errors.New("the program has no debug information")

// Binary answers questions about a program or library: for probes, where functions, lines
// and markers are and what their arguments are; for stacks, what an address belongs to.
// runtime/binary answers from the file, frozen.Binaries from a record of such answers.
//
// An answer never is longer than the file's size allows and some thousands of functions
// or places at most; where a question would take too long it has an error. Errors are
// worded for users, without the file's path.
type Binary interface {
	// Functions returns the functions of a name, each address once: those that are linked
	// today before older versions, then by address. A name may have several (static
	// functions, versions of a library's function) or none. It is the linker's name, with
	// or without @VERSION; else that of the source, with its parameters or without.
	//
	// For a function that the library chooses while it starts (Indirect, strlen) the
	// functions that may be chosen are returned, where the file has their names.
	Functions(name string) ([]BinaryFunction, error)
	// Match visits the functions that have a name like the pattern, by address: the
	// linker's name, but of C++ and Rust that of the source, with its parameters where the
	// pattern has a parenthesis. `*`, `?`, `[a-c]` and `\` are those of =~. Of several
	// names of one function it takes the plainest that matches. Visiting ends when visit
	// returns false; visit may ask the Binary.
	Match(pattern string, visit func(BinaryFunction) (more bool)) error
	// Lines returns the places where the code of a line begins, by address: several where
	// the compiler inlined, unrolled or instantiated it. The file may be the end of a path
	// from a slash on ("app.c", "src/app.c"); an error names the files if that fits
	// several, and the nearest lines if the line has no code.
	Lines(file string, line int) ([]BinaryPlace, error)
	// Markers returns the USDT probes in the order of the file, one for each place.
	Markers() ([]Marker, error)
	// Variables returns the addresses of the variables of a name, in ascending order.
	Variables(name string) ([]uint64, error)
	// Code returns up to n bytes of code from an offset on: fewer where the segment ends.
	Code(offset uint64, n int) ([]byte, error)
	// Address returns where the linker put a byte of the file.
	Address(offset uint64) (uint64, bool)
	// Offset is the reverse of Address.
	Offset(address uint64) (uint64, bool)
	// Facts describes the file as a whole.
	Facts() BinaryFacts
	// Signature returns a function with the types of its arguments and its result, and the
	// places where they are when it is entered and when it returns; an error when the file
	// does not describe them.
	Signature(of BinaryFunction) (*Function, error)
	// Frames returns the functions that a byte of the file belongs to, the innermost
	// first: those that the compiler inlined, and last the one that has the code.
	Frames(offset uint64) ([]Frame, error)
	// Placement returns what is at an offset that a probe is to be put on.
	Placement(offset uint64) (Placement, error)
	// GoFunction returns where probes of the function that begins at an offset go if Go has
	// compiled it, and reports whether it has.
	GoFunction(offset uint64) (f GoFunction, made bool, err error)
	// Goroutine returns how probes at some places find the number of the goroutine; an
	// error where one of them is not in a function of Go.
	Goroutine(places []uint64) (Goroutine, error)
}

// BinaryFunction is where a function begins.
type BinaryFunction struct {
	Name     string // as the linker has it: names of C++ and Rust are mangled
	Source   string // as the source has it, with parameters, where it is mangled
	Address  uint64 // as the program was linked
	Offset   uint64 // in the file; a probe attaches there
	Size     uint64 // up to the next function where the file does not tell
	Version  string // of a library's function: GLIBC_2.14
	Old      bool   // of this name, programs that are linked today get another version
	Indirect bool   // it runs once, to choose the function that is then called
	ChosenAs string // the name that other code calls it by, of one that Indirect may choose
}

// BinaryPlace is an address of code and what is there.
type BinaryPlace struct {
	Address  uint64
	Offset   uint64
	Function string // as the linker has it; of inlined code, the one that it was put into
	Source   string // the name in the source, of C++ and Rust
	File     string // its full path
	Line     int
}

// In reports whether the function of the place has a name: the linker's, or that of the
// source, with its parameters or without.
func (p BinaryPlace) In(name string) bool {
	return name == p.Function || p.Source != "" && (name == p.Source || name == withoutParameters(p.Source))
}

// Marker is a place of a USDT probe. Its address is where the linker put the code, also
// in a file that was relinked by prelink.
type Marker struct {
	Provider  string
	Name      string
	Address   uint64
	Offset    uint64
	Semaphore uint64 // offset in the file of the counter that turns it on; 0 for none
	Arguments string // as the file has them: `-4@%edi 8@-8(%rbp)`
}

// BinaryFacts is what holds for a whole file.
type BinaryFacts struct {
	Arch     string // "x86_64", "arm64"; "386", "arm" for what runs there with 32 bits
	BuildID  string // in hexadecimal; empty where the linker wrote none
	PIE      bool   // a program that may be anywhere in memory
	Library  bool   // no program
	Static   bool   // needs no libraries
	Go       string // the version of Go that made it, "go1.26.0"; empty for others
	DWARF    bool   // it, or its debug file, describes types and lines
	Stripped bool   // neither it nor its debug file has symbols but those of other files' use
}

// Pattern is a pattern of names.
type Pattern = glob.Pattern

// ParsePattern reads a pattern of Binary.Match.
func ParsePattern(text string) (*Pattern, error) {
	pattern, err := glob.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("bad pattern %q: %w", text, err)
	}
	return pattern, nil
}

// Frame is a function at an address of code.
type Frame struct {
	Function string // as the linker has it: names of C++ and Rust are mangled
	Offset   uint64 // from the start of the function; 0 for one that is inlined
	File     string // empty where it is unknown
	Line     int
	Inlined  bool
}

// foundBinary is the answer of Binary.
type foundBinary struct {
	binary Binary
	err    error
}

// Binary returns the program or library of a path. It is opened once.
func (t *Target) Binary(path string) (Binary, error) {
	t = t.kernel()
	found := t.binaries.get(path, func() foundBinary {
		if t.Sources.Binary == nil {
			return foundBinary{err: fmt.Errorf("%s: there are no programs here", path)}
		}
		b, err := t.Sources.Binary(path)
		return foundBinary{b, err}
	})
	return found.binary, found.err
}
