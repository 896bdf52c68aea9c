package target

import (
	"slices"

	"github.com/ponytrace/ponytrace/compiler/types"
)

// Where functions of programs find their arguments, and callers the result. The rules are
// those of convention.go, and these for what the kernel does not use:
//
//	                        x86_64                          arm64
//	floating point, vector  8 registers that programs       the same
//	                        cannot read, then the stack
//	struct up to 16 bytes   each word by what is in it:     in the other registers, but for up to
//	                        a word of floating point only   4 members of one floating point type
//	                        goes to those registers
//	long double             stack                           as floating point
//	class that must be      its address, as a pointer       the same
//	copied by a function
//	such a class returned   memory whose address is the     memory at x8
//	                        first argument; rax returns it
//
// Rust has rules of its own, which are not promised to stay. As rustc 1.60 to 1.90 has
// them: a value made of one or two scalars is passed as these would be, another one of up
// to 8 bytes in a register, as a result of up to 16, and a larger one by its address.
//
// C++: https://itanium-cxx-abi.github.io/cxx-abi/abi.html#calls, Rust:
// https://github.com/rust-lang/rust/blob/1.85.0/compiler/rustc_ty_utils/src/abi.rs
// (fn_abi_adjust_for_abi)

// Prototype is a function of a program as its source declares it.
type Prototype struct {
	Name     string
	Arch     string
	Rust     bool
	Go       bool
	GoStack  bool // Go passes all arguments on the stack
	Params   []Declared
	Result   Declared // Type is nil for void
	Variadic bool
	Types    TypeNames
}

// Declared is a parameter or result in the source.
type Declared struct {
	Name string
	Type *types.Type // nil where values of the type cannot be computed with
	// Copied: the type is a class that must be copied by a function, which is passed and
	// returned by its address.
	Copied bool
	// Incomplete: the debug information has only the name of the type.
	Incomplete bool
	// Align is that which the type demands, in bytes; 0 where it is that of its members.
	Align int
	// Pieces and Absent say where the value is as debug information has it. Without both
	// the calling convention decides.
	Pieces []Piece
	Absent string
}

const (
	vectorRegisters   = 8
	inVectorRegister  = "is passed in a floating point register, which programs cannot read"
	partlyInVector    = "is passed in part in a floating point register, which programs cannot read"
	passedNowhere     = "is empty, so it is not passed"
	ofUnknownType     = "has a type that the debug information does not describe"
	afterUnknownType  = "follows an argument of a type that the debug information does not describe"
	returnedInVector  = "in a floating point register, which programs cannot read"
	returnedOnStack   = "on the stack of the floating point unit, which programs cannot read"
	returnedSomewhere = "in memory of its caller: a probe cannot read it"
)

// Place returns the function with the places of its parameters at entry and of its result
// at return.
func (p Prototype) Place() *Function {
	if p.Go {
		return p.placeGo()
	}
	at := userPlacer{placer: placer{arm: p.Arch == "arm64", registers: len(registers[p.Arch].Args)}, rust: p.Rust}
	if !at.arm {
		at.stack = returnAddress
	}
	f := &Function{Name: p.Name, Return: p.Result.Type, Variadic: p.Variadic, User: true, Types: p.Types}
	at.result(f, p.Result)
	for _, declared := range p.Params {
		f.Params = append(f.Params, at.place(declared))
	}
	return f
}

// userPlacer hands out places to the parameters of a program's function.
type userPlacer struct {
	placer
	rust   bool
	vector int // the next register for floating point that is free
	lost   bool
}

// place takes the place of the convention even where debug information has another one:
// the parameters that follow depend on it.
func (p *userPlacer) place(d Declared) Param {
	placed := Param{Name: d.Name, Type: d.Type, Register: -1, Stack: -1, Slot: -1, User: true}
	switch {
	case d.Type == nil || d.Type.Size == 0 && d.Incomplete:
		placed.Absent, p.lost = ofUnknownType, true
	case p.lost:
		placed.Absent = afterUnknownType
	default:
		p.byConvention(&placed, d)
	}
	switch {
	case placed.Absent == passedNowhere, d.Type == nil:
	case len(d.Pieces) > 0 && slices.Equal(d.Pieces, p.piecesOf(placed)): // as the convention has it
	case len(d.Pieces) > 0 || d.Absent != "":
		placed = Param{Name: d.Name, Type: d.Type, Register: -1, Stack: -1, Slot: -1, User: true,
			Words: placed.Words, Pieces: d.Pieces, Absent: d.Absent}
	}
	return placed
}

// piecesOf describes a place of the convention as debug information does.
func (p *userPlacer) piecesOf(placed Param) (list []Piece) {
	r := p.registersFor()
	if placed.Type == nil || placed.Absent != "" || placed.Nowhere() {
		return nil
	}
	whole := Piece{Size: placed.Type.Size, Register: r.StackPointer, InMemory: true, Offset: placed.Stack}
	switch {
	case len(placed.Pieces) > 0:
		return placed.Pieces
	case placed.Indirect && placed.Register >= 0:
		whole.Register, whole.Offset = r.Args[placed.Register], 0
		return []Piece{whole}
	case placed.Register < 0:
		return []Piece{whole}
	}
	for at := 0; at < placed.Type.Size; at += wordSize {
		size := min(wordSize, placed.Type.Size-at)
		list = append(list, Piece{At: at, Size: size, Register: r.Args[placed.Register+at/wordSize]})
	}
	return list
}

func (p *userPlacer) byConvention(placed *Param, d Declared) {
	size := d.Type.Size
	placed.Words = (size + wordSize - 1) / wordSize
	align := max(d.Align, alignmentOf(d.Type))
	if d.Copied || p.byAddress(d.Type, p.most()) {
		placed.Indirect, placed.Words = true, 1
		if !p.inRegisters(placed, wordSize) {
			p.onStack(placed, wordSize)
		}
		return
	}
	parts, ok := p.parts(d.Type)
	switch {
	case ok && len(parts) == 0:
		placed.Absent = passedNowhere
	case !ok || !p.fits(parts, align):
		p.onStack(placed, align)
	default:
		p.take(placed, parts)
	}
}

// byAddress reports a type whose value is passed as the address of a copy; most is how
// many bytes are passed in another way.
func (p *userPlacer) byAddress(t *types.Type, most int) bool {
	if t.Scalar() || t.Size <= most {
		return false
	}
	if p.rust {
		_, pair := scalarPair(t)
		return !pair
	}
	_, vectors := p.homogeneous(t)
	return p.arm && !vectors
}

// most is up to how many bytes of a struct are passed in registers.
func (p *userPlacer) most() int {
	if p.rust {
		return wordSize
	}
	return inRegisters
}

// part is what is passed in one register: some bytes of a value.
type part struct {
	offset, size int
	vector       bool
}

// parts returns the registers that a value takes; false for one that goes to the stack.
func (p *userPlacer) parts(t *types.Type) ([]part, bool) {
	if p.rust {
		if pair, ok := scalarPair(t); ok {
			return pair, true
		}
	}
	if p.arm {
		if count, ok := p.homogeneous(t); ok {
			return homogeneousParts(t, count), true
		}
		return wordParts(t), true
	}
	if t.Origin == OnStack || t.Size > inRegisters && t.Origin != InVectorRegister {
		return nil, false
	}
	return p.classified(t)
}

// wordParts takes a word for each 8 bytes.
func wordParts(t *types.Type) (parts []part) {
	for at := 0; at < t.Size; at += wordSize {
		parts = append(parts, part{at, min(t.Size-at, wordSize), false})
	}
	return parts
}

// classified tells for each word of a value of x86_64 which kind of register it goes to:
// that for vectors only if nothing else is in the word.
func (p *userPlacer) classified(t *types.Type) ([]part, bool) {
	if t.Origin == InVectorRegister {
		return []part{{0, t.Size, true}}, true
	}
	leaves, ok := leavesOf(t)
	if !ok {
		return nil, false
	}
	parts := wordParts(t)
	used := 0
	for i := range parts {
		parts[i].vector = true
		found := false
		for _, leaf := range leaves {
			if leaf.offset/wordSize <= i && (leaf.offset+max(leaf.size, 1)-1)/wordSize >= i {
				parts[i].vector = parts[i].vector && leaf.vector
				found = true
			}
		}
		if found {
			used = i + 1
		}
	}
	return parts[:used], true
}

// homogeneous returns the number of members of a value of arm64 that is passed in
// registers for vectors.
func (p *userPlacer) homogeneous(t *types.Type) (count int, ok bool) {
	if !p.arm {
		return 0, false
	}
	if t.Origin == InVectorRegister {
		return 1, true
	}
	leaves, ok := leavesOf(t)
	if !ok || len(leaves) == 0 || len(leaves) > 4 {
		return 0, false
	}
	for _, leaf := range leaves {
		if !leaf.vector || leaf.size != leaves[0].size {
			return 0, false
		}
	}
	return len(leaves), leaves[0].size*len(leaves) == t.Size
}

func homogeneousParts(t *types.Type, count int) (parts []part) {
	for i := range count {
		parts = append(parts, part{i * t.Size / count, t.Size / count, true})
	}
	return parts
}

// scalarPair returns the one or two scalars that a value of Rust is made of.
func scalarPair(t *types.Type) ([]part, bool) {
	leaves, ok := leavesOf(t)
	if !ok || len(leaves) == 0 || len(leaves) > 2 {
		return nil, ok && t.Size == 0
	}
	bytes := 0
	var parts []part
	for _, leaf := range leaves {
		parts = append(parts, part(leaf))
		bytes += leaf.size
	}
	return parts, len(leaves) == 2 || bytes == t.Size
}

func count(parts []part) (words, vectors int) {
	for _, part := range parts {
		if part.vector {
			vectors++
		} else {
			words++
		}
	}
	return words, vectors
}

// fits reports whether enough registers are left. On arm64 a value that does not fit ends
// the use of that kind of registers.
func (p *userPlacer) fits(parts []part, align int) bool {
	words, vectors := count(parts)
	if p.arm && align > wordSize && words > 1 {
		p.register += p.register & 1
	}
	if p.register+words <= p.registers && p.vector+vectors <= vectorRegisters {
		return true
	}
	if p.arm && words > 0 {
		p.register = p.registers
	}
	if p.arm && vectors > 0 {
		p.vector = vectorRegisters
	}
	return false
}

// take hands out registers. A value in words that are its own is as one of the kernel's.
func (p *userPlacer) take(placed *Param, parts []part) {
	words, vectors := count(parts)
	first := p.register
	p.register += words
	p.vector += vectors
	switch {
	case words == 0:
		placed.Absent = inVectorRegister
	case vectors > 0:
		placed.Absent = partlyInVector
	case p.inWords(parts):
		placed.Register = first
	default:
		placed.Pieces = pieces(parts, p.registersFor().Args[first:])
	}
}

func (p *userPlacer) registersFor() Registers {
	if p.arm {
		return registers["arm64"]
	}
	return registers["x86_64"]
}

// inWords reports whether each register has 8 bytes of the value, one after the other, as
// it is but for the pairs of Rust.
func (p *userPlacer) inWords(parts []part) bool {
	return !p.rust || len(parts) == 1 && parts[0].offset == 0 ||
		len(parts) == 2 && parts[0].size == wordSize && parts[1].offset == wordSize
}

func pieces(parts []part, registers []int) (list []Piece) {
	for i, part := range parts {
		list = append(list, Piece{At: part.offset, Size: part.size, Register: registers[i]})
	}
	return list
}

// result finds where a result is. One in memory takes the place of the first argument on
// x86_64, where rax has its address at the end.
func (p *userPlacer) result(f *Function, d Declared) {
	if d.Type == nil {
		return
	}
	parts, inRegister := p.parts(d.Type)
	words, vectors := count(parts)
	switch {
	case d.Type.Origin == OnStack && !p.arm:
		f.ReturnAbsent = returnedOnStack
	case d.Copied || p.byAddress(d.Type, inRegisters) || !inRegister || len(parts) > 2 && vectors == 0:
		f.ReturnsMemory = true
		if p.arm {
			f.ReturnAbsent = returnedSomewhere
			return
		}
		p.register = 1
	case words > 0 && vectors > 0, vectors > 0:
		f.ReturnAbsent = returnedInVector
	case !p.inWords(parts):
		r := p.registersFor()
		f.ReturnPieces = pieces(parts, []int{r.Return, r.ReturnHigh})
	}
}

// leaf is a scalar inside of a value.
type leaf struct {
	offset, size int
	vector       bool
}

// maxLeaves is more than a value in registers can have.
const maxLeaves = 64

// leavesOf lists the scalars that a value is made of, each once; false where there are
// too many, or one lies at no multiple of its size.
func leavesOf(t *types.Type) (list []leaf, ok bool) {
	if t.Size > maxLeaves {
		return nil, false
	}
	steps := maxFields
	return appendLeaves(nil, t, 0, 0, &steps)
}

func appendLeaves(list []leaf, t *types.Type, at, depth int, steps *int) ([]leaf, bool) {
	if *steps--; *steps < 0 || depth > maxDepth || len(list) > maxLeaves {
		return nil, false
	}
	switch composite := compositeOf(t); {
	case composite != nil:
		members, err := composite.Members()
		if err != nil {
			return nil, false
		}
		for _, m := range members {
			ok := true
			switch {
			case m.Type == nil:
				return nil, m.Missing != ""
			case m.BitSize > 0:
				size := (m.BitOffset + m.BitSize + 7) / 8
				list = appendLeaf(list, leaf{at + m.Offset, size, false})
			default:
				list, ok = appendLeaves(list, m.Type, at+m.Offset, depth+1, steps)
			}
			if !ok {
				return nil, false
			}
		}
		return list, true
	case t.Kind == types.Array:
		ok := true
		for i := 0; i < t.Count && ok; i++ {
			list, ok = appendLeaves(list, t.Elem, at+i*t.Elem.Size, depth+1, steps)
		}
		return list, ok
	case t.Origin == OnStack, at%alignmentOf(t) != 0:
		return nil, false
	}
	return appendLeaf(list, leaf{at, t.Size, t.Origin == InVectorRegister}), true
}

// appendLeaf leaves out what other members of a union have at the same place.
func appendLeaf(list []leaf, l leaf) []leaf {
	if l.size == 0 || slices.Contains(list, l) {
		return list
	}
	return append(list, l)
}

// alignmentOf is that of a type in C, but for attributes.
func alignmentOf(t *types.Type) int {
	steps := maxFields
	return alignmentWithin(t, 0, &steps)
}

func alignmentWithin(t *types.Type, depth int, steps *int) int {
	if *steps--; *steps < 0 || depth > maxDepth || t == nil {
		return 1
	}
	switch composite := compositeOf(t); {
	case composite != nil:
		members, _ := composite.Members()
		align := 1
		for _, m := range members {
			align = max(align, alignmentWithin(m.Type, depth+1, steps))
		}
		return align
	case t.Kind == types.Array:
		return alignmentWithin(t.Elem, depth+1, steps)
	case t.Kind == types.String:
		return 1
	}
	return min(max(t.Size&-t.Size, 1), 16)
}

// StackArguments is how far above the stack pointer the first argument on the stack lies
// when a function is entered.
func StackArguments(arch string) int {
	if arch == "arm64" {
		return 0
	}
	return returnAddress
}

// IntegerName reduces the name of an integer of C to its shortest spelling.
func IntegerName(name string) string { return canonical(name) }

// BitfieldUnit returns the unit of size bytes that holds a bitfield whole, and where in
// it the field begins; first is counted in bits from the start of the struct. In packed
// structs there may be none: then the bits are counted from the byte that has the first.
func BitfieldUnit(size, first, bits int) (offset, bitOffset int) {
	start := first / 8 / size * size
	if within := first - start*8; within+bits <= size*8 {
		return start, within
	}
	return first / 8, first % 8
}
