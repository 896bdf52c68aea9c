package event

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/simulate"
)

// Script is what the events are for. Stages may be nil: then no fields of structs are
// made but those that the events tell of.
type Script struct {
	Object *object.Object
	Stages *stage.Stages
	Target *target.Target
	// Start is the time before the first event; 0 stands for a second.
	Start uint64
	// Others: lines of probes that the script does not have are no mistakes. What they tell
	// of happens all the same, and takes its time.
	Others bool
}

// Events are those of a text. Repeated ones take no more room than one.
type Events struct{ list []repeated }

// repeated is one line: an event for each program that the probe has.
type repeated struct {
	programs []*simulate.Event // of the same time
	count    int
	every    uint64 // nanoseconds from one time to the next
}

// usualDistance is a microsecond.
const usualDistance = 1000

// All yields the events in the order of their times, which is not to be kept: the next
// one takes its place.
func (e *Events) All() iter.Seq[*simulate.Event] {
	return func(yield func(*simulate.Event) bool) {
		for _, line := range e.list {
			for n := range line.count {
				for _, event := range line.programs {
					one := *event
					one.Time += uint64(n) * line.every
					if !yield(&one) {
						return
					}
				}
			}
		}
	}
}

// Len is how many events All yields.
func (e *Events) Len() (n int) {
	for _, line := range e.list {
		n += line.count * len(line.programs)
	}
	return n
}

// Parse reads the lines of a source. Lines with mistakes make no events.
func Parse(source *diag.Source, script Script) (Events, diag.Diagnostics) {
	p := newParser(script)
	p.source = source
	for _, line := range scanLines(source, p.errorf) {
		if p.add(line); p.layout.full {
			p.errorf(line.span, "", "the events need more than %d MiB of memory", maxMemory>>20)
			break
		}
	}
	return p.events, p.problems.Sorted().Limited()
}

// Default is one event for each probe, in the order of the script, made from the types. Of
// the functions that a pattern stands for, it is the first.
func Default(script Script) Events {
	p := newParser(script)
	fired := map[string]bool{}
	for _, f := range p.firings {
		if f.index == 0 && !f.point.Once() && !fired[f.name] {
			fired[f.name] = true
			p.add(line{probe: &word{text: f.name}, count: 1})
		}
	}
	return p.events
}

// parser makes the events of a text.
type parser struct {
	script   Script
	source   *diag.Source
	firings  []firing
	named    map[string][]firing // by the name of the probe, and by a pattern
	used     map[string]bool     // names of fields in the script
	layout   *addresses
	start    uint64
	now      uint64
	left     int // events that may still come
	span     diag.Span
	events   Events
	problems diag.Diagnostics
}

// firing is a program and one of the places where it fires.
type firing struct {
	name    string // of the probe: "kprobe:vfs_read"
	program *object.ProgramSpec
	point   *object.Point
	at      string // the function, "" for other probes
	index   int    // of the function in its point
}

func newParser(script Script) *parser {
	p := &parser{script: script, layout: newAddresses(), now: script.Start, left: maxEvents}
	if p.now == 0 {
		p.now = 1e9
	}
	p.start = p.now
	p.used = map[string]bool{}
	if script.Stages != nil {
		p.used = fieldNames(script.Stages.Script)
	}
	for _, program := range script.Object.Programs {
		for i := range program.Points {
			p.firings = append(p.firings, firingsOf(program, &program.Points[i])...)
		}
	}
	p.named = map[string][]firing{}
	for _, f := range p.firings {
		p.named[f.name] = append(p.named[f.name], f)
		if f.point.Probe != f.name && f.index == 0 {
			p.named[f.point.Probe] = append(p.named[f.point.Probe], f)
		}
	}
	return p
}

func firingsOf(program *object.ProgramSpec, point *object.Point) (list []firing) {
	functions := point.Names()
	if len(functions) == 0 {
		return []firing{{name: point.Probe, program: program, point: point}}
	}
	kind, _, _ := strings.Cut(point.Probe, ":")
	for i, function := range functions {
		name := point.Probe
		if len(functions) > 1 {
			name = kind + ":" + function
		}
		list = append(list, firing{name, program, point, function, i})
	}
	return list
}

//go:noinline
func (p *parser) errorf(span diag.Span, hint, format string, args ...any) {
	problem := diag.Diagnostic{Span: span, Message: fmt.Sprintf(format, args...), Hint: hint}
	p.problems = append(p.problems, problem)
}

// names are those of the probes that events can be of, each once.
//
//go:noinline
func (p *parser) names() (names []string) {
	seen := map[string]bool{}
	for _, f := range p.firings {
		if !f.point.Once() && !seen[f.name] {
			seen[f.name] = true
			names = append(names, f.name)
		}
	}
	return names
}

// add makes the events of a line.
func (p *parser) add(l line) {
	p.span = l.span
	firings, ok := p.meant(l)
	if !ok || !p.room(l, len(firings)) {
		return
	}
	when, ok := p.when(l, everyOf(l, firings))
	if !ok {
		return
	}
	made := repeated{count: l.count, every: when.every}
	for _, f := range firings {
		event, ok := p.event(f, l)
		if !ok {
			return
		}
		event.Time = when.first
		made.programs = append(made.programs, event)
	}
	if l.meanwhile {
		p.meanwhile(l, made)
		return
	}
	p.now = when.first + uint64(l.count-1)*when.every
	p.events.list = append(p.events.list, made)
}

// meanwhile adds events to the one before: they happen while the last of its programs
// runs. Where the script does not have that one's probe, they are by themselves.
func (p *parser) meanwhile(l line, made repeated) {
	if len(p.events.list) == 0 {
		p.errorf(l.span, "", "meanwhile is during the event before, and this is the first")
		return
	}
	last := p.events.list[len(p.events.list)-1]
	before := last.programs
	if len(before) == 0 {
		p.events.list = append(p.events.list, made)
		return
	}
	if l.count *= last.count - 1; l.count > 0 && !p.room(l, len(made.programs)) {
		return
	}
	outer := before[len(before)-1]
	for range made.count {
		outer.Meanwhile = append(outer.Meanwhile, made.programs...)
	}
}

func (p *parser) room(l line, programs int) bool {
	if l.count > p.left/max(programs, 1) {
		return p.failed(l.span, "", "these are more than %d events", maxEvents)
	}
	p.left -= l.count * programs
	return true
}

// meant finds the programs of a line's probe.
func (p *parser) meant(l line) (firings []firing, ok bool) {
	if l.probe == nil {
		return p.only(l)
	}
	name := p.fullName(l.probe.text)
	firings = p.named[name]
	if period := namedPeriod(l.probe.text); period != 0 {
		firings = p.ticking(period)
	}
	switch {
	case len(firings) == 0 && p.script.Others:
		return nil, true
	case len(firings) == 0:
		hint := didYouMean(diag.Nearest(name, slices.Values(p.names()), 3))
		if hint == "" && len(p.names()) > 0 {
			hint = "it has " + some(p.names())
		}
		return nil, p.failed(l.probe.span, hint, "the script has no probe %s", l.probe.text)
	case firings[0].point.Once():
		return nil, p.failed(l.probe.span, "",
			"%s runs by itself: BEGIN before the first event, END after the last", l.probe.text)
	}
	return firings, true
}

// ticking are the programs of intervals of a period, however they are spelt.
func (p *parser) ticking(period uint64) (list []firing) {
	for _, f := range p.firings {
		if periodOf(f.point) == period {
			list = append(list, f)
		}
	}
	return list
}

// only is the one probe of a script, besides intervals where there are others.
func (p *parser) only(l line) (firings []firing, ok bool) {
	names := p.names()
	isInterval := func(name string) bool { return p.named[name][0].point.Mechanism.ByRuntime() }
	if others := slices.DeleteFunc(slices.Clone(names), isInterval); len(others) > 0 {
		names = others
	}
	switch len(names) {
	case 0:
		return nil, p.failed(l.span, "", "no event can happen: the script has only BEGIN and END")
	case 1:
		named := l
		named.probe = &word{text: names[0], span: l.span}
		return p.meant(named)
	}
	return nil, p.failed(l.span, "one of "+some(names), "which probe fires? The script has several")
}

// fullName takes the names of scripts: short ones of probe types, and of functions that
// have others today.
func (p *parser) fullName(text string) string {
	kind, rest, found := strings.Cut(text, ":")
	switch full := kindName(kind); {
	case full == "":
	case !found:
		return full
	default:
		kind = full
	}
	if !found {
		return text
	}
	name := kind + ":" + rest
	if p.named[name] != nil {
		return name
	}
	if successor, renamed := p.script.Target.Successor(rest); renamed {
		return kind + ":" + successor.New
	}
	return name
}

// kindName is the full name of a probe type, as points have it; "" for one that has none
// shorter.
func kindName(short string) string {
	switch strings.ToLower(short) {
	case "begin":
		return "begin"
	case "end":
		return "end"
	case "i":
		return "interval"
	case "p":
		return "profile"
	case "k":
		return "kprobe"
	case "kr":
		return "kretprobe"
	case "t":
		return "tracepoint"
	case "f", "kfunc":
		return "fentry"
	case "fr", "kretfunc":
		return "fexit"
	case "s":
		return "software"
	case "h":
		return "hardware"
	case "w":
		return "watchpoint"
	case "rt":
		return "rawtracepoint"
	}
	return ""
}

// Names that no probe has an own value of.
const (
	kernelStack = "kstack"
	userStack   = "ustack"
)

var globals = []string{
	"comm", "pid", "tid", "uid", "gid", "cpu", "cgroup", "nsecs", "after", kernelStack, userStack, "curtask",
}

// timing is when the events of a line happen.
type timing struct{ first, every uint64 }

func (p *parser) when(l line, period uint64) (t timing, ok bool) {
	t = p.usual(period)
	for _, a := range l.values {
		if a.name.text != "after" && a.name.text != "nsecs" {
			continue
		}
		n, ok := p.number(a.value, nil)
		switch {
		case !ok:
			return t, false
		case strings.HasPrefix(a.value.text, "-"):
			return t, p.failed(a.value.span, "", "times are not negative")
		case n > maxTime || a.name.text == "after" && n > maxTime/uint64(l.count):
			return t, p.failed(a.value.span, "", "that is too far in the future")
		case a.name.text == "after":
			t = timing{p.now + n, n}
		case n < p.now:
			return t, p.failed(a.value.span, "", "the event before is at %d ns, which is later", p.now)
		default:
			t.first = n
		}
	}
	return t, t.first <= maxTime || p.failed(l.span, "", "that is too far in the future")
}

// usual is when events happen that do not say when: those of an interval at its next tick,
// so that what comes after them is later still.
func (p *parser) usual(period uint64) timing {
	if period == 0 {
		return timing{p.now + usualDistance, usualDistance}
	}
	ticks := (p.now - p.start) / period
	return timing{p.start + (ticks+1)*period, period}
}

// maxTime is 30 years.
const maxTime = 1<<60 - 1

// event makes the event of one program.
func (p *parser) event(f firing, l line) (*simulate.Event, bool) {
	event := &simulate.Event{
		Program: f.program, Point: f.point, Full: l.full,
		Task:   simulate.Task{Comm: "app", PID: 1000, TID: 1000, UID: 1000, GID: 1000, Cgroup: 1},
		Values: map[asm.BuiltinFunc]uint64{asm.FnGetAttachCookie: uint64(f.point.ProbeName + f.index)},
	}
	s := &scene{parser: p, roots: newRoots(p.script.Target, f.point, f.at, newMemory(p.layout))}
	s.layOutTask(f.program, l.values)
	for _, a := range l.values {
		if !s.assign(event, a) {
			return nil, false
		}
	}
	s.fillTask(&event.Task)
	s.fill()
	s.commit()
	event.Context = s.context
	event.Memory, event.Types = s.memory.laidOut()
	s.stacks(f, event)
	return event, true
}

func (m *memory) laidOut() (map[uint64][]byte, map[uint64]*types.Type) {
	bytes, known := map[uint64][]byte{}, map[uint64]*types.Type{}
	for address, area := range m.objects {
		bytes[address] = area.bytes
		if area.typ != nil {
			known[address] = area.typ
		}
	}
	return bytes, known
}

// assign does what one name=value says.
func (s *scene) assign(event *simulate.Event, a assignment) bool {
	if known, ok := s.setTask(event, a); known {
		return ok
	}
	switch a.name.text {
	case "after", "nsecs":
		return true
	case "comm":
		return s.setComm(event, a)
	case kernelStack:
		return s.setStack(&event.Kernel, a.value)
	case userStack:
		return s.setStack(&event.User, a.value)
	}
	path, wrong, span := parsePath(a.name)
	if wrong != "" {
		return s.failed(span, "", "%s", wrong)
	}
	at, ok := s.follow(path)
	return ok && s.set(at, a.value)
}

// setTask sets a number of the task, or of where it runs; known is false for other names.
func (s *scene) setTask(e *simulate.Event, a assignment) (known, ok bool) {
	switch a.name.text {
	case "pid":
		alone := e.Task.TID == e.Task.PID
		ok = s.setNumber(a, maxProcess, func(n int) { e.Task.PID = n })
		if alone {
			e.Task.TID = e.Task.PID
		}
	case "tid":
		ok = s.setNumber(a, maxProcess, func(n int) { e.Task.TID = n })
	case "uid":
		ok = s.setNumber(a, 1<<32-1, func(n int) { e.Task.UID = n })
	case "gid":
		ok = s.setNumber(a, 1<<32-1, func(n int) { e.Task.GID = n })
	case "cpu":
		ok = s.setNumber(a, maxCPU, func(n int) { e.CPU = n })
	case "cgroup":
		ok = s.setNumber(a, 1<<62, func(n int) { e.Task.Cgroup = uint64(n) })
	default:
		return false, false
	}
	return true, ok
}

const (
	maxProcess = 1 << 22 // PID_MAX_LIMIT of include/linux/threads.h
	// maxCPU is the last of those that simulate has.
	maxCPU  = 3
	maxComm = 15
)

func (s *scene) setNumber(a assignment, most uint64, set func(int)) bool {
	n, ok := s.number(a.value, nil)
	switch {
	case !ok:
		return false
	case n > most:
		return s.failed(a.value.span, "", "%s is at most %d", a.name.text, most)
	}
	set(int(n))
	return true
}

func (s *scene) setComm(event *simulate.Event, a assignment) bool {
	if len(a.value.text) > maxComm || strings.Contains(a.value.text, "\x00") {
		return s.failed(a.value.span, "", "the name of a task has at most %d bytes", maxComm)
	}
	event.Task.Comm = a.value.text
	return true
}

func (s *scene) setStack(frames *[]report.Frame, v value) bool {
	*frames = nil
	for _, w := range append([]word{v.word}, v.more...) {
		for name := range strings.SplitSeq(w.text, ",") {
			frame, ok := frameOf(name)
			if !ok {
				return s.failed(w.span, stackHint, "%s is no function of a stack", name)
			}
			*frames = append(*frames, frame)
		}
	}
	if len(*frames) > maxFrames {
		return s.failed(v.span, "", "a stack has at most %d functions", maxFrames)
	}
	return true
}

const (
	maxFrames = 127
	stackHint = "kstack=vfs_read,ksys_read+0x2a,do_syscall_64"
)

// frameOf reads function+offset.
func frameOf(text string) (report.Frame, bool) {
	name, offset, found := strings.Cut(strings.TrimSpace(text), "+")
	frame := report.Frame{Function: name}
	if found {
		n, err := strconv.ParseUint(offset, 0, 32)
		if err != nil {
			return frame, false
		}
		frame.Offset = n
	}
	return frame, name != "" && len(name) <= maxName
}

const maxName = 512

// stacks are those of a system call that led to the function, where the line has none.
func (s *scene) stacks(f firing, event *simulate.Event) {
	if !slices.ContainsFunc(f.program.Instructions, func(i asm.Instruction) bool {
		return i.IsBuiltinCall() && asm.BuiltinFunc(i.Constant) == asm.FnGetStack
	}) {
		return
	}
	if event.Kernel == nil {
		for _, name := range []string{f.at, "do_syscall_64", "entry_SYSCALL_64_after_hwframe"} {
			if name != "" {
				event.Kernel = append(event.Kernel, report.Frame{Function: name})
			}
		}
	}
	if event.User == nil {
		event.User = []report.Frame{{Function: "main"}}
	}
}
