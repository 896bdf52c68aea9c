package simulate

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/emu"
)

// execute runs the program of an event, and in the midst of it what happens meanwhile.
func (s *Session) execute(e *Event) (emu.Result, error) {
	if len(e.Meanwhile) == 0 {
		return emu.Run(e.Program.Instructions, s.machine)
	}
	w := &interleaving{session: s, event: e, trace: s.machine.Trace}
	s.machine.Trace = w.step
	result, err := emu.Run(e.Program.Instructions, s.machine)
	s.machine.Trace = w.trace
	if !w.done {
		w.run()
	}
	if err == nil {
		err = w.err
	}
	return result, err
}

// interleaving runs other events at the worst moment for a program that reads a value of
// a map, computes, and writes the result: between the read and the write.
//
//	CPU 0   r5 = *(u64 *)(r0 +0)                         r5 += 1   *(u64 *)(r0 +0) = r5
//	CPU 1                          its whole program
type interleaving struct {
	session *Session
	event   *Event
	trace   func(*emu.Step) // of who else watches
	before  [11]uint64      // registers before the instruction
	done    bool
	err     error
}

func (w *interleaving) step(step *emu.Step) {
	if !w.done && w.reads(step) {
		w.run()
	}
	w.before = step.Registers
	if w.trace != nil {
		w.trace(step)
	}
}

// reads reports whether the instruction has loaded a value of a map.
func (w *interleaving) reads(step *emu.Step) bool {
	i := &w.event.Program.Instructions[step.Index]
	if i.OpCode.Class() != asm.LdXClass {
		return false
	}
	place, found := step.Locate(w.before[i.Src] + uint64(int64(i.Offset)))
	return found && place.Kind == emu.MapValue
}

// run runs the other events. The outer program goes on with all that it had, except for
// what they changed for good.
func (w *interleaving) run() {
	w.done = true
	m := w.session.machine
	outer := *m
	m.Trace = nil
	for _, e := range w.event.Meanwhile {
		w.session.prepare(e)
		if _, err := emu.Run(e.Program.Instructions, m); err != nil && w.err == nil {
			w.err = err
		}
	}
	outer.Records, outer.Signals, outer.Overrides = m.Records, m.Signals, m.Overrides
	*m = outer
}
