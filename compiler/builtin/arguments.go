package builtin

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// Arguments stands behind the type of `args`: the named arguments of the traced function,
// or the fields of the tracepoint. It is the Origin of a struct type, so that `args.name`
// is an ordinary field access until somebody asks where the field lies.
type Arguments struct {
	Fields []Argument
}

// Argument is one named argument. One of Load (scalars) and Into (memory) is set unless
// it is Missing.
type Argument struct {
	Name string
	Type *types.Type
	Load func(l Lowering) *ir.Value
	Into func(l Lowering, to Place)
	// InRecord: the value lies Offset bytes into the context.
	InRecord bool
	Offset   int
	// Address returns where else in memory the value lies; nil when it lies in registers.
	Address func(l Lowering) *ir.Value
	// User: Address is one of the process.
	User bool
	// Length returns the number of bytes at Address where only the record has it. The
	// type is then a String or a Buffer.
	Length func(l Lowering) *ir.Value
	// Missing says why a probe cannot read the argument.
	Missing string
}

// InMemory reports a value that has an address.
func (a *Argument) InMemory() bool { return a.InRecord || a.Address != nil }

// Element is the type of the elements of a value whose length only the record has; nil
// for all others.
func (a *Argument) Element() *types.Type {
	switch {
	case a.Length == nil:
		return nil
	case a.Type.Kind == types.String:
		return types.NewInt(1, true)
	}
	return a.Type.Elem
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

// maxArguments is how many argN variables there are; how many a probe has is the target's
// matter.
const maxArguments = 12

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
				Doc:     "What the traced function returns, with its type from BTF. Arithmetic counts bytes, as with arg0.",
				Example: `kretprobe:vfs_read /retval > 0/ { @bytes = sum(retval) }`},
			Check: returnType, Lower: lowerReturn, Into: returnInto, Bare: true, Argument: true, Fills: true,
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
			Doc:     fmt.Sprintf("Argument %d of the traced function, counted from 0, with its type from BTF; uint64 where BTF does not describe the function. Arithmetic counts bytes: arg%[1]d + 8.", i),
			Example: argumentExample(i)},
		Check: func(c Checker, name *lang.Call) *types.Type { return argumentType(c, name, i) },
		Lower: func(l Lowering, _ *lang.Call) *ir.Value {
			if d := l.Scope().Differing; d != nil && d.Args[i] != nil {
				return argumentNumber(l, i)
			}
			return lowerArgument(l, i)
		},
		Into:     func(l Lowering, _ *lang.Call, to Place) { argumentInto(l, i, to) },
		Bare:     true,
		Argument: true,
		Fills:    true,
	}
}

func argumentExample(i int) string {
	function := "__ip_append_data"
	switch {
	case i >= 10:
		return fmt.Sprintf("uprobe:/bin/bash:readline { @[arg%d] = count() }", i)
	case i < 4:
		function = "vfs_read"
	case i < 6:
		function = "vfs_copy_file_range"
	}
	return fmt.Sprintf("kprobe:%s { @[arg%d] = count() }", function, i)
}

func atEntry(m object.Mechanism) bool  { return m.Fires() == object.AtEntry }
func atReturn(m object.Mechanism) bool { return m.Fires() == object.AtReturn }

// Passes reports whether the traced function has an argument of the name, and the scope
// is where it is entered.
func (s *Scope) Passes(name string) bool {
	return s.Function != nil && atEntry(s.Mechanism) &&
		slices.ContainsFunc(s.Function.Params, func(p target.Param) bool { return p.Name == name })
}

func argumentType(c Checker, name *lang.Call, i int) *types.Type {
	scope := c.Scope()
	switch {
	case scope.Marker != nil:
		return argumentOfMarker(c, name, i)
	case atReturn(scope.Mechanism) && !scope.Mechanism.Words():
		c.Errorf(name.Span, "%s is gone when the function returns", name.Name)
		c.Hint("keep it at the entry: %s { @a[tid] = %s }", entryProbe(scope), name.Name)
		return nil
	case !scope.Mechanism.OnFunctions() && !scope.Probe.Numbered:
		c.Errorf(name.Span, "%s exists only in probes on functions, not in %s", name.Name, scope.Probe.Name)
		if scope.Probe.Name == "tracepoint" {
			c.Hint("the fields of a tracepoint are reached by name: args.FIELD")
		}
		return nil
	case scope.Differing != nil && scope.Differing.Args[i] != nil:
		return scope.Differing.Args[i]
	case scope.Function == nil:
		return untypedArgument(c, name, i)
	}
	return describedArgument(c, name, i)
}

func untypedArgument(c Checker, name *lang.Call, i int) *types.Type {
	if c.Scope().Mechanism.User() {
		return untypedUser(c, name, i)
	}
	if n := len(c.Target().Registers().Args); i >= n && !c.Scope().Mechanism.Words() {
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
	if why := missing(param, c.Scope().Mechanism); why != "" {
		c.Errorf(name.Span, "%s of %s (%s) %s", name.Name, function.Name, param.Name, why)
		return nil
	}
	if oneWord(param) {
		return unsignedOf(param.Type.Size)
	}
	return inRegister(trusted(param.Type, c.Scope()))
}

// inRegister marks a pointer as what a register held: scripts that know no types of
// arguments count bytes from there.
func inRegister(t *types.Type) *types.Type {
	if t.Kind != types.Pointer {
		return t
	}
	pointer := *t
	pointer.Register = true
	return &pointer
}

// oneWord reports a struct that is passed as a number is, such as kuid_t: argN is that
// number.
func oneWord(param target.Param) bool {
	return !param.Type.Scalar() && param.Words == 1 && !param.Indirect
}

// unsignedOf is the smallest integer of at least size bytes.
func unsignedOf(size int) *types.Type {
	return types.NewInt(1<<bits.Len(uint(size-1)), false)
}

// missing says why a probe cannot read a parameter; empty when it can.
func missing(param target.Param, m object.Mechanism) string {
	switch {
	case param.Absent != "":
		return param.Absent
	case param.Type == nil:
		return "has a type that no value can have"
	case param.Nowhere():
		return "is not passed in memory or a register that a probe can read"
	case m.Words() && param.Slot < 0:
		return "is not handed to fentry and fexit programs"
	}
	return ""
}

//go:noinline
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// trusted marks pointers to structs that the verifier knows by their BTF type: those that
// a tracing program finds in its context. Those of a BPF program it may know otherwise.
func trusted(t *types.Type, scope *Scope) *types.Type {
	if scope.Function != nil && scope.Function.BPF || !tracked(t, scope.Mechanism) {
		return t
	}
	pointer := *t
	pointer.Trusted = true
	return &pointer
}

// tracked reports a pointer that the verifier may know by its BTF type.
func tracked(t *types.Type, m object.Mechanism) bool {
	return m.Typed() && t.Kind == types.Pointer && t.Elem != nil && t.Elem.Kind == types.Struct && !t.User
}

func lowerArgument(l Lowering, i int) *ir.Value {
	b, scope := l.IR(), l.Scope()
	switch {
	case scope.Marker != nil:
		return lowerMarker(l, i)
	case scope.Function == nil && scope.Mechanism.Words():
		return b.Load(ir.ContextSpace, b.Context(), 8*i, 8, false)
	case scope.Function == nil && scope.Mechanism.User():
		return lowerUserWord(l, i)
	case scope.Function == nil:
		return b.Load(ir.ContextSpace, b.Context(), l.Target().Registers().Args[i], 8, false)
	}
	param := scope.Function.Params[i]
	if scope.Function.BPF {
		return launder(l, param.Type, argumentValue(l, param))
	}
	return argumentValue(l, param)
}

// argumentWord loads a word of what is passed: from the context of a tracing program, a
// register, or the stack.
func argumentWord(l Lowering, param target.Param, n int) *ir.Value {
	b, registers := l.IR(), l.Target().Registers()
	switch {
	case l.Scope().Mechanism.Words():
		return b.Load(ir.ContextSpace, b.Context(), 8*(param.Slot+n), 8, false)
	case param.Register >= 0:
		return b.Load(ir.ContextSpace, b.Context(), registers.Args[param.Register+n], 8, false)
	case param.User:
		return b.ReadUser(stackPointer(l), param.Stack+8*n, 8, false)
	}
	return b.ReadKernel(stackPointer(l), param.Stack+8*n, 8, false)
}

func stackPointer(l Lowering) *ir.Value {
	b := l.IR()
	return b.Load(ir.ContextSpace, b.Context(), l.Target().Registers().StackPointer, 8, false)
}

// argumentAddress returns how to find an argument that lies in memory at a kprobe, nil
// for others.
func argumentAddress(param target.Param, m object.Mechanism) func(Lowering) *ir.Value {
	switch {
	case len(param.Pieces) > 0:
		return pieceAddress(param)
	case m.Words() || param.Register >= 0 && !param.Indirect:
		return nil
	case param.Indirect:
		return func(l Lowering) *ir.Value { return argumentWord(l, param, 0) }
	}
	return func(l Lowering) *ir.Value {
		return l.IR().Binary(ir.Add, stackPointer(l), l.IR().Const(int64(param.Stack)))
	}
}

// argumentInto writes a struct that is passed by value.
func argumentInto(l Lowering, i int, to Place) {
	param := l.Scope().Function.Params[i]
	if address := argumentAddress(param, l.Scope().Mechanism); address != nil {
		read := asm.FnProbeReadKernel
		if param.User {
			read = asm.FnProbeReadUser
		}
		helper(l, read, ir.Writes, l.Pointer(to), l.IR().Const(int64(param.Type.Size)), address(l))
		return
	}
	if len(param.Pieces) > 0 {
		storePieces(l, param.Pieces, param.Type.Size, to)
		return
	}
	storeWords(l, to, param.Type.Size, func(n int) *ir.Value { return argumentWord(l, param, n) })
}

// storeWords writes size bytes that come in words.
func storeWords(l Lowering, to Place, size int, word func(n int) *ir.Value) {
	for n := 0; n*8 < size; n++ {
		storeBytes(l, placeAfter(to, n*8), min(size-n*8, 8), word(n))
	}
}

// storeBytes writes the lowest bytes of a word.
func storeBytes(l Lowering, to Place, size int, word *ir.Value) {
	b := l.IR()
	for at := 0; at < size; {
		piece := 1 << (bits.Len(uint(size-at)) - 1)
		b.Store(to.Space, to.Address, to.Offset+at, piece, b.Binary(ir.ShiftRight, word, b.Const(int64(8*at))))
		at += piece
	}
}

func returnType(c Checker, name *lang.Call) *types.Type {
	scope := c.Scope()
	if !atReturn(scope.Mechanism) {
		c.Errorf(name.Span, "retval exists only when a function returns: %s, not %s", cmp.Or(scope.Probe.Twin, returnProbe(scope)), scope.Probe.Name)
		switch {
		case scope.Probe.Name == "tracepoint":
			c.Hint("what a system call returns is args.ret of tracepoint:syscalls:sys_exit_*")
		case scope.Probe.Twin != "":
			c.Hint("write %[1]s in the place of %[2]s, or trace both: %[1]s:f { @ = hist(retval) }", scope.Probe.Twin, scope.Probe.Name)
		}
		return nil
	}
	switch {
	case scope.Differing != nil && scope.Differing.Result != nil:
		return scope.Differing.Result
	case scope.Function == nil && scope.Mechanism.User():
		return userWord
	case scope.Function == nil:
		return types.Uint64
	}
	switch result := scope.Function.Return; {
	case result == nil:
		c.Errorf(name.Span, "%s returns nothing", scope.Function.Name)
		return nil
	case scope.Function.BPF && !c.Target().Version.AtLeast(5, 17):
		c.Errorf(name.Span, "retval of BPF programs needs Linux 5.17, and this is %s", c.Target().Version)
		return nil
	case scope.Function.ReturnAbsent != "":
		c.Errorf(name.Span, "%s returns %s %s", scope.Function.Name, result, scope.Function.ReturnAbsent)
		return nil
	case scope.Function.ReturnsMemory && !scope.Function.User:
		c.Errorf(name.Span, "%s returns %s, which has %d bytes, in memory of its caller: a probe cannot read it", scope.Function.Name, result, result.Size)
		return nil
	}
	return inRegister(trusted(scope.Function.Return, scope))
}

func lowerReturn(l Lowering, _ *lang.Call) *ir.Value {
	switch scope := l.Scope(); {
	case scope.Differing != nil && scope.Differing.Result != nil:
		return returnNumber(l)
	case scope.Function == nil:
		return returnWord(l, 0)
	default:
		return returned(l, scope.Function)
	}
}

// returned is the scalar that a function returns.
func returned(l Lowering, function *target.Function) *ir.Value {
	switch {
	case function.ReturnsMemory:
		return l.IR().ReadUser(returnWord(l, 0), 0, function.Return.Size, function.Return.Signed)
	case len(function.ReturnPieces) > 0:
		return extended(l, piecedWord(l, function.ReturnPieces), function.Return)
	}
	return extended(l, returnWord(l, 0), function.Return)
}

func returnWord(l Lowering, n int) *ir.Value {
	b, scope, registers := l.IR(), l.Scope(), l.Target().Registers()
	offset := registers.Return
	switch {
	case scope.Function != nil && scope.Function.BPF:
		return returnOfProgram(l)
	case scope.Mechanism.Words():
		offset = 8 * scope.Function.Slots
	case n == 1:
		offset = registers.ReturnHigh
	}
	return b.Load(ir.ContextSpace, b.Context(), offset, 8, false)
}

// returnInto writes a struct that is returned by value.
func returnInto(l Lowering, _ *lang.Call, to Place) {
	switch function := l.Scope().Function; {
	case function.ReturnsMemory:
		size := l.IR().Const(int64(function.Return.Size))
		helper(l, asm.FnProbeReadUser, ir.Writes, l.Pointer(to), size, returnWord(l, 0))
	case len(function.ReturnPieces) > 0:
		storePieces(l, function.ReturnPieces, function.Return.Size, to)
	default:
		storeWords(l, to, function.Return.Size, func(n int) *ir.Value { return returnWord(l, n) })
	}
}

func argumentsType(c Checker, name *lang.Call) *types.Type {
	scope := c.Scope()
	switch {
	case scope.Marker != nil:
		return argumentStruct(scope.Marker.Name, markerFields(scope.Marker))
	case scope.Tracepoint != nil && scope.Tracepoint.Category == syscallCategory:
		return argumentStruct(scope.Tracepoint.Name, syscallFields(c, scope.Tracepoint))
	case scope.Tracepoint != nil:
		return argumentStruct(scope.Tracepoint.Name, recordFields(c, scope.Tracepoint))
	case scope.Function != nil && (atEntry(scope.Mechanism) || scope.Mechanism.Words()):
		return argumentStruct(scope.Function.Name, functionFields(c, scope.Function))
	case atReturn(scope.Mechanism) && !scope.Mechanism.Words():
		c.Errorf(name.Span, "args are gone when the function returns")
		c.Hint("keep what you need at the entry: %s { @a[tid] = arg0 }", entryProbe(scope))
	case scope.Mechanism.User():
		untypedArguments(c, name)
	case scope.Probe.Numbered:
		c.Errorf(name.Span, "this kernel's BTF does not describe the tracepoint, or there is none (/sys/kernel/btf/vmlinux)")
		c.Hint("use arg0, arg1, ... with a cast: (struct task_struct *)arg0")
	case atEntry(scope.Mechanism):
		if c.Target().Typed() {
			c.Errorf(name.Span, "this kernel's BTF does not describe the traced function")
		} else {
			c.Errorf(name.Span, "this kernel does not describe its functions: it has no BTF (/sys/kernel/btf/vmlinux)")
		}
		c.Hint("use arg0, arg1, ... with a cast: (struct file *)arg0")
	default:
		c.Errorf(name.Span, "%s probes have no arguments", scope.Probe.Name)
	}
	return nil
}

// untypedArguments reports that a program does not describe the traced function.
func untypedArguments(c Checker, name *lang.Call) {
	why := cmp.Or(c.Scope().Untyped, "the probe is not at the entry of a function")
	c.Errorf(name.Span, "the arguments are not known by name: %s", why)
	const positions = "use arg0, arg1, ..., with a cast where they are pointers: *(uint64 *)arg0, str(arg1)"
	if c.Scope().Untyped == target.ErrNoDebugInfo.Error() {
		c.Hint("%s; or get its debug symbols, a package of their own, or compile it with -g", positions)
		return
	}
	c.Hint("%s", positions)
}

//go:noinline
func argumentStruct(name string, fields []Argument) *types.Type {
	return &types.Type{Kind: types.Struct, Name: "args of " + name, Origin: &Arguments{Fields: fields}}
}

func functionFields(c Checker, function *target.Function) []Argument {
	fields := make([]Argument, len(function.Params))
	for i, param := range function.Params {
		fields[i] = functionField(c.Scope(), param, i)
	}
	return fields
}

func functionField(scope *Scope, param target.Param, i int) Argument {
	m := scope.Mechanism
	field := Argument{Name: param.Name, Type: param.Type, Missing: missing(param, m)}
	if field.Name == "" {
		field.Name = fmt.Sprintf("arg%d", i)
	}
	switch {
	case field.Missing != "":
	case param.Type.Scalar():
		field.Type = trusted(param.Type, scope)
		field.Load = func(l Lowering) *ir.Value { return lowerArgument(l, i) }
		if m.Iterates() && param.Type.Kind == types.Pointer {
			field.Load = func(l Lowering) *ir.Value { return presentWord(l, param) }
		}
	default:
		field.Address, field.User = argumentAddress(param, m), param.User
		field.Into = func(l Lowering, to Place) { argumentInto(l, i, to) }
	}
	return field
}
