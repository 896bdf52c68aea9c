// Package builtin is the table: every function, variable, aggregation, probe type and
// setting of the language is one entry here, and nothing else in ponytrace knows any of
// them by name.
//
// An entry says how it is written (Signature), what it means (Doc), shows one use that a
// test compiles (Example), names the first kernel that has what it needs (Since), says
// what type it has (a Check hook, called by sema) and how it is computed: by a body in
// the language itself (Source), or by a hook that makes code (Lower, Into), called by
// lower. The readers are sema, lower, `ponytrace help`, the Reference of spec.md and the
// generator of random programs; adding a function touches one file of this package and
// one golden.
//
// # Hooks
//
// Check sees the arguments through a Checker: their types, and their values where these
// are known at compile time. It reports errors there and returns the type of the result.
// It may run several times for one call, since the types of maps are found by repetition,
// so it keeps no state.
//
// Source is for what the language can say: leader_tid is
// (uint32)curtask->group_leader->pid. The body is parsed when it is first used and
// expanded in the place of the call, so it costs what the user's own macro would, and
// nothing where it is not used (source.go).
//
// Lower is for the rest. It appends to the IR through a Lowering. A scalar result is
// returned as a value. A result that lives in memory (comm, str) is written where the
// caller wants it (Into): straight into the key, the variable or the ring buffer record,
// never copied.
//
// Helper numbers and meanings are those of the kernel's uapi header:
// https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf.h
package builtin

import (
	"strings"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Info is what every entry has.
type Info struct {
	Name      string
	Signature string // "hist(int n)"; for a variable its type
	Doc       string // one or more sentences
	Example   string // a whole script
	Since     string // the first kernel that has it; empty: every supported one (5.10)
}

// Function is what a clause can call. One that is Bare is also a variable: pid is pid().
type Function struct {
	Info
	MinArgs, MaxArgs int // MaxArgs < 0: any number
	// Check reports wrong arguments and returns the type of the result.
	Check func(c Checker, call *lang.Call) *types.Type
	// Lower computes a scalar, or does what the statement says and returns nil.
	Lower func(l Lowering, call *lang.Call) *ir.Value
	// Into writes a result that lives in memory. One of Lower and Into is set, or both
	// where the type decides, unless there is a Source or Literal always knows the
	// result.
	Into func(l Lowering, call *lang.Call, to Place)
	// Source is the body in the language itself, in place of Lower and Into (source.go).
	Source string
	// Literal returns the literal, or the record of literals, that the call stands for,
	// or nil when that is not known before tracing starts. Check found nothing wrong
	// then.
	Literal func(c Checker, call *lang.Call) lang.Expr
	// ParameterText: a positional parameter as the only argument is meant as text.
	ParameterText bool
	// Unsafe functions change what is traced, and want --unsafe.
	Unsafe bool
	// Registers is set when the clause must have the registers of the CPU (struct
	// pt_regs) as its context, so that functions are attached to by kprobes only.
	Registers bool
	// Tracing is set when the clause must be attached through fentry and fexit, where the
	// verifier knows what arguments point at.
	Tracing bool
	// Ends: the function may end the tracing, and nothing of the clause runs then.
	Ends bool
	// Bare: the parentheses may be left out, as in pid.
	Bare bool
	// Argument is set when the meaning depends on the traced function, so that a clause
	// that uses the function is compiled once for each traced one.
	Argument bool
	// ProbeName is set when the value tells attach points of one program apart.
	ProbeName bool
	// UserStack: the kernel walks the stack of the process.
	UserStack bool
	// HandsContext: a helper is handed the context, or a pointer from there whose type
	// the verifier must know.
	HandsContext bool
	// Awaits: where a program may wait, it waits first for the memory of a process that the
	// first argument leads to, as many bytes as the type has.
	Awaits bool
	// Fills: Into writes every byte of the type, padding included.
	Fills bool

	body body
}

// Void reports whether a call has no value, so that it can only be a statement.
func (f *Function) Void() bool { return strings.HasPrefix(f.Signature, "void ") }

// Aggregation is a function that can only be assigned to a map.
type Aggregation struct {
	Info
	// Record is what is done with rows.
	Record           *types.Aggregation
	MinArgs, MaxArgs int
	Check            func(c Checker, call *lang.Call) *types.Type
	// Update adds the observation n, the value of the first argument (nil where there is
	// none), to the row at row.
	Update func(l Lowering, call *lang.Call, kind *types.Type, n *ir.Value, row Place)
	// Split is Update for rows that are stored in parts: which part the observation
	// belongs to, and what adds it to the row of that part.
	Split func(l Lowering, call *lang.Call, kind *types.Type, n *ir.Value) (part *ir.Value, update func(row Place))
	// Read computes the one number that stands for a row in an expression; nil: it is the
	// first word.
	Read func(b *ir.Builder, t *types.Type, row Place) *ir.Value
}

// Aggregations lists all of them.
func Aggregations() []*Aggregation { return aggregationList }

// ReadRow computes the one number that stands for the row of an aggregation in an
// expression.
func ReadRow(b *ir.Builder, t *types.Type, row Place) *ir.Value {
	if read := aggregations[t.Record.Name].Read; read != nil {
		return read(b, t, row)
	}
	return loadWord(b, row, 0)
}

// Setting is a name of the config block, or of an environment variable PONYTRACE_<NAME>
// or BPFTRACE_<NAME>.
type Setting struct {
	Info
	Default string
	// Apply stores a value, or returns what is wrong with it.
	Apply func(s *Settings, value string) error
}

// Set applies a value and keeps its text, which config shows to the script.
func (setting *Setting) Set(s *Settings, value string) error {
	if err := setting.Apply(s, value); err != nil {
		return err
	}
	s.texts[setting.Name] = value
	return nil
}

// Settings are the values of the config block.
type Settings struct {
	object.Settings
	MaxMapKeys    int
	MaxProbes     int
	MaxPrograms   int
	MissingProbes string // "error", "warn", "ignore"
	StackMode     string // how kstack and ustack print: one of stackModes
	Unsafe        bool   // --unsafe: functions that change what is traced are allowed
	Usage         string
	texts         map[string]string // as written or by default, by name
}

// Place is memory that a value is written to or an aggregation lives in.
type Place struct {
	Space   ir.Space
	Address *ir.Value
	Offset  int
}

// Checker is what Check hooks may ask of sema.
type Checker interface {
	Target() *target.Target
	Settings() *Settings
	// Type returns the type of an expression. It is types.NoValue where an error was
	// reported already or the type of a map is not known yet: then nothing more is to be
	// reported.
	Type(e lang.Expr) *types.Type
	// Integer and Text return the value of an expression that is known at compile time.
	Integer(e lang.Expr) (int64, bool)
	Text(e lang.Expr) (string, bool)
	// Named returns the type that an argument names (struct file, uint64), or that it
	// has.
	Named(e lang.Expr) *types.Type
	// Parameter declares a named parameter of the script. given is true when the user
	// gave it, valued when with a value.
	Parameter(p Parameter) (text string, valued, given bool)
	// Key returns the types of a map's key parts; false when the map was not assigned
	// yet.
	Key(m *lang.Map) ([]*types.Type, bool)
	// CheckKey checks the key of a map reference as if the map were read there.
	CheckKey(m *lang.Map)
	// Empty notes that the clause removes keys of the whole map, or sets all its values.
	Empty(m *lang.Map)
	// WholeRows reports a map that keeps its rows in parts, whose keys no program can
	// find, count or delete, and returns false.
	WholeRows(m *lang.Map) bool
	// CheckPrinted checks the key of a map whose values are no numbers
	// (types.Type.Composite), so that only the runtime reads them. It returns false for
	// other maps.
	CheckPrinted(m *lang.Map) bool
	// Reached is false in the branch of an if that is known, before tracing starts, not
	// to be taken.
	Reached() bool
	// Scope is the probe that the clause is checked for.
	Scope() *Scope
	Errorf(span diag.Span, format string, args ...any)
	// Hint adds a suggestion to the last error.
	Hint(format string, args ...any)
}

// Scope describes the attach point that a clause is compiled for.
type Scope struct {
	Probe     *ProbeType
	Mechanism object.Mechanism
	// Function is the traced kernel function when there is exactly one and BTF describes
	// it.
	Function *target.Function
	// Differing is set when the clause traces several functions and takes what they have
	// in different types as numbers.
	Differing *Differing
	// Tracepoint is the traced tracepoint when its fields are used.
	Tracepoint *target.Tracepoint
	// Typed and Exit are of programs at the raw tracepoint of all system calls: the
	// verifier knows the types of what it gets, and it is that at the exit.
	Typed, Exit bool
	// CallerRegs: of the registers, only those are there that the kernel's code fills for
	// itself.
	CallerRegs bool
	// Marker is the traced USDT place.
	Marker *Marker
	// ProbeName is the index of the attach point's text; -1 when the attach cookie or the
	// system call's number tells it.
	ProbeName int
	// Untyped says why nothing is known of the arguments of a program's function; empty
	// where that was not asked.
	Untyped string
	// Sleeps: the kernel lets the program wait for memory of the process.
	Sleeps bool
	// CallerHidden: the kernel's walk of the process's stack passes the caller over
	// (readUserStack).
	CallerHidden bool
	// Watched: the program fires where memory of a process is accessed.
	Watched bool
	// Inside: the place in a program need not be where a function begins, so that nothing is
	// known of the stack there.
	Inside bool
	// Symbols counts the functions that the program is attached to.
	Symbols int
	// Goroutine returns how places in a program find theirs; nil in other probes.
	Goroutine func() (target.Goroutine, error)
}

// InUser reports whether an address of which nothing is known is one of the process.
func (s *Scope) InUser() bool { return s.Mechanism.User() || s.Watched }

// InEither reports whether it may be one of the kernel as well: the program interrupts
// both, so that the address itself has to tell.
func (s *Scope) InEither() bool { return s.Mechanism.Context() == object.ClockRegs && !s.Watched }

// Lowering is what Lower hooks may ask of lower: what needs to know how expressions,
// memory, texts and maps are held. All else is made of these and of instructions.
type Lowering interface {
	IR() *ir.Builder
	Target() *target.Target
	Settings() *Settings
	Scope() *Scope

	// Type, Integer and Text are those of a Checker.
	Type(e lang.Expr) *types.Type
	Integer(e lang.Expr) (int64, bool)
	Text(e lang.Expr) (string, bool)
	// Value computes a scalar expression in 64 bits.
	Value(e lang.Expr) *ir.Value
	// Number computes a scalar as a number that the verifier does not take for a pointer,
	// so that all arithmetic is allowed.
	Number(e lang.Expr) *ir.Value
	// Store writes the value of any expression as its type says. Strings are padded with
	// zeroes when pad is set.
	Store(e lang.Expr, to Place, pad bool)
	// Address returns where a value lies that is no scalar, in the memory of the kernel,
	// of a process or of the program.
	Address(e lang.Expr) *ir.Value
	// Held reports whether the program itself holds a value that is no scalar, and not
	// the kernel or a process.
	Held(e lang.Expr) bool
	// Extent returns where a value lies whose length is known only when the probe fires,
	// and its length in bytes; ok is false for all others.
	Extent(e lang.Expr) (address, length *ir.Value, ok bool)

	// Zero clears memory of the program.
	Zero(to Place, size int)
	// Pointer returns the address of a place as one value.
	Pointer(p Place) *ir.Value
	// Scratch lends a word of memory of which the verifier does not know the content: it
	// takes ways that meet behind a store for one. Nothing is in it at first, and use
	// must not keep it.
	Scratch(use func(word Word))
	// Texts are strings, arrays of bytes, and pointers to characters.
	Texts() Texts

	// Map returns the map behind an expression that Check accepted as one.
	Map(e lang.Expr) *object.MapSpec
	// MapKey evaluates the key of a keyed map reference into frame memory.
	MapKey(e *lang.Map) *ir.Value
	// Lookup is the address of the value of a key in a map that is a hash, 0 where it has
	// none.
	Lookup(m *object.MapSpec, key *ir.Value) *ir.Value
	// MapCall calls a helper with the kernel map that holds a map, and the arguments that
	// follow.
	MapCall(m *object.MapSpec, helper asm.BuiltinFunc, effect ir.Effect, args ...*ir.Value) *ir.Value

	// Emit sends an event whose fields are the given expressions.
	Emit(event *object.Event, fields ...lang.Expr)
	// Send sends an event whose fields have the given types; fill writes each of them
	// into the record.
	Send(event *object.Event, fields []*types.Type, fill func(i int, to Place))

	// RuntimeConst is the offset in the kernel map "data" of a number that the runtime
	// finds out before the first program runs.
	RuntimeConst(kind object.RuntimeConstKind, text string, source diag.Span) int
	// Cgroup is the index in the kernel map "cgroups" of the control group whose folder is
	// given.
	Cgroup(folder string, source diag.Span) int
	// SyscallProbe is the index of the attach point's text by the number of the system
	// call.
	SyscallProbe() *ir.Value
	// UserFrames walks the stack of the current process by the tables of its programs and
	// writes the addresses, depth at most, and zeroes behind them. Where no program of 64
	// bits was interrupted, otherwise writes all that.
	UserFrames(to Place, depth int, otherwise func())
	// ProcessTables is the kernel map of these tables, by the number of the process.
	ProcessTables() *ir.Value
	// Parts is how many parts of a large clause are active where the code runs: 1 or 0.
	Parts() int
	// Outlined computes a number from another: in a clause that is cut into parts by a
	// function that all parts call. The texts tell functions apart; the first is for
	// people, too.
	Outlined(name, of string, x *ir.Value, compute func(x *ir.Value) *ir.Value) *ir.Value
	// End leaves the clause.
	End()
}

// Word is memory for 64 bits, wherever the code at hand runs.
type Word interface {
	Get() *ir.Value
	Set(value *ir.Value)
}

// Texts look at what no fixed number of instructions can: every byte up to the first
// zero.
type Texts interface {
	// Length is the number of bytes of a text before its first zero.
	Length(e lang.Expr) *ir.Value
	// Same is 1 where at most limit bytes of two texts are the same, else 0.
	Same(x, y, limit lang.Expr) *ir.Value
	// Find is the place where the second text begins in the first, or -1.
	Find(text, wanted lang.Expr) *ir.Value
	// Join writes texts one behind the other, size bytes at most.
	Join(texts []lang.Expr, to Place, size int)
}

// data reads a 64-bit word of the kernel map "data", setData writes one.
func data(l Lowering, offset int) *ir.Value {
	return l.IR().Load(ir.MapValue, l.IR().DataAddress(object.DataMap, offset), 0, 8, false)
}

func setData(l Lowering, offset int, value *ir.Value) {
	l.IR().Store(ir.MapValue, l.IR().DataAddress(object.DataMap, offset), 0, 8, value)
}

// runtimeConst reads a number that the runtime finds out before the first program runs.
func runtimeConst(l Lowering, kind object.RuntimeConstKind, text string, call *lang.Call) *ir.Value {
	return data(l, l.RuntimeConst(kind, text, call.Span))
}

// internalPrefix begins bpftrace's inner names of what is built in, as in __builtin_comm.
// They reach what a script hides by a macro of its own.
const internalPrefix = "__builtin_"

// FunctionNamed, AggregationNamed, SettingNamed and ProbeNamed look an entry up; nil when
// there is none.
//
//go:noinline
func FunctionNamed(name string) *Function {
	if f := unspeakable[name]; f != nil {
		return f
	}
	return functions[strings.TrimPrefix(name, internalPrefix)]
}
func AggregationNamed(name string) *Aggregation { return aggregations[name] }
func SettingNamed(name string) *Setting         { return settings[name] }
func ProbeNamed(name string) *ProbeType         { return probes[name] }

// helper shortens a call of a kernel helper in the hooks.
func helper(l Lowering, id asm.BuiltinFunc, effect ir.Effect, args ...*ir.Value) *ir.Value {
	return l.IR().Call(id, effect, args...)
}
