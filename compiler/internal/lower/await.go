package lower

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/internal/sema"
	"github.com/ponytrace/ponytrace/lang"
)

// Memory of a process need not be there: a text of the program that nobody has read yet is
// still in the file, and the helpers that read without waiting find nothing. Where the kernel
// lets a program wait (a sleepable one), the first thing that it does is to touch the texts
// that its clauses are going to read:
//
//	where the clause sees the process and its predicate, if that is simple, holds,
//	look at the first and the last byte of each without waiting; where that fails, wait
//	then everything else, as in programs that cannot wait
//
// Nothing is held while it waits, no memory of the CPU and no room in the ring buffer, so that
// these blocks come before the guard and before preemption is switched off. Only texts whose
// address follows from the arguments are touched: what is in variables and maps is not known
// yet. A condition is evaluated a second time in the clause itself: what it says here decides
// only whether to wait. A predicate that reads memory or a map is not asked here.
//
// Rejected: to wait where a text is read. Records are built in the ring buffer, whose reader
// would wait for the disk with the program.

// awaitTexts emits the blocks, and returns how many they are.
func (f *function) awaitTexts(program *sema.Program) int {
	if !program.Site.Scope.Sleeps {
		return 0
	}
	before := f.b.Because(ir.AwaitMemory)
	defer func() { f.b.Why = before }()
	touched := false
	for _, instance := range program.Instances {
		f.instance, f.constants = instance, f.unit.Info.Constants.For(instance)
		if texts := f.textsOfArguments(instance); len(texts) > 0 {
			touched = true
			f.touchAll(texts, conditionsOfWaiting(instance))
		}
	}
	if !touched {
		return 0
	}
	blocks := len(f.b.Func.Blocks)
	main := f.b.NewBlock()
	f.b.Jump(main)
	f.b.Enter(main)
	return blocks
}

// touchAll touches texts where conditions hold.
func (f *function) touchAll(texts []*lang.Call, conditions []lang.Expr) {
	var done *ir.Block
	if len(conditions) > 0 {
		done = f.b.NewBlock()
	}
	for _, condition := range conditions {
		body := f.b.NewBlock()
		f.condition(condition, body, done)
		f.b.Enter(body)
	}
	for _, text := range texts {
		address := f.value(text.Args[0])
		f.touch(address)
		f.touch(f.b.Binary(ir.Add, address, f.b.Const(int64(f.typeOf(text).Size-1))))
	}
	if done != nil {
		f.b.Jump(done)
		f.b.Enter(done)
	}
}

// conditionsOfWaiting are the filter of the processes, and the predicate where it is simple.
func conditionsOfWaiting(instance *sema.Instance) (conditions []lang.Expr) {
	if instance.Filter != nil {
		conditions = append(conditions, instance.Filter)
	}
	if predicate := instance.Clause.Predicate; predicate != nil && computed(predicate) {
		conditions = append(conditions, predicate)
	}
	return conditions
}

// computed reports an expression of numbers, texts of the script and what the kernel tells
// of the task and the probe.
func computed(e lang.Expr) bool {
	switch e := lang.Unparen(e).(type) {
	case *lang.Integer, *lang.String:
		return true
	case *lang.Name:
		return builtin.FunctionNamed(e.Name) != nil
	case *lang.Unary:
		return e.Op != "*" && e.Op != "&" && computed(e.X)
	case *lang.Binary:
		return computed(e.X) && computed(e.Y)
	}
	return false
}

// textsOfArguments are the calls that read texts or bytes where an argument leads to.
func (f *function) textsOfArguments(instance *sema.Instance) (texts []*lang.Call) {
	lang.Walk(instance.Clause, func(node any) bool {
		call, ok := node.(*lang.Call)
		if !ok || len(call.Args) == 0 {
			return true
		}
		if named := builtin.FunctionNamed(call.Name); named == nil || !named.Awaits {
			return true
		}
		e := call.Args[0]
		if t := f.typeOf(e); t != nil && f.typeOf(call) != nil && t.Scalar() && f.inUser(t) && ofArguments(e) {
			texts = append(texts, call)
		}
		return true
	})
	return texts
}

// ofArguments reports an expression that only needs what the program was handed.
func ofArguments(e lang.Expr) bool {
	switch e := lang.Unparen(e).(type) {
	case *lang.Integer:
		return true
	case *lang.Name:
		named := builtin.FunctionNamed(e.Name)
		return named != nil && named.Argument
	case *lang.Field:
		return ofArguments(e.X)
	case *lang.Cast:
		return ofArguments(e.X)
	case *lang.Unary:
		return e.Op == "*" && ofArguments(e.X)
	case *lang.Binary:
		return ofArguments(e.X) && ofArguments(e.Y)
	case *lang.Index:
		return ofArguments(e.X) && ofArguments(e.I)
	}
	return false
}

// touch waits for the memory at an address, if it is not there. A read that is counted when
// it fails is not tried.
func (f *function) touch(address *ir.Value) {
	b := f.b
	byteOf := b.SlotAddress(b.NewSlot("touched", 8))
	wait := func() { b.Call(asm.FnCopyFromUser, ir.Writes, byteOf, b.Const(1), address) }
	if f.unit.Checked {
		wait()
		return
	}
	absent, there := b.NewColdBlock(), b.NewBlock()
	read := b.Call(asm.FnProbeReadUser, ir.Writes, byteOf, b.Const(1), address)
	b.If(ir.Equal, read, b.Const(0), there, absent)
	b.Enter(absent)
	wait()
	b.Jump(there)
	b.Enter(there)
}
