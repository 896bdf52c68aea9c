package builtin

import (
	"errors"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// syntheticCategories are events that tracefs lists and that no tracepoint of the same name stands behind.
var syntheticCategories = map[string]bool{
	"syscalls": true, "kprobes": true, "uprobes": true, "synthetic": true, "eprobes": true, "ftrace": true,
}

func expandTracepoint(x Expansion, at At) []*Site {
	category, name := at.Parts[0].Text, at.Parts[1].Text
	if !strings.ContainsAny(category+name, "*?[") {
		return tracepointSite(x, at, category, name)
	}
	var sites []*Site
	matches, err := x.Target().MatchTracepoints(category, name)
	if err != nil {
		x.Errorf(at.Span, "%v", err)
		return nil
	}
	for _, match := range matches {
		category, name, _ := strings.Cut(match, ":")
		sites = append(sites, tracepointSite(x, at, category, name)...)
	}
	if err := x.Target().Problem(); err != nil && len(matches) == 0 {
		x.Errorf(at.Span, "%v", err)
		return nil
	}
	if len(matches) == 0 {
		x.Missing(at.Span, nil, "no tracepoint matches %s:%s", category, name)
	}
	return sites
}

func tracepointSite(x Expansion, at At, category, name string) []*Site {
	tracepoint, err := x.Target().Tracepoint(category, name)
	point := object.Point{Probe: "tracepoint:" + category + ":" + name, Category: category, Name: name}
	if rawServes(x, point) && (err == nil || typedTracepoint(x, name, err)) {
		point.Mechanism = object.RawTracepoint
		return []*Site{rawSite(at, point)}
	}
	if err != nil {
		reportTracepoint(x, at, err)
		return nil
	}
	point.Mechanism = object.Tracepoint
	return []*Site{{
		Scope:  Scope{Probe: at.Probe, Mechanism: object.Tracepoint, Tracepoint: tracepoint},
		Type:   ebpf.TracePoint,
		Points: []object.Point{point},
	}}
}

// typedTracepoint reports whether the types tell that there is a tracepoint whose format could not be read.
func typedTracepoint(x Expansion, name string, err error) bool {
	var unknown *target.UnknownTracepoint
	_, typed := x.Target().RawTracepoint(name)
	return typed && !errors.As(err, &unknown)
}

// rawServes chooses the raw tracepoint, at a third of the cost, where no field of perf's record is used.
func rawServes(x Expansion, point object.Point) bool {
	forced := x.Mechanism()
	if syntheticCategories[point.Category] || target.ReenteredEvent(point.Category, point.Name) || x.UsesArguments() || x.Refused(point.Probe) || forced == "tracepoint" {
		return false
	}
	return x.Target().Features.RawTracepoint
}

func reportTracepoint(x Expansion, at At, err error) {
	var unknown *target.UnknownTracepoint
	if errors.As(err, &unknown) {
		x.Missing(at.Span, unknown.Nearest, "this kernel has no tracepoint %s:%s", at.Parts[0].Text, at.Parts[1].Text)
		return
	}
	x.Errorf(at.Span, "%v", err)
}
