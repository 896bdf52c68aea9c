package irtest

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf/asm"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// World is what a function runs in.
type World struct {
	Context []byte
	// Data are the values of array maps of one element, Hash those of hash maps with keys
	// and values of 8 bytes.
	Data map[string][]byte
	Hash map[string]map[string][]byte
	// Memory holds kernel and user memory by start address.
	Memory map[uint64][]byte
	// Values are the results of helpers that only report something.
	Values map[asm.BuiltinFunc]uint64
}

// Evaluate runs the program and returns its result. It changes Data and Hash.
func Evaluate(f *ir.Func, world *World) uint64 {
	objects := &objects{known: map[string]uint64{}, functions: map[uint64]*ir.Func{}}
	return (&evaluation{World: world, objects: objects}).run(f)
}

// run evaluates a function in memory of its own.
func (e *evaluation) run(f *ir.Func, parameters ...uint64) uint64 {
	e = &evaluation{
		World: e.World, objects: e.objects, parameters: parameters,
		values: map[*ir.Value]uint64{}, cells: make([]uint64, len(f.Cells)), slots: map[*ir.Slot]uint64{},
	}
	for _, slot := range f.Slots {
		e.slots[slot] = e.add(make([]byte, slot.Size))
	}
	block := f.Blocks[0]
	for {
		for _, v := range block.Values[:len(block.Values)-1] {
			e.values[v] = e.value(v)
		}
		switch last := block.Terminator(); last.Op {
		case ir.Return:
			return e.arg(last, 0)
		case ir.Jump:
			block = last.Then
		case ir.If:
			block = last.Else
			if ir.Ops[last.Compare].Compute(e.arg(last, 0), e.arg(last, 1)) != 0 {
				block = last.Then
			}
		}
	}
}

// evaluation is one call of a function.
type evaluation struct {
	*World
	*objects
	parameters []uint64
	values     map[*ir.Value]uint64
	cells      []uint64
	slots      map[*ir.Slot]uint64
}

// objects is the memory of all calls. The upper half of an address counts objects.
type objects struct {
	bytes     [][]byte
	known     map[string]uint64 // address of an object by name
	functions map[uint64]*ir.Func
}

func (o *objects) add(bytes []byte) uint64 {
	o.bytes = append(o.bytes, bytes)
	return uint64(len(o.bytes)) << 32
}

// share returns the address of a named object.
func (o *objects) share(name string, bytes []byte) uint64 {
	address, ok := o.known[name]
	if !ok {
		address = o.add(bytes)
		o.known[name] = address
	}
	return address
}

// function returns a number that stands for a function.
func (o *objects) function(f *ir.Func) uint64 {
	address := o.share("func "+f.Name, nil)
	o.functions[address] = f
	return address
}

func (o *objects) object(address uint64, size int) []byte {
	offset := address & (1<<32 - 1)
	return o.bytes[address>>32-1][offset : offset+uint64(size)]
}

func (o *objects) store(address uint64, size int, n uint64) {
	var bytes [8]byte
	binary.LittleEndian.PutUint64(bytes[:], n)
	copy(o.object(address, size), bytes[:])
}

func (e *evaluation) arg(v *ir.Value, i int) uint64 { return e.values[v.Args[i]] }

func (e *evaluation) args(v *ir.Value) []uint64 {
	numbers := make([]uint64, len(v.Args))
	for i := range v.Args {
		numbers[i] = e.arg(v, i)
	}
	return numbers
}

func (e *evaluation) value(v *ir.Value) uint64 {
	switch v.Op {
	case ir.Const:
		return uint64(v.Int)
	case ir.Context:
		return e.share("context", e.World.Context)
	case ir.SlotAddress:
		return e.slots[v.Slot]
	case ir.MapPointer:
		return e.share("map "+v.Map, []byte(v.Map))
	case ir.DataAddress:
		return e.share("data "+v.Map, e.Data[v.Map]) + uint64(v.Int)
	case ir.Parameter:
		return e.parameters[v.Int]
	case ir.FuncAddress:
		return e.function(v.Callee)
	case ir.Invoke:
		return e.run(v.Callee, e.args(v)...)
	case ir.Load:
		return ir.Extend(number(e.object(e.arg(v, 0)+uint64(v.Offset), v.Size)), v.Size, v.Signed)
	case ir.Store:
		e.store(e.arg(v, 0)+uint64(v.Offset), v.Size, e.arg(v, 1))
	case ir.AtomicAdd, ir.FetchAdd, ir.Exchange, ir.CompareExchange:
		return e.atomic(v)
	case ir.ReadKernel, ir.ReadUser:
		return ir.Extend(number(e.foreign(e.arg(v, 0)+uint64(v.Offset), v.Size)), v.Size, v.Signed)
	case ir.CellGet:
		return e.cells[v.Cell.ID]
	case ir.CellSet:
		e.cells[v.Cell.ID] = e.arg(v, 0)
	case ir.Call:
		return e.call(v)
	case ir.Kfunc:
	default:
		return e.compute(v)
	}
	return 0
}

func (e *evaluation) atomic(v *ir.Value) uint64 {
	at := e.arg(v, 0) + uint64(v.Offset)
	before := number(e.object(at, 8))
	switch {
	case v.Op == ir.Exchange:
		e.store(at, 8, e.arg(v, 1))
	case v.Op != ir.CompareExchange:
		e.store(at, 8, before+e.arg(v, 1))
	case before == e.arg(v, 1):
		e.store(at, 8, e.arg(v, 2))
	}
	return before
}

func (e *evaluation) compute(v *ir.Value) uint64 {
	y := uint64(0)
	if len(v.Args) > 1 {
		y = e.arg(v, 1)
	}
	result, ok := v.Compute(e.arg(v, 0), y)
	if !ok {
		panic(fmt.Sprintf("%s has no meaning here", v.Describe()))
	}
	return result
}

func (e *evaluation) foreign(address uint64, size int) []byte {
	for start, bytes := range e.Memory {
		if offset := address - start; address >= start && offset+uint64(size) <= uint64(len(bytes)) {
			return bytes[offset : offset+uint64(size)]
		}
	}
	return nil
}

func number(bytes []byte) uint64 {
	var whole [8]byte
	copy(whole[:], bytes)
	return binary.LittleEndian.Uint64(whole[:])
}

// call knows the helpers of hash maps and those that call back; others have a fixed
// result.
func (e *evaluation) call(v *ir.Value) uint64 {
	result, fixed := e.Values[v.Helper]
	switch {
	case fixed:
		return result
	case v.Helper == asm.FnLoop:
		return e.loop(e.arg(v, 0), e.functions[e.arg(v, 1)], e.arg(v, 2))
	}
	name := string(e.bytes[e.arg(v, 0)>>32-1])
	switch hash := e.Hash[name]; v.Helper {
	case asm.FnMapLookupElem:
		return e.element(name, string(e.object(e.arg(v, 1), 8)))
	case asm.FnMapUpdateElem:
		key := string(e.object(e.arg(v, 1), 8))
		if hash[key] == nil {
			hash[key] = make([]byte, 8)
		}
		copy(hash[key], e.object(e.arg(v, 2), 8))
		return 0
	case asm.FnForEachMapElem:
		return e.each(name, e.functions[e.arg(v, 1)], e.arg(v, 2))
	}
	panic(fmt.Sprintf("%s has no meaning here", v.Describe()))
}

// element returns the address of a key's value, 0 where there is none.
func (e *evaluation) element(name, key string) uint64 {
	value, ok := e.Hash[name][key]
	if !ok {
		return 0
	}
	return e.share(strings.Join([]string{"hash", name, key}, " "), value)
}

// loop is bpf_loop: calls until one returns not 0, and how many there were.
func (e *evaluation) loop(count uint64, callback *ir.Func, context uint64) uint64 {
	for i := range uint64(uint32(count)) {
		if e.run(callback, i, context) != 0 {
			return i + 1
		}
	}
	return uint64(uint32(count))
}

// each is bpf_for_each_map_elem, in the order of the keys.
func (e *evaluation) each(name string, callback *ir.Func, context uint64) (calls uint64) {
	for _, key := range slices.Sorted(maps.Keys(e.Hash[name])) {
		calls++
		if e.run(callback, e.share("map "+name, []byte(name)), e.add([]byte(key)), e.element(name, key), context) != 0 {
			break
		}
	}
	return calls
}
