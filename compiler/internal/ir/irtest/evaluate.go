package irtest

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cilium/ebpf/asm"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
)

// World is what a function runs in.
type World struct {
	Context []byte
	// Data are the values of array maps of one element, Hash those of hash maps with keys and values of 8 bytes.
	Data map[string][]byte
	Hash map[string]map[string][]byte
	// Memory holds kernel and user memory by start address.
	Memory map[uint64][]byte
	// Values are the results of helpers that only report something.
	Values map[asm.BuiltinFunc]uint64
}

// Evaluate runs the function and returns its result. It changes Data and Hash.
func Evaluate(f *ir.Func, world *World) uint64 {
	e := &evaluation{World: world, f: f, values: map[*ir.Value]uint64{}, cells: make([]uint64, len(f.Cells)), known: map[string]uint64{}}
	for _, slot := range f.Slots {
		e.share(slot.String(), make([]byte, slot.Size))
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

type evaluation struct {
	*World
	f       *ir.Func
	values  map[*ir.Value]uint64
	cells   []uint64
	objects [][]byte
	known   map[string]uint64 // address of an object by name
}

// share returns the address of a named object: the upper half counts objects.
func (e *evaluation) share(name string, bytes []byte) uint64 {
	address, ok := e.known[name]
	if !ok {
		e.objects = append(e.objects, bytes)
		address = uint64(len(e.objects)) << 32
		e.known[name] = address
	}
	return address
}

func (e *evaluation) arg(v *ir.Value, i int) uint64 { return e.values[v.Args[i]] }

func (e *evaluation) value(v *ir.Value) uint64 {
	switch v.Op {
	case ir.Const:
		return uint64(v.Int)
	case ir.Context:
		return e.share("context", e.World.Context)
	case ir.SlotAddress:
		return e.known[v.Slot.String()]
	case ir.MapPointer:
		return e.share("map "+v.Map, []byte(v.Map))
	case ir.DataAddress:
		return e.share("data "+v.Map, e.Data[v.Map]) + uint64(v.Int)
	case ir.Load:
		return ir.Extend(number(e.object(e.arg(v, 0)+uint64(v.Offset), v.Size)), v.Size, v.Signed)
	case ir.Store:
		e.store(e.arg(v, 0)+uint64(v.Offset), v.Size, e.arg(v, 1))
	case ir.AtomicAdd:
		at := e.arg(v, 0) + uint64(v.Offset)
		e.store(at, 8, number(e.object(at, 8))+e.arg(v, 1))
	case ir.ReadKernel, ir.ReadUser:
		return ir.Extend(number(e.foreign(e.arg(v, 0)+uint64(v.Offset), v.Size)), v.Size, v.Signed)
	case ir.CellGet:
		return e.cells[v.Cell.ID]
	case ir.CellSet:
		e.cells[v.Cell.ID] = e.arg(v, 0)
	case ir.Call:
		return e.call(v)
	default:
		return e.compute(v)
	}
	return 0
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

func (e *evaluation) object(address uint64, size int) []byte {
	offset := address & (1<<32 - 1)
	return e.objects[address>>32-1][offset : offset+uint64(size)]
}

func (e *evaluation) store(address uint64, size int, n uint64) {
	var bytes [8]byte
	binary.LittleEndian.PutUint64(bytes[:], n)
	copy(e.object(address, size), bytes[:])
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

// call knows the helpers of hash maps; others have a fixed result.
func (e *evaluation) call(v *ir.Value) uint64 {
	result, fixed := e.Values[v.Helper]
	if fixed {
		return result
	}
	name := string(e.objects[e.arg(v, 0)>>32-1])
	hash, key := e.Hash[name], string(e.object(e.arg(v, 1), 8))
	switch v.Helper {
	case asm.FnMapLookupElem:
		if value, ok := hash[key]; ok {
			return e.share(strings.Join([]string{"hash", name, key}, " "), value)
		}
		return 0
	case asm.FnMapUpdateElem:
		if hash[key] == nil {
			hash[key] = make([]byte, 8)
		}
		copy(hash[key], e.object(e.arg(v, 2), 8))
		return 0
	}
	panic(fmt.Sprintf("%s has no meaning here", v.Describe()))
}
