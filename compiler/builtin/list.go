package builtin

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// Lister visits attach points that match a pattern.
type Lister struct {
	Target *target.Target
	// Pids are the processes whose programs names of programs stand for; without any, they
	// are those of the machine.
	Pids []int
	// Visit is told an attach point, and how to find its arguments, which takes longer.
	Visit func(probe string, arguments func() []string)
}

// List visits the attach points that match a pattern, which is written as in a script and
// may hold * ? and [...] in each part; an empty one matches all. A word alone names types
// of probes, or where no type is like it what the last part of an attach point is like.
func (l *Lister) List(pattern string) error {
	kind, rest, parted := strings.Cut(pattern, ":")
	list, parts := probesLike(kind), []string(nil)
	switch {
	case parted:
		parts = quotedParts(rest)
	case len(list) == 0:
		list, parts = probeList, []string{kind}
	}
	if len(list) == 0 {
		return unknownProbeType(l.Target, pattern)
	}
	return l.all(list, parts)
}

// quotedParts cuts a pattern at its colons, but for those between quotes, which are taken
// away, as in /bin/app:"ns::T::*".
func quotedParts(pattern string) (parts []string) {
	part, quoted := []byte(nil), false
	for _, c := range []byte(pattern) {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ':' && !quoted:
			parts, part = append(parts, string(part)), nil
		default:
			part = append(part, c)
		}
	}
	return append(parts, string(part))
}

// all visits the attach points of several types. What is none of one type may be one of
// another, so an error is told where nothing is found.
func (l *Lister) all(list []*ProbeType, parts []string) (failed error) {
	found := false
	counting := &Lister{Target: l.Target, Pids: l.Pids, Visit: func(probe string, arguments func() []string) {
		found = true
		l.Visit(probe, arguments)
	}}
	for _, p := range list {
		if len(parts) > p.MaxParts {
			continue
		}
		err := counting.one(p, parts)
		if failed == nil && (len(list) == 1 || !errors.Is(err, errNoProgram)) {
			failed = err
		}
	}
	if found {
		return nil
	}
	return failed
}

// one visits those of one type.
func (l *Lister) one(p *ProbeType, parts []string) error {
	if p.ListPrograms != nil {
		return p.ListPrograms(p, l, parts)
	}
	for _, part := range parts {
		if _, err := path.Match(part, ""); err != nil {
			return fmt.Errorf("the pattern %q has a [ that is never closed", part)
		}
	}
	return p.List(p, l.Target, parts, func(probe string) {
		l.Visit(probe, func() []string { return ArgumentsAt(l.Target, probe) })
	})
}

func unknownProbeType(t *target.Target, pattern string) error {
	var parts []Part
	for text := range strings.SplitSeq(pattern, ":") {
		parts = append(parts, Part{Text: text})
	}
	said := ExplainProbe(t, parts)
	if said.Hint == "" {
		return errors.New(said.Message)
	}
	return fmt.Errorf("%s; %s", said.Message, said.Hint)
}

// probesLike returns the types of probes with a name or short name that matches.
func probesLike(pattern string) []*ProbeType {
	var like []*ProbeType
	for _, p := range probeList {
		if fits(pattern, p.Name) || slices.ContainsFunc(p.Aliases, func(alias string) bool { return fits(pattern, alias) }) {
			like = append(like, p)
		}
	}
	return like
}

// fits matches a pattern that was found to be well formed; an empty one fits all.
func fits(pattern, name string) bool {
	matched, _ := path.Match(pattern, name)
	return matched || pattern == ""
}

// ArgumentsAt lists what args and retval hold at an attach point, each as its type and
// name.
func ArgumentsAt(t *target.Target, probe string) []string {
	parts := strings.Split(probe, ":")
	p := ProbeNamed(parts[0])
	if p == nil || p.Arguments == nil {
		return nil
	}
	return p.Arguments(t, parts[1:])
}

func listOne(p *ProbeType, _ *target.Target, _ []string, visit func(string)) error {
	visit(p.Name)
	return nil
}

// listUnits visits the units that a period may have.
func listUnits(p *ProbeType, _ *target.Target, patterns []string, visit func(string)) error {
	units := []string{"hz"}
	for unit := range periodUnits {
		units = append(units, unit)
	}
	slices.Sort(units)
	for _, unit := range units {
		if len(patterns) > 1 && !fits(patterns[1], "") { // the number is the script's
			continue
		}
		if len(patterns) == 0 || fits(patterns[0], unit) {
			visit(p.Name + ":" + unit + ":")
		}
	}
	return nil
}

// listSignals visits the signals that a script may wait for.
func listSignals(p *ProbeType, _ *target.Target, patterns []string, visit func(string)) error {
	for _, name := range ownSignals {
		if len(patterns) == 0 || fits(patterns[0], "signal") && (len(patterns) < 2 || fits(patterns[1], name)) {
			visit(p.Name + ":signal:" + name)
		}
	}
	return nil
}

func listFunctions(p *ProbeType, t *target.Target, patterns []string, visit func(string)) error {
	module, name := "", "*"
	if len(patterns) > 0 {
		name = patterns[len(patterns)-1]
	}
	if len(patterns) > 1 && patterns[0] != "*" {
		module = patterns[0]
	}
	if name == "" {
		name = "*"
	}
	names, err := t.MatchFunctions(name)
	if module != "" {
		names, err = t.MatchFunctionsIn(module, name)
	}
	for _, name := range names {
		visit(p.Name + ":" + name)
	}
	return err
}

// listTracepoints takes a single pattern for a category or for a name.
func listTracepoints(p *ProbeType, t *target.Target, patterns []string, visit func(string)) error {
	names, err := t.MatchTracepoints("*", "*")
	for _, point := range names {
		category, name, _ := strings.Cut(point, ":")
		wanted := len(patterns) == 0 || fits(patterns[0], category)
		switch len(patterns) {
		case 1:
			wanted = wanted || fits(patterns[0], name)
		case 2:
			wanted = wanted && fits(patterns[1], name)
		}
		if wanted {
			visit(p.Name + ":" + point)
		}
	}
	return err
}

func entryArguments(t *target.Target, parts []string) []string {
	function, known := functionAt(t, parts)
	if !known {
		return nil
	}
	var list []string
	for _, param := range function.Params {
		list = append(list, typed(param.Type, param.Name))
	}
	return list
}

// returnArguments has the arguments where fexit is taken, which keeps them.
func returnArguments(t *target.Target, parts []string) []string {
	return resultArguments(t, parts, object.Fexit.Lacks(&t.Features)+object.Fexit.Avoid(&t.Features) == "")
}

func fexitArguments(t *target.Target, parts []string) []string {
	return resultArguments(t, parts, object.Fexit.Lacks(&t.Features) == "")
}

func resultArguments(t *target.Target, parts []string, kept bool) []string {
	var list []string
	if kept {
		list = entryArguments(t, parts)
	}
	if function, known := functionAt(t, parts); known && function.Return != nil {
		list = append(list, typed(function.Return, "retval"))
	}
	return list
}

func tracepointArguments(t *target.Target, parts []string) []string {
	if len(parts) != 2 {
		return nil
	}
	point, err := t.Tracepoint(parts[0], parts[1])
	if err != nil {
		return nil
	}
	var list []string
	for _, field := range point.Fields() {
		switch {
		case field.DataLocation && parts[0] == syscallCategory: // only perf has it: see syscallFields
		case field.DataLocation && field.Type.Kind == types.String:
			list = append(list, "string "+field.Name)
		case field.DataLocation:
			list = append(list, field.Type.Elem.String()+"[] "+field.Name)
		default:
			list = append(list, typed(field.Type, field.Name))
		}
	}
	return list
}

// typed is a declaration; scripts cannot compute with what has no type here.
func typed(t *types.Type, name string) string {
	if t == nil {
		return "unknown " + name
	}
	return t.String() + " " + name
}
