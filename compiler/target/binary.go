package target

import "fmt"

// Binary answers questions about a program or library: for probes, where functions of a
// name begin and what their arguments are; for stacks, what an address belongs to.
// runtime/binary answers from the file, frozen.Binaries from a record of such answers.
type Binary interface {
	// Functions returns the functions of a name by address. A name may have several
	// (static functions, versions of a library's function) or none.
	Functions(name string) ([]BinaryFunction, error)
	// Arguments returns the arguments of a function in the order of the source; an error
	// when the file does not describe them.
	Arguments(of BinaryFunction) ([]BinaryArgument, error)
	// Frames returns the functions that a byte of the file belongs to, the innermost
	// first: those that the compiler inlined, and last the one that has the code.
	Frames(offset uint64) ([]Frame, error)
}

// BinaryFunction is where a function begins.
type BinaryFunction struct {
	Name     string
	Address  uint64 // as the program was linked
	Offset   uint64 // in the file; a probe attaches there
	Size     uint64 // 0 where it is unknown
	Indirect bool   // it runs once, to choose the function that is then called
}

// BinaryArgument is an argument of a function. Where it is at entry follows from its
// place in the list, kind and size by the calling convention.
type BinaryArgument struct {
	Name string
	Type string // as the source has it
	Kind ArgumentKind
	Size int // in bytes
}

// ArgumentKind is what a calling convention asks of a type.
type ArgumentKind int

// The kinds of arguments.
const (
	Unknown ArgumentKind = iota
	Signed
	Unsigned
	Bool
	Float
	Pointer
	Memory // a struct, union, class or array
)

var kindNames = [...]string{"unknown", "signed", "unsigned", "bool", "float", "pointer", "memory"}

// String returns the name of the kind.
func (k ArgumentKind) String() string { return kindNames[k] }

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
