package emu

import (
	"encoding/binary"
	"syscall"
)

// lookupOn is map_lookup_percpu_elem.
func lookupOn(m *machine, a [5]uint64) uint64 {
	known := m.mapArgument(a[0])
	key := m.object(a[1], known.KeySize, false)
	if a[2] >= uint64(known.cpus) {
		return 0
	}
	return m.shareValue(known, key, int(a[2]))
}

// Flags of bpf_get_stack: how many of the innermost frames to leave out, and that the stack
// is that of the process.
const (
	skipFrames = 0xff   // BPF_F_SKIP_FIELD_MASK
	userStack  = 1 << 8 // BPF_F_USER_STACK
)

// stack writes what fits of the addresses and zeroes the rest of the memory, as the
// kernel does: https://github.com/torvalds/linux/blob/v6.12/kernel/bpf/stackmap.c
// (__bpf_get_stack)
func stack(m *machine, a [5]uint64) uint64 {
	to, skip, frames := m.object(a[1], int(a[2]), true), int(a[3]&skipFrames), m.Stack
	clear(to)
	switch {
	case a[3]&userStack != 0:
		frames = m.UserStack
	case m.OuterStack:
		skip = 0
	}
	if len(to)%8 != 0 || skip > len(frames) {
		return code(errInvalid)
	}
	frames = frames[skip:]
	frames = frames[:min(len(frames), len(to)/8)]
	for i, address := range frames {
		binary.LittleEndian.PutUint64(to[8*i:], address)
	}
	return uint64(8 * len(frames))
}

// sizeOfRegisters is that of struct pt_regs, on arm64.
const sizeOfRegisters = 336

// taskRegisters is task_pt_regs. They are those of no program: a process has its stack by
// bpf_get_stack then, and no memory that one could be walked in.
func taskRegisters(m *machine, _ [5]uint64) uint64 {
	return m.newRegion(region{kind: Context, bytes: make([]byte, sizeOfRegisters)})
}

// namespaceProcess is get_ns_current_pid_tgid. It does not look which namespace is asked
// for.
func namespaceProcess(m *machine, a [5]uint64) uint64 {
	to := m.object(a[2], int(a[3]), true)
	clear(to)
	switch {
	case len(to) != 8:
		return code(errInvalid)
	case m.Process == nil:
		return code(errNotFound)
	}
	binary.LittleEndian.PutUint32(to, m.Process.PID)
	binary.LittleEndian.PutUint32(to[4:], m.Process.TGID)
	return 0
}

// returned is what the traced function returns.
func returned(m *machine, a [5]uint64) uint64 {
	if a[0] != m.context {
		m.fail("get_func_ret wants the context")
	}
	binary.LittleEndian.PutUint64(m.object(a[1], 8, true), m.Returned)
	return 0
}

// compareStrings is strncmp: the second string is the program's own constant.
func compareStrings(m *machine, a [5]uint64) uint64 {
	first := m.object(a[0], int(a[1]), false)
	for i, x := range first {
		y := m.object(a[2]+uint64(i), 1, false)[0]
		switch {
		case x != y:
			return uint64(int64(x) - int64(y))
		case x == 0:
			return 0
		}
	}
	return 0
}

// path is d_path: it returns the length of the text with its zero byte.
func path(m *machine, a [5]uint64) uint64 {
	text, known := m.Paths[a[0]]
	to := m.object(a[1], int(uint32(a[2])), true)
	switch {
	case !known:
		return code(errInvalid)
	case len(text)+1 > len(to):
		return code(syscall.ENAMETOOLONG)
	}
	copy(to, text+"\x00")
	return uint64(len(text) + 1)
}

// maxSignal is _NSIG of include/uapi/asm-generic/signal.h.
const maxSignal = 64

func signal(m *machine, a [5]uint64) uint64 {
	number := uint32(a[0])
	if number > maxSignal {
		return code(errInvalid)
	}
	m.Signals = append(m.Signals, number)
	return 0
}

func override(m *machine, a [5]uint64) uint64 {
	if a[0] != m.context {
		m.fail("override_return wants the context")
	}
	m.Overrides = append(m.Overrides, a[1])
	return 0
}
