package lower

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
)

// unwinding is a walk through the stack of a process by tables, as package cfi makes them
// of its programs (object/unwind.go says where programs find them). A round of the loop
// is a frame. What it knows lies in the shared row: the registers that the function had
// there, RIP, RSP and RBP.
//
// Rejected: searches as loops. Their rounds are few and known, so that they are written
// out, and what they found goes through memory: the verifier walks each round once.
type unwinding struct {
	*function
	pc, sp, bp int
	behind     int // how far the address lies behind the instruction that called: 0 or 1
	rule       int // the row, without its place
	found      int // by the search at hand
	stack      text
}

// What the kernel saved of a process, struct pt_regs, and the code segment of programs of
// 64 bits (__USER_CS).
const (
	savedBP     = 32
	savedIP     = 128
	savedCS     = 136
	savedSP     = 152
	longSegment = 0x33
)

// UserFrames walks the stack of the current process and writes the addresses, depth at
// most, and zeroes behind them. otherwise is run in its place where no program of 64 bits
// was interrupted.
func (h hooks) UserFrames(to builtin.Place, depth int, otherwise func()) {
	f := h.function
	f.unit.Unwinds = true
	task := f.b.Call(asm.FnGetCurrentTaskBtf, ir.Invariant)
	registers := f.b.Call(asm.FnTaskPtRegs, ir.Reads, task)
	saved := func(offset int) *ir.Value { return f.b.Load(ir.Kernel, registers, offset, 8, false) }
	walk, other, end := f.b.NewBlock(), f.b.NewColdBlock(), f.b.NewBlock()
	f.b.If(ir.Equal, saved(savedCS), f.b.Const(longSegment), walk, other)
	f.b.Enter(walk)
	u := f.newUnwinding(depth)
	u.set(u.pc, saved(savedIP))
	u.set(u.sp, saved(savedSP))
	u.set(u.bp, saved(savedBP))
	u.set(u.behind, f.b.Const(0))
	u.walk(depth)
	f.copy(to, f.sharedPlace(u.stack.offset), 8*depth)
	u.release()
	f.b.Jump(end)
	f.b.Enter(other)
	otherwise()
	f.b.Jump(end)
	f.b.Enter(end)
}

// ProcessTables is the kernel map of ranges.
func (h hooks) ProcessTables() *ir.Value {
	h.function.unit.Unwinds = true
	return h.function.b.MapPointer(object.UnwindMap)
}

func (f *function) newUnwinding(depth int) *unwinding {
	capacity := powerOfTwo(8 * depth)
	stack := text{extent: f.allocate(capacity + wordSize), capacity: capacity}
	u := &unwinding{function: f, stack: stack}
	for _, word := range u.words() {
		*word = f.allocate(8).offset
	}
	return u
}

func (u *unwinding) words() []*int {
	return []*int{&u.pc, &u.sp, &u.bp, &u.behind, &u.rule, &u.found}
}

func (u *unwinding) release() {
	u.function.release(u.stack.extent)
	for _, word := range u.words() {
		u.function.release(extent{*word, 8})
	}
}

func (u *unwinding) get(word int) *ir.Value        { return u.shared(word) }
func (u *unwinding) set(word int, value *ir.Value) { u.setShared(word, value) }

func (u *unwinding) walk(depth int) {
	u.zero(u.sharedPlace(u.stack.offset), 8*depth)
	u.callback("frame", 1, 0, func(callback, captured *ir.Value) {
		u.b.Call(asm.FnLoop, ir.Writes, u.b.Const(int64(depth)), callback, captured, u.b.Const(0))
	}, u.frame)
}

// frame notes the address of a frame, and finds its caller's.
func (u *unwinding) frame(round *ir.Value) {
	u.stopIf(ir.Equal, u.get(u.pc), u.b.Const(0))
	at := u.address(u.stack, u.b.Binary(ir.ShiftLeft, round, u.b.Const(3)))
	u.b.Store(at.Space, at.Address, at.Offset, 8, u.get(u.pc))
	u.set(u.rule, u.b.Const(framePointerRule))
	u.find(u.b.Binary(ir.Sub, u.get(u.pc), u.get(u.behind)))
	u.stopIf(ir.Equal, u.kind(), u.b.Const(kindEnd))
	signal, call := u.b.NewColdBlock(), u.b.NewBlock()
	u.b.If(ir.Equal, u.kind(), u.b.Const(kindSignal), signal, call)
	u.b.Enter(signal)
	u.interrupted()
	u.b.Return(u.b.Const(0))
	u.b.Enter(call)
	u.caller()
}

// stopIf ends the walk where a comparison holds.
func (u *unwinding) stopIf(compare ir.Op, x, y *ir.Value) {
	u.when(compare, x, y, func() { u.b.Return(u.b.Const(1)) })
}

// find looks for the row of an address.
func (u *unwinding) find(address *ir.Value) {
	id := u.b.Binary(ir.ShiftRight, u.b.Call(asm.FnGetCurrentPidTgid, ir.Invariant), u.b.Const(32))
	process := u.lookup(u.b.MapPointer(object.UnwindMap), id)
	known, unknown := u.b.NewBlock(), u.b.NewColdBlock()
	wanted, end := u.b.NewColdBlock(), u.b.NewBlock()
	u.b.If(ir.NotEqual, process, u.b.Const(0), known, unknown)
	u.b.Enter(unknown)
	u.want(id, u.b.Binary(ir.Add, id, u.b.Const(object.WantedAll)))
	u.b.Jump(end)
	u.b.Enter(known)
	u.findRange(process, address)
	inside := u.element(process, u.get(u.found), object.MaxRanges, object.RangeSize)
	inside.Offset += object.RangesHeader
	field := func(offset int) *ir.Value {
		return u.b.Load(inside.Space, inside.Address, inside.Offset+offset, 8, false)
	}
	hit := u.b.NewBlock()
	u.b.If(ir.Less, address, field(object.RangeEnd), hit, wanted)
	u.b.Enter(hit)
	u.findRow(u.b.Binary(ir.Sub, address, field(object.RangeBase)), field(object.RangeRows))
	u.b.Jump(end)
	u.b.Enter(wanted)
	u.want(id, id)
	u.b.Jump(end)
	u.b.Enter(end)
}

// want notes what the runtime is to bring.
func (u *unwinding) want(id, word *ir.Value) {
	at := u.element(u.b.DataAddress(object.WantedMap, 0), id, object.WantedWords, 8)
	u.b.Store(at.Space, at.Address, at.Offset, 8, word)
}

// lookup looks for a number in a map.
func (u *unwinding) lookup(of, number *ir.Value) *ir.Value {
	key := u.b.SlotAddress(u.b.NewSlot("number", 8))
	u.b.Store(ir.Frame, key, 0, 8, number)
	return u.b.Call(asm.FnMapLookupElem, ir.Reads, of, key)
}

// element is the place of one of so many, which is a power of two.
func (u *unwinding) element(list, number *ir.Value, most, size int64) builtin.Place {
	offset := u.b.Binary(ir.Mul, u.b.Bound(number, most-1), u.b.Const(size))
	return builtin.Place{Space: ir.MapValue, Address: u.b.Binary(ir.Add, list, offset)}
}

// search finds the last of some elements, counted from first on and below end, whose
// number is not above the one that is looked for; the first where there is none.
func (u *unwinding) search(first, end, wanted *ir.Value, most int64, number func(i *ir.Value) *ir.Value) {
	u.set(u.found, first)
	for step := most / 2; step > 0; step /= 2 {
		next := u.b.Binary(ir.Add, u.get(u.found), u.b.Const(step))
		u.when(ir.Less, next, end, func() {
			u.when(ir.LessEqual, number(next), wanted, func() { u.set(u.found, next) })
		})
	}
}

func (u *unwinding) findRange(process, address *ir.Value) {
	end := u.b.Load(ir.MapValue, process, 0, 8, false)
	u.search(u.b.Const(0), end, address, object.MaxRanges, func(i *ir.Value) *ir.Value {
		at := u.element(process, i, object.MaxRanges, object.RangeSize)
		return u.b.Load(at.Space, at.Address, object.RangesHeader+object.RangeStart, 8, false)
	})
}

// findRow looks for the row of a place in the file.
func (u *unwinding) findRow(place, rows *ir.Value) {
	shard := u.lookup(u.b.MapPointer(object.FramesMap), u.b.Extend(rows, 1, false))
	u.when(ir.NotEqual, shard, u.b.Const(0), func() {
		list := u.lookup(shard, u.b.Const(0))
		u.when(ir.NotEqual, list, u.b.Const(0), func() {
			first := u.b.Binary(ir.ShiftRight, u.b.Extend(rows, 4, false), u.b.Const(8))
			end := u.b.Binary(ir.Add, first, u.b.Binary(ir.ShiftRight, rows, u.b.Const(32)))
			u.search(first, end, place, object.ShardRows, func(i *ir.Value) *ir.Value {
				at := u.element(list, i, object.ShardRows, 8)
				return u.b.Load(at.Space, at.Address, 0, 4, false)
			})
			at := u.element(list, u.get(u.found), object.ShardRows, 8)
			u.set(u.rule, u.b.Load(at.Space, at.Address, 4, 4, false))
		})
	})
}

// The rule of a row, behind its place: the distance of the CFA in the low half, where RBP
// is, and the kind, as package cfi has them.
const (
	kindEnd         = 0
	kindSignal      = 1
	kindStack       = 2
	kindFrame       = 3
	kindStackMemory = 4
	kindFrameMemory = 5
	kindLinkage     = 6

	framePointerRule = kindFrame<<24 | (-2&0xff)<<16 | 2
)

func (u *unwinding) kind() *ir.Value {
	return u.b.Binary(ir.ShiftRight, u.get(u.rule), u.b.Const(24))
}

// interrupted is the frame of a signal: at RSP lies a struct ucontext.
func (u *unwinding) interrupted() {
	const bp, sp, ip = 120, 160, 168
	frame := u.get(u.sp)
	u.set(u.pc, u.read(frame, ip))
	u.set(u.bp, u.read(frame, bp))
	u.set(u.sp, u.read(frame, sp))
	u.set(u.behind, u.b.Const(0))
}

// read reads a word of the process; 0 where there is none.
func (u *unwinding) read(address *ir.Value, offset int64) *ir.Value {
	word := u.b.SlotAddress(u.b.NewSlot("word", 8))
	from := u.b.Binary(ir.Add, address, u.b.Const(offset))
	u.b.Call(asm.FnProbeReadUser, ir.Writes, word, u.b.Const(8), from)
	return u.b.Load(ir.Frame, word, 0, 8, false)
}

// caller goes on to the caller's frame. A stack that does not shrink is none.
func (u *unwinding) caller() {
	cfa := u.cfa()
	u.stopIf(ir.LessEqual, cfa, u.get(u.sp))
	distance := u.b.Extend(u.b.Binary(ir.ShiftRight, u.get(u.rule), u.b.Const(16)), 1, true)
	u.when(ir.SignedLess, distance, u.b.Const(0), func() {
		at := u.b.Binary(ir.Add, cfa, u.b.Binary(ir.ShiftLeft, distance, u.b.Const(3)))
		u.set(u.bp, u.read(at, 0))
	})
	u.when(ir.Equal, distance, u.b.Const(1), func() { u.set(u.bp, u.read(u.get(u.bp), 0)) })
	u.set(u.pc, u.read(cfa, -8))
	u.set(u.sp, cfa)
	u.set(u.behind, u.b.Const(1))
}

// cfa is where the caller's frame begins.
func (u *unwinding) cfa() *ir.Value {
	words := u.b.Extend(u.get(u.rule), 2, true)
	u.set(u.found, u.get(u.sp))
	byFrame := u.b.Binary(ir.And, u.kind(), u.b.Const(1))
	u.when(ir.NotEqual, byFrame, u.b.Const(0), func() { u.set(u.found, u.get(u.bp)) })
	base := u.get(u.found)
	u.set(u.found, u.b.Binary(ir.Add, base, u.b.Binary(ir.ShiftLeft, words, u.b.Const(3))))
	u.when(ir.Less, u.b.Const(kindFrame), u.kind(), func() { u.indirect(base, words) })
	return u.get(u.found)
}

// indirect is the CFA that lies in memory, and that of an entry of the PLT, which pushes a
// word on its way.
func (u *unwinding) indirect(base, words *ir.Value) {
	linkage, memory, end := u.b.NewBlock(), u.b.NewBlock(), u.b.NewBlock()
	u.b.If(ir.Equal, u.kind(), u.b.Const(kindLinkage), linkage, memory)
	u.b.Enter(linkage)
	u.set(u.found, u.b.Binary(ir.Add, base, u.b.Const(8)))
	inside := u.b.Binary(ir.And, u.get(u.pc), u.b.Const(15))
	u.when(ir.LessEqual, words, inside, func() {
		u.set(u.found, u.b.Binary(ir.Add, u.get(u.found), u.b.Const(8)))
	})
	u.b.Jump(end)
	u.b.Enter(memory)
	u.set(u.found, u.read(u.get(u.found), 0))
	u.b.Jump(end)
	u.b.Enter(end)
}
