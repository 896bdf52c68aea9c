package builtin

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

var mapFunctions = []*Function{
	{
		Info: Info{Name: "clear", Signature: "void clear(@map)",
			Doc:     "Removes every entry of a map. After a print of the same map, exactly what was printed is removed.",
			Example: `kprobe:vfs_read { @[comm] = count() } interval:s:1 { print(@); clear(@) }`},
		MinArgs: 1, MaxArgs: 1, Check: checkMapArgument, Lower: lowerMapEvent(object.Clear),
	},
	{
		Info: Info{Name: "zero", Signature: "void zero(@map)",
			Doc:     "Sets every value of a map to zero and keeps the keys.",
			Example: `kprobe:vfs_read { @[comm] = count() } interval:s:1 { print(@); zero(@) }`},
		MinArgs: 1, MaxArgs: 1, Check: checkMapArgument, Lower: lowerMapEvent(object.Zero),
	},
	{
		Info: Info{Name: "delete", Signature: "void delete(@map[key]) or delete(@map, key)",
			Doc:     "Removes one entry, or the value of a map without a key.",
			Example: `kprobe:vfs_read { @start[tid] = nsecs } kretprobe:vfs_read { delete(@start[tid]) }`},
		MinArgs: 1, MaxArgs: 2, Check: checkDelete, Lower: lowerDelete,
	},
}

// checkWholeMap reports an argument that is not a map without a key.
func checkWholeMap(c Checker, call *lang.Call, arg lang.Expr) bool {
	m, ok := wholeMap(arg)
	switch {
	case m == nil:
		c.Errorf(arg.Range(), "%s() wants a map, such as @ or @name", call.Name)
	case !ok:
		c.Errorf(arg.Range(), "%s() wants the whole map, without a key: @%s", call.Name, m.Name)
	}
	return ok
}

func checkMapArgument(c Checker, call *lang.Call) *types.Type {
	if checkWholeMap(c, call, call.Args[0]) {
		m, _ := wholeMap(call.Args[0])
		c.Key(m)
	}
	return types.NoValue
}

func lowerMapEvent(action object.Action) func(Lowering, *lang.Call) *ir.Value {
	return func(l Lowering, call *lang.Call) *ir.Value {
		l.Emit(&object.Event{Action: action, Map: l.Map(call.Args[0]), Source: call.Span})
		return nil
	}
}

// deleted returns the map reference, its key included, of both forms of delete.
func deleted(call *lang.Call) (*lang.Map, bool) {
	m, ok := lang.Unparen(call.Args[0]).(*lang.Map)
	if !ok || len(call.Args) == 1 {
		return m, ok
	}
	keys := []lang.Expr{call.Args[1]}
	if tuple, isTuple := lang.Unparen(call.Args[1]).(*lang.Tuple); isTuple {
		keys = tuple.Elems
	}
	return &lang.Map{Name: m.Name, Keys: keys, Span: call.Span}, len(m.Keys) == 0
}

func checkDelete(c Checker, call *lang.Call) *types.Type {
	m, ok := deleted(call)
	if !ok {
		c.Errorf(call.Span, "delete() wants an entry of a map: delete(@map[key]) or delete(@map, key)")
		return types.NoValue
	}
	keys, known := c.Key(m)
	if known && len(keys) > 0 && len(m.Keys) == 0 {
		c.Errorf(call.Args[0].Range(), "@%s has a key, so delete() needs one", m.Name)
		c.Hint("clear(@%s) removes every entry", m.Name)
		return types.NoValue
	}
	c.CheckKey(m)
	return types.NoValue
}

func lowerDelete(l Lowering, call *lang.Call) *ir.Value {
	reference, _ := deleted(call)
	m := l.Map(reference)
	switch m.Storage {
	case object.Slot:
		l.SetData(m.Present, l.IR().Const(0))
	case object.CPUSlot:
		l.Emit(&object.Event{Action: object.Clear, Map: m, Source: call.Span})
	default:
		key := l.MapKey(reference)
		helper(l, asm.FnMapDeleteElem, ir.Writes, l.IR().MapPointer(m.Kernel), key)
	}
	return nil
}
