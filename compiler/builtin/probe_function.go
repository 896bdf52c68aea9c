package builtin

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// mechanisms are the ways to trace one end of kernel functions, cheapest last.
type mechanisms struct {
	plain, multi, tracing object.Mechanism
	tracingAttach         ebpf.AttachType
	tracingName           string
	probe                 string // that chooses among all
}

var (
	entryMechanisms  = mechanisms{object.Kprobe, object.KprobeMulti, object.Fentry, ebpf.AttachTraceFEntry, "fentry", "kprobe"}
	returnMechanisms = mechanisms{object.Kretprobe, object.KretprobeMulti, object.Fexit, ebpf.AttachTraceFExit, "fexit", "kretprobe"}
)

func (m mechanisms) all() []object.Mechanism { return []object.Mechanism{m.tracing, m.multi, m.plain} }

// maxTypedFunctions bounds how many programs one clause compiles to when its arguments
// must be typed function by function; above it they are plain numbers.
const maxTypedFunctions = 512

// functionSites makes the sites of one attach point.
type functionSites struct {
	Expansion
	mechanisms
	at     At
	module string // as written, or empty
	name   Part   // of the function
	offset uint64
	// matched: the name is a pattern.
	matched bool
	// only: the probe type leaves no choice but tracing programs.
	only bool
	// refused: it was said that a function is not safe to trace as the user wants.
	refused bool
	// leftOut is a function of a pattern that cannot be traced, and why.
	leftOut string
}

func newFunctionSites(x Expansion, m mechanisms, at At) *functionSites {
	f := &functionSites{Expansion: x, mechanisms: m, at: at, name: at.Parts[len(at.Parts)-1]}
	if len(at.Parts) == 2 {
		f.module = at.Parts[0].Text
	}
	return f
}

// resolve finds the functions that are meant.
func (f *functionSites) resolve() []string {
	pattern, ok := f.split(f.name)
	if !ok {
		return nil
	}
	f.matched = strings.ContainsAny(f.module+pattern, "*?[")
	return f.names(pattern)
}

func expandFunction(m mechanisms) func(Expansion, At) []*Site {
	return func(x Expansion, at At) []*Site {
		f := newFunctionSites(x, m, at)
		names := f.withoutLockedReturns(f.resolve())
		switch {
		case len(names) == 0 || f.contradicted():
			return nil
		case x.Forced() == forcedMulti:
			return f.forcedMany(names)
		case len(names) == 1:
			return f.one(names[0])
		case x.Forced() == "fentry":
			return f.each(names)
		case x.UsesArguments() && len(names) <= maxTypedFunctions:
			return f.each(names)
		}
		return f.many(names)
	}
}

// split takes the offset off `function+0x10`.
func (f *functionSites) split(part Part) (pattern string, ok bool) {
	pattern, offset, found := strings.Cut(part.Text, "+")
	if !found {
		return pattern, true
	}
	n, err := strconv.ParseUint(offset, 0, 32)
	if err != nil || f.only || !f.plain.Overrides() {
		f.Errorf(part.Span, "only a kprobe takes an offset, a number of bytes: kprobe:%s+0x10", pattern)
		return "", false
	}
	f.offset = n
	return pattern, true
}

// names resolves what is written to traceable functions, successors of renamed ones
// included.
func (f *functionSites) names(pattern string) []string {
	span := f.name.Span
	switch {
	case f.matched:
		return f.match(pattern)
	case pattern == "":
		f.Errorf(f.at.Span, "%s has no function", f.at.Text())
		f.Hint("%s", f.at.Probe.Meant(f.Target(), f.at))
		return nil
	case digits(pattern, 0) > 0:
		f.Errorf(span, "functions are traced by name, and %s is an address", pattern)
		f.Hint("/proc/kallsyms has the name; any instruction is its function and an offset: kprobe:vfs_read+0x10")
		return nil
	case f.Target().Traceable(pattern):
		return f.inModule(pattern)
	}
	if rename, ok := f.Target().Successor(pattern); ok {
		f.Renamed(span, pattern, rename.New, rename.Since)
		return []string{rename.New}
	}
	var near []string
	if f.Hinting() {
		near = f.Target().Nearest(pattern)
	}
	if tracepoint, ok := f.Target().TracepointFor(pattern); ok {
		near = []string{"tracepoint:" + tracepoint}
	}
	if kind := functionEvents[pattern]; kind != "" && f.Target().Traceable(f.module) {
		near = []string{kind + ":" + f.module}
	}
	if part, left := f.Target().PartOf(pattern); left {
		f.Missing(span, near, "%s was inlined: of it there is only %s, which sees some of the calls", pattern, part)
		return nil
	}
	f.Missing(span, near, "this kernel has no traceable function %s", pattern)
	return nil
}

// functionEvents are words behind a function, as in kprobe:vfs_read:entry, and the probes
// that are meant.
var functionEvents = map[string]string{"entry": "kprobe", "return": "kretprobe", "exit": "kretprobe"}

func (f *functionSites) match(pattern string) []string {
	names, err := f.Target().MatchFunctions(pattern)
	if f.module != "" {
		names, err = f.Target().MatchFunctionsIn(f.module, pattern)
	}
	switch {
	case err != nil:
		f.Errorf(f.name.Span, "%v", err)
	case len(names) == 0 && f.module != "":
		f.Missing(f.name.Span, nil, "no traceable function of %s matches %s", f.module, pattern)
	case len(names) == 0:
		f.Missing(f.name.Span, nil, "no traceable kernel function matches %s", pattern)
	}
	return names
}

// inModule checks that a function is part of the module that is written before it.
func (f *functionSites) inModule(name string) []string {
	if f.module != "" {
		if module := f.Target().Module(name); module != f.module {
			f.Missing(f.at.Parts[0].Span, []string{module}, "%s is not part of %s", name, f.module)
			return nil
		}
	}
	return []string{name}
}

// modules are those of some functions, where the script has a module or a pattern of them.
func (f *functionSites) modules(names []string) (list []string) {
	for _, name := range names {
		switch {
		case strings.ContainsAny(f.module, "*?["):
			list = append(list, f.Target().Module(name))
		case f.module != "":
			list = append(list, f.module)
		}
	}
	return list
}

func (f *functionSites) probe(name string) string {
	if modules := f.modules([]string{name}); modules != nil {
		name = modules[0] + ":" + name
	}
	if f.offset > 0 {
		return f.at.Probe.Name + ":" + name + "+" + strconv.FormatUint(f.offset, 10)
	}
	return f.at.Probe.Name + ":" + name
}

// forcedMulti is the value of --attach for one link that serves many functions, or one.
const forcedMulti = "kprobe_multi"

// forcedMany traces functions by one link. Of a single one the arguments have types.
func (f *functionSites) forcedMany(names []string) []*Site {
	why := cmp.Or(f.multi.Lacks(&f.Target().Features), f.Refused(f.at.Text()))
	if f.offset > 0 {
		why = "only kprobes trace inside of a function"
	}
	if why != "" {
		f.cannot(f.name.Span, f.at.Text(), why)
		return nil
	}
	site := f.linked(names)
	if len(names) == 1 && f.UsesArguments() {
		site.Scope.Function, _ = f.Target().Function(names[0])
	}
	return []*Site{site}
}

// linked traces functions through one program and one link.
func (f *functionSites) linked(names []string, over ...object.PassedOver) *Site {
	site := f.site(f.multi, names[0], nil)
	site.Attach = ebpf.AttachTraceKprobeMulti
	site.Points[0].At = object.FunctionPoint{Functions: names, Modules: f.modules(names)}
	site.Points[0].Probe, site.Points[0].Over = f.at.Text(), over
	site.Scope.Symbols = len(names)
	return site
}

func (f *functionSites) each(names []string) []*Site {
	var sites []*Site
	for _, name := range names {
		sites = append(sites, f.one(name)...)
	}
	return sites
}

// one traces a single function by the cheapest mechanism that serves it.
func (f *functionSites) one(name string) []*Site {
	var function *target.Function
	why := f.notTracing(name)
	if f.offset == 0 && (f.UsesArguments() || why == "") {
		function, _ = f.Target().Function(name)
	}
	if why == "" {
		why = notServed(function)
	}
	switch {
	case f.Forced() == "fentry" && f.refused:
		return nil
	case f.Forced() == "fentry" && why != "":
		f.cannot(f.name.Span, f.probe(name), why)
		return nil
	case why == "":
		return []*Site{f.tracingSite(name, function)}
	}
	site := f.site(f.plain, name, function)
	if f.keepsReturns(name) {
		site = f.site(f.multi, name, function)
		site.Attach = ebpf.AttachTraceKprobeMulti
	}
	site.Points[0].Over = []object.PassedOver{{Mechanism: f.tracing, Why: why}}
	return []*Site{site}
}

func (f *functionSites) tracingSite(name string, function *target.Function) *Site {
	site := f.site(f.tracing, name, function)
	site.Type, site.Attach, site.AttachTo = ebpf.Tracing, f.tracingAttach, name
	return site
}

// keepsReturns chooses the link for many functions where a kretprobe would leave out
// returns.
func (f *functionSites) keepsReturns(name string) bool {
	features := f.Target().Features
	return f.plain.Fires() == object.AtReturn && features.KprobeMulti && features.ReturnStack && f.Mechanism() == "" && f.Refused(f.probe(name)) == ""
}

// withoutLockedReturns leaves out functions at whose return the kernel could hang: those
// that programs run through while they hold a lock, where it holds one of its own at each
// return. A function that is named is an error.
func (f *functionSites) withoutLockedReturns(names []string) []string {
	if f.plain.Fires() != object.AtReturn || f.Target().Features.UnlockedReturns {
		return names
	}
	var kept, left []string
	for _, name := range names {
		if _, reentered := target.Reentered(name); reentered {
			left = append(left, name)
		} else {
			kept = append(kept, name)
		}
	}
	switch {
	case len(left) == 0:
	case len(kept) == 0:
		f.Errorf(f.name.Span, "%s is not safe to trace at its return on this kernel (Linux before 5.11): programs run through it, and the kernel could hang", left[0])
		f.Hint("its entry is safe: kprobe:%s", left[0])
	default:
		f.Notice("%s: %d of %d functions are left out, as %s: programs run through them, and at their return this kernel could hang (Linux before 5.11)",
			f.at.Text(), len(left), len(names), left[0])
	}
	return kept
}

// contradicted reports a clause that needs what --attach excludes.
func (f *functionSites) contradicted() bool {
	forced, needed := f.Forced(), f.Mechanism()
	switch {
	case (forced == "fentry" || forced == forcedMulti) && needed == "kprobe":
		f.cannot(f.at.Span, f.at.Span.Text(), "the clause needs the registers of the CPU, which only kprobes give")
	case (forced == "kprobe" || forced == forcedMulti) && needed == "fentry":
		f.cannot(f.at.Span, f.at.Span.Text(), "the clause needs arguments that the verifier knows by their types, which only fentry gives")
	default:
		return false
	}
	return true
}

func (f *functionSites) cannot(span diag.Span, probe, reason string) {
	f.Errorf(span, "--attach %s cannot serve %s: %s", f.Forced(), probe, reason)
}

func (f *functionSites) site(m object.Mechanism, name string, function *target.Function) *Site {
	return &Site{
		Scope:  Scope{Probe: f.at.Probe, Mechanism: m, Function: function, Symbols: 1},
		Type:   ebpf.Kprobe,
		Points: []object.Point{f.point(m, name)},
	}
}

func (f *functionSites) point(m object.Mechanism, name string) object.Point {
	return object.Point{
		Probe: f.probe(name), Mechanism: m, Optional: f.matched || f.Optional(),
		At: object.FunctionPoint{Functions: []string{name}, Modules: f.modules([]string{name}), Offset: f.offset},
	}
}

// notTracing says why tracing programs are not taken; empty where they are forced, or
// cheapest and unable to harm the kernel.
func (f *functionSites) notTracing(name string) (why string) {
	reentry, reentered := target.Reentered(name)
	forced := f.forcesTracing()
	switch refused := f.Refused(f.probe(name)); {
	case f.offset > 0:
		return "only kprobes trace inside of a function"
	case refused != "":
		return refused
	case forced && reentered:
		f.refuseTracing(name, reentry)
		return reentry
	case forced:
		return f.tracing.Lacks(&f.Target().Features)
	case f.Mechanism() != "":
		return asked(f)
	case reentered:
		return reentry
	}
	return f.tracing.Avoid(&f.Target().Features)
}

// asked says that the choice is not ours.
func asked(x Expansion) string {
	if x.Mechanism() == x.Forced() {
		return "--attach " + x.Forced() + " excludes it"
	}
	return "the clause needs what only " + x.Mechanism() + " gives"
}

func (f *functionSites) forcesTracing() bool {
	forced := f.Mechanism()
	return forced != "" && (forced == f.tracingName || forced == "fentry")
}

// refuseTracing reports, once for an attach point, a function that programs run through.
func (f *functionSites) refuseTracing(name, why string) {
	if f.refused {
		return
	}
	f.refused = true
	f.Errorf(f.name.Span, "%s is not safe to trace by %s: %s, and the kernel could hang", name, f.tracingName, why)
	if f.only {
		f.Hint("a kprobe is safe there, because the kernel runs no other program meanwhile: write %s:%s", f.mechanisms.probe, name)
		return
	}
	f.Hint("a kprobe is safe there, because the kernel runs no other program meanwhile: leave the choice to ponytrace (--attach auto)")
}

// notServed says why tracing programs do not serve a function: it has arguments that have
// no words of their own in the context, or returns a struct.
func notServed(function *target.Function) (why string) {
	switch {
	case function == nil:
		return "the kernel's BTF does not describe the function"
	case function.Variadic:
		return "the function takes any number of arguments"
	case function.Return != nil && !function.Return.Scalar():
		return "the function returns a struct"
	}
	for _, param := range function.Params {
		if param.Slot < 0 {
			return "an argument of the function is passed in a way that fentry does not know"
		}
	}
	return ""
}

// many traces functions through one program: by one link where the kernel has
// kprobe_multi, else one kprobe each. Without attach cookies only a program of its own
// knows where it is.
func (f *functionSites) many(names []string) []*Site {
	over := []object.PassedOver{{Mechanism: f.tracing, Why: f.notEach(len(names))}}
	lacks := f.multi.Lacks(&f.Target().Features)
	if lacks == "" && f.Mechanism() != "kprobe" {
		return []*Site{f.linked(names, over...)}
	}
	if f.UsesProbeName() && !f.Target().Features.AttachCookie {
		return f.each(names)
	}
	if f.Mechanism() == "kprobe" {
		lacks = asked(f)
	}
	over = append(over, object.PassedOver{Mechanism: f.multi, Why: lacks})
	site := f.site(f.plain, names[0], nil)
	site.Scope.Symbols = len(names)
	site.Points = nil
	for _, name := range names {
		point := f.point(f.plain, name)
		point.Over = over
		site.Points = append(site.Points, point)
	}
	return []*Site{site}
}

// notEach says why functions do not get a tracing program each.
func (f *functionSites) notEach(functions int) string {
	if f.Mechanism() != "" {
		return asked(f)
	}
	if why := f.tracing.Avoid(&f.Target().Features); why != "" {
		return why
	}
	return fmt.Sprintf("%s takes a program for each of %d functions", f.tracing, functions)
}
