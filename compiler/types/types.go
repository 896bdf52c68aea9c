// Package types says what values are: their kind, size, alignment and where the parts of
// a record or key lie. It is shared by the compiler, which stores values, and the
// runtime, which reads them back: both go through the same Layout, so there is no second
// description to keep in step.
//
// Values that fit a register (integers, booleans, enums, pointers, symbols) are computed
// in 64 bits and stored in Size bytes, little or big end first as the machine does.
// Strings, buffers, structs, arrays and tuples live in memory and are handled by address.
// An aggregation (count, hist, ...) is a row of 64-bit words; its record says what is
// done with them.
//
// How a value prints follows from its Kind alone; package runtime/report/format holds the code.
package types

import (
	"fmt"
	"slices"
	"strings"
)

// Kind tells how a value is stored, computed and printed.
type Kind uint8

const (
	None           Kind = iota // no value: the result of printf
	Int                        // Size 1, 2, 4 or 8; Signed
	Bool                       // Size 1; prints true or false
	Enum                       // Size 1, 2, 4 or 8; prints by name; Values
	Pointer                    // Size 8; Elem is what it points at, nil for void
	String                     // Size bytes, ended by a zero byte unless full
	Buffer                     // a 4-byte length, then up to Size-4 bytes; with Elem it prints as an array of these
	Struct                     // a struct or union; Name, Size; Fields only where Target.Complete gave them
	Array                      // Count elements of type Elem
	Tuple                      // Fields lie as Layout says
	Record                     // a Tuple whose Fields have names
	KernelSymbol               // Size 8; an address that prints as a kernel function's name
	ProbeName                  // Size 8; an index into Object.ProbeNames
	Timestamp                  // Size 8; nsecs that print through strftime with Name as the format
	ErrorText                  // Size 8; an error number that prints as strerror does
	SignalName                 // Size 8; a signal's number that prints by name
	SyscallName                // Size 8; a system call's number that prints by name
	UserName                   // Size 8; a user ID that prints by name
	CgroupPath                 // Size 8; a cgroup's ID that prints as its path; Name is a pattern that the path must match, or empty
	UserSymbol                 // Size 16: an address, a process ID in 8 bytes; prints as a function of that process, or, with a Name, as a type of Go
	KernelStack                // Size 8*Count: return addresses, the innermost first, 0 behind the last; Name is the mode
	UserStack                  // Size 8+8*Count: a process ID in 8 bytes, then as KernelStack
	NetworkAddress             // Size 20: AF_INET or AF_INET6 in 4 bytes, then 4 or 16 bytes of address in network order
	MACAddress                 // Size 6
	Aggregated                 // count() and its family: Record; rows of 64-bit words
)

// Type describes a value. Types are compared with Equal, never by address.
type Type struct {
	Kind   Kind
	Size   int // bytes as stored
	Signed bool
	Elem   *Type  // Pointer, Array, Buffer; of an aggregation, as its record says
	Count  int    // Array: elements; KernelStack, UserStack: the most addresses; of an aggregation, as its record says
	Name   string // Struct, Enum: the tag, without "struct"; of other kinds see there
	Union  bool   // Struct that is a union
	Values []EnumValue
	Fields []Field // Tuple, Record; Struct where it is complete
	// Trusted marks a Pointer that the verifier knows by its BTF type: it may be loaded
	// through directly.
	Trusted bool
	// User marks an address of a process: a Pointer into its memory, or an Int that was
	// found there or made of one. Of a Struct or Array, it is what the members lead to.
	// Kernel is the same for the kernel's memory. With neither, or where values of both
	// come together, the probe decides.
	User, Kernel bool
	// Exact is what an Int of 64 bits in a map, tuple or key was before it was extended
	// to these; nil where it had 64 bits.
	Exact *Type
	// Alias is the name that the script or the kernel has for an Int, Bool, Enum or
	// Pointer: pid_t, unsigned int. It is for people to read and makes no other type of
	// it.
	Alias string
	// Const marks a Pointer to what is declared const; it is for people to read, too.
	Const bool
	// Register marks a Pointer that argN or retval gave: its arithmetic counts bytes.
	Register bool
	// Origin is the target's own description of a Struct (a BTF type); nobody else looks
	// inside.
	Origin any
	// Record is that of an aggregation. What the numbers mean that one was made with, it
	// says.
	Record          *Aggregation
	Low, High, Step int64
	Bits            int
	// Shape is what else an aggregation was made with.
	Shape []int64
}

// EnumValue is one named constant of an Enum.
type EnumValue struct {
	Name  string
	Value int64
}

// Field is a part of a Layout.
type Field struct {
	Name   string // empty in a key or tuple
	Type   *Type
	Offset int // bytes from the start
	// BitSize is 0 unless the field is a bitfield: its BitSize bits from BitOffset on,
	// counted from the least significant, of the Type.Size bytes at Offset.
	BitOffset, BitSize int
}

// Layout is where the parts of a key, tuple or event lie. Fields are aligned to their
// natural alignment, at most 8; Size is a multiple of 8, and whoever stores zeroes the
// gaps of a key.
type Layout struct {
	Size   int
	Fields []Field
}

// NewLayout lays the types out one after the other, starting after a header of the given
// size in bytes.
func NewLayout(header int, parts ...*Type) Layout {
	layout := Layout{}
	offset := header
	for _, part := range parts {
		offset = align(offset, part.Align())
		layout.Fields = append(layout.Fields, Field{Type: part, Offset: offset})
		offset += part.Size
	}
	layout.Size = align(offset, 8)
	return layout
}

// Gaps returns the byte ranges [start, end) that no field covers, header included.
func (l Layout) Gaps() [][2]int {
	var gaps [][2]int
	end := 0
	for _, field := range l.Fields {
		if field.Offset > end {
			gaps = append(gaps, [2]int{end, field.Offset})
		}
		end = field.Offset + field.Type.Size
	}
	if end < l.Size {
		gaps = append(gaps, [2]int{end, l.Size})
	}
	return gaps
}

func align(n, to int) int { return (n + to - 1) / to * to }

// The types that need no further description.
var (
	NoValue = &Type{Kind: None}
	Int64   = &Type{Kind: Int, Size: 8, Signed: true}
	Uint64  = &Type{Kind: Int, Size: 8}
	Int32   = &Type{Kind: Int, Size: 4, Signed: true}
	Uint32  = &Type{Kind: Int, Size: 4}
	Boolean = &Type{Kind: Bool, Size: 1}
	Symbol  = &Type{Kind: KernelSymbol, Size: 8}
	Probe   = &Type{Kind: ProbeName, Size: 8}
	// FunctionName is a ProbeName that prints only what stands behind the last colon.
	FunctionName = &Type{Kind: ProbeName, Size: 8, Name: "func"}
	// Numbers that print as the name or text that they stand for.
	ErrorNumber  = &Type{Kind: ErrorText, Size: 8, Signed: true}
	SignalNumber = &Type{Kind: SignalName, Size: 8, Signed: true}
	SyscallID    = &Type{Kind: SyscallName, Size: 8, Signed: true}
	UserID       = &Type{Kind: UserName, Size: 8}
	// Memory that prints as the address or name that it holds.
	UserAddress = &Type{Kind: UserSymbol, Size: 16}
	// GoType has where a type of Go is described; or, with bit 0 set, the table of an
	// interface that leads there.
	GoType    = &Type{Kind: UserSymbol, Size: 16, Name: "gotype"}
	IPAddress = &Type{Kind: NetworkAddress, Size: 20}
	MAC       = &Type{Kind: MACAddress, Size: 6}
)

// AF_INET and AF_INET6 of Linux, wherever this is compiled: for a browser, package unix
// does not have them.
const (
	FamilyInet  = 2
	FamilyInet6 = 10
)

// NewInt returns the integer type of size bytes.
func NewInt(size int, signed bool) *Type { return &Type{Kind: Int, Size: size, Signed: signed} }

// NewString returns a string of at most size bytes, the ending zero included.
func NewString(size int) *Type { return &Type{Kind: String, Size: size} }

// NewPointer returns a pointer to elem; nil means void.
func NewPointer(elem *Type) *Type { return &Type{Kind: Pointer, Size: 8, Elem: elem} }

// NewArray returns an array of count elements.
func NewArray(elem *Type, count int) *Type {
	return &Type{Kind: Array, Elem: elem, Count: count, Size: elem.Size * count}
}

// NewVector returns an array whose length only its value has, in bytes: up to count
// elements of type elem. A length above that is the original's, the rest of which was
// left out.
func NewVector(elem *Type, count int) *Type {
	return &Type{Kind: Buffer, Elem: elem, Size: BufferHeader + elem.Size*count}
}

// BufferHeader is the number of bytes of the length that a Buffer begins with.
const BufferHeader = 4

// NewTuple lays out a tuple of the given parts.
func NewTuple(parts ...*Type) *Type {
	layout := NewLayout(0, parts...)
	return &Type{Kind: Tuple, Size: layout.Size, Fields: layout.Fields}
}

// NewRecord lays out a record; names and parts go together.
func NewRecord(names []string, parts []*Type) *Type {
	t := NewTuple(parts...)
	t.Kind = Record
	for i, name := range names {
		t.Fields[i].Name = name
	}
	return t
}

// The modes in which a stack prints, as scripts have them; ByBuildID is one of processes.
const (
	ByFunction = "bpftrace"
	AsPerf     = "perf"
	ByAddress  = "raw"
	ByBuildID  = "build_id"
)

// NewKernelStack returns a stack of at most depth addresses, printed in a mode.
func NewKernelStack(mode string, depth int) *Type {
	return &Type{Kind: KernelStack, Size: 8 * depth, Count: depth, Name: mode}
}

// NewUserStack is NewKernelStack for the stack of a process.
func NewUserStack(mode string, depth int) *Type {
	return &Type{Kind: UserStack, Size: 8 + 8*depth, Count: depth, Name: mode}
}

// SizeInC returns the bytes that a value takes in C. In the memory of a program the
// integers of a tuple take 8 each.
func (t *Type) SizeInC() int {
	size, _ := t.inC()
	return size
}

// inC lays the parts of a tuple or record out as the members of a struct.
func (t *Type) inC() (size, alignment int) {
	switch {
	case t.Exact != nil:
		return t.Exact.Size, t.Exact.Size
	case t.Kind == Struct || t.Kind == Array:
		return t.Size, t.alignInC()
	case t.Kind != Tuple && t.Kind != Record:
		return t.Size, t.Align()
	}
	alignment = 1
	for _, field := range t.Fields {
		part, aligned := field.Type.inC()
		size, alignment = align(size, aligned)+part, max(alignment, aligned)
	}
	return align(size, alignment), alignment
}

// alignInC is the alignment of a struct or array: that of its members, as far as they are
// known, else the largest that its size allows.
func (t *Type) alignInC() int {
	if t.Kind == Array {
		_, alignment := t.Elem.inC()
		return alignment
	}
	alignment := min(max(t.Size&-t.Size, 1), 8)
	if len(t.Fields) == 0 {
		return alignment
	}
	known := 1
	for _, field := range t.Fields {
		_, aligned := field.Type.inC()
		if field.Offset%aligned == 0 { // not so in a packed struct
			known = max(known, aligned)
		}
	}
	return min(alignment, known)
}

// Layout returns the parts of a Tuple.
func (t *Type) Layout() Layout { return Layout{Size: t.Size, Fields: t.Fields} }

// Align returns the alignment in bytes at which a value of the type is stored.
func (t *Type) Align() int {
	switch {
	case t.Scalar():
		return max(t.Size, 1)
	case t.Kind == String || t.Kind == MACAddress:
		return 1
	default:
		return 8
	}
}

// Scalar reports whether a value of the type is held in a register.
func (t *Type) Scalar() bool {
	switch t.Kind {
	case Int, Bool, Enum, Pointer:
		return true
	}
	return t.Kind >= KernelSymbol && t.Kind <= CgroupPath
}

// ByteArray reports an array of bytes, which C programs keep texts in.
func (t *Type) ByteArray() bool {
	return (t.Kind == Array || t.Kind == Buffer) && t.Elem != nil && t.Elem.Kind == Int && t.Elem.Size == 1
}

// Texts reports whether values of both types are compared as texts: strings, and a string
// and an array of bytes.
func Texts(x, y *Type) bool {
	if x.Kind != String {
		x, y = y, x
	}
	return x.Kind == String && (y.Kind == String || y.ByteArray())
}

// Integer reports whether arithmetic applies: integers, booleans and enums.
func (t *Type) Integer() bool { return t.Kind == Int || t.Kind == Bool || t.Kind == Enum }

// InUser reports whether an address is one of the process, in probes where that is usual
// or not.
func (t *Type) InUser(usual bool) bool {
	if t.User == t.Kernel {
		return usual
	}
	return t.User
}

// Beside is the type for an address in memory that one of these leads to as well. What is
// no address stays as it is.
func (t *Type) Beside(others ...*Type) *Type {
	user, kernel := t.User, t.Kernel
	for _, other := range others {
		user, kernel = user || other.User, kernel || other.Kernel
	}
	if !t.address() || user == t.User && kernel == t.Kernel {
		return t
	}
	placed := *t
	placed.User, placed.Kernel = user, kernel
	return &placed
}

// address reports what may be an address, or hold some.
func (t *Type) address() bool {
	switch t.Kind {
	case Int:
		return t.Size == 8
	case Pointer, Struct, Array:
		return true
	}
	return false
}

// Equal reports whether values of both types are stored and printed alike.
func (t *Type) Equal(other *Type) bool {
	if t == nil || other == nil {
		return t == other
	}
	if t.Kind != other.Kind || t.Record != other.Record || !slices.Equal(t.Shape, other.Shape) || t.Size != other.Size || t.Signed != other.Signed || t.Name != other.Name {
		return false
	}
	if t.Low != other.Low || t.High != other.High || t.Step != other.Step || t.Count != other.Count {
		return false
	}
	if t.Kind == Struct {
		return true
	}
	if (t.Kind == Array || t.Kind == Aggregated || t.Kind == Buffer) && !t.Elem.Equal(other.Elem) || t.Bits != other.Bits || len(t.Fields) != len(other.Fields) {
		return false
	}
	for i := range t.Fields {
		if t.Fields[i].Name != other.Fields[i].Name || !t.Fields[i].Type.Equal(other.Fields[i].Type) {
			return false
		}
	}
	return true
}

var kindNames = map[Kind]string{
	None: "no value", Bool: "bool", Buffer: "buffer", KernelSymbol: "ksym", ProbeName: "probe name",
	Timestamp: "timestamp", ErrorText: "strerror", SignalName: "signal name", SyscallName: "syscall name",
	UserName: "username", CgroupPath: "cgroup path", UserSymbol: "usym", KernelStack: "kstack", UserStack: "ustack",
	NetworkAddress: "inet", MACAddress: "macaddr",
}

// String names the type as a script would write it.
func (t *Type) String() string {
	if t.Alias != "" {
		return t.Alias
	}
	switch t.Kind {
	case Int:
		if t.Exact != nil {
			return t.Exact.String()
		}
		if t.Signed {
			return fmt.Sprintf("int%d", t.Size*8)
		}
		return fmt.Sprintf("uint%d", t.Size*8)
	case Enum:
		return "enum " + t.Name
	case String:
		return fmt.Sprintf("string[%d]", t.Size)
	case Struct:
		return t.structName()
	case Pointer:
		return pointerName(t)
	case Array:
		return fmt.Sprintf("%s[%d]", t.Elem, t.Count)
	case Buffer:
		if t.Elem != nil {
			return t.Elem.String() + "[]"
		}
	case Tuple, Record:
		return tupleName(t.Fields)
	case ProbeName:
		if t.Name != "" {
			return "function name"
		}
	case UserSymbol:
		if t.Name != "" {
			return t.Name
		}
	case Aggregated:
		return t.Record.text(t)
	}
	return kindNames[t.Kind]
}

// noTag are C's types that nothing computes with, so that a Struct stands for them.
var noTag = map[string]bool{"float": true, "double": true, "long double": true, "__int128": true, "unsigned __int128": true}

// Floating reports a type of C's for floating point.
func (t *Type) Floating() bool {
	return t.Kind == Struct && noTag[t.Name] && !strings.Contains(t.Name, "int")
}

func (t *Type) structName() string {
	switch {
	case t.Union:
		return "union " + t.Name
	case noTag[t.Name]:
		return t.Name
	}
	return "struct " + t.Name
}

func pointerName(pointer *Type) string {
	name, elem := "", pointer.Elem
	if pointer.Const {
		name = "const "
	}
	switch {
	case elem == nil || elem.Kind == None:
		return name + "void *"
	case elem.Kind == Pointer && pointer.Const:
		return elem.String() + " const *"
	case elem.Kind == Pointer && elem.Alias == "":
		return elem.String() + "*"
	}
	return name + elem.String() + " *"
}

func tupleName(fields []Field) string {
	names := make([]string, len(fields))
	for i, field := range fields {
		names[i] = field.Type.String()
		if field.Name != "" {
			names[i] = field.Name + "=" + names[i]
		}
	}
	return "(" + strings.Join(names, ", ") + ")"
}
