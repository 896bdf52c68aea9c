package event

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// root is a value that a probe has by name: an argument, a result, a register.
type root struct {
	names []string // arg0, args.file
	place
	// store puts the bytes where the program finds them.
	store func(bytes []byte)
}

// roots makes the context of an event and the values in it.
type roots struct {
	machine *target.Target
	point   *object.Point
	at      string // the function that fires
	memory  *memory
	context []byte
	list    []*root
	// lacking says of names that the probe has not why.
	lacking map[string]string
}

func newRoots(machine *target.Target, point *object.Point, at string, m *memory) *roots {
	r := &roots{machine: machine, point: point, at: at, memory: m, lacking: map[string]string{}}
	switch point.Mechanism.Context() {
	case object.FunctionRegs, object.UserRegs:
		r.context = make([]byte, registersSize(machine.Registers()))
		r.atFunction()
		r.registers()
	case object.ClockRegs:
		// struct bpf_perf_event_data: the registers, the period, an address
		r.context = make([]byte, registersSize(machine.Registers())+16)
		r.registers()
	case object.FunctionWords:
		r.words()
	case object.EventWords:
		r.event()
	case object.ObjectWords:
		r.object()
	case object.Record:
		r.record()
	case object.CallWords, object.CallRecord:
		r.call()
	}
	return r
}

// registersSize covers all that programs read of struct pt_regs.
func registersSize(registers target.Registers) int {
	last := max(registers.SyscallNumber, registers.StackPointer)
	for _, offset := range registers.Named {
		last = max(last, offset)
	}
	return last + 8
}

// add makes a value of size bytes. Where store is nil, it is words of the context from
// offset on.
func (r *roots) add(typ *types.Type, size, offset int, names ...string) *root {
	made := &root{
		names: names, place: place{bytes: make([]byte, size), given: make([]bool, size), typ: typ},
	}
	if len(names) > 0 {
		made.name = strings.TrimPrefix(names[len(names)-1], "args.")
	}
	made.store = func(bytes []byte) { copy(r.context[offset:], extended(made.typ, bytes)) }
	r.list = append(r.list, made)
	return made
}

// extended fills a word from a smaller number, as the kernel's code does it.
func extended(typ *types.Type, bytes []byte) []byte {
	if typ == nil || !typ.Scalar() || len(bytes) >= 8 || len(bytes) == 0 {
		return bytes
	}
	fill := byte(0)
	if typ.Signed && bytes[len(bytes)-1]&0x80 != 0 {
		fill = 0xff
	}
	for bytes = slices.Clone(bytes); len(bytes) < 8; {
		bytes = append(bytes, fill)
	}
	return bytes
}

// commit puts all values into the context.
func (r *roots) commit() {
	for _, root := range r.list {
		root.store(root.bytes)
	}
}

// sizeOf is how many bytes a value takes; a word where its type is not known.
func sizeOf(typ *types.Type) int {
	if typ == nil || typ.Size <= 0 {
		return 8
	}
	return min(typ.Size, maxObject)
}

// atFunction has the arguments of a function in registers and on the stack, or its
// result.
func (r *roots) atFunction() {
	registers := r.machine.Registers()
	function, described := r.function()
	if r.point.Mechanism.Fires() == object.AtReturn {
		r.lack("arg", "arguments are gone when the function returns")
		if described && function.Return == nil {
			r.lack("retval", r.at+" returns nothing")
			return
		}
		result := r.add(types.Uint64, 8, registers.Return, "retval")
		if described {
			r.returned(result, function, registers)
		}
		return
	}
	r.lack("retval", "the function has not returned yet")
	if !described {
		for i, offset := range registers.Args {
			r.add(nil, 8, offset, argument(i))
		}
		return
	}
	stack := r.callStack(function)
	for i, param := range function.Params {
		r.parameter(i, param, registers, stack)
	}
}

func argument(i int) string { return fmt.Sprintf("arg%d", i) }

// named are the names of a parameter.
func named(i int, param target.Param) []string {
	if param.Name == "" {
		return []string{argument(i)}
	}
	return []string{argument(i), "args." + param.Name}
}

func (r *roots) function() (*target.Function, bool) {
	if at, ok := r.point.At.(object.FunctionPoint); !ok || at.Offset > 0 {
		return nil, false
	}
	return r.machine.Function(r.at)
}

func (r *roots) lack(name, why string) { r.lacking[name] = why }

// callStack is what the stack pointer leads to where arguments lie there.
func (r *roots) callStack(function *target.Function) *area {
	size := 0
	for _, param := range function.Params {
		if param.Register < 0 && param.Stack >= 0 {
			size = max(size, param.Stack+8*param.Words)
		}
	}
	if size == 0 {
		return nil
	}
	stack := r.memory.add(0, nil, size, "stack of the kernel", false)
	if stack != nil {
		binary.LittleEndian.PutUint64(r.context[r.machine.Registers().StackPointer:], stack.address)
	}
	return stack
}

func (r *roots) parameter(i int, param target.Param, registers target.Registers, stack *area) {
	if param.Type == nil || param.Nowhere() {
		r.lack(argument(i), "it is in no register or memory that a probe can read")
		return
	}
	value := r.add(param.Type, sizeOf(param.Type), 0, named(i, param)...)
	switch {
	case param.Indirect:
		value.store = func(bytes []byte) {
			copied := r.memory.add(0, param.Type, len(bytes), param.Type.String(), false)
			if copied != nil {
				copy(copied.bytes, bytes)
				binary.LittleEndian.PutUint64(r.context[registers.Args[param.Register]:], copied.address)
			}
		}
	case param.Register >= 0:
		value.store = func(bytes []byte) {
			bytes = extended(param.Type, bytes)
			for n := 0; n*8 < len(bytes); n++ {
				copy(r.context[registers.Args[param.Register+n]:][:8], bytes[8*n:])
			}
		}
	default:
		value.store = func(bytes []byte) {
			if stack != nil {
				copy(stack.bytes[param.Stack:], extended(param.Type, bytes))
			}
		}
	}
}

// returned is the result in registers, or in memory that they lead to.
func (r *roots) returned(result *root, function *target.Function, registers target.Registers) {
	if function.Return == nil {
		return
	}
	size := sizeOf(function.Return)
	result.typ, result.bytes, result.given = function.Return, make([]byte, size), make([]bool, size)
	result.store = func(bytes []byte) {
		bytes = extended(function.Return, bytes)
		switch {
		case function.ReturnsMemory:
			made := r.memory.add(0, function.Return, len(bytes), function.Return.String(), false)
			if made != nil {
				copy(made.bytes, bytes)
				binary.LittleEndian.PutUint64(r.context[registers.Return:], made.address)
			}
			return
		case len(bytes) > 8:
			copy(r.context[registers.ReturnHigh:][:8], bytes[8:])
		}
		copy(r.context[registers.Return:][:8], bytes)
	}
}

// registers have the value of a register that was given.
func (r *roots) registers() {
	named := r.machine.Registers().Named
	for _, name := range slices.Sorted(maps.Keys(named)) {
		value := r.add(types.Uint64, 8, named[name], "reg."+name)
		value.store = func(bytes []byte) {
			if value.isGiven() {
				copy(r.context[named[name]:], bytes)
			}
		}
	}
}

// words is the context of fentry and fexit.
func (r *roots) words() {
	function, described := r.function()
	if !described {
		function = &target.Function{}
	}
	r.context = make([]byte, 8*function.Slots+8)
	for i, param := range function.Params {
		if param.Type == nil || param.Slot < 0 {
			r.lack(argument(i), argument(i)+" is not handed to fentry and fexit programs")
			continue
		}
		r.add(param.Type, sizeOf(param.Type), 8*param.Slot, named(i, param)...)
	}
	switch {
	case r.point.Mechanism.Fires() != object.AtReturn:
		r.lack("retval", "the function has not returned yet")
	case function.Return == nil:
		r.lack("retval", r.at+" returns nothing")
	default:
		r.add(function.Return, min(sizeOf(function.Return), 8), 8*function.Slots, "retval")
	}
}

// maxWords is how many arguments a raw tracepoint has at most: MAX_BPF_FUNC_ARGS of
// include/linux/bpf.h.
const maxWords = 12

// event is the context of raw tracepoints. Where the script wrote tracepoint, its clause
// reads no argument; the names are those of the record then, and have no effect.
func (r *roots) event() {
	r.context = make([]byte, 8*maxWords)
	at, _ := r.point.At.(object.TracepointPoint)
	if at.Category != "" {
		r.unread(at.Category, at.Name)
		return
	}
	params, described := r.machine.RawTracepoint(at.Name)
	if !described {
		for i := range maxWords {
			r.add(nil, 8, 8*i, argument(i))
		}
		return
	}
	for i, param := range params {
		if param.Type != nil && param.Slot >= 0 && 8*param.Slot+sizeOf(param.Type) <= len(r.context) {
			r.add(param.Type, sizeOf(param.Type), 8*param.Slot, named(i, param)...)
		}
	}
}

// object is the context of iterators. What is not given is there all the same, but what
// counts the objects.
func (r *roots) object() {
	r.lack("arg", "what an iterator has is reached by name, as ctx.task")
	at, _ := r.point.At.(object.IterPoint)
	params, _ := r.machine.Iterator(at.Name)
	r.context = make([]byte, 8*len(params))
	for _, param := range params {
		if param.Slot >= 0 && 8*param.Slot < len(r.context) {
			r.add(param.Type, sizeOf(param.Type), 8*param.Slot, "args."+param.Name)
		}
	}
}

func (r *roots) fields(category, name string) []target.TracepointField {
	r.lack("arg", "the fields of a tracepoint are reached by name, as args.FIELD")
	tracepoint, err := r.machine.Tracepoint(category, name)
	if err != nil {
		return nil
	}
	return tracepoint.Fields()
}

func (r *roots) unread(category, name string) {
	for _, field := range r.fields(category, name) {
		value := r.add(field.Type, sizeOf(field.Type), 0, "args."+field.Name)
		value.store = func([]byte) {}
	}
}

// record is the context of a tracepoint of perf. Texts of any length lie behind the
// fields.
func (r *roots) record() {
	at, _ := r.point.At.(object.TracepointPoint)
	fields := r.fields(at.Category, at.Name)
	size := 8
	for _, field := range fields {
		size = max(size, field.Offset+fieldSize(field))
	}
	r.context = make([]byte, min(size, maxObject))
	for _, field := range fields {
		r.field(field)
	}
}

func fieldSize(field target.TracepointField) int {
	if field.DataLocation {
		return 4
	}
	return sizeOf(field.Type)
}

func (r *roots) field(field target.TracepointField) {
	if field.Offset+fieldSize(field) > len(r.context) {
		return
	}
	size := sizeOf(field.Type)
	if field.DataLocation {
		size = maxLocated
	}
	value := r.add(field.Type, size, field.Offset, "args."+field.Name)
	value.user = strings.HasPrefix(r.point.Probe, "tracepoint:syscalls:")
	if !field.DataLocation {
		value.store = func(bytes []byte) { copy(r.context[field.Offset:], bytes) }
		return
	}
	value.typ = types.NewString(maxLocated)
	value.store = func(bytes []byte) { r.locate(field, bytes) }
}

// maxLocated is the longest text of a field that leads elsewhere, with its zero.
const maxLocated = 1024

func (r *roots) locate(field target.TracepointField, bytes []byte) {
	text, _, _ := strings.Cut(string(bytes), "\x00")
	start := len(r.context)
	r.context = append(append(r.context, text...), 0)
	if field.Relative {
		start -= field.Offset + 4
	}
	location := uint32(len(text)+1)<<16 | uint32(start)&0xffff
	binary.LittleEndian.PutUint32(r.context[field.Offset:], location)
}

// Byte offsets in the record of a system call.
const (
	callNumber    = 8
	callArguments = 16
)

// call is the context at the tracepoint of all system calls: a record, or the address of
// the process's registers and the number or the result.
func (r *roots) call() {
	at, _ := r.point.At.(object.SyscallPoint)
	fields := r.fields("syscalls", at.Name)
	raw := r.point.Mechanism.Context() == object.CallWords
	registers := r.machine.Registers()
	r.context = make([]byte, callArguments+8*6)
	var process *area
	if raw {
		process = r.processRegisters(at.Number)
	}
	binary.LittleEndian.PutUint64(r.context[callNumber:], uint64(at.Number))
	for _, field := range fields {
		i := (field.Offset - callArguments) / 8
		word := field.Type.Size <= 8 && !field.DataLocation
		if field.Offset < callArguments || i >= len(registers.SyscallArgs) || !word {
			continue
		}
		value := r.add(field.Type, sizeOf(field.Type), field.Offset, "args."+field.Name)
		value.user = true
		switch exit := at.All == target.SyscallExit; {
		case raw && exit:
			value.store = func(bytes []byte) { copy(r.context[8:], extended(field.Type, bytes)) }
		case raw && process != nil:
			value.store = func(bytes []byte) {
				copy(process.bytes[registers.SyscallArgs[i]:], extended(field.Type, bytes))
			}
		}
	}
}

func (r *roots) processRegisters(number int) *area {
	registers := r.machine.Registers()
	described, _ := r.machine.Struct("struct", "pt_regs")
	process := r.memory.add(0, described, registersSize(registers), "struct pt_regs", false)
	if process != nil {
		binary.LittleEndian.PutUint64(r.context, process.address)
		binary.LittleEndian.PutUint64(process.bytes[registers.SyscallNumber:], uint64(number))
	}
	return process
}
