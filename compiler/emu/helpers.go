package emu

import (
	"bytes"
	"syscall"

	"github.com/cilium/ebpf/asm"
)

const (
	errNotFound = syscall.ENOENT
	errTooBig   = syscall.E2BIG
	errExist    = syscall.EEXIST
	errInvalid  = syscall.EINVAL
	errFault    = syscall.EFAULT
)

// helper is one kernel function for programs: how many arguments it reads and what it
// does.
type helper struct {
	args int
	run  func(m *machine, a [5]uint64) uint64
}

// helpers has those with an effect or with arguments; the rest is Environment.Values,
// which comes first.
var helpers = map[asm.BuiltinFunc]helper{
	asm.FnMapLookupElem:      {2, lookup},
	asm.FnMapUpdateElem:      {4, update},
	asm.FnMapDeleteElem:      {2, remove},
	asm.FnGetSmpProcessorId:  {0, func(m *machine, _ [5]uint64) uint64 { return uint64(m.CPU) }},
	asm.FnGetCurrentComm:     {2, comm},
	asm.FnProbeReadKernel:    {3, probeReadKernel},
	asm.FnProbeReadUser:      {3, probeRead},
	asm.FnCopyFromUser:       {3, probeRead},
	asm.FnProbeReadKernelStr: {3, probeReadString},
	asm.FnProbeReadUserStr:   {3, probeReadString},
	asm.FnRingbufOutput:      {4, output},
	asm.FnRingbufReserve:     {3, reserve},
	asm.FnRingbufSubmit:      {2, submit},
	asm.FnRingbufDiscard:     {2, discard},
	asm.FnRingbufQuery:       {2, func(*machine, [5]uint64) uint64 { return 0 }}, // all is read

	asm.FnMapLookupPercpuElem: {3, lookupOn},
	asm.FnGetStack:            {4, stack},
	asm.FnTaskPtRegs:          {1, taskRegisters},
	asm.FnGetNsCurrentPidTgid: {4, namespaceProcess},
	asm.FnStrncmp:             {3, compareStrings},
	asm.FnDPath:               {3, path},
	asm.FnSendSignal:          {1, signal},
	asm.FnOverrideReturn:      {2, override},
	asm.FnGetFuncRet:          {2, returned},
}

// contextual are those of Environment.Values that are handed the context.
var contextual = map[asm.BuiltinFunc]bool{
	asm.FnGetAttachCookie: true, asm.FnGetFuncIp: true,
}

// Those that call a function of the program back lead to call again.
func init() {
	helpers[asm.FnLoop] = helper{4, loop}
	helpers[asm.FnForEachMapElem] = helper{4, forEach}
}

func (m *machine) call(i *asm.Instruction) {
	if i.IsFunctionCall() {
		m.callFunction(i)
		return
	}
	if i.IsKfuncCall() {
		m.callKernel(i.Reference())
		return
	}
	m.require(i.IsBuiltinCall())
	function := asm.BuiltinFunc(i.Constant)
	known, ok := helpers[function]
	value, fixed := m.Values[function]
	if !ok && !fixed {
		m.fail("no helper %v in this environment", function)
	}
	var args [5]uint64
	for n := range known.args {
		args[n] = m.get(asm.R1 + asm.Register(n))
	}
	m.noteCall(function, args[:known.args])
	switch {
	case !fixed:
		value = known.run(m, args)
	case contextual[function] && m.get(asm.R1) != m.context:
		m.fail("%v wants the context", function)
	}
	m.noteResult(value)
	m.result.Helpers++
	m.written &^= 0b111110
	m.set(asm.R0, value)
}

// callFunction passes on those arguments that are written.
func (m *machine) callFunction(i *asm.Instruction) {
	var arguments []uint64
	for r := asm.R1; r <= asm.R5 && m.written&(1<<r) != 0; r++ {
		arguments = append(arguments, m.get(r))
	}
	m.noteCall(0, arguments)
	value := m.invoke(m.function(i), arguments...)
	m.noteResult(value)
	m.written &^= 0b111110
	m.set(asm.R0, value)
}

func code(err error) uint64 {
	if number, failed := err.(syscall.Errno); failed {
		return uint64(-int64(number))
	}
	return 0
}

// handle is the address by which a helper knows a map.
func (m *machine) handle(known *Map) uint64 {
	for i, other := range m.handles {
		if other == known {
			return handles + uint64(i)
		}
	}
	m.handles = append(m.handles, known)
	return handles + uint64(len(m.handles)-1)
}

const handles = 0xffff_c900_0000_0000

func (m *machine) mapArgument(address uint64) *Map {
	index := address - handles
	if index >= uint64(len(m.handles)) {
		m.fail("%#x is no map", address)
	}
	return m.handles[index]
}

func lookup(m *machine, a [5]uint64) uint64 {
	known := m.mapArgument(a[0])
	return m.shareValue(known, m.object(a[1], known.KeySize, false), m.CPU)
}

func update(m *machine, a [5]uint64) uint64 {
	known := m.mapArgument(a[0])
	key, value := m.object(a[1], known.KeySize, false), m.object(a[2], known.ValueSize, false)
	old := m.element(known, key)
	result := code(known.update(key, value, a[3], m.CPU))
	m.noteElement(known, key, old)
	return result
}

func remove(m *machine, a [5]uint64) uint64 {
	known := m.mapArgument(a[0])
	key := m.object(a[1], known.KeySize, false)
	old := m.element(known, key)
	result := code(known.delete(key))
	m.noteElement(known, key, old)
	return result
}

func comm(m *machine, a [5]uint64) uint64 {
	clear(m.object(a[0], int(a[1]), true))
	copy(m.object(a[0], int(a[1])-1, true), m.Comm)
	return 0
}

func probeRead(m *machine, a [5]uint64) uint64 {
	to, from := m.object(a[0], int(a[1]), true), m.readable(a[2], int(a[1]))
	clear(to)
	if from == nil {
		return code(errFault)
	}
	copy(to, from)
	return 0
}

// probeReadKernel refuses addresses of user space, which are those of the lower half.
func probeReadKernel(m *machine, a [5]uint64) uint64 {
	if r, _ := m.region(a[2]); r == nil && int64(a[2]) >= 0 {
		clear(m.object(a[0], int(a[1]), true))
		return code(errFault)
	}
	return probeRead(m, a)
}

// readable returns memory that may be the program's own or foreign.
func (m *machine) readable(address uint64, size int) []byte {
	if r, _ := m.region(address); r != nil {
		return m.object(address, size, false)
	}
	return m.foreign(address, size)
}

func probeReadString(m *machine, a [5]uint64) uint64 {
	to := m.object(a[0], int(a[1]), true)
	for i := range to {
		from := m.readable(a[2]+uint64(i), 1)
		if from == nil {
			clear(to)
			return code(errFault)
		}
		to[i] = from[0]
		if to[i] == 0 {
			return uint64(i + 1)
		}
	}
	if len(to) > 0 {
		to[len(to)-1] = 0
	}
	return uint64(len(to))
}

func output(m *machine, a [5]uint64) uint64 {
	m.mapArgument(a[0])
	if m.Full {
		return code(syscall.EAGAIN)
	}
	m.takeRoom(a[2])
	m.Records = append(m.Records, bytes.Clone(m.object(a[1], int(a[2]), false)))
	return 0
}

func reserve(m *machine, a [5]uint64) uint64 {
	m.mapArgument(a[0])
	if m.Full {
		return 0
	}
	m.takeRoom(a[1])
	return m.newRegion(region{kind: Record, bytes: make([]byte, a[1]), reserved: true, written: make([]bool, a[1])})
}

// maxRecords is how many bytes of records one run may have: nobody reads them before its
// end.
const maxRecords = 64 << 20

func (m *machine) takeRoom(size uint64) {
	if size > maxRecords-m.recordBytes {
		m.fail("more than %d MiB of records in one run", maxRecords>>20)
	}
	m.recordBytes += size
}

func submit(m *machine, a [5]uint64) uint64 {
	m.Records = append(m.Records, m.release(a[0]))
	return 0
}

func discard(m *machine, a [5]uint64) uint64 {
	m.recordBytes -= uint64(len(m.release(a[0])))
	return 0
}

// release takes a record from the program.
func (m *machine) release(address uint64) []byte {
	r, offset := m.region(address)
	if r == nil || !r.reserved || offset != 0 {
		m.fail("%#x is no reserved record", address)
	}
	record := r.bytes
	r.bytes, r.written, r.reserved = nil, nil, false
	return record
}
