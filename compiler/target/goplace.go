package target

import "github.com/ponytrace/ponytrace/compiler/types"

// How Go passes arguments since 1.17, and on arm64 since 1.18: in words, each part of a
// string, slice, interface or struct in a register of its own, in their order.
//
//	x86_64   ax bx cx di si r8 r9 r10 r11   floating point in registers that cannot be read
//	arm64    r0 to r15                      the same
//
// Results are in the same registers, from the first one on. A value that does not fit as a
// whole, or that has an array of several elements, is on the stack.
//
// https://github.com/golang/go/blob/go1.26.0/src/cmd/compile/abi-internal.md
var goRegisters = map[string][]string{
	"x86_64": {"ax", "bx", "cx", "di", "si", "r8", "r9", "r10", "r11"},
	"arm64": {"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12",
		"r13", "r14", "r15"},
}

const (
	goReturnsOnStack = "on the stack of its caller"
	goOnStack        = "is on the stack, and where is not known"
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
	free := goPlaces(p.Arch)
	for _, d := range p.Params {
		param := goParam(d, (max(typeSize(d.Type), 1)+wordSize-1)/wordSize, nil)
		pieces, rest, absent := goPieces(d.Type, free)
		free = rest
		if param.Pieces, param.Absent = d.Pieces, d.Absent; len(d.Pieces) == 0 && d.Absent == "" {
			param.Pieces, param.Absent = pieces, absent
		}
		f.Params = append(f.Params, param)
	}
	if f.Return != nil {
		f.ReturnPieces, _, f.ReturnAbsent = goPieces(f.Return, goPlaces(p.Arch))
		if f.ReturnAbsent == goOnStack {
			f.ReturnAbsent = goReturnsOnStack
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

// goPieces gives each part of a value the next register.
func goPieces(t *types.Type, free []int) (pieces []Piece, rest []int, absent string) {
	if t == nil {
		return nil, free, ofUnknownType
	}
	leaves, ok := leavesOf(t)
	words, vectors := 0, 0
	for _, l := range leaves {
		if l.vector {
			vectors++
			continue
		}
		if words++; words <= len(free) {
			pieces = append(pieces, Piece{At: l.offset, Size: l.size, Register: free[words-1]})
		}
	}
	switch {
	case !ok || words > len(free):
		return nil, free, goOnStack
	case len(leaves) == 0:
		return nil, free, passedNowhere
	case vectors > 0 && words > 0:
		return nil, free[words:], partlyInVector
	case vectors > 0:
		return nil, free, inVectorRegister
	}
	return pieces, free[words:], ""
}
