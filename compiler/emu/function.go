package emu

import "github.com/cilium/ebpf/asm"

const (
	stackSize = 512
	// maxFrames is MAX_CALL_FRAMES of include/linux/bpf_verifier.h.
	maxFrames = 8
	// functions is where the addresses of functions begin, as helpers see them.
	functions = 0xffff_b000_0000_0000
)

// frame is the state of one function.
type frame struct {
	registers [11]uint64
	written   uint16 // a bit for each register that may be read
	at        int
}

// invoke runs the function that starts at an instruction and returns its result. The
// registers of the caller are left as they are.
func (m *machine) invoke(start int, arguments ...uint64) uint64 {
	if m.depth == maxFrames {
		m.fail("more than %d functions at once", maxFrames)
	}
	m.noteEntry()
	caller := m.frame
	m.frame = frame{at: start}
	m.set(asm.R10, m.stack()+stackSize)
	for i, n := range arguments {
		m.set(asm.R1+asm.Register(i), n)
	}
	m.depth++
	m.run()
	m.depth--
	value := m.get(asm.R0)
	m.frame = caller
	return value
}

// stack returns the address of memory for a function about to run, none of it written.
func (m *machine) stack() uint64 {
	if m.depth == len(m.stacks) {
		m.stacks = append(m.stacks, m.newRegion(region{kind: Stack, frame: m.depth, bytes: make([]byte, stackSize)}))
	}
	r, _ := m.region(m.stacks[m.depth])
	r.written = make([]bool, stackSize)
	return m.stacks[m.depth]
}

// function returns where the function starts that the instruction names.
func (m *machine) function(i *asm.Instruction) int {
	if i.Reference() == "" {
		m.fail("a function without a name")
	}
	return m.labelled(i.Reference())
}

// callee is the function whose address a helper was given.
func (m *machine) callee(address uint64) int {
	start := address - functions
	if start >= uint64(len(m.code)) {
		m.fail("%#x is no function", address)
	}
	return int(start)
}

// maxLoops is BPF_MAX_LOOPS of include/linux/bpf.h.
const maxLoops = 8 << 20

// loop is bpf_loop: it calls until a call returns 1, and returns how many calls there
// were.
func loop(m *machine, a [5]uint64) uint64 {
	count, callback := uint64(uint32(a[0])), m.callee(a[1])
	switch {
	case a[3] != 0:
		return code(errInvalid)
	case count > maxLoops:
		return code(errTooBig)
	}
	for i := range count {
		if m.callBack(callback, i, a[2]) {
			return i + 1
		}
	}
	return count
}

// forEach is bpf_for_each_map_elem. Elements come in the order of their keys; the
// kernel's order is its own.
func forEach(m *machine, a [5]uint64) (calls uint64) {
	known, callback := m.mapArgument(a[0]), m.callee(a[1])
	if a[3] != 0 {
		return code(errInvalid)
	}
	for _, key := range known.keys() {
		value := m.shareValue(known, key, m.CPU)
		if value == 0 {
			continue
		}
		calls++
		if m.callBack(callback, a[0], m.newRegion(region{kind: MapKey, of: known, bytes: key}), value, a[2]) {
			break
		}
	}
	return calls
}

// callBack reports whether the callback wants to be the last.
func (m *machine) callBack(start int, arguments ...uint64) bool {
	value := m.invoke(start, arguments...)
	if value > 1 {
		m.fail("a callback returns %d: it may return 0 or 1", value)
	}
	return value == 1
}
