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
		MinArgs: 1, MaxArgs: 1, Check: checkEmptied, Lower: lowerMapEvent(object.Clear),
	},
	{
		Info: Info{Name: "zero", Signature: "void zero(@map)",
			Doc:     "Sets every value of a map to zero and keeps the keys.",
			Example: `kprobe:vfs_read { @[comm] = count() } interval:s:1 { print(@); zero(@) }`},
		MinArgs: 1, MaxArgs: 1, Check: checkEmptied, Lower: lowerMapEvent(object.Zero),
	},
	{
		Info: Info{Name: "delete", Signature: "bool delete(@map[key]) or delete(@map, key)",
			Doc:     "Removes one entry, or the value of a map without a key. True when there was one.",
			Example: `kprobe:vfs_read { @start[tid] = nsecs } kretprobe:vfs_read { delete(@start[tid]) }`},
		MinArgs: 1, MaxArgs: 2, Check: checkDelete, Lower: lowerDelete,
	},
	{
		Info: Info{Name: "has_key", Signature: "bool has_key(@map, key) or has_key(@map[key])",
			Doc:     "Whether the map has the key. A key of several parts is a tuple.",
			Example: `kprobe:vfs_read { @start[tid] = nsecs } kretprobe:vfs_read { if (has_key(@start, tid)) { @ = count() } }`},
		MinArgs: 1, MaxArgs: 2, Check: checkHasKey,
		Lower: func(l Lowering, call *lang.Call) *ir.Value {
			reference, _ := deleted(call)
			return hasKey(l, reference)
		},
	},
	{
		Info: Info{Name: "len", Signature: "int64 len(@map), len(stack) or len(array)",
			Doc:     "The number of keys of a map, which visits them all (since Linux 5.13), of the functions of a stack (kstack, ustack), or of the elements of an array.",
			Example: `kprobe:vfs_read { @[pid] = count() } interval:s:1 { printf("%d processes\n", len(@)) }`,
			Since:   "5.13"},
		MinArgs: 1, MaxArgs: 1, Check: checkLen, Lower: lowerLen,
	},
	{
		Info: Info{Name: "trunc", Signature: "void trunc(@map, int n)",
			Doc:     "Keeps the n entries with the largest values and removes the others; with -n those with the smallest, with 0 none.",
			Example: `kprobe:vfs_read { @[comm] = count() } interval:s:1 { trunc(@, 5); print(@); clear(@) }`},
		MinArgs: 2, MaxArgs: 2, Check: checkTrunc,
		Lower: func(l Lowering, call *lang.Call) *ir.Value {
			n, _ := l.Integer(call.Args[1])
			l.Emit(&object.Event{Action: object.Trunc, Map: l.Map(call.Args[0]), Top: n, Source: call.Span})
			return nil
		},
	},
	{
		Info: Info{Name: "normalize", Signature: "void normalize(@map, int n)",
			Doc:     "From now on the map's values print divided by n. normalize(@map, 1) undoes it.",
			Example: `kprobe:vfs_read { @kbytes[comm] = sum(args.count) } interval:s:5 { normalize(@kbytes, 1024); print(@kbytes); exit() }`},
		MinArgs: 2, MaxArgs: 2, Check: checkNormalize,
		Lower: func(l Lowering, call *lang.Call) *ir.Value {
			n, _ := l.Integer(call.Args[1])
			l.Emit(&object.Event{Action: object.Normalize, Map: l.Map(call.Args[0]), Divisor: n, Source: call.Span})
			return nil
		},
	},
}

// checkHasKey: both forms of delete are forms of has_key.
func checkHasKey(c Checker, call *lang.Call) *types.Type {
	m, ok := deleted(call)
	if !ok {
		c.Errorf(call.Span, "has_key() wants a map and a key: has_key(@map, key)")
		return types.NoValue
	}
	keys, known := c.Key(m)
	switch {
	case !known:
		return types.NoValue
	case len(keys) == 0:
		c.Errorf(call.Args[0].Range(), "@%s has no keys", m.Name)
	case len(m.Keys) == 0:
		c.Errorf(call.Args[0].Range(), "has_key() wants a key, too: has_key(@%s, key)", m.Name)
	case c.WholeRows(m):
		c.CheckKey(m)
	}
	return types.Boolean
}

func checkLen(c Checker, call *lang.Call) *types.Type {
	m, whole := wholeMap(call.Args[0])
	if !whole {
		return checkLenOfValue(c, call)
	}
	keys, known := c.Key(m)
	switch {
	case !known:
		return types.NoValue
	case len(keys) == 0:
		c.Errorf(call.Args[0].Range(), "@%s has no keys to count", m.Name)
	case !c.WholeRows(m):
	case !c.Target().Features.ForEachMapElement:
		c.Errorf(call.Span, "len() of a map needs Linux 5.13 or later (bpf_for_each_map_elem), and this is %s", c.Target().Version)
	}
	return types.Int64
}

func checkLenOfValue(c Checker, call *lang.Call) *types.Type {
	t := c.Type(call.Args[0])
	switch t.Kind {
	case types.None, types.Array, types.Buffer, types.KernelStack, types.UserStack:
	default:
		c.Errorf(call.Args[0].Range(), "len() wants a whole map, a stack or an array, not %s", t)
		if t.Kind == types.String {
			c.Hint("strlen() counts the bytes of a text")
		}
		return types.NoValue
	}
	return types.Int64
}

func lowerLen(l Lowering, call *lang.Call) *ir.Value {
	if t := l.Type(call.Args[0]); t != nil {
		switch t.Kind {
		case types.Array:
			return l.IR().Const(int64(t.Count))
		case types.Buffer:
			return countElements(l, call.Args[0], t)
		case types.KernelStack, types.UserStack:
			return countFrames(l, call.Args[0], t)
		}
	}
	return countKeys(l, l.Map(call.Args[0]))
}

// hasKey is 1 when the map has the key of the reference, else 0.
func hasKey(l Lowering, e *lang.Map) *ir.Value {
	b, m := l.IR(), l.Map(e)
	if m.Storage == object.Slot {
		return b.Binary(ir.NotEqual, data(l, m.Present), b.Const(0))
	}
	return b.Binary(ir.NotEqual, l.Lookup(m, l.MapKey(e)), b.Const(0))
}

// countKeys visits all keys: bpf_for_each_map_elem returns how many it visited.
func countKeys(l Lowering, m *object.MapSpec) *ir.Value {
	b := l.IR()
	callback := b.NewCallback("count")
	callback.Return(callback.Const(0))
	return l.MapCall(m, asm.FnForEachMapElem, ir.Writes, b.FuncAddress(callback.Func), b.Const(0), b.Const(0))
}

// countElements is the number of elements of an array of varying length: of a copy, those
// that it holds.
func countElements(l Lowering, e lang.Expr, t *types.Type) *ir.Value {
	b := l.IR()
	_, length, _ := l.Extent(e)
	if l.Held(e) {
		length = atMost(l, length, b.Const(int64(t.Size-types.BufferHeader)))
	}
	if t.Elem == nil {
		return length
	}
	return b.Binary(ir.UDiv, length, b.Const(int64(t.Elem.Size)))
}

// checkMapNumber checks the arguments of functions that take a whole map and a number
// known before tracing starts.
func checkMapNumber(c Checker, call *lang.Call) *types.Type {
	checkMapArgument(c, call)
	if _, known := c.Integer(call.Args[1]); !known {
		c.Errorf(call.Args[1].Range(), "the number in %s() must be known before tracing starts", call.Name)
	}
	return types.NoValue
}

func checkTrunc(c Checker, call *lang.Call) *types.Type {
	checkEmptied(c, call)
	return checkMapNumber(c, call)
}

func checkNormalize(c Checker, call *lang.Call) *types.Type {
	if n, known := c.Integer(call.Args[1]); known && n <= 0 {
		c.Errorf(call.Args[1].Range(), "values can be divided by 1 and more, not by %d", n)
	}
	return checkMapNumber(c, call)
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

// checkEmptied checks the argument of a function that removes keys of a whole map.
func checkEmptied(c Checker, call *lang.Call) *types.Type {
	if m, ok := wholeMap(call.Args[0]); ok {
		c.Empty(m)
	}
	return checkMapArgument(c, call)
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
	switch {
	case known && len(keys) == 0:
		c.CheckKey(m)
		c.Empty(m)
	case c.WholeRows(m):
		c.CheckKey(m)
	}
	return types.Boolean
}

func lowerDelete(l Lowering, call *lang.Call) *ir.Value {
	reference, _ := deleted(call)
	m := l.Map(reference)
	switch {
	case m.Storage == object.Slot:
		present := hasKey(l, reference)
		setData(l, m.Present, l.IR().Const(0))
		l.Zero(Place{Space: ir.MapValue, Address: l.IR().DataAddress(object.DataMap, m.Offset)}, m.Value.Size)
		return present
	case m.Storage == object.CPUSlot || m.Key == nil:
		l.Emit(&object.Event{Action: object.Clear, Map: m, Source: call.Span})
		return l.IR().Const(1)
	}
	result := deleteKey(l, m, l.MapKey(reference))
	return l.IR().Binary(ir.Equal, result, l.IR().Const(0))
}

// deleteKey removes a key from a hash and returns the helper's result, 0 when there was
// one.
func deleteKey(l Lowering, m *object.MapSpec, key *ir.Value) *ir.Value {
	m.Deleted = true
	b := l.IR()
	result := l.MapCall(m, asm.FnMapDeleteElem, ir.Writes, key)
	if m.Inserted == 0 {
		return result
	}
	deleted, join := b.NewBlock(), b.NewBlock()
	b.If(ir.Equal, result, b.Const(0), deleted, join)
	b.Enter(deleted)
	b.AtomicAdd(ir.MapValue, b.DataAddress(object.DataMap, m.Inserted), 0, b.Const(-1))
	b.Jump(join)
	b.Enter(join)
	return result
}
