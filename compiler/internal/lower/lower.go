// Package lower turns checked clauses into IR, calling the hooks of the table for
// everything that has a name.
//
// # How values are held
//
// A scalar is one IR value, extended to 64 bits by its declared type. Everything else is
// memory and is computed into the place where it is wanted: the key of a map, a
// variable's slot, the ring buffer record. A struct is never copied: a member access
// computes an address (a reference) and loads only the leaf.
//
// # How kernel memory is read
//
// Through a pointer that the verifier knows by its BTF type (types.Type.Trusted) by a
// direct load; through any other by bpf_probe_read_kernel or _user. Arithmetic on a
// trusted pointer is refused by the verifier, so a cast to a number launders it first
// (launder).
//
// # Loops, functions and macros
//
// The body of a loop is a callback, where the kernel has bpf_loop; before, jumps with a
// counter that the verifier can follow (loops.go). Variables that cross a loop's border,
// and what a loop must remember, lie in a row of a per-CPU map (shared.go). Functions and
// macros are copied to their calls (inline.go); large functions become functions of the
// program (subprogram.go). `return` and exit() find their way out of callbacks through a
// word of the shared row (leave.go).
//
// # How maps are updated
//
// A map without a key is a slot at a fixed address. A keyed map is looked up and updated
// in place; only a miss, which is out of line, calls bpf_map_update_elem with BPF_NOEXIST
// and looks again, so that two CPUs that insert the same key at once lose nothing. What
// cannot be inserted is counted. A map that clauses empty is two kernel maps, and a word
// of "data" tells which of them is in use; package runtime/events says why.
package lower

import (
	"math/bits"
	"slices"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/internal/sema"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Unit is a script on its way to IR: what its clauses share.
type Unit struct {
	Info          *sema.Info
	Target        *target.Target
	Maps          map[string]*object.MapSpec
	Events        []*object.Event
	Layout        *Layout
	RuntimeConsts []object.RuntimeConst
	Cgroups       []object.Cgroup
	// Zeroes is how many bytes of zeroes the programs copy from the kernel map "zero".
	Zeroes int
	// Checked: memory of the kernel is read by helpers, which tell of failures, and never
	// by direct loads.
	Checked bool
	// Stops: every program tests DataStopped, as object.Object.Stops says.
	Stops bool
	// Unwinds: a program walks stacks of processes by tables.
	Unwinds bool
}

// quickLinks is how many links are detached before the results are printed. One takes up
// to 75 ms, in the kernel one after the other. With more of them, each event costs the
// three instructions that test DataStopped.
const quickLinks = 4

// NewUnit lays the maps out.
func NewUnit(info *sema.Info, machine *target.Target) *Unit {
	layout := newLayout(info, machine)
	return &Unit{Info: info, Target: machine, Maps: layout.maps, Layout: layout, Stops: links(info) > quickLinks}
}

// links counts what the runtime has to detach at the end.
func links(info *sema.Info) int {
	n, calls := 0, map[bool]int{}
	for _, program := range info.Programs {
		scope := &program.Site.Scope
		switch {
		case scope.Mechanism.ByRuntime():
		case scope.Mechanism.AllCalls():
			calls[scope.Exit] = 1
		default:
			n += len(program.Site.Points)
		}
	}
	return n + len(calls)
}

// function is a program that is being lowered. The instance is the current clause,
// lowered after those before it. The builder, the cells, the slots and the loop are those
// of the function of the program that is being made: the clauses, or a callback of one.
type function struct {
	unit      *Unit
	instance  *sema.Instance
	constants *sema.Constants
	b         *ir.Builder
	cells     map[*sema.Variable]*ir.Cell
	slots     map[*sema.Variable]*ir.Slot
	loop      innermost
	escapes   []*destination // that the callback at hand is left for

	*sharedMemory
	offsets      map[*sema.Variable]int // of shared variables
	iterators    map[*sema.Variable]iterator
	subprograms  map[*lang.Function]*subprogram
	calls        map[*lang.Function]int // in the clause
	common       map[task]*ir.Func      // what the parts of large clauses call
	parts        int                    // that are active where the code runs
	contextWord  int                    // where parts find the address of the context; 0 while none does
	frames       int                    // functions that are active where the code runs
	row          *ir.Value              // what a callback was handed; nil where the row is to be computed
	usesRow      bool
	rowOfCPU     *ir.Value // what cpuRow returns in a part of a clause; nil elsewhere
	nest         *nest     // around the code at hand; nil outside of bounded loops
	nests        []*nest   // of the clause
	syscalls     *syscallTable
	end          *destination   // of the program
	returning    []*destination // the innermost last, the first of the clause
	destinations int
	leaving      int
	record       *ir.Value                         // that is being filled
	printed      map[*object.MapSpec]*object.Event // on every way to the place at hand, since the clause began
}

// Code is a program as IR, and the kernel map that it shares with its callbacks: its
// name, and the bytes of a row, 0 where it has none.
type Code struct {
	*ir.Func
	Shared     string
	SharedSize int
	// Syscalls is the content of a kernel map of the name, which tells the program which
	// probe a system call is; nil for none.
	Syscalls []byte
	Table    string
	// Waiting are blocks that come first, and wait for memory: nothing may be held there.
	Waiting []*ir.Block
}

// Join puts the blocks that wait before all others. What guards the program is in these.
func (c *Code) Join() { c.setBlocks(slices.Concat(c.Waiting, c.Func.Blocks)) }

// setBlocks also numbers them: their numbers are those of their places.
func (c *Code) setBlocks(blocks []*ir.Block) {
	c.Func.Blocks = blocks
	for i, block := range blocks {
		block.ID = i
	}
}

// Program lowers the clauses of a program, the number of which names what belongs to it
// alone.
func (u *Unit) Program(program *sema.Program, name string, number int) *Code {
	f := &function{
		unit:         u,
		b:            ir.NewBuilder(name, program.Instances[0].Clause.Span),
		cells:        map[*sema.Variable]*ir.Cell{},
		slots:        map[*sema.Variable]*ir.Slot{},
		sharedMemory: &sharedMemory{name: sharedName(number)},
		offsets:      map[*sema.Variable]int{},
		iterators:    map[*sema.Variable]iterator{},
		common:       map[task]*ir.Func{},
		frames:       1,
	}
	f.end = f.newDestination(nil)
	waiting := f.awaitTexts(program)
	f.systemCall(program, number)
	finishStart := f.iteratorStart(program)
	for i, instance := range program.Instances {
		f.clause(instance, i == len(program.Instances)-1)
	}
	f.b.Why = ir.Why{Reason: ir.Result}
	f.b.Return(f.b.Const(0))
	f.limitLoops()
	finishStart()
	f.finish()
	code := &Code{Func: f.b.Func, Shared: f.sharedMemory.name, SharedSize: f.size}
	code.Waiting = code.Func.Blocks[:waiting:waiting]
	code.setBlocks(code.Func.Blocks[waiting:])
	if f.syscalls != nil && f.syscalls.used {
		code.Table, code.Syscalls = f.syscalls.name, f.syscalls.content()
	}
	return code
}

// clause lowers an instance. The predicate and `return` lead to the next one, exit() to
// the end of the program.
func (f *function) clause(instance *sema.Instance, last bool) {
	f.instance, f.constants = instance, f.unit.Info.Constants.For(instance)
	f.subprograms, f.printed = map[*lang.Function]*subprogram{}, map[*object.MapSpec]*object.Event{}
	f.calls = countCalls(instance)
	to := f.end
	if !last {
		to = f.newDestination(f.b.NewBlock())
	}
	f.returning = []*destination{to}
	f.stopped()
	f.visited()
	for _, condition := range []lang.Expr{instance.Filter, instance.Clause.Predicate} {
		if condition != nil {
			f.guard(to, func(body, done *ir.Block) { f.condition(condition, body, done) })
		}
	}
	f.block(instance.Clause.Body)
	if !last {
		f.leave(to)
		f.b.Enter(to.block)
	}
}

// guard continues in a new block where decide jumps to body, and leaves for a destination
// where it jumps to done.
func (f *function) guard(to *destination, decide func(body, done *ir.Block)) {
	body, done := f.b.NewBlock(), f.b.NewBlock()
	decide(body, done)
	f.b.Enter(done)
	before := f.b.Because(ir.Rejected)
	f.leave(to)
	f.b.Why = before
	f.b.Enter(body)
}

// stopped leaves the program once the tracing has ended, if the clause ends it or is
// detached late.
func (f *function) stopped() {
	point := f.instance.Site.Points[0]
	if !f.instance.Ends && !f.unit.Stops || point.Once() {
		return
	}
	before := f.b.Because(ir.TracingEnded)
	f.guard(f.end, func(body, done *ir.Block) {
		f.b.If(ir.Equal, f.data(object.DataStopped), f.b.Const(0), body, done)
	})
	f.b.Why = before
}

// iteratorStart leaves room for a test at the start of an iterator's program, which the
// function that it returns makes where the program sends events: the kernel hands objects
// over faster than anybody prints. While half of the ring buffer is not read yet, the
// program asks for the same object again, and the kernel leaves the loop for the runtime
// (attach.Iterator). An iterator of control groups cannot be left.
// https://elixir.bootlin.com/linux/v6.12/source/kernel/bpf/cgroup_iter.c
// (cgroup_iter_seq_start)
func (f *function) iteratorStart(program *sema.Program) (finish func()) {
	site := program.Site
	if !site.Scope.Mechanism.Iterates() || site.AttachTo == "cgroup" {
		return func() {}
	}
	start, body, events := f.b.Func.Blocks[0], f.b.NewBlock(), len(f.unit.Events)
	f.b.Enter(body)
	return func() {
		f.b.Enter(start)
		if len(f.unit.Events) == events {
			f.b.Jump(body)
			return
		}
		f.b.Why = ir.Why{Reason: ir.RoomAhead}
		wait := f.b.NewColdBlock()
		half := int64(f.unit.Info.Settings.RingBufferPages) * int64(f.unit.Target.PageSize) / 2
		unread := f.b.Call(asm.FnRingbufQuery, ir.Reads, f.b.MapPointer(object.EventsMap), f.b.Const(unreadData))
		f.b.If(ir.Less, f.b.Const(half), unread, wait, body)
		f.b.Enter(wait)
		f.b.Return(f.b.Const(again))
	}
}

const (
	unreadData = 0 // BPF_RB_AVAIL_DATA
	again      = 1 // what the program of an iterator returns to get the same object again
)

// visited leaves the program of an iterator at the call that has no object, which the
// kernel makes after the last one.
func (f *function) visited() {
	scope := &f.instance.Site.Scope
	if !scope.Mechanism.Iterates() {
		return
	}
	before := f.b.Because(ir.NoObject)
	f.guard(f.end, func(body, done *ir.Block) {
		object := f.b.Load(ir.ContextSpace, f.b.Context(), 8*scope.Visited(), 8, false)
		f.b.If(ir.Equal, object, f.b.Const(0), done, body)
	})
	f.b.Why = before
}

// hooks is the function as the table's hooks see it.
type hooks struct{ *function }

var _ builtin.Lowering = hooks{}

func (h hooks) IR() *ir.Builder                   { return h.b }
func (h hooks) Target() *target.Target            { return h.unit.Info.Target }
func (h hooks) Settings() *builtin.Settings       { return h.unit.Info.Settings }
func (h hooks) Scope() *builtin.Scope             { return &h.instance.Site.Scope }
func (h hooks) Type(e lang.Expr) *types.Type      { return h.typeOf(e) }
func (h hooks) Value(e lang.Expr) *ir.Value       { return h.value(e) }
func (h hooks) Map(e lang.Expr) *object.MapSpec   { return h.unit.Maps[lang.Unparen(e).(*lang.Map).Name] }
func (h hooks) Zero(to builtin.Place, size int)   { h.zero(to, size) }
func (h hooks) MapKey(e *lang.Map) *ir.Value      { return h.key(e) }
func (h hooks) Integer(e lang.Expr) (int64, bool) { return h.constants.Integer(e) }
func (h hooks) Text(e lang.Expr) (string, bool)   { return h.constants.Text(e) }

// Number is the value of a scalar, a trusted pointer laundered.
func (h hooks) Number(e lang.Expr) *ir.Value { return h.plainValue(e) }

// Address returns where a value lies; the verifier still knows what is reached from a
// pointer that it trusts.
func (h hooks) Address(e lang.Expr) *ir.Value {
	e = h.resolved(e)
	if !h.instance.Foreign(e) {
		return h.Pointer(h.materialize(e))
	}
	r := h.reference(e)
	return h.Pointer(builtin.Place{Address: r.base, Offset: r.offset})
}

func (h hooks) Held(e lang.Expr) bool { return !h.instance.Foreign(h.resolved(e)) }

// Extent returns where a value of varying length lies, and its length.
func (h hooks) Extent(e lang.Expr) (address, length *ir.Value, ok bool) {
	if argument := h.argument(e); argument != nil && argument.Length != nil {
		return argument.Address(h), argument.Length(h), true
	}
	if h.typeOf(e).Kind != types.Buffer {
		return nil, nil, false
	}
	place := h.materialize(e)
	length = h.b.Load(place.Space, place.Address, place.Offset, types.BufferHeader, false)
	return h.Pointer(at(place, types.BufferHeader)), length, true
}

// Texts are the function itself, where texts are looked at (search.go).
func (h hooks) Texts() builtin.Texts { return texts(h) }

// Scratch lends a word of the memory that is shared with callbacks.
func (h hooks) Scratch(use func(word builtin.Word)) {
	word := h.allocate(8)
	defer h.release(word)
	use(sharedWord{h.function, word.offset})
}

// Store writes the value of any expression as its own type says.
func (h hooks) Store(e lang.Expr, to builtin.Place, pad bool) { h.store(e, to, h.typeOf(e), pad) }

func (f *function) typeOf(e lang.Expr) *types.Type { return f.instance.Types[e] }

func (f *function) slotPlace(slot *ir.Slot) builtin.Place {
	return builtin.Place{Space: ir.Frame, Address: f.b.SlotAddress(slot)}
}

// Pointer returns the address of a place as one value.
func (f *function) Pointer(p builtin.Place) *ir.Value {
	if p.Offset == 0 {
		return p.Address
	}
	return f.b.Binary(ir.Add, p.Address, f.b.Const(int64(p.Offset)))
}

// setData writes a word of the kernel map "data".
func (f *function) setData(offset int, value *ir.Value) {
	f.b.Store(ir.MapValue, f.b.DataAddress(object.DataMap, offset), 0, 8, value)
}

// data reads a word of the kernel map "data".
func (f *function) data(offset int) *ir.Value {
	return f.b.Load(ir.MapValue, f.b.DataAddress(object.DataMap, offset), 0, 8, false)
}

// RuntimeConst reserves a word of the kernel map "data", the same word for the same
// number.
//
//go:noinline
func (f *function) RuntimeConst(kind object.RuntimeConstKind, text string, source diag.Span) int {
	for _, known := range f.unit.RuntimeConsts {
		if known.Kind == kind && known.Text == text {
			return known.Offset
		}
	}
	word := object.RuntimeConst{Kind: kind, Text: text, Offset: f.unit.Layout.Data, Source: source}
	f.unit.Layout.Data += 8
	f.unit.RuntimeConsts = append(f.unit.RuntimeConsts, word)
	return word.Offset
}

// Cgroup reserves an element of the kernel map "cgroups", the same one for the same
// folder.
func (f *function) Cgroup(folder string, source diag.Span) int {
	known := func(c object.Cgroup) bool { return c.Folder == folder }
	if i := slices.IndexFunc(f.unit.Cgroups, known); i >= 0 {
		return i
	}
	f.unit.Cgroups = append(f.unit.Cgroups, object.Cgroup{Folder: folder, Source: source})
	return len(f.unit.Cgroups) - 1
}

// count increments a word of the kernel map "data".
func (f *function) count(offset int) {
	f.b.AtomicAdd(ir.MapValue, f.b.DataAddress(object.DataMap, offset), 0, f.b.Const(1))
}

// Emit sends an event: reserve, fill in place, submit. Scalars are computed before the
// reservation, which keeps the record reserved for a short time only.
func (f *function) Emit(event *object.Event, fields ...lang.Expr) {
	parts := f.fieldTypes(event, fields)
	values := make([]*ir.Value, len(fields))
	for i, field := range fields {
		if parts[i].Scalar() {
			values[i] = f.value(field)
		}
	}
	f.Send(event, parts, func(i int, to builtin.Place) {
		if values[i] != nil {
			f.b.Store(to.Space, to.Address, to.Offset, parts[i].Size, values[i])
		} else {
			f.store(fields[i], to, parts[i], false)
		}
	})
}

// Send sends an event whose fields fill writes in place.
func (f *function) Send(event *object.Event, fields []*types.Type, fill func(i int, to builtin.Place)) {
	f.noteMaps(event)
	event.Layout = types.NewLayout(8, fields...)
	number := len(f.unit.Events)
	f.unit.Events = append(f.unit.Events, event)
	sent, lost, join := f.b.NewBlock(), f.b.NewColdBlock(), f.b.NewBlock()
	before := f.b.Because(ir.RecordReserve)
	record := f.b.Call(asm.FnRingbufReserve, ir.Writes, f.b.MapPointer(object.EventsMap), f.b.Const(int64(event.Layout.Size)), f.b.Const(0))
	f.b.Because(ir.RecordCheck)
	f.b.If(ir.Equal, record, f.b.Const(0), lost, sent)
	f.b.Enter(lost)
	f.b.Because(ir.EventLost)
	f.count(object.DataDropped)
	f.b.Jump(join)
	f.b.Enter(sent)
	f.b.Because(ir.EventNumber)
	f.b.Store(ir.Record, record, 0, 8, f.b.Const(int64(number)))
	f.b.Why = before
	f.record = record
	for i, field := range event.Layout.Fields {
		fill(i, builtin.Place{Space: ir.Record, Address: record, Offset: field.Offset})
	}
	f.record = nil
	f.b.Because(ir.RecordSubmit)
	f.b.Call(asm.FnRingbufSubmit, ir.Writes, record, f.data(object.DataWakeup))
	f.b.Jump(join)
	f.b.Enter(join)
	f.b.Why = before
}

// noteMaps remembers what an event prints, so that a clear() that follows leaves what was
// not printed.
func (f *function) noteMaps(event *object.Event) {
	switch event.Action {
	case object.PrintMap, object.Printa:
		for _, m := range append([]*object.MapSpec{event.Map}, event.Maps...) {
			f.printed[m] = event
		}
	case object.Clear, object.Zero, object.Trunc:
		last := f.printed[event.Map]
		event.Printed = last != nil
		if event.Printed && event.Action == object.Clear {
			last.Cleared = true
		}
	}
}

func (f *function) fieldTypes(event *object.Event, fields []lang.Expr) []*types.Type {
	parts := make([]*types.Type, len(fields))
	if event.Action == object.PrintKey && len(fields) < len(event.Map.Key.Fields) {
		return []*types.Type{{Kind: types.Tuple, Size: event.Map.Key.Size, Fields: event.Map.Key.Fields}}
	}
	for i, field := range fields {
		parts[i] = f.unit.Info.Target.Complete(f.typeOf(field))
		switch {
		case event.Action != object.PrintKey:
		case len(fields) == 1 && parts[i].Kind == types.Tuple:
			parts[i] = tupleOf(*event.Map.Key)
		default:
			parts[i] = event.Map.Key.Fields[i].Type
		}
	}
	return parts
}

// cpuRow is the address of this CPU's row in the kernel map "percpu".
func (f *function) cpuRow() *ir.Value {
	if f.rowOfCPU != nil {
		return f.rowOfCPU
	}
	before := f.b.Because(ir.CPURow)
	defer func() { f.b.Why = before }()
	cpu := f.b.Bound(f.b.Call(asm.FnGetSmpProcessorId, ir.Invariant), int64(CPURows(f.unit.Target)-1))
	shift := bits.TrailingZeros(uint(f.unit.Layout.Stride))
	row := f.b.Binary(ir.ShiftLeft, cpu, f.b.Const(int64(shift)))
	return f.b.Binary(ir.Add, f.b.DataAddress(object.PerCPUMap, 0), row)
}
