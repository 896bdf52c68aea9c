package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Reasons of the code generator that are told together with the registers concerned.
const (
	argumentSaved = "the argument, kept for later"
	callArgument  = "argument of the call"
	resultSaved   = "the call's result, kept for later"
	verifierBound = "bound for the verifier"
	nextBlock     = "on to where the code continues"
	scratchRow    = "this CPU's memory for what the stack has no room for"
)

// plain are the reasons of lowering that what the instruction does tells, too.
var plain = []string{
	"update in place", "the program's result", "the key in memory, for the " +
		"helper", "lookup of the key", "room in the ring buffer",
	"the record is complete", "insertion of a new key", "count of lost events", "count of updates " +
		"that the kernel refused",
}

// reasoner finds the reasons of one program's instructions.
type reasoner struct {
	words
	object     *object.Object
	code       []stage.Instruction
	raw        asm.Instructions
	operations map[operationID]*stage.Operation
	types      map[diag.Span]string // of expressions
}

// operationID names an operation within a program.
type operationID struct {
	function string
	id       int
}

func newReasoner(o *object.Object, program *object.ProgramSpec, made *stage.Program, w words) *reasoner {
	r := &reasoner{
		words: w, object: o, code: made.Code, raw: program.Instructions,
		operations: map[operationID]*stage.Operation{}, types: map[diag.Span]string{},
	}
	for _, t := range made.Types {
		r.types[t.Span] = t.Type
	}
	for _, f := range made.Optimized {
		for b := range f.Blocks {
			for i := range f.Blocks[b].Operations {
				op := &f.Blocks[b].Operations[i]
				r.operations[operationID{f.Name, op.ID}] = op
			}
		}
	}
	return r
}

// instruction is one of the program, with what it was selected for.
type instruction struct {
	*reasoner
	index int
	at    *stage.Instruction
	raw   *asm.Instruction
	op    *stage.Operation // never nil: empty for what was selected for nothing
}

func (r *reasoner) instruction(i int) instruction {
	op := r.operations[operationID{r.code[i].Function, r.code[i].Operation}]
	if op == nil {
		op = &stage.Operation{}
	}
	return instruction{r, i, &r.code[i], &r.raw[i], op}
}

// reason tells why instruction i is there, where several may share that, and what it
// does.
func (r *reasoner) reason(i int) (why, act string) {
	in := r.instruction(i)
	switch why := in.at.Reason; {
	case why == argumentSaved:
		return "", in.keepsArgument()
	case why == callArgument:
		return in.callArgument()
	case why == resultSaved:
		return "", fmt.Sprintf("r%d keeps what the call returned: the next call overwrites "+
			"r0", in.raw.Dst)
	case why == "" || slices.Contains(plain, why):
		return "", in.act()
	case why == nextBlock:
		return "", fmt.Sprintf("on to %d, where the code continues", in.at.Target)
	case why == scratchRow:
		return why + ": ", in.act()
	case why != in.op.Reason: // of the code generator, complete as it is
		return "", why
	case why == verifierBound:
		return "", in.bound()
	case strings.Contains(why, ": "):
		return why + "; ", in.act()
	}
	return in.at.Reason + ": ", in.act()
}

// bound is what only the verifier needs.
func (in instruction) bound() string {
	left, limit := in.describe(in.operand(0)), in.raw.Constant
	switch in.raw.OpCode.JumpOp() {
	case asm.JGE:
		return fmt.Sprintf("never taken: it shows the verifier that %s is below %d", left, limit)
	case asm.JLT:
		return fmt.Sprintf("always taken: it shows the verifier that %s is below %d", left, limit)
	}
	return in.act()
}

// keepsArgument is for the moves at the start of a function.
func (in instruction) keepsArgument() string {
	what := "the context"
	if in.at.Function != in.code[0].Function || in.raw.Src != asm.R1 {
		what = fmt.Sprintf("argument %d of the function", in.raw.Src)
	}
	if in.raw.Dst >= asm.R6 {
		return fmt.Sprintf("r%d keeps %s: calls overwrite r1 to r5", in.raw.Dst, what)
	}
	return fmt.Sprintf("r%d keeps %s, as r%d is needed for something "+
		"else", in.raw.Dst, what, in.raw.Src)
}

// callArgument tells for which argument of the call that follows an instruction is.
func (in instruction) callArgument() (why, act string) {
	call := in.index
	for call < len(in.code)-1 && in.reasoner.raw[call].OpCode.JumpOp() != asm.Call {
		call++
	}
	name, parameter, number := in.called(call), "", int(in.raw.Dst)
	called := &in.reasoner.raw[call]
	if h, known := helperOf(asm.BuiltinFunc(called.Constant)); known && called.IsBuiltinCall() {
		if names := h.parameters(); number >= 1 && number <= len(names) {
			parameter = " (" + names[number-1] + ")"
		}
	}
	if number < 1 || number > 5 {
		return fmt.Sprintf("for an argument of %s: ", name), in.act()
	}
	return fmt.Sprintf("argument %d of %s%s: ", number, name, parameter), in.argumentValue(number)
}

// argumentValue describes what an argument is: the operand of the call, or what the
// instruction does where reads have none.
func (in instruction) argumentValue(number int) string {
	if in.movesRegister() && in.raw.Src == asm.R10 {
		return "the end of the stack, and from there"
	}
	if in.afterFrame() {
		return in.act()
	}
	if in.op.Op == "store" || in.reads() {
		return in.readArgument(number)
	}
	if in.op.Op == "call" || in.op.Op == "invoke" {
		operand := in.operand(number - 1)
		if operand.Op == "const" {
			return in.constantArgument(number, operand.Number)
		}
		if operand.Op != "" && (operand.Op != "slot" || in.copies()) {
			return in.describe(operand)
		}
	}
	return in.act()
}

// readArgument is an argument of a read by a helper, which the code generator makes of a
// read, or of a read and the store of what it brings.
func (in instruction) readArgument(number int) string {
	to, from := &stage.Operation{}, in.op
	if in.op.Op == "store" {
		to, from = in.operand(0), in.operand(1)
	}
	adds := in.raw.OpCode.Class().IsALU() && in.raw.OpCode.ALUOp() == asm.Add
	switch {
	case in.moves() && !in.movesRegister():
		return fmt.Sprint(in.raw.Constant)
	case in.moves() && number == 1:
		return in.describe(to)
	case in.moves() && len(from.Args) > 0:
		return in.describe(in.byID(from.Args[0]))
	case adds && number == 1 && in.describe(to) == "the record":
		return fmt.Sprintf("byte %d of the record", in.raw.Constant)
	case adds && number == 3:
		if member := memberOf(from.Span); member != "" {
			return fmt.Sprintf("plus %d, where %s lies", in.raw.Constant, member)
		}
		return fmt.Sprintf("plus %d", in.raw.Constant)
	}
	return in.act()
}

// flags tell what numbers mean to helpers.
var flags = []struct {
	helper   string
	argument int
	value    int64
	is       string
}{
	{"bpf_map_update_elem", 4, 0, "whether the key is new or not"},
	{"bpf_map_update_elem", 4, 1, "only where the key is new"},
	{"bpf_ringbuf_reserve", 3, 0, "there are no flags for it"},
}

func (in instruction) constantArgument(number int, value int64) string {
	for _, f := range flags {
		if f.helper == in.op.Name && f.argument == number && f.value == value {
			return fmt.Sprintf("%d, %s", value, f.is)
		}
	}
	return fmt.Sprint(value)
}

// called is the name of what an instruction calls.
func (r *reasoner) called(i int) string {
	switch at := &r.raw[i]; {
	case at.IsBuiltinCall():
		h, _ := helperOf(asm.BuiltinFunc(at.Constant))
		return h.Name()
	case at.IsFunctionCall():
		return at.Reference()
	}
	return "the call"
}

// operand is the operation that number n of the operands is; an empty one where there is
// none.
//
//go:noinline
func (in instruction) operand(n int) *stage.Operation {
	if n < 0 || n >= len(in.op.Args) {
		return &stage.Operation{}
	}
	return in.byID(in.op.Args[n])
}

// byID is an operation of the same function; an empty one where it is gone.
//
//go:noinline
func (in instruction) byID(id int) *stage.Operation {
	if op := in.operations[operationID{in.at.Function, id}]; op != nil {
		return op
	}
	return &stage.Operation{}
}

// excerpt is a part of the script in one line, cut where it is long.
func excerpt(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-3]) + "..."
	}
	return text
}

// describe names a value.
func (in instruction) describe(op *stage.Operation) string {
	switch op.Op {
	case "const":
		return fmt.Sprint(op.Number)
	case "context":
		return "the context"
	case "slot":
		return in.slot(op)
	case "map":
		return "map " + op.Name
	case "data":
		return in.data(op.Name, int(op.Number))
	case "func":
		return "function " + op.Name
	case "parameter":
		return fmt.Sprintf("argument %d", op.Number+1)
	case "get":
		return cellName(op.Name)
	case "exchange", "fetchadd", "compareexchange":
		return "what was there"
	case "call":
		if contains(op.Span, in.op.Span) {
			return in.result(op)
		}
	}
	if op.Span.Source != nil && !contains(op.Span, in.op.Span) {
		return excerpt(op.Span.Text(), 30)
	}
	return "the value"
}

// contains reports whether a part of the script has another one in it, or is the same.
func contains(whole, part diag.Span) bool {
	return whole.Source == part.Source && whole.Start <= part.Start && part.End <= whole.End
}

// results name what helpers return.
var results = []struct{ helper, is string }{
	{"bpf_map_lookup_elem", "the address"}, {"bpf_ringbuf_reserve", "the record"},
	{"bpf_get_current_task", "the task"}, {"bpf_get_current_task_btf", "the task"}, {"bpf_ktime_get_ns", "the time"},
	{"bpf_get_smp_processor_id", "the CPU"}, {"bpf_get_stack", "the length"}, {"bpf_probe_read_kernel_str", "the length"},
	{"bpf_probe_read_user_str", "the length"}, {"bpf_get_current_comm", "0"},
}

// result names what a helper returned.
func (in instruction) result(call *stage.Operation) string {
	for _, r := range results {
		if r.helper == call.Name {
			return r.is
		}
	}
	return "the result"
}

// slotNames are what the compiler calls pieces of memory, where that is no noun.
var slotNames = []struct{ name, is string }{
	{"", "memory"}, {"captured", "memory that the body gets"}, {"passed", "memory that the " +
		"function gets"}, {"zero", "the first value"},
	{"new", "the new value"}, {"part", "a part of it"}, {"ids", "thread and process"}, {"$", "a variable"},
}

// slot names a piece of memory of the program's own, which is on the stack, or in the map
// for what has no room there.
func (in instruction) slot(op *stage.Operation) string {
	for _, s := range slotNames {
		if s.name == op.Name {
			return s.is
		}
	}
	if name := variable(op.Name); name != "" {
		return name
	}
	return "the " + op.Name
}

// variable is the name of a variable of the script; "" for what is none. Those of a
// function that is written out where it is called have its name before theirs.
func variable(name string) string {
	bare, is := strings.CutPrefix(name, "$")
	if !is || bare == "" {
		return ""
	}
	return "$" + bare[strings.LastIndexByte(bare, ' ')+1:]
}

// cellNames are what the compiler calls variables of its own, where that is no noun.
var cellNames = []struct{ name, is string }{
	{"rounds", "the number of rounds"}, {"old", "the old value"},
	{"larger", "the larger value"}, {"smaller", "the smaller value"}, {"same", "whether they are the same"},
	{"found", "the address that was found"}, {"row", "the address of the row"}, {"first", "the first bucket"},
	{"$", "the variable"},
}

// cellName names a variable: those of the compiler get an article.
func cellName(name string) string {
	for _, c := range cellNames {
		if c.name == name {
			return c.is
		}
	}
	if script := variable(name); script != "" {
		return script
	}
	return "the " + name
}

// sharedWords are the words at the start of the map data.
var sharedWords = []struct {
	offset int
	is     string
}{
	{object.DataDropped, "the count of lost records"}, {object.DataWakeup, "the word that says " +
		"whether ponytrace sleeps"},
	{object.DataStart, "the time at which the tracing " +
		"began"}, {object.DataStopped, "the switch that ends the tracing"},
	{object.DataCut, "the count of loops that were cut " +
		"off"}, {object.DataMissed, "the count of events that were missed"},
}

// data names the memory at an offset of an array map.
func (r *reasoner) data(name string, offset int) string {
	switch name {
	case object.PerCPUMap:
		return "the first row of map percpu"
	case object.ZeroMap:
		return "zeroes, from map zero"
	case object.GuardMap:
		return "the first mark of map guard"
	}
	if name == object.DataMap {
		for _, w := range sharedWords {
			if w.offset == offset {
				return w.is
			}
		}
		for _, m := range r.object.Maps {
			if text := dataOf(m, offset); text != "" {
				return text
			}
		}
	}
	return fmt.Sprintf("byte %d of map %s", offset, name)
}

// dataOf names the words that a map of the script has in the map data.
func dataOf(m *object.MapSpec, offset int) string {
	name := "@" + m.Name
	switch {
	case m.Storage == object.Slot && offset == m.Offset:
		return name
	case m.Storage == object.Slot && offset == m.Present:
		return "the mark that " + name + " has a value"
	case m.Other != "" && offset == m.Generation:
		return "the word that says which half of " + name + " is in use"
	case m.Kernel != "" && offset == m.Full:
		return "the count of keys refused by " + name
	case m.Kernel != "" && offset == m.Refusal:
		return "the last error of " + name
	case m.Inserted > 0 && offset == m.Inserted:
		return "the count of keys in " + name
	}
	return ""
}
