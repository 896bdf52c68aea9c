package sema

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// An attach point may be written by parameters of the script: in a part of it (kprobe:$1,
// tracepoint:$1 with a category and a name), or as a whole ($1), which may be a list with
// commas.
//
//	$1         kprobe:vfs_read,tracepoint:sched:sched_switch    two attach points
//	$1:vfs_*   kprobe,kretprobe                                 two attach points
//
// Rejected: to paste the parameter into the script, as a predicate, actions and further
// clauses would then come with it. It is split at its commas and colons, and the pieces
// are only ever compared with names.

// sites are the programs of a probe.
func (x expansion) sites(probe *lang.Probe) (sites []*builtin.Site) {
	for _, parts := range x.written(probe) {
		sites = append(sites, x.sitesAt(parts, probe.Span)...)
	}
	return sites
}

func (x expansion) sitesAt(parts []builtin.Part, span diag.Span) []*builtin.Site {
	name := parts[0].Text
	kind := builtin.ProbeNamed(name)
	if kind == nil {
		x.unknownProbe(parts, span)
		return nil
	}
	at := builtin.At{Probe: kind, Name: name, Parts: parts[1:], Span: span}
	if n := len(at.Parts); n < kind.MinParts || n > kind.MaxParts {
		if said := builtin.ExplainProbe(x.target, parts); said.Whole {
			x.Errorf(span, "%s", said.Message)
			x.Hint("%s", said.Hint)
			return nil
		}
		x.Errorf(span, "%s probes are written %s", kind.Name, kind.Signature)
		if kind.Meant != nil {
			if hint := kind.Meant(x.target, at); hint != "" {
				x.Hint("%s", hint)
			}
		}
		return nil
	}
	return kind.Expand(x, at)
}

// unknownProbe reports an attach point whose type is none of the table.
func (x expansion) unknownProbe(parts []builtin.Part, span diag.Span) {
	if len(x.diagnostics) > maxHints {
		x.Errorf(parts[0].Span, "there is no probe type %q", parts[0].Text)
		return
	}
	said := builtin.ExplainProbe(x.target, parts)
	if !said.Whole {
		span = parts[0].Span
	}
	x.Errorf(span, "%s", said.Message)
	if said.Hint != "" {
		x.Hint("%s", said.Hint)
	}
}

// written returns the parts of the attach points that a probe stands for, their type
// first; none after an error.
func (x expansion) written(probe *lang.Probe) [][]builtin.Part {
	var rest []builtin.Part
	for _, part := range probe.Parts[1:] {
		text, ok := x.part(part)
		if !ok {
			return nil
		}
		rest = append(rest, split(text, part)...)
	}
	first := probe.Parts[0]
	parameter, whole := first.Expr.(*lang.Positional)
	if !whole {
		return [][]builtin.Part{slices.Concat(split(first.Text, first), rest)}
	}
	var points [][]builtin.Part
	for _, point := range x.list(parameter) {
		points = append(points, slices.Concat(split(point, first), rest))
	}
	return points
}

// split takes the colons of a parameter for those of the probe.
func split(text string, part lang.ProbePart) []builtin.Part {
	if part.Expr == nil && part.Pieces == nil {
		return []builtin.Part{{Text: text, Span: part.Span}}
	}
	var parts []builtin.Part
	for piece := range strings.SplitSeq(text, ":") {
		parts = append(parts, builtin.Part{Text: piece, Span: part.Span})
	}
	return parts
}

const (
	// maxQuoted bounds what a message quotes of a parameter.
	maxQuoted = 60
	// maxPoint is above the length of any name that an attach point can hold.
	maxPoint = 4096
)

// list returns the attach points that a parameter names.
func (x expansion) list(parameter *lang.Positional) []string {
	text := strings.Trim(x.Constants.argument(parameter.Index), " \t\n")
	points := strings.Split(text, ",")
	switch {
	case x.absent(parameter):
		return nil
	case strings.IndexFunc(text, notInProbe) >= 0 || text == "" || slices.ContainsFunc(points, func(s string) bool { return len(s) > maxPoint }):
		x.Errorf(parameter.Span, "%s is %s, which names no probe", parameter.Span.Text(), strconv.QuoteToASCII(text[:min(len(text), maxQuoted)]))
		x.Hint("a parameter names probes, such as kprobe:vfs_read,kretprobe:vfs_read; predicates and actions are the script's")
		return nil
	case len(points) > x.checker.Settings.MaxPrograms:
		x.Errorf(parameter.Span, "%s names %d probes, and max_bpf_progs is %d", parameter.Span.Text(), len(points), x.checker.Settings.MaxPrograms)
		return nil
	}
	for i := range points {
		points[i] = strings.TrimSpace(points[i])
	}
	return points
}

// absent reports a parameter that was not given.
func (x expansion) absent(parameter *lang.Positional) bool {
	if parameter.Index <= len(x.options.Args) {
		return false
	}
	x.Errorf(parameter.Span, "the parameter %s was not given", parameter.Span.Text())
	x.Hint("it is a part of the probe; parameters stand behind the script")
	return true
}

// notInProbe reports a character that no attach point holds. Blanks stand around those of
// a list.
func notInProbe(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_:,*?[]!^-.+/~@ \t\n", r)
}

// part evaluates a piece of an attach point that is not plain text.
func (x expansion) part(part lang.ProbePart) (string, bool) {
	if part.Pieces != nil {
		return x.joined(part.Pieces)
	}
	if part.Expr == nil {
		return part.Text, true
	}
	if parameter, ok := part.Expr.(*lang.Positional); ok && x.absent(parameter) {
		return "", false
	}
	if n, ok := x.Integer(part.Expr); ok {
		return strconv.FormatInt(n, 10), true
	}
	if text, ok := x.Text(part.Expr); ok {
		return text, true
	}
	x.Errorf(part.Span, "this must be known before tracing starts: a number, a string or a positional parameter")
	return "", false
}

func (x expansion) joined(pieces []lang.ProbePart) (string, bool) {
	var b strings.Builder
	for _, piece := range pieces {
		text, ok := x.part(piece)
		if !ok {
			return "", false
		}
		b.WriteString(text)
	}
	return b.String(), true
}
