// Package emu runs eBPF programs in user space: an interpreter that needs no kernel, no
// privileges and no Linux. It runs what package compiler makes, instruction by
// instruction, in an Environment that the caller fills: a context, maps, memory, what
// helpers return.
//
//	object, err := compiler.Compile(script, machine, compiler.Options{})
//	e := &emu.Environment{Context: context, Maps: map[string]*emu.Map{}}
//	for name, spec := range object.Kernel {
//		e.Maps[name] = emu.NewMap(spec, cpus)
//	}
//	result, err := emu.Run(object.Programs[0].Instructions, e)
//
// After a run the Environment holds what the program did: the values of the maps, the
// ring buffer records, the signals. Several programs, or several events of one, run in
// the same Environment one after the other. A run is deterministic, and two runs in
// different Environments share nothing.
//
// Tests use it as the oracle beside the kernel and the evaluator of the syntax tree; the
// goldens count their `executed` and `helpers` figures with it.
//
// # The machine
//
// It runs asm.Instructions with their symbols and references still in place: a jump finds
// its target by label, a wide load finds its map by name. Every object (context, stack,
// map value, ring buffer record) is a region of its own, 4 GiB apart from the next, so
// that an access beyond its end cannot hit another; no processor has such addresses, so
// that hardly a number looks like one. Kernel and user memory are what the
// Environment holds; a direct load from elsewhere gives 0, as the kernel's fault handler
// makes it, and probe_read gives -EFAULT.
//
// What the verifier would refuse is an error as far as it shows in a run: registers read
// before they are written or after a call took them, stack bytes read before they are
// written, accesses out of bounds, a record neither submitted nor discarded, instructions
// that Linux 5.12 does not know. It is no verifier: it sees one path. Helpers that it
// does not know are errors, too; helpers.go has the table.
//
// An executed instruction is one step of the kernel's interpreter: a wide load counts
// once. Environment.Trace watches them, and tells of addresses what they lead to.
//
// Sources: Documentation/bpf/standardization/instruction-set.rst and kernel/bpf/core.c of
// Linux v6.12 (https://github.com/torvalds/linux/blob/v6.12/kernel/bpf/core.c); tests
// compare with the machine's own kernel.
package emu

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf/asm"
)

// Environment is what a program runs in. A run changes Maps, Signals, Overrides and
// Records.
type Environment struct {
	// Context is the memory that r1 points to when the program starts: registers,
	// arguments or a record.
	Context []byte
	// Maps are those that the instructions refer to, by name.
	Maps map[string]*Map
	// Memory holds kernel and user memory by start address.
	Memory map[uint64][]byte
	// Values are the results of helpers that only report something: ktime_get_ns,
	// get_current_pid_tgid ...
	Values map[asm.BuiltinFunc]uint64
	// CPU is the number of the processor that the program runs on.
	CPU int
	// Comm is the name of the task, at most 15 bytes.
	Comm string
	// Stack and UserStack are the addresses that get_stack finds, the innermost first.
	Stack, UserStack []uint64
	// OuterStack: Stack lacks the functions that only run because of the probe, which
	// programs skip.
	OuterStack bool
	// Process is the process of the task in the PID namespace asked for, nil where it is
	// not there.
	Process *Process
	// Paths are what d_path finds, by the address of a struct path.
	Paths map[uint64]string
	// Signals are those sent to the task.
	Signals []uint32
	// Returned is what the traced function returns, for the helper that asks.
	Returned uint64
	// Overrides are the values that the probed function shall return.
	Overrides []uint64
	// Records are the ring buffer records submitted.
	Records [][]byte
	// Full makes ring buffers refuse records.
	Full bool
	// Steps limits the instructions executed; 0 means a million, as the verifier.
	Steps int
	// Trace, where it is not nil, is called after each executed instruction.
	Trace func(*Step)
}

// Process holds the numbers of struct bpf_pidns_info: those of a thread and of its
// process in a PID namespace.
type Process struct{ PID, TGID uint32 }

// Result is the outcome of a run.
type Result struct {
	Return   uint64 // what the program returned in r0
	Executed int    // instructions
	Helpers  int    // calls of helpers
}

// Error is a program that misbehaved, with the instruction at which the run ended.
type Error struct {
	Index       int // into the instructions
	Instruction asm.Instruction
	Text        string
}

func (e *Error) Error() string {
	return fmt.Sprintf("instruction %d, %v: %s", e.Index, e.Instruction, e.Text)
}

// Run executes the program from its first instruction to its exit.
func Run(code asm.Instructions, environment *Environment) (result Result, err error) {
	m := newMachine(code, environment)
	defer func() {
		switch thrown := recover().(type) {
		case nil:
		case *Error:
			result, err = m.result, thrown
		default:
			panic(thrown)
		}
	}()
	m.context = m.newRegion(region{kind: Context, bytes: environment.Context})
	m.result.Return = m.invoke(0, m.context)
	m.exit()
	return m.result, nil
}

// machine is one run.
type machine struct {
	*Environment
	code    asm.Instructions
	labels  map[string]int
	offsets []int    // of each instruction, in units of 8 bytes
	frame            // of the function that runs
	stacks  []uint64 // address of each frame's stack; they are used again
	depth   int
	context uint64 // its address
	regions []*region
	handles []*Map // maps as helper arguments
	// recordBytes is the room that records of this run have taken.
	recordBytes uint64
	unpreempted int // how often preemption was switched off and not on again
	tracer      *tracer
	result      Result
}

const defaultSteps = 1_000_000

func newMachine(code asm.Instructions, environment *Environment) *machine {
	m := &machine{Environment: environment, code: code, labels: map[string]int{}}
	m.offsets = make([]int, 0, len(code))
	offset := 0
	for i := range code {
		if symbol := code[i].Symbol(); symbol != "" {
			m.labels[symbol] = i
		}
		m.offsets = append(m.offsets, offset)
		offset += int(code[i].Width())
	}
	return m
}

// fail ends the run.
func (m *machine) fail(format string, args ...any) {
	e := &Error{Index: m.at, Text: fmt.Sprintf(format, args...)}
	if m.at < len(m.code) {
		e.Instruction = m.code[m.at]
	}
	panic(e)
}

func (m *machine) get(r asm.Register) uint64 {
	if r > asm.R10 || m.written&(1<<r) == 0 {
		m.fail("%v is read before it is written", r)
	}
	return m.registers[r]
}

func (m *machine) set(r asm.Register, n uint64) {
	m.registers[r] = n
	m.written |= 1 << r
}

// run executes the current function to its end.
func (m *machine) run() {
	limit := m.Steps
	if limit == 0 {
		limit = defaultSteps
	}
	for {
		if m.at >= len(m.code) {
			m.fail("the program runs off its end")
		}
		if m.result.Executed == limit {
			m.fail("more than %d instructions", limit)
		}
		m.result.Executed++
		instruction := &m.code[m.at]
		next := 0
		if m.Trace != nil {
			next = m.traced(instruction)
		}
		if instruction.OpCode.JumpOp() == asm.Exit {
			return
		}
		if m.Trace == nil {
			next = m.step(instruction)
		}
		m.at = next
	}
}

// exit looks whether the program left all in order.
func (m *machine) exit() {
	for _, r := range m.regions {
		if r.reserved {
			m.fail("a ring buffer record is neither submitted nor discarded")
		}
	}
	if m.unpreempted > 0 {
		m.fail("preemption is still off")
	}
}

// step executes one instruction and returns the index of the next.
func (m *machine) step(i *asm.Instruction) int {
	switch class := i.OpCode.Class(); class {
	case asm.ALUClass, asm.ALU64Class:
		m.arithmetic(i, class == asm.ALUClass)
	case asm.LdClass:
		m.set(i.Dst, m.wide(i))
	case asm.LdXClass:
		m.require(i.OpCode.Mode() == asm.MemMode)
		m.set(i.Dst, m.load(m.get(i.Src)+uint64(int64(i.Offset)), i.OpCode.Size().Sizeof()))
	case asm.StClass:
		m.require(i.OpCode.Mode() == asm.MemMode)
		m.store(m.get(i.Dst)+uint64(int64(i.Offset)), i.OpCode.Size().Sizeof(), uint64(i.Constant))
	case asm.StXClass:
		m.storeRegister(i)
	default:
		if i.OpCode.JumpOp() == asm.Call {
			m.call(i)
			break
		}
		if m.taken(i, class == asm.Jump32Class) {
			return m.target(i)
		}
	}
	return m.at + 1
}

func (m *machine) require(known bool) {
	if !known {
		m.fail("not an instruction of Linux 5.12")
	}
}

func (m *machine) storeRegister(i *asm.Instruction) {
	address, size, n := m.get(i.Dst)+uint64(int64(i.Offset)), i.OpCode.Size().Sizeof(), m.get(i.Src)
	if i.OpCode.Mode() == asm.AtomicMode {
		m.atomic(i, address, size, n)
		return
	}
	m.require(i.OpCode.Mode() == asm.MemMode)
	m.store(address, size, n)
}

// atomic executes those instructions that the compiler makes. All but the addition need
// Linux 5.12; their operation must stand in the constant, too.
func (m *machine) atomic(i *asm.Instruction, address uint64, size int, n uint64) {
	op, before := i.OpCode.AtomicOp(), m.load(address, size)
	m.require(size == 8 && i.Constant == int64(op>>8))
	switch op {
	case asm.AddAtomic, asm.FetchAdd:
		n += before
	case asm.CmpXchg:
		if before != m.get(asm.R0) {
			n = before
		}
	case asm.Xchg:
	default:
		m.require(false)
	}
	m.store(address, size, n)
	switch op {
	case asm.FetchAdd, asm.Xchg:
		m.set(i.Src, before)
	case asm.CmpXchg:
		m.set(asm.R0, before)
	}
}

// wide returns what a load of two instructions' width makes.
func (m *machine) wide(i *asm.Instruction) uint64 {
	m.require(i.OpCode.IsDWordLoad())
	switch i.Src {
	case asm.R0:
		return uint64(i.Constant)
	case asm.PseudoMapFD:
		return m.handle(m.named(i.Reference()))
	case asm.PseudoMapValue:
		return m.named(i.Reference()).whole(m) + uint64(i.Constant)>>32
	case asm.PseudoFunc:
		return functions + uint64(m.function(i))
	}
	m.fail("a wide load of unknown kind")
	return 0
}

func (m *machine) named(name string) *Map {
	known, ok := m.Maps[name]
	if !ok {
		m.fail("no map %q", name)
	}
	return known
}

func (m *machine) target(i *asm.Instruction) int {
	if i.Reference() != "" {
		return m.labelled(i.Reference())
	}
	index, ok := slices.BinarySearch(m.offsets, m.offsets[m.at]+1+int(i.Offset))
	if !ok {
		m.fail("a jump into nowhere")
	}
	return index
}

func (m *machine) labelled(name string) int {
	index, ok := m.labels[name]
	if !ok {
		m.fail("no label %q", name)
	}
	return index
}
