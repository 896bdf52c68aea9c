package guard

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// Locks are what the helpers of a program may hold.
type Locks uint8

const (
	// RingBuffer is the lock of the kernel map "events".
	RingBuffer Locks = 1 << iota
	// Hashes are the locks of buckets, of free lists and LRU lists, and of the kernel's
	// memory.
	Hashes
	// Tasks are the locks of what is traced: signals, paths.
	Tasks
)

// locksOf are the helpers that take locks; all others that do more than read are taken to
// hold every one.
var locksOf = map[asm.BuiltinFunc]Locks{
	asm.FnRingbufReserve: RingBuffer, asm.FnRingbufSubmit: RingBuffer, asm.FnRingbufDiscard: RingBuffer, asm.FnRingbufOutput: RingBuffer, asm.FnRingbufQuery: 0,
	asm.FnMapUpdateElem: Hashes, asm.FnMapDeleteElem: Hashes, asm.FnMapLookupElem: 0, asm.FnForEachMapElem: 0, asm.FnLoop: 0,
	asm.FnSendSignal: Tasks, asm.FnSendSignalThread: Tasks, asm.FnOverrideReturn: 0, asm.FnDPath: Tasks,
	asm.FnProbeReadKernel: 0, asm.FnProbeReadKernelStr: 0, asm.FnProbeReadUser: 0, asm.FnProbeReadUserStr: 0,
	asm.FnGetStack: 0, asm.FnGetCurrentComm: 0, asm.FnGetPrandomU32: 0, asm.FnGetNsCurrentPidTgid: 0,
}

// Program is what matters of a program here.
type Program struct {
	Mechanism object.Mechanism
	Locks     Locks
	Memory    bool // it may have memory outside of its frame, of which each CPU has one
	Values    bool // it changes values of which each CPU has one, and not by atomic instructions
}

// framed is how much memory surely stays in a frame of 512 bytes.
const framed = 256

// Describe looks at a program that was not optimised yet.
func Describe(f *ir.Func, mechanism object.Mechanism, shared bool) Program {
	p := Program{Mechanism: mechanism, Memory: shared}
	for _, function := range f.Functions() {
		size := 0
		for _, slot := range function.Slots {
			size += slot.Size
		}
		p.Memory = p.Memory || size > framed
		p.Values = p.Values || changesCPU(function)
		for _, block := range function.Blocks {
			for _, v := range block.Values {
				p.Locks |= locks(v)
			}
		}
	}
	return p
}

func locks(v *ir.Value) Locks {
	if v.Op != ir.Call {
		return 0
	}
	taken, known := locksOf[v.Helper]
	if !known && v.ValueEffect() == ir.Writes {
		return RingBuffer | Hashes | Tasks
	}
	return taken
}

// Possible reports whether programs with these mechanisms can ever need the guard.
func Possible(mechanisms []object.Mechanism, features *target.Features) bool {
	outside := false
	for _, m := range mechanisms {
		if m.Nests(features) || m.Preempted(features) {
			return true
		}
		outside = outside || !m.Exclusive()
	}
	return outside && len(mechanisms) > 1
}

// Choose returns the guard of each program of a run.
func Choose(programs []Program, features *target.Features) []Guard {
	guards := make([]Guard, len(programs))
	together := deadlock(programs)
	foreign := foreignOnly(programs)
	for i, p := range programs {
		switch {
		case p.Mechanism.Nests(features) && (p.Locks != 0 || p.Memory):
			guards[i] = Guard{Tests: true, Sets: true, Whole: p.Memory}
		case p.interleaves(features) && (p.Memory || p.Values):
			guards[i] = Guard{Tests: true, Sets: true, Whole: true}
		case !together || p.Locks == 0:
		case p.Mechanism.Outermost() && !p.interleaves(features):
			guards[i] = Guard{Sets: true}
		default:
			guards[i] = Guard{Tests: true, Sets: !foreign || p.Mechanism.Outermost()}
		}
	}
	return guards
}

// deadlock reports whether one program may wait for a lock that another holds: they take
// the same, and the kernel does not keep them apart. Those that never nest run one after
// the other.
func deadlock(programs []Program) bool {
	kinds := twoOfEach(programs)
	for i, p := range kinds {
		for _, q := range kinds[:i] {
			apart := p.Mechanism.Exclusive() && q.Mechanism.Exclusive() || p.Mechanism.Outermost() && q.Mechanism.Outermost()
			if !apart && p.Locks&q.Locks != 0 {
				return true
			}
		}
	}
	return false
}

// twoOfEach leaves two programs of each kind: a third meets what the second does.
func twoOfEach(programs []Program) (kinds []Program) {
	known := map[Program]int{}
	for _, p := range programs {
		p.Memory, p.Values = false, false
		if known[p]++; known[p] <= 2 {
			kinds = append(kinds, p)
		}
	}
	return kinds
}

// foreignOnly reports whether the programs that hold locks outside of the kernel's guard
// are those that never nest: nothing fires inside of any other, so only they set the
// word.
func foreignOnly(programs []Program) bool {
	for _, p := range programs {
		if p.Locks != 0 && !p.Mechanism.Exclusive() && !p.Mechanism.Outermost() {
			return false
		}
	}
	return true
}
