package lower

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// insertOnly is BPF_NOEXIST of include/uapi/linux/bpf.h.
const insertOnly = 1

// key evaluates the key of a map reference into frame memory, gaps zeroed.
func (f *function) key(e *lang.Map) *ir.Value {
	before := f.b.Because(ir.KeyMemory)
	defer func() { f.b.Why = before }()
	layout := *(hooks{f}).Map(e).Key
	place := f.slotPlace(f.b.NewSlot("key", layout.Size))
	f.storeKey(e, place, layout)
	return place.Address
}

// partKey is the key of one part of a row.
func (f *function) partKey(e *lang.Map, part *ir.Value) *ir.Value {
	m := (hooks{f}).Map(e)
	layout := *m.InKernel().Key
	place := f.slotPlace(f.b.NewSlot("key", layout.Size))
	if m.Key != nil {
		f.storeKey(e, place, *m.Key)
	}
	f.b.Store(place.Space, place.Address, place.Offset+layout.Size-8, 8, part)
	return place.Address
}

func (f *function) storeKey(e *lang.Map, place builtin.Place, layout types.Layout) {
	if len(e.Keys) == 1 && f.typeOf(e.Keys[0]).Kind == types.Tuple {
		f.store(e.Keys[0], place, tupleOf(layout), true)
		return
	}
	f.b.Because(ir.KeyGap)
	f.zeroGaps(layout, place)
	f.b.Because(ir.KeyMemory)
	for i, field := range layout.Fields {
		f.store(e.Keys[i], at(place, field.Offset), field.Type, true)
	}
}

// tupleOf is the key as one value: it lies as a tuple does.
func tupleOf(key types.Layout) *types.Type {
	return &types.Type{Kind: types.Tuple, Size: key.Size, Fields: key.Fields}
}

// Lookup is the address of the value of a key, 0 where there is none.
func (f *function) Lookup(m *object.MapSpec, key *ir.Value) *ir.Value {
	before := f.b.Because(ir.MapLookup)
	defer func() { f.b.Why = before }()
	if f.cut() {
		find := f.commonFunction(task{"find", m.Name}, 1, false, func(params []*ir.Value) *ir.Value {
			return f.MapCall(m, asm.FnMapLookupElem, ir.Reads, params[0])
		})
		return f.b.Invoke(find, key)
	}
	return f.MapCall(m, asm.FnMapLookupElem, ir.Reads, key)
}

// MapCall calls a helper with the kernel map that holds the map, and the arguments that
// follow.
func (f *function) MapCall(m *object.MapSpec, helper asm.BuiltinFunc, effect ir.Effect, args ...*ir.Value) *ir.Value {
	return f.mapCall(m, f.generation(m), helper, effect, args...)
}

// generation tells which kernel map of the two the programs use; nil for a map that has
// one. Calls that belong together share it, since the runtime may change it between them.
func (f *function) generation(m *object.MapSpec) *ir.Value {
	if m.Other == "" {
		return nil
	}
	before := f.b.Because(ir.MapGeneration)
	defer func() { f.b.Why = before }()
	return f.data(m.Generation)
}

// mapCall has a call for each of the kernel maps. Of one call with either map the
// verifier would not know which it is, and so not put the lookup in line.
func (f *function) mapCall(m *object.MapSpec, generation *ir.Value, helper asm.BuiltinFunc, effect ir.Effect, args ...*ir.Value) *ir.Value {
	call := func(kernel string) *ir.Value {
		return f.b.Call(helper, effect, append([]*ir.Value{f.b.MapPointer(kernel)}, args...)...)
	}
	if generation == nil {
		return call(m.Kernel)
	}
	return f.choose("result",
		func(then, otherwise *ir.Block) { f.b.If(ir.Equal, generation, f.b.Const(0), then, otherwise) },
		func() *ir.Value { return call(m.Kernel) },
		func() *ir.Value { return call(m.Other) })
}

func slotOf(f *function, m *object.MapSpec) builtin.Place {
	return builtin.Place{Space: ir.MapValue, Address: f.b.DataAddress(object.DataMap, m.Offset)}
}

// withRow runs change on the row of an aggregation, or on the value of a keyed map; a new
// key is inserted first.
func (f *function) withRow(e *lang.Map, change func(builtin.Place)) {
	m := (hooks{f}).Map(e)
	update := func(row builtin.Place) {
		before := f.b.Because(ir.RowUpdate)
		change(row)
		f.b.Why = before
	}
	switch m.Storage {
	case object.CPUSlot:
		update(builtin.Place{Space: ir.MapValue, Address: f.cpuRow(), Offset: m.Offset})
		return
	case object.Slot:
		update(slotOf(f, m))
		f.setPresent(m)
		return
	}
	f.withKey(m, func() *ir.Value { return f.key(e) }, update)
}

// withKey is withRow for a map in a hash.
func (f *function) withKey(m *object.MapSpec, key func() *ir.Value, update func(builtin.Place)) {
	if f.cut() {
		row := f.commonFunction(task{"row", m.Name}, 1, false, func(params []*ir.Value) *ir.Value {
			found := f.b.NewCell("found")
			f.b.CellSet(found, f.b.Const(0))
			f.findOrInsert(m, params[0], func(row *ir.Value) { f.b.CellSet(found, row) })
			return f.b.CellGet(found)
		})
		f.ifPresent(f.b.Invoke(row, key()), update)
		return
	}
	f.findOrInsert(m, key(), func(row *ir.Value) {
		update(builtin.Place{Space: ir.MapValue, Address: row})
	})
}

// ifPresent runs update on the row at an address, unless that is 0.
func (f *function) ifPresent(row *ir.Value, update func(builtin.Place)) {
	found, join := f.b.NewBlock(), f.b.NewBlock()
	f.nullCheck(row, found, join)
	f.b.Enter(found)
	update(builtin.Place{Space: ir.MapValue, Address: row})
	f.b.Jump(join)
	f.b.Enter(join)
}

// findOrInsert runs use where the row of a key is known.
func (f *function) findOrInsert(m *object.MapSpec, key *ir.Value, use func(row *ir.Value)) {
	generation := f.generation(m)
	row := f.b.NewCell("row")
	miss, full, found, join := f.b.NewColdBlock(), f.b.NewColdBlock(), f.b.NewBlock(), f.b.NewBlock()
	f.findRow(m, generation, key, row, found, miss)
	f.b.Enter(miss)
	before := f.b.Because(ir.MapInsert)
	result := f.mapCall(m, generation, asm.FnMapUpdateElem, ir.Writes, key, f.zeroValue(m), f.b.Const(insertOnly))
	f.countInserted(m, result)
	f.findRow(m, generation, key, row, found, full)
	f.b.Enter(full)
	f.refused(m, result)
	f.b.Jump(join)
	f.b.Enter(found)
	f.b.Because(ir.MapLookup)
	value := f.b.CellGet(row)
	f.b.Why = before
	use(value)
	f.b.Jump(join)
	f.b.Enter(join)
}

// countInserted counts a new key of a map from which the kernel drops keys, so that the
// runtime knows how many it has dropped.
func (f *function) countInserted(m *object.MapSpec, result *ir.Value) {
	if m.Inserted == 0 {
		return
	}
	before := f.b.Because(ir.MapCount)
	defer func() { f.b.Why = before }()
	inserted, join := f.b.NewColdBlock(), f.b.NewColdBlock()
	f.b.If(ir.Equal, result, f.b.Const(0), inserted, join)
	f.b.Enter(inserted)
	f.count(m.Inserted)
	f.b.Jump(join)
	f.b.Enter(join)
}

func (f *function) findRow(m *object.MapSpec, generation, key *ir.Value, row *ir.Cell, found, missing *ir.Block) {
	before := f.b.Because(ir.MapLookup)
	value := f.mapCall(m, generation, asm.FnMapLookupElem, ir.Reads, key)
	f.b.CellSet(row, value)
	f.nullCheck(value, found, missing)
	f.b.Why = before
}

// nullCheck goes to found where a lookup found something. The verifier allows for no
// access before.
func (f *function) nullCheck(row *ir.Value, found, missing *ir.Block) {
	before := f.b.Because(ir.NullCheck)
	f.b.If(ir.NotEqual, row, f.b.Const(0), found, missing)
	f.b.Why = before
}

// setPresent notes that a map without a key has a value.
func (f *function) setPresent(m *object.MapSpec) {
	before := f.b.Because(ir.ValuePresent)
	f.setData(m.Present, f.b.Const(1))
	f.b.Why = before
}

// zeroValue is the address of what a new key starts with.
func (f *function) zeroValue(m *object.MapSpec) *ir.Value {
	size := (m.InKernel().Value.Size + 7) / 8 * 8
	if size <= 16 {
		place := f.slotPlace(f.b.NewSlot("zero", size))
		f.zero(place, size)
		return place.Address
	}
	f.unit.Zeroes = max(f.unit.Zeroes, size)
	return f.b.DataAddress(object.ZeroMap, 0)
}

// readMap reads a scalar; a key that is not there reads as 0.
func (f *function) readMap(e *lang.Map) *ir.Value {
	m := (hooks{f}).Map(e)
	if m.Storage == object.Slot {
		return f.number(slotOf(f, m), m.Value)
	}
	cell := f.b.NewCell("value")
	found, join := f.b.NewBlock(), f.b.NewBlock()
	before := f.b.Because(ir.KeyMissing)
	f.b.CellSet(cell, f.b.Const(0))
	f.b.Why = before
	value := f.Lookup(m, f.key(e))
	f.nullCheck(value, found, join)
	f.b.Enter(found)
	f.b.CellSet(cell, f.number(builtin.Place{Space: ir.MapValue, Address: value}, m.Value))
	f.b.Jump(join)
	f.b.Enter(join)
	return f.b.CellGet(cell)
}

// storeFromMap copies a value that lives in memory out of a map.
func (f *function) storeFromMap(e *lang.Map, to builtin.Place, t *types.Type) {
	m := (hooks{f}).Map(e)
	if m.Storage == object.Slot {
		f.copyPadded(to, slotOf(f, m), m.Value.Size, t, true)
		return
	}
	found, missing, join := f.b.NewBlock(), f.b.NewBlock(), f.b.NewBlock()
	value := f.Lookup(m, f.key(e))
	f.nullCheck(value, found, missing)
	f.b.Enter(found)
	f.copyPadded(to, builtin.Place{Space: ir.MapValue, Address: value}, m.Value.Size, t, true)
	f.b.Jump(join)
	f.b.Enter(missing)
	before := f.b.Because(ir.KeyMissing)
	f.zero(to, t.Size)
	f.b.Why = before
	f.b.Jump(join)
	f.b.Enter(join)
}

func (f *function) assignMap(e *lang.Map, value lang.Expr) {
	m := (hooks{f}).Map(e)
	if m.Storage == object.Slot {
		f.replace(value, slotOf(f, m), m.Value, f.mentionsMap(value, m.Name))
		f.setPresent(m)
		return
	}
	size := (m.Value.Size + 7) / 8 * 8
	place := f.slotPlace(f.b.NewSlot("value", size))
	if size != m.Value.Size {
		f.zero(place, size)
	}
	f.store(value, place, m.Value, true)
	f.insert(m, f.key(e), place.Address)
}

func (f *function) insert(m *object.MapSpec, key, value *ir.Value) {
	full, join := f.b.NewColdBlock(), f.b.NewBlock()
	result := f.MapCall(m, asm.FnMapUpdateElem, ir.Writes, key, value, f.b.Const(0))
	// Not "less than 0": before Linux 6.4 the helper returned an int, whose upper half is
	// zero in the register.
	before := f.b.Because(ir.MapFull)
	f.b.If(ir.NotEqual, result, f.b.Const(0), full, join)
	f.b.Enter(full)
	f.refused(m, result)
	f.b.Jump(join)
	f.b.Enter(join)
	f.b.Why = before
}

// refused notes an update that the kernel refused, and why.
func (f *function) refused(m *object.MapSpec, result *ir.Value) {
	before := f.b.Because(ir.MapRefused)
	defer func() { f.b.Why = before }()
	f.count(m.Full)
	f.setData(m.Refusal, result)
}

// updateMap is `@x op= operand`. Addition and subtraction are atomic.
func (f *function) updateMap(e *lang.Map, op lang.Operator, operand *ir.Value, t *types.Type) {
	m := (hooks{f}).Map(e)
	update := func(place builtin.Place) {
		switch op {
		case "+":
			f.b.AtomicAdd(place.Space, place.Address, place.Offset, operand)
		case "-":
			f.b.AtomicAdd(place.Space, place.Address, place.Offset, f.b.Unary(ir.Neg, operand))
		default:
			old := f.b.Load(place.Space, place.Address, place.Offset, 8, false)
			f.b.Store(place.Space, place.Address, place.Offset, 8, f.arithmetic(op, old, operand, signedUpdate(op, m.Value, t), t))
		}
	}
	f.withRow(e, update)
}

// stepMap is `@x++` and its like. Where the kernel has atomic instructions that bring the
// old value, every step of many CPUs at once has a value of its own.
func (f *function) stepMap(e *lang.Map, step int64, prefix bool) *ir.Value {
	cell := f.b.NewCell("old")
	f.b.CellSet(cell, f.b.Const(0))
	f.withRow(e, func(place builtin.Place) {
		if f.unit.Target.Features.FetchingAtomics {
			f.b.CellSet(cell, f.b.FetchAdd(place.Space, place.Address, place.Offset, f.b.Const(step)))
			return
		}
		f.b.CellSet(cell, f.b.Load(place.Space, place.Address, place.Offset, 8, false))
		f.b.AtomicAdd(place.Space, place.Address, place.Offset, f.b.Const(step))
	})
	if !prefix {
		return f.b.CellGet(cell)
	}
	return f.b.Binary(ir.Add, f.b.CellGet(cell), f.b.Const(step))
}
