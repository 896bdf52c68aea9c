package builtin

import (
	"errors"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// syntheticCategories are events that tracefs lists and that no tracepoint of the same
// name stands behind.
var syntheticCategories = map[string]bool{
	"syscalls": true, "kprobes": true, "uprobes": true, "synthetic": true, "eprobes": true, "ftrace": true,
}

// tracepointMechanisms are those of system calls, and of all other tracepoints.
var tracepointMechanisms = []object.Mechanism{object.RawSyscall, object.Syscall, object.RawTracepoint, object.Tracepoint}

func expandTracepoint(x Expansion, at At) []*Site {
	category, name := at.Parts[0].Text, at.Parts[1].Text
	if !at.pattern() {
		return tracepointSites(x, at, []string{category + ":" + name})
	}
	matches, err := x.Target().MatchTracepoints(category, name)
	if err == nil && len(matches) == 0 {
		err = x.Target().Problem()
	}
	switch {
	case err != nil:
		x.Errorf(at.Span, "%v", err)
	case len(matches) == 0:
		x.Missing(at.Span, nil, "no tracepoint matches %s:%s", category, name)
	}
	return tracepointSites(x, at, matches)
}

// meantTracepoint finds the tracepoint of a name without its category, or those of a
// category without a name.
func meantTracepoint(t *target.Target, at At) string {
	if len(at.Parts) != 1 {
		return ""
	}
	only := at.Parts[0].Text
	if found, _ := t.MatchTracepoints("*", only); len(found) > 0 && !at.pattern() {
		return "write tracepoint:" + found[0]
	} else if len(found) > 0 {
		return "write tracepoint:*:" + only
	}
	if found, _ := t.MatchTracepoints(only, "*"); len(found) > 0 {
		return "write tracepoint:" + only + ":*"
	}
	var unknown *target.UnknownTracepoint
	if _, err := t.Tracepoint("*", only); errors.As(err, &unknown) && len(unknown.Nearest) > 0 {
		return "did you mean " + either(unknown.Nearest) + "?"
	}
	return "such as tracepoint:sched:sched_switch"
}

// tracepointSites makes the sites of tracepoints. System calls are one site unless their
// arguments are read.
func tracepointSites(x Expansion, at At, names []string) (sites []*Site) {
	calls := map[string]*Site{}
	for _, full := range names {
		point := object.Point{Probe: "tracepoint:" + full, Optional: x.Optional() || at.pattern()}
		category, name, _ := strings.Cut(full, ":")
		all, served := syscallPoint(x, &point, category, name)
		switch {
		case !served:
			point.At = object.TracepointPoint{Category: category, Name: name}
			sites = append(sites, tracepointSite(x, at, point, category, name)...)
		case calls[all] != nil && !x.UsesArguments():
			calls[all].Points = append(calls[all].Points, point)
		default:
			calls[all] = syscallSite(x, at, point)
			sites = append(sites, calls[all])
		}
	}
	return sites
}

// pattern reports whether the attach point may stand for several.
//
//go:noinline
func (at At) pattern() bool {
	return slices.ContainsFunc(at.Parts, func(p Part) bool { return strings.ContainsAny(p.Text, "*?[") })
}

// forcedRaw is the value of --attach for raw tracepoints, whatever they lose.
const forcedRaw = "rawtracepoint"

func tracepointSite(x Expansion, at At, point object.Point, category, name string) []*Site {
	tracepoint, err := x.Target().Tracepoint(category, name)
	why := notRaw(x, point.Probe, category, name)
	if why != "" && x.Forced() == forcedRaw {
		x.Errorf(at.Span, "--attach %s cannot serve %s: %s", forcedRaw, point.Probe, why)
		return nil
	}
	if why == "" && (err == nil || typedTracepoint(x, name, err)) {
		point.Mechanism = object.RawTracepoint
		return []*Site{rawSite(at, point)}
	}
	if err != nil {
		reportTracepoint(x, at, err)
		return nil
	}
	point.Mechanism = object.Tracepoint
	if category != syscallCategory {
		point.Over = []object.PassedOver{{Mechanism: object.RawTracepoint, Why: why}}
	}
	return []*Site{{
		Scope:  Scope{Probe: at.Probe, Mechanism: object.Tracepoint, Tracepoint: tracepoint},
		Type:   ebpf.TracePoint,
		Points: []object.Point{point},
	}}
}

// typedTracepoint reports whether the types tell that there is a tracepoint whose format
// could not be read.
func typedTracepoint(x Expansion, name string, err error) bool {
	var unknown *target.UnknownTracepoint
	_, typed := x.Target().RawTracepoint(name)
	return typed && !errors.As(err, &unknown)
}

// notRaw says why the raw tracepoint, at a third of the cost, is not taken: it has no
// record of perf, or loses events.
func notRaw(x Expansion, probe, category, name string) (why string) {
	switch refused := x.Refused(probe); {
	case syntheticCategories[category]:
		return "what tracefs lists there has no tracepoint of its own"
	case target.ReenteredEvent(category, name):
		return "programs run through it"
	case x.UsesArguments():
		return "the clause reads fields of the record"
	case refused != "":
		return refused
	case x.Mechanism() == "tracepoint":
		return asked(x)
	case x.Forced() == forcedRaw:
		return object.RawTracepoint.Lacks(&x.Target().Features)
	}
	return object.RawTracepoint.Avoid(&x.Target().Features)
}

func reportTracepoint(x Expansion, at At, err error) {
	var unknown *target.UnknownTracepoint
	if errors.As(err, &unknown) {
		x.Missing(at.Span, unknown.Nearest, "this kernel has no tracepoint %s:%s", at.Parts[0].Text, at.Parts[1].Text)
		return
	}
	x.Errorf(at.Span, "%v", err)
}
