package bpf

import (
	"math"
	"slices"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

const (
	// reach is how far a jump leads, in units of 8 bytes: its offset has 16 bits. Linux
	// 6.6 has a jump of 32 bits (gotol), but only an unconditional one; islands serve all
	// kernels.
	reach = math.MaxInt16
	// spacing is how much code lies between two islands. What remains of reach is for the
	// islands themselves.
	spacing = 20_000
)

// bridge leads jumps that are too long over islands: a jump goes to the next island on
// its way, where a jump of its own for the target leads on. Code that comes to an island
// from above jumps over it.
func (e *emitter) bridge() {
	b := &bridger{emitter: e, offsets: e.offsetsOf()}
	if b.offsets[len(e.code)] <= reach {
		return
	}
	b.cut()
	for i := range e.jumps {
		b.route(e.jumps[i].index, e.jumps[i].to)
	}
	b.rebuild()
	offsets := e.offsetsOf()
	for _, j := range e.jumps {
		if distance := offsets[j.to] - offsets[j.index] - 1; distance != int(int16(distance)) {
			panic(excess{Span: e.ir.Span, Message: "this is too long: the kernel's jumps do not lead from its start to its end"})
		}
	}
}

// offsetsOf returns where each instruction starts, and where the code ends, in units of 8
// bytes.
func (e *emitter) offsetsOf() []int {
	offsets := make([]int, len(e.code)+1)
	for i := range e.code {
		offsets[i+1] = offsets[i] + int(e.code[i].Width())
	}
	return offsets
}

type bridger struct {
	*emitter
	offsets []int
	islands []*island
}

// island is a place before an instruction, and the targets that jumps lead on to from
// there.
type island struct {
	index   int // into the code without islands
	targets []int
	known   map[int]bool
	at      map[int]int // index of the jump to each target, in the code with islands
}

func (b *bridger) cut() {
	next := spacing
	for i := range b.code {
		if b.offsets[i] >= next {
			b.islands = append(b.islands, &island{index: i, known: map[int]bool{}, at: map[int]int{}})
			next = b.offsets[i] + spacing
		}
	}
}

// firstIsland returns the first island on the way from an instruction to a target, nil
// where that is near. An island's own jumps start at its place.
func (b *bridger) firstIsland(from, to int) *island {
	if distance := b.offsets[to] - b.offsets[from]; distance > -spacing && distance < spacing {
		return nil
	}
	n, found := slices.BinarySearchFunc(b.islands, from, func(i *island, index int) int { return i.index - index })
	switch {
	case to < from && n == 0:
		return nil
	case to < from:
		return b.islands[n-1]
	}
	if found {
		n++
	}
	return b.islands[n]
}

// route notes the target on all islands that the way leads over.
func (b *bridger) route(from, to int) {
	for at := b.firstIsland(from, to); at != nil && !at.known[to]; at = b.firstIsland(at.index, to) {
		at.known[to] = true
		at.targets = append(at.targets, to)
	}
}

// rebuild puts the islands into the code.
func (b *bridger) rebuild() {
	code, origins, moved := b.code, b.origins, make([]int, len(b.code))
	jumps := make(map[int]int, len(b.jumps)) // target of the jump at an index
	for _, j := range b.jumps {
		jumps[j.index] = j.to
	}
	size := len(code) + len(code)/8
	b.code, b.origins, b.jumps = make(asm.Instructions, 0, size), make([]origin, 0, size), make([]jump, 0, 2*len(b.jumps))
	var sources []int // of each jump, as hop knows it
	islands := b.islands
	for i := range code {
		if len(islands) > 0 && islands[0].index == i {
			if len(islands[0].targets) > 0 && fallsThrough(&code[i-1]) {
				sources = append(sources, i)
				b.emitJump(i, origins[i])
			}
			for _, to := range islands[0].targets {
				sources = append(sources, i)
				islands[0].at[to] = len(b.code)
				b.emitJump(to, origins[i])
			}
			islands = islands[1:]
		}
		moved[i] = len(b.code)
		if to, ok := jumps[i]; ok {
			sources = append(sources, i)
			b.jumps = append(b.jumps, jump{index: len(b.code), to: to})
		}
		b.append(code[i], origins[i])
	}
	for n := range b.jumps {
		j := &b.jumps[n]
		if over := b.firstIsland(sources[n], j.to); over != nil {
			j.to = over.at[j.to]
		} else {
			j.to = moved[j.to]
		}
	}
}

func (b *bridger) emitJump(to int, from origin) {
	b.jumps = append(b.jumps, jump{index: len(b.code), to: to})
	i := asm.Ja.Label("")
	i.Offset = -1
	b.append(i, from.added(ir.Island))
}

// fallsThrough reports whether the instruction after i may follow it.
func fallsThrough(i *asm.Instruction) bool {
	op := i.OpCode.JumpOp()
	return op != asm.Ja && op != asm.Exit
}
