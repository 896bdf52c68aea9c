package object

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// Mechanism is the way in which a program gets its events. What is to be known of one is
// its record in mechanisms: no other code of the compiler compares mechanisms by name. A
// probe type chooses among some of them (builtin.ProbeType), and runtime/attach has a
// file for each.
type Mechanism uint8

const (
	// Run: the runtime runs the program itself (BEGIN, END, interval, self, bench).
	Run Mechanism = iota
	Kprobe
	Kretprobe
	KprobeMulti
	KretprobeMulti
	Fentry
	Fexit
	RawTracepoint
	Tracepoint
	// RawSyscall and Syscall are tracepoints of one system call through the raw or perf
	// tracepoint of all of them.
	RawSyscall
	Syscall
	Profile
	TypedTracepoint
	// Uprobe and Uretprobe are places in programs by perf, UprobeMulti and UretprobeMulti
	// by a link for many.
	Uprobe
	Uretprobe
	UprobeMulti
	UretprobeMulti
	// UprobeReturns and UprobeReturnsMulti are the instructions that return of functions that
	// Go has made, which end the program when a uretprobe replaces a return address.
	UprobeReturns
	UprobeReturnsMulti
	PerfEvent // a counter of the kernel or the CPU
	Watchpoint
	Iter
)

// Moment is when the program of a mechanism on functions fires.
type Moment uint8

const (
	AtEvent  Moment = iota // not on functions
	AtEntry                // a function is entered
	AtReturn               // a function returns
)

// Context is what a program is handed. Clauses share a program only where it is the same.
type Context uint8

const (
	NoContext     Context = iota
	FunctionRegs          // struct pt_regs of the CPU in the traced function
	ClockRegs             // the same, where a clock or another counter interrupted
	FunctionWords         // a word for each argument of the function, and one for its result
	EventWords            // a word for each argument of the tracepoint
	Record                // the record of perf
	CallWords             // the words of the tracepoint of all system calls
	CallRecord            // the record of perf of all system calls
	UserRegs              // struct pt_regs of the CPU at the traced place of a program
	ObjectWords           // a word for each thing that an iterator tells of an object
)

// record is what is to be known of a mechanism.
type record struct {
	name    string // as the kernel's documentation has it
	fires   Moment
	context Context
	// many: one link serves many functions.
	many bool
	// user: what is traced is a program, so that arguments are in its memory.
	user bool
	// typed: the verifier knows the types of the arguments, so that memory that they lead
	// to is read by direct loads.
	typed bool
	// plainer may serve where the kernel refuses this one; Run where there is none.
	plainer Mechanism
	// lacks says what a kernel does not have of what the mechanism needs, avoid why it is
	// not taken all the same. Both are empty where there is nothing to say, and continue
	// "because".
	lacks, avoid func(f *target.Features) string
	// exclusive: the kernel runs no such program inside of another (bpf_prog_active).
	exclusive bool
	// outermost: programs fire inside of no other, because the runtime runs them or a
	// process that enters the kernel. They are interrupted all the same.
	outermost bool
	// nests: the kernel may run the program inside of itself.
	nests func(f *target.Features) bool
	// preempted: the kernel may run another task, and programs for it, before the program
	// ends. What runs with preemption or interrupts off is not.
	preempted func(f *target.Features) bool
	// framed: the program, and what calls it, stand in the stack that bpf_get_stack
	// returns.
	framed bool
	// calls: one attachment at the tracepoint of all system calls serves all points of a
	// program.
	calls bool
	// overrides: a program may replace the function (bpf_override_return).
	overrides bool
}

var mechanisms = [...]record{
	Run: {name: "ponytrace itself", outermost: true, framed: true},
	Kprobe: {name: "kprobe", fires: AtEntry, context: FunctionRegs, exclusive: true, overrides: true,
		lacks: withoutKprobes},
	Kretprobe: {name: "kretprobe", fires: AtReturn, context: FunctionRegs, exclusive: true,
		lacks: withoutKprobes},
	KprobeMulti: {name: "kprobe_multi", fires: AtEntry, context: FunctionRegs, many: true, exclusive: true,
		plainer: Kprobe, lacks: withoutMulti},
	KretprobeMulti: {name: "kretprobe_multi", fires: AtReturn, context: FunctionRegs, many: true, exclusive: true,
		plainer: Kretprobe, lacks: withoutMulti},
	Fentry: {name: "fentry", fires: AtEntry, context: FunctionWords, typed: true, framed: true,
		plainer: Kprobe, lacks: withoutTrampolines, avoid: looseTrampolines, nests: trampolineNests, preempted: preemptible},
	Fexit: {name: "fexit", fires: AtReturn, context: FunctionWords, typed: true, framed: true,
		plainer: Kretprobe, lacks: withoutTrampolines, avoid: looseTrampolines, nests: trampolineNests, preempted: preemptible},
	RawTracepoint: {name: "raw tracepoint", context: EventWords, framed: true,
		plainer: Tracepoint, lacks: withoutRaw, avoid: rawLoses, nests: rawNests, preempted: rawPreempted},
	Tracepoint: {name: "perf tracepoint", context: Record, exclusive: true},
	RawSyscall: {name: "raw tracepoint of all system calls", context: CallWords, framed: true, calls: true, outermost: true,
		plainer: Tracepoint, lacks: withoutRaw, avoid: rawLoses, preempted: rawPreempted},
	Syscall: {name: "perf tracepoint of all system calls", context: CallRecord, calls: true, exclusive: true,
		plainer: Tracepoint, avoid: rawKeeps},
	Profile: {name: "perf clock", context: ClockRegs, exclusive: true},
	TypedTracepoint: {name: "typed raw tracepoint", context: EventWords, typed: true, framed: true,
		plainer: RawTracepoint, lacks: withoutTypedRaw, nests: rawNests, preempted: rawPreempted},
	Iter: {name: "iterator", context: ObjectWords, typed: true, framed: true, outermost: true, preempted: preemptible},
	Uprobe: {name: "uprobe", fires: AtEntry, context: UserRegs, user: true, outermost: true,
		lacks: withoutUprobes, preempted: preemptible},
	Uretprobe: {name: "uretprobe", fires: AtReturn, context: UserRegs, user: true, outermost: true,
		lacks: withoutUprobes, preempted: preemptible},
	UprobeMulti: {name: "uprobe_multi", fires: AtEntry, context: UserRegs, user: true, outermost: true,
		many: true, plainer: Uprobe, lacks: withoutUprobeMulti, preempted: preemptible},
	UretprobeMulti: {name: "uretprobe_multi", fires: AtReturn, context: UserRegs, user: true, outermost: true,
		many: true, plainer: Uretprobe, lacks: withoutUprobeMulti, preempted: preemptible},
	UprobeReturns: {name: "uprobe at each return instruction", fires: AtReturn, context: UserRegs,
		user: true, outermost: true, lacks: withoutUprobes, preempted: preemptible},
	UprobeReturnsMulti: {name: "uprobe_multi at each return instruction", fires: AtReturn,
		context: UserRegs, user: true, outermost: true, many: true, plainer: UprobeReturns,
		lacks: withoutUprobeMulti, preempted: preemptible},
	PerfEvent:  {name: "perf event", context: ClockRegs, exclusive: true},
	Watchpoint: {name: "watchpoint", context: ClockRegs, exclusive: true},
}

func withoutUprobes(f *target.Features) string {
	return unless(f.Uprobe, "this kernel is built without uprobes (CONFIG_UPROBE_EVENTS)")
}

func withoutUprobeMulti(f *target.Features) string {
	return unless(f.UprobeMulti, "this kernel has no uprobe_multi (Linux 6.6)")
}

func withoutKprobes(f *target.Features) string {
	return unless(f.Kprobe, "this kernel is built without kprobes")
}

func withoutMulti(f *target.Features) string {
	return unless(f.KprobeMulti, "this kernel has no kprobe_multi (Linux 5.18, CONFIG_FPROBE)")
}

func withoutTrampolines(f *target.Features) string {
	return unless(f.Fentry, "this kernel has no fentry (Linux 5.5, CONFIG_DYNAMIC_FTRACE, BTF), or does not permit it")
}

func trampolineNests(f *target.Features) bool { return !f.TracingGuard }

// looseTrampolines: where there are kprobes, they are taken.
func looseTrampolines(f *target.Features) string {
	switch {
	case !f.Kprobe:
		return ""
	case !f.TracingGuard:
		return "this kernel may run fentry inside of itself until its stack is gone (Linux before 5.12)"
	}
	return unless(!f.PreemptedTracing, preemptedWhy)
}

const preemptedWhy = "this kernel preempts the cheaper program, and leaves out what other threads do meanwhile"

func withoutRaw(f *target.Features) string {
	return unless(f.RawTracepoint, "this kernel has no raw tracepoints (Linux 4.17)")
}

func withoutTypedRaw(f *target.Features) string {
	return unless(f.TypedTracepoint, "this kernel has no raw tracepoints with types (Linux 5.5, BTF)")
}

func rawNests(f *target.Features) bool { return !f.RawTracepointGuard }

func preemptible(f *target.Features) bool  { return f.Preemptible }
func rawPreempted(f *target.Features) bool { return f.PreemptedTracepoint }

func rawLoses(f *target.Features) string {
	return unless(!f.PreemptedTracepoint, preemptedWhy)
}

func rawKeeps(f *target.Features) string {
	return unless(f.PreemptedTracepoint, "this kernel does not preempt the raw one, which costs less")
}

func unless(holds bool, why string) string {
	if holds {
		return ""
	}
	return why
}

// Mechanisms are all that there are.
func Mechanisms() []Mechanism {
	list := make([]Mechanism, len(mechanisms))
	for i := range list {
		list[i] = Mechanism(i)
	}
	return list
}

//go:noinline
func (m Mechanism) record() *record {
	if int(m) >= len(mechanisms) {
		return &record{name: "an unknown mechanism"}
	}
	return &mechanisms[m]
}

// String names the mechanism as the kernel's documentation does.
func (m Mechanism) String() string { return m.record().name }

// Fires is the moment, and OnFunctions whether that is one of a function.
func (m Mechanism) Fires() Moment     { return m.record().fires }
func (m Mechanism) OnFunctions() bool { return m.record().fires != AtEvent }

// Context is what a program is handed, Registers whether that begins with struct pt_regs,
// Words whether it is a word for each argument, and Typed whether the verifier knows
// their types.
func (m Mechanism) Context() Context { return m.record().context }
func (m Mechanism) Registers() bool {
	return m.Context() == FunctionRegs || m.Context() == ClockRegs || m.User()
}
func (m Mechanism) Words() bool {
	switch m.Context() {
	case FunctionWords, EventWords, ObjectWords:
		return true
	}
	return false
}
func (m Mechanism) Typed() bool { return m.record().typed }

// User reports whether what is traced is a place in a program, so that the context is
// struct pt_regs of a process, and arguments on its stack are read as user memory.
func (m Mechanism) User() bool { return m.record().user }

// Many reports whether one link serves many functions.
func (m Mechanism) Many() bool { return m.record().many }

// Iterates reports whether the kernel runs the program once for each of its objects, when
// the runtime asks for that.
func (m Mechanism) Iterates() bool { return m.Context() == ObjectWords }

// ByRuntime reports whether nothing is attached, because the runtime runs the program.
func (m Mechanism) ByRuntime() bool { return m == Run }

// AllCalls reports whether one attachment serves all system calls of a program.
func (m Mechanism) AllCalls() bool { return m.record().calls }

// Overrides reports whether a program may replace what it traces.
func (m Mechanism) Overrides() bool { return m.record().overrides }

// Framed reports whether the program stands in the kernel's stack that it reads.
func (m Mechanism) Framed() bool { return m.record().framed }

// Exclusive reports whether the kernel runs no such program inside of another, Outermost
// whether it fires inside of none, and Nests whether the kernel may run it inside of
// itself.
func (m Mechanism) Exclusive() bool { return m.record().exclusive }
func (m Mechanism) Outermost() bool { return m.record().outermost }
func (m Mechanism) Nests(f *target.Features) bool {
	return m.record().nests != nil && m.record().nests(f)
}

// Preempted reports whether the kernel may run another task, and programs for it, before
// the program ends.
func (m Mechanism) Preempted(f *target.Features) bool {
	return m.record().preempted != nil && m.record().preempted(f)
}

// OwnFrame is how many bytes of a frame surely are the program's own until it ends. From
// some size on the kernel may have the frame in memory of the CPU, and keep nobody away
// who comes to it meanwhile.
func (m Mechanism) OwnFrame(f *target.Features) int {
	if m.User() && f.PrivateStack && m.Preempted(f) {
		return privateStack - stackRounding
	}
	return bpfStack
}

// How the kernel sizes frames: all in bytes.
const (
	bpfStack      = 512 // MAX_BPF_STACK
	privateStack  = 64  // BPF_PRIV_STACK_MIN_SIZE, of the frame as it was rounded up
	stackRounding = 16  // round_up_stack_depth
)

// Plainer is the mechanism that may serve where the kernel refuses this one.
func (m Mechanism) Plainer() (plainer Mechanism, ok bool) {
	plainer = m.record().plainer
	return plainer, plainer != Run
}

// Lacks says what a kernel lacks for the mechanism, Avoid also why it is not to be taken
// there; empty for nothing.
func (m Mechanism) Lacks(f *target.Features) string { return said(m.record().lacks, f) }
func (m Mechanism) Avoid(f *target.Features) string {
	if lacks := m.Lacks(f); lacks != "" {
		return lacks
	}
	return said(m.record().avoid, f)
}

func said(why func(*target.Features) string, f *target.Features) string {
	if why == nil {
		return ""
	}
	return why(f)
}

// PassedOver is a mechanism that would cost less, and why it was not taken.
type PassedOver struct {
	Mechanism Mechanism
	Why       string
}

// Choice tells the mechanism of a point, and why none that costs less.
func (p *Point) Choice() string {
	text := "attached by " + p.Mechanism.String()
	if len(p.Over) == 1 {
		return text + ", because " + p.Over[0].Why + p.moved()
	}
	reasons := make([]string, len(p.Over))
	for i, over := range p.Over {
		reasons[i] = "; not by " + over.Mechanism.String() + ", because " + over.Why
	}
	return text + strings.Join(reasons, "") + p.moved()
}

// moved tells of the first place that is not where it was asked for.
func (p *Point) moved() string {
	at, _ := p.At.(UserPoint)
	first, others := "", -1
	for _, place := range at.Places {
		if place.Moved != "" {
			first, others = cmp.Or(first, place.Moved), others+1
		}
	}
	switch {
	case first == "":
		return ""
	case others == 0:
		return "; " + first
	}
	return fmt.Sprintf("; %s, and %d more so", first, others)
}
