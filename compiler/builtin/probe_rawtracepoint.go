package builtin

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// A raw tracepoint hands the program what the kernel's code hands the tracepoint, before
// perf makes a record of it:
//
//	trace_sched_switch(preempt, prev, next, prev_state)    the call in the kernel
//	typedef void (*btf_trace_sched_switch)(void *, bool preempt, struct task_struct *prev, ...)
//	args.prev->comm, arg1                                  what a clause reads
//
// The type is in the kernel's BTF. Without it, argN are numbers. Some of these
// tracepoints have no event of tracefs.
// https://elixir.bootlin.com/linux/v6.12/source/include/trace/bpf_probe.h

var rawTracepointProbe = &ProbeType{
	Info: Info{Name: "rawtracepoint", Signature: "rawtracepoint:[MODULE:]NAME",
		Doc: "Fires at a static tracepoint of the kernel, with the arguments that the kernel's code gives it: " +
			"args.NAME with their types from BTF, or arg0, arg1 and so on. The name may hold * ? and [...]; " +
			"the module of the kernel itself is vmlinux.",
		Example: `rawtracepoint:sched_switch { @[args.next->comm] = count() }`},
	Aliases:  []string{"rt"},
	MinParts: 1, MaxParts: 2, Numbered: true,
	Mechanisms: []object.Mechanism{object.TypedTracepoint, object.RawTracepoint}, Expand: expandRawTracepoint,
	Meant: meantRawTracepoint, List: listRawTracepoints, Arguments: rawArguments,
}

func expandRawTracepoint(x Expansion, at At) (sites []*Site) {
	name := at.Parts[len(at.Parts)-1]
	names := []string{name.Text}
	if at.pattern() {
		names = slices.Sorted(maps.Keys(rawTracepoints(x.Target(), name.Text)))
	}
	if len(at.Parts) == 2 {
		names = rawInModule(x, at, names)
	}
	for _, name := range names {
		if site := rawTracepointSite(x, at, name); site != nil {
			sites = append(sites, site)
		}
	}
	if len(sites) == 0 && at.pattern() {
		x.Missing(name.Span, nil, "no raw tracepoint that can be traced matches %s", name.Text)
	}
	return sites
}

// rawInModule keeps the tracepoints of the module, or pattern of modules, that is written
// before them.
func rawInModule(x Expansion, at At, names []string) (kept []string) {
	written, t := at.Parts[0], x.Target()
	for _, name := range names {
		module, events := t.RawTracepointModule(name), eventsNamed(t, name)
		switch {
		case module != "" && fits(written.Text, module):
			kept = append(kept, name)
		case at.pattern():
		case slices.Contains(events, written.Text):
			x.Errorf(written.Span, "%s is a category of tracepoints, and no module", written.Text)
			x.Hint("write rawtracepoint:%s", name)
		case len(events) == 0 && module == "":
			missingRaw(x, at, name)
		case module == "":
			x.Errorf(written.Span, "this kernel does not tell which module %s is part of", name)
			x.Hint("write rawtracepoint:%s", name)
		default:
			x.Missing(written.Span, []string{module}, "%s is not part of %s", name, written.Text)
		}
	}
	return kept
}

// rawProbe names the probe of a tracepoint, with the module where the script has one.
func rawProbe(x Expansion, at At, name string) string {
	if len(at.Parts) == 1 {
		return at.Probe.Name + ":" + name
	}
	return at.Probe.Name + ":" + x.Target().RawTracepointModule(name) + ":" + name
}

// rawTracepointSite is that of one tracepoint; nil where there is none, or programs run
// through it.
func rawTracepointSite(x Expansion, at At, name string) *Site {
	params, typed := x.Target().RawTracepoint(name)
	events := eventsNamed(x.Target(), name)
	switch category, reentered := reenteredIn(events, name); {
	case reentered && at.pattern():
		return nil
	case reentered:
		x.Errorf(at.Parts[len(at.Parts)-1].Span, "%s is not safe to trace by a raw tracepoint: programs run through it, and the kernel could hang", name)
		x.Hint("the kernel runs no other program meanwhile at tracepoint:%s:%s", category, name)
		return nil
	case !typed && len(events) == 0:
		missingRaw(x, at, name)
		return nil
	}
	point := object.Point{
		Probe: rawProbe(x, at, name), Mechanism: object.RawTracepoint, At: object.TracepointPoint{Name: name},
		Optional: x.Optional() || at.pattern(), Only: true,
	}
	site := rawSite(at, point)
	if typed {
		site.Scope.Function = &target.Function{Name: name, Params: params}
	}
	if x.UsesArguments() {
		typedRaw(x, site, typed)
	}
	return site
}

// typedRaw lets the verifier know the arguments by their types, where that can be.
func typedRaw(x Expansion, site *Site, described bool) {
	point := &site.Points[0]
	why := object.TypedTracepoint.Avoid(&x.Target().Features)
	switch refused := x.Refused(point.Probe); {
	case !described:
		why = "the kernel's BTF does not describe the tracepoint"
	case why == "":
		why = refused
	}
	if why != "" {
		point.Over = []object.PassedOver{{Mechanism: object.TypedTracepoint, Why: why}}
		return
	}
	site.Type, site.Attach, site.AttachTo = ebpf.Tracing, ebpf.AttachTraceRawTp, point.At.(object.TracepointPoint).Name
	point.Mechanism, site.Scope.Mechanism, point.Only = object.TypedTracepoint, object.TypedTracepoint, false
}

// eventsNamed are the categories in which tracefs lists an event of the tracepoint.
func eventsNamed(t *target.Target, name string) (categories []string) {
	if strings.ContainsAny(name, `*?[\`) {
		return nil
	}
	return rawTracepoints(t, name)[name]
}

func reenteredIn(categories []string, name string) (category string, reentered bool) {
	i := slices.IndexFunc(categories, func(category string) bool { return target.ReenteredEvent(category, name) })
	if i < 0 {
		return "", false
	}
	return categories[i], true
}

// rawTracepoints are those that match a pattern and have an event, with its categories.
func rawTracepoints(t *target.Target, pattern string) map[string][]string {
	categories := map[string][]string{}
	found, _ := t.MatchTracepoints("*", pattern)
	for _, full := range found {
		if category, name, _ := strings.Cut(full, ":"); !syntheticCategories[category] {
			categories[name] = append(categories[name], category)
		}
	}
	return categories
}

func missingRaw(x Expansion, at At, name string) {
	x.Missing(at.Parts[len(at.Parts)-1].Span, nearestRaw(x.Target(), name), "this kernel has no raw tracepoint %s", name)
}

func nearestRaw(t *target.Target, name string) (names []string) {
	var unknown *target.UnknownTracepoint
	if _, err := t.Tracepoint("*", name); errors.As(err, &unknown) {
		for _, full := range unknown.Nearest {
			_, name, _ := strings.Cut(full, ":")
			names = append(names, name)
		}
	}
	return names
}

// meantRawTracepoint takes the category of a tracepoint away.
func meantRawTracepoint(t *target.Target, at At) string {
	last := at.Parts[max(len(at.Parts)-1, 0):]
	if len(last) == 1 && len(eventsNamed(t, last[0].Text)) > 0 {
		return "write rawtracepoint:" + last[0].Text
	}
	return "such as rawtracepoint:sched_switch"
}

// listRawTracepoints leaves out what programs run through in any of the categories of its
// name.
func listRawTracepoints(p *ProbeType, t *target.Target, patterns []string, visit func(string)) error {
	module, pattern := "", "*"
	if len(patterns) > 0 {
		pattern = cmp.Or(patterns[len(patterns)-1], "*")
	}
	if len(patterns) > 1 {
		module = cmp.Or(patterns[0], "*")
	}
	found := rawTracepoints(t, pattern)
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if _, reentered := reenteredIn(found[name], name); reentered {
			continue
		}
		if part := t.RawTracepointModule(name); module == "" {
			visit(p.Name + ":" + name)
		} else if part != "" && fits(module, part) {
			visit(p.Name + ":" + part + ":" + name)
		}
	}
	return nil
}

func rawArguments(t *target.Target, parts []string) (list []string) {
	params, _ := t.RawTracepoint(parts[len(parts)-1])
	for _, param := range params {
		list = append(list, typed(param.Type, param.Name))
	}
	return list
}
