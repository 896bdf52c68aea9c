package target

import "github.com/ponytrace/ponytrace/compiler/types"

// How Go passes arguments since 1.17, and on arm64 since 1.18: in words, each part of a
// string, slice, interface or struct in a register of its own, in their order.
//
//	x86_64   ax bx cx di si r8 r9 r10 r11   floating point in registers that cannot be read
//	arm64    r0 to r15                      the same
//
// Results are in the same registers, from the first one on. A value that does not fit as a
// whole, or that has an array of several elements, is on the stack of the caller: one behind
// the other from 8 bytes above the stack pointer on, each at a multiple of its alignment. So
// are all arguments before, and those of functions in assembly.
//
// Debug information is not asked for values on the stack: of a string of which only the
// length is used, Go 1.26 describes the place of the length as that of the whole.
//
// https://github.com/golang/go/blob/go1.26.0/src/cmd/compile/abi-internal.md
var goRegisters = map[string][]string{
	"x86_64": {"ax", "bx", "cx", "di", "si", "r8", "r9", "r10", "r11"},
	"arm64": {"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12",
		"r13", "r14", "r15"},
}

const (
	goReturnsOnStack = "on the stack of its caller"
	goStackArguments = 8  // above the stack pointer
	goVectors        = 15 // registers for floating point
	// maxGoArguments is more bytes than a call has on the stack.
	maxGoArguments = 1 << 24
)

// goWord is a number that is an address of the process where it is one at all.
var goWord = &types.Type{Kind: types.Int, Size: wordSize, User: true}

// UntypedGo is a function of Go of which nothing but its name is known: its arguments are
// the registers in which Go passes words.
func UntypedGo(name, arch string) *Function {
	f := &Function{Name: name, User: true, Return: goWord}
	places := goPlaces(arch)
	for i := range places {
		f.Params = append(f.Params, goParam(Declared{Type: goWord}, 1, places[i:i+1]))
	}
	f.ReturnPieces = []Piece{{Size: wordSize, Register: places[0]}}
	return f
}

// StackGo is a function of Go whose arguments are so many words on the stack.
func StackGo(name, arch string, words int) *Function {
	f := &Function{Name: name, User: true, Return: goWord, ReturnAbsent: goReturnsOnStack}
	at := &goPlacer{sp: registers[arch].StackPointer, stack: goStackArguments}
	for range min(words, maxGoWords) {
		param := goParam(Declared{Type: goWord}, 1, nil)
		param.Pieces, _ = at.next(goWord)
		f.Params = append(f.Params, param)
	}
	return f
}

// maxGoWords bounds what a file claims.
const maxGoWords = 64

// GoUsesRegisters reports whether a version of Go passes arguments in registers; one that is
// not known is taken for a newer one.
func GoUsesRegisters(arch, version string) bool {
	minor := goMinor(version)
	return minor < 0 || minor >= 18 || minor == 17 && arch != "arm64"
}

// goPlaces are where struct pt_regs has the registers.
//
//go:noinline
func goPlaces(arch string) (list []int) {
	for _, name := range goRegisters[arch] {
		list = append(list, registers[arch].Named[name])
	}
	return list
}

func goParam(d Declared, words int, places []int) Param {
	p := Param{Name: d.Name, Type: d.Type, Register: -1, Stack: -1, Slot: -1, User: true, Words: words}
	for i, place := range places {
		p.Pieces = append(p.Pieces, Piece{At: i * wordSize, Size: min(wordSize, d.Type.Size), Register: place})
	}
	return p
}

// placeGo places what debug information has not placed already.
func (p Prototype) placeGo() *Function {
	f := &Function{Name: p.Name, User: true, Return: p.Result.Type}
	at := p.goPlacer()
	for _, d := range p.Params {
		param := goParam(d, (max(typeSize(d.Type), 1)+wordSize-1)/wordSize, nil)
		param.Pieces, param.Absent = at.next(d.Type)
		elsewhere := len(d.Pieces) > 0 && !onStack(d.Pieces)
		described := len(d.Pieces) > 0 || d.Absent != ""
		if elsewhere || described && !onStack(param.Pieces) {
			param.Pieces, param.Absent = d.Pieces, d.Absent
		}
		if d.Type == nil {
			param.Pieces, param.Absent = nil, ofUnknownType
		}
		f.Params = append(f.Params, param)
	}
	if f.Return != nil {
		f.ReturnPieces, f.ReturnAbsent = p.goPlacer().next(f.Return)
		if onStack(f.ReturnPieces) {
			f.ReturnPieces, f.ReturnAbsent = nil, goReturnsOnStack
		}
		if f.ReturnAbsent == inVectorRegister || f.ReturnAbsent == partlyInVector {
			f.ReturnAbsent = returnedInVector
		}
	}
	return f
}

func typeSize(t *types.Type) int {
	if t == nil {
		return 0
	}
	return t.Size
}

// onStack reports a value that lies in memory as a whole.
func onStack(pieces []Piece) bool { return len(pieces) == 1 && pieces[0].InMemory }

// goPlacer hands out places to the arguments of a function.
type goPlacer struct {
	free    []int // registers
	vectors int   // that are free
	sp      int   // the place of the stack pointer
	stack   int   // where the next value on the stack is
	lost    bool  // what follows may be at several places
}

func (p Prototype) goPlacer() *goPlacer {
	at := &goPlacer{sp: registers[p.Arch].StackPointer, stack: goStackArguments}
	if !p.GoStack {
		at.free, at.vectors = goPlaces(p.Arch), goVectors
	}
	return at
}

// next gives each part of a value the next register, or the whole a place on the stack.
func (p *goPlacer) next(t *types.Type) (pieces []Piece, absent string) {
	parts := goParts{fits: true, sure: true, steps: maxFields}
	parts.add(t, 0, 0)
	switch {
	case t == nil:
		p.lost = true
		return nil, ofUnknownType
	case p.lost:
		return nil, afterUnknownType
	case !parts.sure, p.stack > maxGoArguments, t.Size > maxGoArguments:
		p.lost = true
		return nil, ofUnknownType
	case t.Size == 0:
		p.onStack(t)
		return nil, passedNowhere
	case !parts.fits || len(parts.words) > len(p.free) || parts.vectors > p.vectors:
		return []Piece{p.onStack(t)}, ""
	}
	for i, l := range parts.words {
		pieces = append(pieces, Piece{At: l.offset, Size: l.size, Register: p.free[i]})
	}
	p.free, p.vectors = p.free[len(pieces):], p.vectors-parts.vectors
	switch {
	case parts.vectors > 0 && len(pieces) > 0:
		return nil, partlyInVector
	case parts.vectors > 0:
		return nil, inVectorRegister
	}
	return pieces, ""
}

func (p *goPlacer) onStack(t *types.Type) Piece {
	align := min(alignmentOf(t), wordSize)
	at := (p.stack + align - 1) / align * align
	p.stack = at + t.Size
	return Piece{Size: t.Size, Register: p.sp, InMemory: true, Offset: at}
}

// goParts are the scalars that a value is made of.
type goParts struct {
	words   []leaf
	vectors int
	fits    bool // no array of several elements is among them
	sure    bool // all of them are known
	steps   int
}

func (p *goParts) add(t *types.Type, at, depth int) {
	if p.steps--; t == nil || p.steps < 0 || depth > maxDepth {
		p.sure = false
		return
	}
	switch composite := compositeOf(t); {
	case composite != nil:
		members, err := composite.Members()
		p.sure = p.sure && err == nil
		for _, m := range members {
			p.add(m.Type, at+m.Offset, depth+1)
		}
	case t.Kind == types.Array && t.Count == 1:
		p.add(t.Elem, at, depth+1)
	case t.Kind == types.Array || t.Kind == types.String:
		p.fits = p.fits && t.Size == 0
		p.sure = p.sure && !complexNumber(t)
	case t.Origin == InVectorRegister:
		p.vectors++
	case t.Size > 0:
		p.words = append(p.words, leaf{at, t.Size, false})
	}
}

// complexNumber reports what may be a complex number, in two registers, or an array of two
// elements, on the stack.
func complexNumber(t *types.Type) bool {
	return t.Kind == types.Array && t.Count == 2 && t.Elem.Origin == InVectorRegister
}
