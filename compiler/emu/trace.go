package emu

import (
	"bytes"
	"slices"

	"github.com/cilium/ebpf/asm"
)

// Step is an executed instruction, as Environment.Trace gets it. It is valid until Trace
// returns.
//
// Every executed instruction is one Step, in the order of their ends. A call that runs
// functions of the program has another one before it, with Enters set, which is not
// counted as executed:
//
//	call bpf_loop    Depth 0, Enters
//	...              Depth 1, the callback's first round
//	exit             Depth 1
//	...
//	call bpf_loop    Depth 0, Call.Result
type Step struct {
	Index int // into the instructions
	// Depth is how many functions of the program called one another to get here.
	Depth int
	// Before and Registers are those before and after the instruction. Of Written and
	// Changed, bit n stands for rn: it may be read afterwards; the instruction made it
	// readable or unreadable, or gave it another value.
	Before, Registers [11]uint64
	Written, Changed  uint16
	// Writes are the changes of memory, in their order.
	Writes []Write
	// Taken says that a jump went to its target.
	Taken bool
	// Enters says that functions of the program run next, on behalf of this call.
	Enters bool
	// Call is the call of a helper or function, nil for other instructions.
	Call *Call

	machine *machine
}

// Call is what a helper or a function was given, and what it returned.
type Call struct {
	// Helper is the kernel's function, or Kernel where it has a name and no number; where
	// Function is set it is one of the program.
	Helper   asm.BuiltinFunc
	Kernel   string
	Function bool
	// Arguments are those that the helper reads, or that are readable to the function.
	Arguments []uint64
	Result    uint64 // unknown as long as Step.Enters
}

// Write is a change of memory. Old is nil where a map had no such key, New where it has
// it no longer.
type Write struct {
	Place
	Old, New []byte
}

// RegionKind tells what a region is.
type RegionKind uint8

const (
	Stack        RegionKind = iota
	Context                 // what r1 points to at the start
	MapValue                // the value of a key, or a whole array
	MapKey                  // a key that bpf_for_each_map_elem hands to its callback
	Record                  // reserved in the ring buffer
	Memory                  // of the kernel or a process: Environment.Memory
	MapHandle               // not memory: a map, as helpers know it
	FunctionCode            // not memory: a function of the program, as helpers know it
)

// Region is an object that an address may lead to.
type Region struct {
	Kind RegionKind
	// Frame is the depth of the function whose stack it is.
	Frame int
	// Map is the kernel name of a map. Key is that of the value, nil for a whole array.
	// CPU is whose value it is where each has its own.
	Map string
	Key []byte
	CPU int
	// Start is the address of memory.
	Start uint64
	Size  int
}

// Place is where an address leads. Offset counts from the region's first byte, in a stack
// from its end, where r10 points; of a function it is the index of the first instruction.
type Place struct {
	Region
	Offset int64
}

// Locate finds what an address leads to; it may be just behind the region's last byte.
func (s *Step) Locate(address uint64) (Place, bool) { return s.machine.locate(address) }

func (m *machine) locate(address uint64) (Place, bool) {
	if r, offset := m.region(address); r != nil {
		return m.place(r, int64(int32(offset))), true
	}
	if index := address - handles; index < uint64(len(m.handles)) {
		return Place{Region: Region{Kind: MapHandle, Map: m.nameOf(m.handles[index])}}, true
	}
	if index := address - functions; index < uint64(len(m.code)) {
		return Place{Region: Region{Kind: FunctionCode}, Offset: int64(index)}, true
	}
	for start, bytes := range m.Memory {
		if offset := address - start; address >= start && offset < uint64(len(bytes)) {
			of := Region{Kind: Memory, Start: start, Size: len(bytes)}
			return Place{Region: of, Offset: int64(offset)}, true
		}
	}
	return Place{}, false
}

func (m *machine) place(r *region, offset int64) Place {
	of := Region{Kind: r.kind, Frame: r.frame, Key: r.key, CPU: r.cpu, Size: len(r.bytes)}
	place := Place{Region: of, Offset: offset}
	if r.kind == Stack {
		place.Offset -= stackSize
	}
	if r.of != nil {
		place.Map = m.nameOf(r.of)
	}
	return place
}

func (m *machine) nameOf(known *Map) string {
	for name, other := range m.Maps {
		if other == known {
			return name
		}
	}
	return ""
}

// tracer collects what one instruction does.
type tracer struct {
	before  frame
	writes  []tracedWrite
	call    *Call
	entered bool
}

// tracedWrite is memory about to change. The region is that of bytes, which is where the
// new bytes will be; it is nil for an element of a map that comes or goes.
type tracedWrite struct {
	Write
	region *region
	start  uint64
	bytes  []byte
}

// traced executes an instruction, unless it is the end of a function, and tells Trace.
func (m *machine) traced(i *asm.Instruction) (next int) {
	outer := m.tracer
	m.tracer = &tracer{before: m.frame}
	if i.OpCode.JumpOp() != asm.Exit {
		next = m.step(i)
	}
	m.tell(false)
	m.tracer = outer
	return next
}

// tell reports what the tracer has of the current instruction.
func (m *machine) tell(enters bool) {
	t := m.tracer
	step := &Step{
		Index: m.at, Depth: m.depth - 1, Before: t.before.registers, Registers: m.registers, Written: m.written,
		Changed: changed(&t.before, &m.frame), Enters: enters, Call: t.call, machine: m,
	}
	i := &m.code[m.at]
	step.Taken = conditional(i) && m.taken(i, i.OpCode.Class() == asm.Jump32Class)
	for _, w := range t.writes {
		if w.region != nil {
			w.New = bytes.Clone(w.bytes)
		}
		step.Writes = append(step.Writes, w.Write)
	}
	m.Trace(step)
}

// conditional reports whether an instruction is a jump, which leaves all registers.
func conditional(i *asm.Instruction) bool {
	op := i.OpCode.JumpOp()
	return i.OpCode.Class().IsJump() && op != asm.Call && op != asm.Exit
}

func changed(before, after *frame) (mask uint16) {
	mask = before.written ^ after.written
	for r := range after.registers {
		if before.registers[r] != after.registers[r] && after.written&(1<<r) != 0 {
			mask |= 1 << r
		}
	}
	return mask
}

// noteWrite keeps what size bytes of a region were; a part of what is kept already is
// not kept again.
func (m *machine) noteWrite(r *region, start uint64, size int) {
	for _, w := range m.tracer.writes {
		if w.region == r && w.start <= start && start+uint64(size) <= w.start+uint64(len(w.bytes)) {
			return
		}
	}
	part := r.bytes[start : start+uint64(size)]
	write := Write{Place: m.place(r, int64(start)), Old: bytes.Clone(part)}
	m.tracer.writes = append(m.tracer.writes, tracedWrite{write, r, start, part})
}

// element returns a copy of a map's value, for noteElement; nil where nothing is traced.
func (m *machine) element(known *Map, key []byte) []byte {
	if m.tracer == nil {
		return nil
	}
	return bytes.Clone(known.slot(key, m.CPU))
}

// noteElement keeps how a value of a map has changed by way of a helper.
func (m *machine) noteElement(known *Map, key, old []byte) {
	if m.tracer == nil {
		return
	}
	value := m.element(known, key)
	if old == nil && value == nil {
		return
	}
	of := Region{
		Kind: MapValue, Map: m.nameOf(known), Key: bytes.Clone(key), CPU: m.CPU, Size: known.ValueSize,
	}
	write := Write{Place: Place{Region: of}, Old: old, New: value}
	m.tracer.writes = append(m.tracer.writes, tracedWrite{Write: write})
}

// noteCall keeps what a helper is called with; the program's own functions are number 0.
func (m *machine) noteCall(helper asm.BuiltinFunc, arguments []uint64) {
	if m.tracer != nil {
		m.tracer.call = &Call{Helper: helper, Function: helper == 0, Arguments: slices.Clone(arguments)}
	}
}

// noteResult keeps what the call returned.
func (m *machine) noteResult(value uint64) {
	if m.tracer != nil {
		m.tracer.call.Result = value
	}
}

// noteEntry tells Trace that a call is about to run functions of the program.
func (m *machine) noteEntry() {
	if m.tracer != nil && !m.tracer.entered {
		m.tracer.entered = true
		m.tell(true)
	}
}
