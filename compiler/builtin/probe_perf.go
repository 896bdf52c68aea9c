package builtin

import (
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// The kernel counts some events itself (software), and reads the counters of the CPU for
// others (hardware). A program runs when so many have come together: the period.
//
//	software:page-faults:1     each page fault
//	hardware:cache-misses:1e6  one in a million misses
//
// Names and periods are those of bpftrace, but for task-clock: it is in nanoseconds as
// cpu-clock is, and bpftrace's period of one is as often as the kernel can.
// https://man7.org/linux/man-pages/man2/perf_event_open.2.html
// https://elixir.bootlin.com/linux/v6.12/source/include/uapi/linux/perf_event.h

// counter is an event of perf.
type counter struct {
	name, alias string
	config      uint64
	period      int64 // where the script has none
	// caller: the kernel hands over the registers of its own code (Scope.CallerRegs).
	caller bool
	// silent says why the event never comes by itself.
	silent string
	// shortest is the least period, where the event is time.
	shortest int64
}

// counters are the events of a type of probes.
type counters struct {
	probe string
	kind  uint32 // perf's PERF_TYPE_*
	list  []counter
}

const (
	typeHardware = 0
	typeSoftware = 1
	typeRaw      = 4
)

// The number of an event is its place in the kernel's enumeration.
var softwareCounters = counters{"software", typeSoftware, []counter{
	{name: "cpu-clock", alias: "cpu", config: 0, period: 1e6, shortest: int64(shortestPeriod)},
	{name: "task-clock", config: 1, period: 1e6, shortest: int64(shortestPeriod)},
	{name: "page-faults", alias: "faults", config: 2, period: 100},
	{name: "context-switches", alias: "cs", config: 3, period: 1000, caller: true},
	{name: "cpu-migrations", config: 4, period: 1, caller: true},
	{name: "minor-faults", config: 5, period: 100},
	{name: "major-faults", config: 6, period: 1},
	{name: "alignment-faults", config: 7, period: 1},
	{name: "emulation-faults", config: 8, period: 1},
	{name: "dummy", config: 9, period: 1, silent: "it counts nothing"},
	{name: "bpf-output", config: 10, period: 1, silent: "other programs would have to write to it"},
}}

var hardwareCounters = counters{"hardware", typeHardware, []counter{
	{name: "cpu-cycles", alias: "cycles", config: 0, period: 1e6},
	{name: "instructions", config: 1, period: 1e6},
	{name: "cache-references", config: 2, period: 1e6},
	{name: "cache-misses", config: 3, period: 1e6},
	{name: "branch-instructions", alias: "branches", config: 4, period: 1e5},
	{name: "branch-misses", config: 5, period: 1e5},
	{name: "bus-cycles", config: 6, period: 1e5},
	{name: "frontend-stalls", config: 7, period: 1e6},
	{name: "backend-stalls", config: 8, period: 1e6},
	{name: "ref-cycles", config: 9, period: 1e6},
}}

var softwareProbe = &ProbeType{
	Info: Info{Name: softwareCounters.probe, Signature: "software:EVENT[:PERIOD]",
		Doc: "Fires each time the kernel has counted so many of an event: " +
			"page-faults, context-switches, cpu-migrations, minor-faults, major-faults, cpu-clock and more.",
		Example: `software:page-faults:1 { @[comm] = count() }`},
	Aliases:  []string{"s"},
	MinParts: 1, MaxParts: 2, Mechanisms: []object.Mechanism{object.PerfEvent},
	Expand: expandSoftware, List: listCounters(&softwareCounters),
	Meant: example("software:page-faults:1"),
}

var hardwareProbe = &ProbeType{
	Info: Info{Name: hardwareCounters.probe,
		Signature: "hardware:EVENT[:PERIOD], hardware:raw:CONFIG[:PERIOD]",
		Doc: "Fires each time the CPU has counted so many of an event: cpu-cycles, instructions, " +
			"cache-misses, branch-misses and more, or one by its number in the CPU's manual. " +
			"Virtual machines mostly have no such counters.",
		Example: `hardware:cache-misses:1e6 { @[comm] = count() }`},
	Aliases:  []string{"h"},
	MinParts: 1, MaxParts: 3, Mechanisms: []object.Mechanism{object.PerfEvent},
	Expand: expandHardware, List: listCounters(&hardwareCounters),
	Meant: example("hardware:cache-misses:1e6"),
}

func expandSoftware(x Expansion, at At) []*Site {
	return softwareCounters.expand(x, at, &hardwareCounters)
}

func expandHardware(x Expansion, at At) []*Site {
	switch raw := at.Parts[0].Text == "raw"; {
	case raw:
		return expandRaw(x, at)
	case len(at.Parts) > 2:
		x.Errorf(at.Span, "%s probes are written %s", at.Probe.Name, at.Probe.Signature)
		x.Hint("%s", at.Probe.Meant(x.Target(), at))
		return nil
	}
	return hardwareCounters.expand(x, at, &softwareCounters)
}

// expand makes the program of an event. The other type of probes may have the one that is
// meant.
func (c *counters) expand(x Expansion, at At, other *counters) []*Site {
	found := c.named(at.Parts[0].Text)
	if found == nil {
		c.unknown(x, at, other)
		return nil
	}
	period, ok := periodOf(x, at, 1, found)
	if !ok {
		return nil
	}
	if found.silent != "" {
		x.Notice("%s never fires by itself: %s", at.Text(), found.silent)
	}
	site := counterSite(x, at, object.PerfPoint{
		Name: found.name, Type: c.kind, Config: found.config, Period: uint64(period),
	})
	site.Scope.CallerRegs = found.caller
	return []*Site{site}
}

func (c *counters) named(name string) *counter {
	i := slices.IndexFunc(c.list, func(e counter) bool { return e.is(name) })
	if i < 0 {
		return nil
	}
	return &c.list[i]
}

func (e *counter) is(name string) bool {
	return e.name == name || e.alias == name && name != ""
}

// names are those by which events may be called.
func (c *counters) names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, e := range c.list {
			if !yield(e.name) || e.alias != "" && !yield(e.alias) {
				return
			}
		}
	}
}

func (c *counters) unknown(x Expansion, at At, other *counters) {
	part := at.Parts[0]
	switch near := diag.Nearest(part.Text, c.names(), 3); {
	case part.Text == "":
		x.Errorf(at.Span, "%s has no event", at.Text())
		x.Hint("%s", at.Probe.Meant(x.Target(), at))
	case at.pattern():
		x.Errorf(part.Span, "%s takes one event, not a pattern", at.Probe.Name)
		x.Hint("ponytrace -l '%s:*' lists them", at.Probe.Name)
	case other.named(part.Text) != nil:
		x.Errorf(part.Span, "%s is no %s event", part.Text, at.Probe.Name)
		x.Hint("write %s:%s", other.probe, part.Text)
	case len(near) > 0:
		x.Errorf(part.Span, "there is no %s event %q", at.Probe.Name, part.Text)
		x.Hint("did you mean %s?", either(near))
	default:
		x.Errorf(part.Span, "there is no %s event %q", at.Probe.Name, part.Text)
		x.Hint("there are %s", either(slices.Collect(c.names())))
	}
}

// expandRaw takes an event by its number: hardware:raw:0x01c2:100000.
func expandRaw(x Expansion, at At) []*Site {
	if len(at.Parts) < 2 {
		x.Errorf(at.Span, "%s has no number of an event", at.Text())
		x.Hint("the manual of the CPU has them: hardware:raw:0x01c2:100000")
		return nil
	}
	number := at.Parts[1]
	config, err := strconv.ParseUint(number.Text, 0, 64)
	if err != nil {
		x.Errorf(number.Span, "%q is not the number of an event", number.Text)
		x.Hint("write it as 0x01c2, or without raw if it is a name: %s", at.Probe.Signature)
		return nil
	}
	period, ok := periodOf(x, at, 2, &counter{period: 1e6})
	if !ok {
		return nil
	}
	return []*Site{counterSite(x, at, object.PerfPoint{
		Name: fmt.Sprintf("raw:%#x", config), Type: typeRaw, Config: config, Period: uint64(period),
	})}
}

// periodOf reads a part of the attach point; without one it is that of the event.
func periodOf(x Expansion, at At, part int, event *counter) (int64, bool) {
	if len(at.Parts) <= part || at.Parts[part].Text == "" {
		return event.period, true
	}
	number := at.Parts[part]
	n, ok := positiveNumber(number.Text)
	switch {
	case !ok:
		x.Errorf(number.Span, "the period %q is not a positive number", number.Text)
		x.Hint("it is of how many events the probe sees one: %s:%s:%d",
			at.Probe.Name, at.Parts[0].Text, event.period)
		return 0, false
	case n < event.shortest:
		x.Errorf(number.Span, "%s is time in nanoseconds, and its period at least %d",
			event.name, event.shortest)
		return 0, false
	}
	return n, true
}

func counterSite(x Expansion, at At, event object.PerfPoint) *Site {
	event.Processes = x.Processes().only()
	point := object.Point{Probe: counterName(at), Mechanism: object.PerfEvent, At: event}
	return &Site{
		Scope:  Scope{Probe: at.Probe, Mechanism: object.PerfEvent},
		Type:   ebpf.PerfEvent,
		Points: []object.Point{point},
	}
}

// counterName is the attach point with the type's long name, and without a period that
// the script leaves open.
func counterName(at At) string {
	at.Name = at.Probe.Name
	if last := len(at.Parts) - 1; at.Parts[last].Text == "" {
		at.Parts = at.Parts[:last]
	}
	return at.Text()
}

func (e *counter) fits(pattern string) bool {
	return fits(pattern, e.name) || e.alias != "" && fits(pattern, e.alias)
}

func listCounters(c *counters) func(*ProbeType, *target.Target, []string, func(string)) error {
	return func(p *ProbeType, _ *target.Target, patterns []string, visit func(string)) error {
		for _, event := range c.list {
			if len(patterns) == 0 || event.fits(patterns[0]) {
				visit(p.Name + ":" + event.name + ":")
			}
		}
		return nil
	}
}
