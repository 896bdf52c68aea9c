// Package guard keeps the programs of a run from deadlocking on the locks of their own
// maps.
//
// # The problem
//
// A helper takes a lock (of a hash's bucket, of the ring buffer) with interrupts off. A
// probe that fires before it is released runs another program, whose helper waits for the
// same lock, on the same CPU: for ever. The kernel's own guard, bpf_prog_active, is
// common to kprobes and perf events only. A tracing program is kept from running inside
// of itself since 5.12, a raw tracepoint program since 6.2; what the runtime runs itself
// is not kept from anything.
//
// # The guard
//
// A word for each CPU, in the kernel map "guard". A program that may take a lock tests it
// and sets it, and clears it on every way out; where it was set already, the event is
// counted in object.DataMissed, and nothing else is done.
//
// The word is set behind the predicate, where it costs least: the guarded region starts
// as late as possible, at a place outside of loops that dominates all that the program
// does to its maps, so that an event is done wholly or not at all. It ends at every
// return, and on every edge that leads out of it.
//
// # Why this is right
//
// On one CPU, programs nest: who interrupts ends before the interrupted goes on. So the
// word needs no order between CPUs. A tracing program of a preemptible kernel does not
// nest: another task may run in between. Then test and set must be one instruction,
// Exchange, or both tasks could find 0, the first to end would clear the word, and the
// other would go on unguarded. Where the kernel has no Exchange (before 5.12) it runs
// programs with preemption off.
//
// A program that the runtime runs itself must not be left out, as it is an interval or
// the end. It runs with preemption off in a system call and so never inside of another
// program's lock. It sets the word, and puts back what it found.
//
// https://elixir.bootlin.com/linux/v6.12/source/net/bpf/test_run.c
// (bpf_prog_test_run_raw_tp)
//
// Rejected: a guard around each helper call. It leaves the time between two of them
// unguarded, and a program then does half of what an event asks for.
//
// # Preemption
//
// Where the kernel runs a program with preemption on, a second thread may come to the
// same CPU and run it, or another one of the run, before the first goes on. What each CPU
// has one of is then in the hands of both: rows of "scratch" and "shared", which hold
// what one event computes, and the values of aggregations.
//
// From 6.13 on that is true of frames of 49 bytes and more themselves: the kernel has them
// in memory of the CPU, and only programs of uprobes may find another one in it.
//
// The kfuncs bpf_preempt_disable and bpf_preempt_enable (6.10) around the use of such
// memory keep the second thread away. Both together are some ten instructions of the
// CPU. The verifier wants them in pairs on every way, and no call in between that may
// sleep. Counters are added to atomically whether or not there is preemption, so a
// program that only counts has no need of them.
//
// A kernel that preempts and lacks the kfuncs (6.0 to 6.9 for what is preempted there)
// takes the guard: who finds the word set is left out and counted. That is not exact, and
// docs/exactness.md lists it. Rejected for it: rows that programs take by compare and
// exchange. The values of a per-CPU hash cannot be taken so, and what was preempted in
// the middle of an update would still lose it. Rejected, too: task storage. It serves for
// what one event computes, at twice the price of the guard, and not for aggregations.
package guard

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
)

// Guard is what a program does with the word.
type Guard struct {
	Tests bool // leaves the event out where it is set
	Sets  bool // sets it, and puts back what it was
	Whole bool // from the first instruction on, for the sake of the program's own memory
}

// None reports whether the program leaves the word alone.
func (g Guard) None() bool { return !g.Tests && !g.Sets }

// Words is what the code needs to know of the words.
type Words struct {
	CPUs   int  // how many there are, a power of two
	Atomic bool // the kernel has Exchange
}

// stride is the logarithm of the distance between two words: each has a cache line of its
// own.
const stride = 6

// Size is that of the kernel map's only value.
func (w Words) Size() int { return w.CPUs << stride }

// Insert puts the guard into a program that was not optimised yet.
func (g Guard) Insert(f *ir.Func, words Words) {
	if g.None() {
		return
	}
	i := &inserter{Guard: g, words: words, region: newRegion(f)}
	if start, at := i.start(i.Whole, visible); start != nil {
		body := i.enter(start, at)
		if i.Sets {
			i.leave(body, i.reset)
		}
	}
}

type inserter struct {
	Guard
	*region
	words     Words
	word, old *ir.Value // the address of this CPU's word, and what was there
}

// visible reports whether a value changes more than the program's frame.
func visible(v *ir.Value) bool {
	switch {
	case v.Op == ir.Call, v.Op == ir.Invoke:
		return v.ValueEffect() == ir.Writes
	case v.Op == ir.Store, v.Op.Atomic():
		return v.Space != ir.Frame
	}
	return false
}

// enter splits a block, with the guard between the halves, and returns the second one.
func (i *inserter) enter(start *ir.Block, at int) *ir.Block {
	body, rest := i.split(start, at)
	i.b.Because(ir.GuardEnter)
	i.word = i.address()
	if i.Sets && i.words.Atomic {
		i.old = i.b.Exchange(ir.MapValue, i.word, 0, i.b.Const(1))
	} else {
		i.old = i.b.Load(ir.MapValue, i.word, 0, 8, false)
	}
	if i.Tests {
		i.leaveOut(body)
	} else {
		i.b.Jump(body)
	}
	i.b.Enter(body)
	if i.Sets && !i.words.Atomic {
		i.b.Store(ir.MapValue, i.word, 0, 8, i.b.Const(1))
	}
	body.Values = append(body.Values, rest...)
	return body
}

// address is that of this CPU's word.
func (i *inserter) address() *ir.Value {
	cpu := i.b.Bound(i.b.Call(asm.FnGetSmpProcessorId, ir.Invariant), int64(i.words.CPUs-1))
	return i.b.Binary(ir.Add, i.b.DataAddress(object.GuardMap, 0), i.b.Binary(ir.ShiftLeft, cpu, i.b.Const(stride)))
}

// leaveOut counts the event and ends, where the word was set.
func (i *inserter) leaveOut(body *ir.Block) {
	busy := i.b.NewColdBlock()
	i.b.If(ir.Equal, i.old, i.b.Const(0), body, busy)
	i.b.Enter(busy)
	i.b.Because(ir.GuardMissed)
	i.b.AtomicAdd(ir.MapValue, i.b.DataAddress(object.DataMap, object.DataMissed), 0, i.b.Const(1))
	i.b.Return(i.b.Const(0))
	i.b.Because(ir.GuardEnter)
}

// reset puts the word back.
func (i *inserter) reset() {
	i.b.Because(ir.GuardLeave)
	value := i.old
	if i.Tests {
		value = i.b.Const(0)
	}
	i.b.Store(ir.MapValue, i.word, 0, 8, value)
}
