package builtin

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// Arguments stands behind the type of `args`: the named arguments of the traced function, or the
// fields of the tracepoint. It is the Origin of a struct type, so that `args.name` is an ordinary
// field access until somebody asks where the field lies.
type Arguments struct {
	Fields []Argument
}

// Argument is one named argument. Exactly one of Load (scalars) and Into (memory) is set.
type Argument struct {
	// Offset is where an array lies in the context.
	Offset int
	Name   string
	Type   *types.Type
	Load   func(l Lowering) *ir.Value
	Into   func(l Lowering, to Place)
}

// Named returns the argument with the name.
func (a *Arguments) Named(name string) (*Argument, bool) {
	for i := range a.Fields {
		if a.Fields[i].Name == name {
			return &a.Fields[i], true
		}
	}
	return nil, false
}

// Names lists the arguments in order.
func (a *Arguments) Names() []string {
	names := make([]string, len(a.Fields))
	for i, field := range a.Fields {
		names[i] = field.Name
	}
	return names
}

// maxArguments is how many argN variables there are; how many a probe has is the target's matter.
const maxArguments = 10

func argumentVariables() []*Function {
	list := []*Function{
		{
			Info: Info{Name: "args", Signature: "struct args",
				Doc:     "The arguments of the traced function or tracepoint by name: args.count; args alone is a record of them all. The functions' come from the kernel's BTF, the tracepoints' from their format.",
				Example: `kprobe:vfs_read { @ = sum(args.count) }`},
			Check: argumentsType, Bare: true, Argument: true,
		},
		{
			Info: Info{Name: "retval", Signature: "retval: the function's return type",
				Doc:     "What the traced function returns, with its type from BTF.",
				Example: `kretprobe:vfs_read /retval > 0/ { @bytes = sum(retval) }`},
			Check: returnType, Lower: lowerReturn, Bare: true, Argument: true,
		},
	}
	for i := range maxArguments {
		list = append(list, argumentVariable(i))
	}
	return list
}

func argumentVariable(i int) *Function {
	return &Function{
		Info: Info{Name: fmt.Sprintf("arg%d", i), Signature: fmt.Sprintf("arg%d: the argument's type", i),
			Doc:     fmt.Sprintf("Argument %d of the traced function, counted from 0, with its type from BTF; uint64 where BTF does not describe the function.", i),
			Example: argumentExample(i)},
		Check:    func(c Checker, name *lang.Call) *types.Type { return argumentType(c, name, i) },
		Lower:    func(l Lowering, _ *lang.Call) *ir.Value { return lowerArgument(l, i) },
		Bare:     true,
		Argument: true,
	}
}

func argumentExample(i int) string {
	function := "__ip_append_data"
	switch {
	case i < 4:
		function = "vfs_read"
	case i < 6:
		function = "vfs_copy_file_range"
	}
	return fmt.Sprintf("kprobe:%s { @[arg%d] = count() }", function, i)
}

func atEntry(m object.Mechanism) bool {
	return m == object.Kprobe || m == object.KprobeMulti || m == object.Fentry
}

func atReturn(m object.Mechanism) bool {
	return m == object.Kretprobe || m == object.KretprobeMulti || m == object.Fexit
}

func argumentType(c Checker, name *lang.Call, i int) *types.Type {
	scope := c.Scope()
	switch {
	case scope.Mechanism == object.Kretprobe || scope.Mechanism == object.KretprobeMulti:
		c.Errorf(name.Span, "%s is gone when the function returns", name.Name)
		c.Hint("keep it at the entry: kprobe:f { @a[tid] = %s }", name.Name)
		return nil
	case !atEntry(scope.Mechanism) && !atReturn(scope.Mechanism):
		c.Errorf(name.Span, "%s exists only in probes on functions, not in %s", name.Name, scope.Probe.Name)
		if scope.Probe.Name == "tracepoint" {
			c.Hint("the fields of a tracepoint are reached by name: args.FIELD")
		}
		return nil
	case scope.Function == nil:
		return untypedArgument(c, name, i)
	}
	return describedArgument(c, name, i)
}

func untypedArgument(c Checker, name *lang.Call, i int) *types.Type {
	if n := len(c.Target().Registers().Args); i >= n {
		c.Errorf(name.Span, "%s is not passed in a register on %s, which has %d argument registers", name.Name, c.Target().Arch, n)
		return nil
	}
	return types.Uint64
}

func describedArgument(c Checker, name *lang.Call, i int) *types.Type {
	function := c.Scope().Function
	if i >= len(function.Params) {
		c.Errorf(name.Span, "%s has %s, so there is no %s", function.Name, plural(len(function.Params), "argument"), name.Name)
		return nil
	}
	param := function.Params[i]
	if !reachable(param, c.Scope().Mechanism) {
		c.Errorf(name.Span, "%s of %s (%s) is passed in memory, where a probe cannot read it", name.Name, function.Name, param.Name)
		return nil
	}
	return trusted(param.Type, c.Scope().Mechanism)
}

// reachable reports whether the parameter is in a register (kprobe) or a slot of the context (fentry).
func reachable(param target.Param, m object.Mechanism) bool {
	if param.Type == nil {
		return false
	}
	if m == object.Fentry || m == object.Fexit {
		return param.Slot >= 0
	}
	return param.Register >= 0
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// trusted marks pointers to structs that the verifier knows by their BTF type: those that a
// tracing program finds in its context.
func trusted(t *types.Type, m object.Mechanism) *types.Type {
	known := m == object.Fentry || m == object.Fexit
	if !known || t.Kind != types.Pointer || t.Elem == nil || t.Elem.Kind != types.Struct || t.User {
		return t
	}
	pointer := *t
	pointer.Trusted = true
	return &pointer
}

func lowerArgument(l Lowering, i int) *ir.Value {
	b, scope := l.IR(), l.Scope()
	if scope.Function == nil {
		return b.Load(ir.ContextSpace, b.Context(), l.Target().Registers().Args[i], 8, false)
	}
	param := scope.Function.Params[i]
	offset := 8 * param.Slot
	if scope.Mechanism != object.Fentry && scope.Mechanism != object.Fexit {
		offset = l.Target().Registers().Args[param.Register]
	}
	value := b.Load(ir.ContextSpace, b.Context(), offset, 8, false)
	return b.Extend(value, param.Type.Size, param.Type.Signed)
}

func returnType(c Checker, name *lang.Call) *types.Type {
	scope := c.Scope()
	if !atReturn(scope.Mechanism) {
		c.Errorf(name.Span, "retval exists only when a function returns: kretprobe, not %s", scope.Probe.Name)
		return nil
	}
	if scope.Function == nil {
		return types.Uint64
	}
	if scope.Function.Return == nil {
		c.Errorf(name.Span, "%s returns nothing", scope.Function.Name)
		return nil
	}
	return trusted(scope.Function.Return, scope.Mechanism)
}

func lowerReturn(l Lowering, _ *lang.Call) *ir.Value {
	b, scope := l.IR(), l.Scope()
	offset := l.Target().Registers().Return
	if scope.Mechanism == object.Fexit {
		offset = 8 * len(scope.Function.Params)
	}
	value := b.Load(ir.ContextSpace, b.Context(), offset, 8, false)
	if scope.Function == nil {
		return value
	}
	return b.Extend(value, scope.Function.Return.Size, scope.Function.Return.Signed)
}

func argumentsType(c Checker, name *lang.Call) *types.Type {
	scope := c.Scope()
	switch {
	case scope.Tracepoint != nil:
		return argumentStruct(scope.Tracepoint.Name, tracepointFields(c, scope.Tracepoint))
	case scope.Function != nil && (atEntry(scope.Mechanism) || scope.Mechanism == object.Fexit):
		return argumentStruct(scope.Function.Name, functionFields(c, scope.Function))
	case scope.Mechanism == object.Kretprobe || scope.Mechanism == object.KretprobeMulti:
		c.Errorf(name.Span, "args are gone when the function returns")
		c.Hint("keep what you need at the entry: kprobe:f { @a[tid] = arg0 }")
	case atEntry(scope.Mechanism):
		c.Errorf(name.Span, "this kernel's BTF does not describe the traced function")
		c.Hint("use arg0, arg1, ... with a cast: (struct file *)arg0")
	default:
		c.Errorf(name.Span, "%s probes have no arguments", scope.Probe.Name)
	}
	return nil
}

func argumentStruct(name string, fields []Argument) *types.Type {
	return &types.Type{Kind: types.Struct, Name: "args of " + name, Origin: &Arguments{Fields: fields}}
}

func functionFields(c Checker, function *target.Function) []Argument {
	var fields []Argument
	for i, param := range function.Params {
		if param.Name == "" || !reachable(param, c.Scope().Mechanism) {
			continue
		}
		fields = append(fields, Argument{
			Name: param.Name,
			Type: trusted(param.Type, c.Scope().Mechanism),
			Load: func(l Lowering) *ir.Value { return lowerArgument(l, i) },
		})
	}
	return fields
}

func tracepointFields(c Checker, tracepoint *target.Tracepoint) []Argument {
	fields := make([]Argument, len(tracepoint.Fields()))
	for i, field := range tracepoint.Fields() {
		fields[i] = tracepointField(c, field)
	}
	return fields
}

func tracepointField(c Checker, field target.TracepointField) Argument {
	switch {
	case field.DataLocation:
		return dataLocation(c, field)
	case field.Type.Scalar():
		return Argument{Name: field.Name, Type: field.Type, Load: func(l Lowering) *ir.Value {
			b := l.IR()
			return b.Load(ir.ContextSpace, b.Context(), field.Offset, field.Type.Size, field.Type.Signed)
		}}
	}
	return Argument{Offset: field.Offset, Name: field.Name, Type: field.Type, Into: func(l Lowering, to Place) {
		readContext(l, to, l.IR().Const(int64(field.Offset)), field.Type)
	}}
}

// dataLocation reads a __data_loc field: 16 bits of length above 16 bits of offset into the record.
func dataLocation(c Checker, field target.TracepointField) Argument {
	t := types.NewString(c.Settings().MaxStringSize)
	return Argument{Name: field.Name, Type: t, Into: func(l Lowering, to Place) {
		b := l.IR()
		word := b.Load(ir.ContextSpace, b.Context(), field.Offset, 4, false)
		source, n := readContext(l, to, b.Binary(ir.And, word, b.Const(0xffff)), t)
		markCut(l, n, t.Size, to, func() *ir.Value { return b.ReadKernel(source, t.Size-1, 1, false) })
	}}
}

// readContext copies from the tracepoint record. It goes through probe_read because the verifier
// allows only constant offsets into the context. It returns from where, and what the helper did.
func readContext(l Lowering, to Place, offset *ir.Value, t *types.Type) (source, read *ir.Value) {
	b := l.IR()
	id := asm.FnProbeReadKernel
	if t.Kind == types.String {
		id = asm.FnProbeReadKernelStr
	}
	source = b.Binary(ir.Add, b.Context(), offset)
	return source, helper(l, id, ir.Writes, l.Pointer(to), b.Const(int64(t.Size)), source)
}
