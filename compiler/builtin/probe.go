package builtin

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// ProbeType is a kind of probe: what may stand before the first colon.
type ProbeType struct {
	Info
	Aliases []string
	// Numbered: argN are there, though the probe is not on a function.
	Numbered bool
	// Twin is the type of probes that fire when the function returns; empty for others
	// than those at its entry.
	Twin string
	// Mechanisms are those among which Expand chooses, the cheapest first.
	Mechanisms []object.Mechanism
	// Parts is how many parts follow the name, at least and at most.
	MinParts, MaxParts int
	// Expand turns an attach point into sites, or reports why it cannot.
	Expand func(x Expansion, at At) []*Site
	// Meant suggests what an attach point with too few or too many parts is to be; nil
	// where nothing is near.
	Meant func(t *target.Target, at At) string
	// List visits the attach points that a kernel has and that match a pattern for each
	// part; without patterns, all.
	List func(p *ProbeType, t *target.Target, patterns []string, visit func(probe string)) error
	// ListPrograms is List of a type whose attach points are those of programs.
	ListPrograms func(p *ProbeType, l *Lister, patterns []string) error
	// Arguments lists what args and retval hold at an attach point, each as its type and
	// name; nil for none.
	Arguments func(t *target.Target, parts []string) []string
}

// At is an attach point as written.
type At struct {
	Probe *ProbeType
	Name  string // of the type, as written
	Parts []Part // without the name of the type
	Span  diag.Span
}

// Text is the attach point with the values of its parameters.
//
//go:noinline
func (at At) Text() string {
	text := at.Name
	for _, part := range at.Parts {
		text += ":" + part.Text
	}
	return text
}

// Part is one text between colons.
type Part struct {
	Text string
	Span diag.Span
}

// Site is one program that a clause compiles to, with the attach points it serves.
type Site struct {
	Scope    Scope
	Type     ebpf.ProgramType
	Attach   ebpf.AttachType
	AttachTo string
	// AttachProgram is the number of the BPF program that has the function AttachTo; 0 for
	// the kernel's.
	AttachProgram uint32
	Points        []object.Point
}

// Expansion is what Expand hooks may ask of sema.
type Expansion interface {
	Target() *target.Target
	// UsesArguments: the clause reads what depends on the traced function.
	UsesArguments() bool
	// UsesProbeName: the clause reads probe or func.
	UsesProbeName() bool
	// UsesUserStack: the clause reads the stack of the process.
	UsesUserStack() bool
	// Forced is what --attach asks for, Mechanism also what the clause needs; empty
	// leaves the choice to us.
	Forced() string
	Mechanism() string
	// Processes are those that the script sees.
	Processes() Processes
	// Optional: the setting missing_probes lets the script go on without the probe.
	Optional() bool
	// Refused says why the cheaper mechanisms do not serve a point: this kernel refused
	// to load or attach the program, or the script has other clauses. It is empty where
	// they may.
	Refused(probe string) (why string)
	// Missing reports an attach point that does not exist, as the setting missing_probes
	// says.
	Missing(span diag.Span, near []string, format string, args ...any)
	// Hinting: the messages so far are few enough for suggestions.
	Hinting() bool
	Errorf(span diag.Span, format string, args ...any)
	Hint(format string, args ...any)
	// Renamed tells the user that a function is gone and that its successor is traced, or
	// refuses that.
	Renamed(span diag.Span, old, successor, since string)
	// Notice tells the user something on standard error, once.
	Notice(format string, args ...any)
}

// Processes are those that a script sees: all, unless it names some.
type Processes struct {
	IDs      []int // of -p
	Children bool  // and what descends from them, or from the command
	Command  bool  // there is a command (-c)
}

// only are the processes that alone are seen; none where others are.
func (p Processes) only() []int {
	if p.Children {
		return nil
	}
	return p.IDs
}

var byRuntime = []object.Mechanism{object.Run}

var probeList = []*ProbeType{
	{
		Info: Info{Name: "begin", Signature: "BEGIN",
			Doc:     "Fires once, before any other probe is attached.",
			Example: `BEGIN { printf("Tracing...\n") }`},
		Aliases:    []string{"BEGIN"},
		Mechanisms: byRuntime, Expand: runAt(object.AtBegin),
		List: listOne,
	},
	{
		Info: Info{Name: "end", Signature: "END",
			Doc:     "Fires once, after every other probe has fired for the last time.",
			Example: `END { printf("done\n") }`},
		Aliases:    []string{"END"},
		Mechanisms: byRuntime, Expand: runAt(object.AtEnd),
		List: listOne,
	},
	{
		Info: Info{Name: "interval", Signature: "interval:UNIT:N, interval:Ns",
			Doc:     "Fires regularly: interval:s:1, interval:ms:100, interval:us:500, interval:hz:5, interval:1s.",
			Example: `interval:s:1 { print(@); clear(@) } kprobe:vfs_read { @ = count() }`},
		Aliases:  []string{"i"},
		MinParts: 1, MaxParts: 2, Mechanisms: byRuntime, Expand: expandInterval, List: listUnits,
		Meant: meantPeriod("s", "1"),
	},
	{
		Info: Info{Name: "profile", Signature: "profile:UNIT:N",
			Doc:     "Fires regularly on every CPU, in whatever runs there: profile:hz:99, profile:ms:10.",
			Example: `profile:hz:99 { @[comm] = count() }`},
		Aliases:  []string{"p"},
		MinParts: 1, MaxParts: 2, Mechanisms: []object.Mechanism{object.Profile},
		Expand: expandProfile, List: listUnits,
		Meant: meantPeriod("hz", "99"),
	},
	{
		Info: Info{Name: "kprobe", Signature: "kprobe:[MODULE:]FUNCTION[+OFFSET]",
			Doc:     "Fires when a kernel function is entered. The name may hold * ? and [...]; the module of the kernel itself is vmlinux. Attached through fentry where the kernel can.",
			Example: `kprobe:vfs_read { @ = hist(arg2) }`},
		Aliases:  []string{"k"},
		MinParts: 1, MaxParts: 2, Mechanisms: entryMechanisms.all(), Expand: expandFunction(entryMechanisms),
		Meant: example("kprobe:vfs_read"), List: listFunctions, Arguments: entryArguments, Twin: "kretprobe",
	},
	{
		Info: Info{Name: "kretprobe", Signature: "kretprobe:[MODULE:]FUNCTION",
			Doc:     "Fires when a kernel function returns. Attached through fexit where the kernel can.",
			Example: `kretprobe:vfs_read { @ = hist(retval) }`},
		Aliases:  []string{"kr"},
		MinParts: 1, MaxParts: 2, Mechanisms: returnMechanisms.all(), Expand: expandFunction(returnMechanisms),
		Meant: example("kretprobe:vfs_read"), List: listReturns, Arguments: returnArguments,
	},
	{
		Info: Info{Name: "tracepoint", Signature: "tracepoint:CATEGORY:NAME",
			Doc:     "Fires at a static tracepoint of the kernel. The name may hold * ? and [...].",
			Example: `tracepoint:sched:sched_switch { @[args.next_comm] = count() }`},
		Aliases:  []string{"t"},
		MinParts: 2, MaxParts: 2, Mechanisms: tracepointMechanisms, Expand: expandTracepoint,
		Meant: meantTracepoint, List: listTracepoints, Arguments: tracepointArguments,
	},
	fentryProbe,
	fexitProbe,
	rawTracepointProbe,
	uprobeProbe,
	uretprobeProbe,
	usdtProbe,
	softwareProbe,
	hardwareProbe,
	watchpointProbe,
	selfProbe,
	benchProbe,
	iterProbe,
}

func example(point string) func(*target.Target, At) string {
	return func(*target.Target, At) string { return "such as " + point }
}

// meantPeriod completes a number without its unit, or a unit without its number.
func meantPeriod(unit, number string) func(*target.Target, At) string {
	return func(_ *target.Target, at At) string {
		if len(at.Parts) != 1 {
			return "such as " + at.Name + ":" + unit + ":" + number
		}
		only := at.Parts[0].Text
		if _, known := periodUnits[only]; known || only == "hz" {
			return "write " + at.Name + ":" + only + ":" + number
		}
		return "write " + at.Name + ":" + unit + ":" + only
	}
}

// rawSite is the program for what the runtime runs itself, and for raw tracepoints.
//
//go:noinline
func rawSite(at At, point object.Point) *Site {
	return &Site{
		Scope:  Scope{Probe: at.Probe, Mechanism: point.Mechanism},
		Type:   ebpf.RawTracepoint,
		Points: []object.Point{point},
	}
}

func runAt(when object.When) func(Expansion, At) []*Site {
	return func(_ Expansion, at At) []*Site {
		return []*Site{rawSite(at, object.Point{Probe: at.Probe.Name, Mechanism: object.Run, At: object.RunPoint{When: when}})}
	}
}

// expandInterval makes a program that the runtime runs by its own timer. Rejected: a perf
// event on one CPU, which interrupts whoever runs there and takes milliseconds to detach.
func expandInterval(x Expansion, at At) []*Site {
	period, ok := parsePeriod(x, at)
	if !ok {
		return nil
	}
	run := object.RunPoint{When: object.AtInterval, Period: period}
	point := object.Point{Probe: at.Text(), Mechanism: object.Run, At: run}
	return []*Site{rawSite(at, point)}
}

func expandProfile(x Expansion, at At) []*Site {
	period, ok := parsePeriod(x, at)
	if !ok {
		return nil
	}
	point := object.Point{Probe: at.Text(), Mechanism: object.Profile, At: object.ClockPoint{Period: period}}
	return []*Site{{
		Scope:  Scope{Probe: at.Probe, Mechanism: object.Profile},
		Type:   ebpf.PerfEvent,
		Points: []object.Point{point},
	}}
}

var periodUnits = map[string]time.Duration{
	"s": time.Second, "ms": time.Millisecond, "us": time.Microsecond, "ns": time.Nanosecond,
}

// shortestPeriod keeps a typing error from taking the machine.
const (
	shortestPeriod = 10 * time.Microsecond
	longestPeriod  = 365 * 24 * time.Hour
)

// parsePeriod reads `s:1`, `hz:99`, `1s`, or a number of nanoseconds.
func parsePeriod(x Expansion, at At) (time.Duration, bool) {
	unit, number := splitPeriod(at.Parts)
	n, ok := positiveNumber(number.Text)
	switch {
	case number.Text == "" && len(at.Parts) == 1:
		x.Errorf(at.Span, "%s has no number", at.Text())
		x.Hint("%s", at.Probe.Meant(x.Target(), at))
		return 0, false
	case !ok:
		x.Errorf(number.Span, "%q is not a positive number", number.Text)
		return 0, false
	}
	if unit.Text == "hz" {
		return allowedPeriod(x, at, time.Second/time.Duration(n))
	}
	scale, known := periodUnits[unit.Text]
	if !known {
		x.Errorf(unit.Span, "%q is no unit of time: s, ms, us, ns or hz", unit.Text)
		return 0, false
	}
	return allowedPeriod(x, at, time.Duration(min(n, int64(2*longestPeriod/scale)))*scale)
}

func allowedPeriod(x Expansion, at At, period time.Duration) (time.Duration, bool) {
	if period < shortestPeriod || period > longestPeriod {
		x.Errorf(at.Span, "the period must be between %v and a year", shortestPeriod)
		if text := at.Parts[0].Text; len(at.Parts) == 1 && digits(text, 0) == len(text) {
			x.Hint("a number without a unit is in nanoseconds; %s", at.Probe.Meant(x.Target(), at))
		}
		return 0, false
	}
	return period, true
}

func splitPeriod(parts []Part) (unit, number Part) {
	if len(parts) == 2 {
		return parts[0], parts[1]
	}
	text := parts[0].Text
	end := digits(text, 0)
	if end < len(text) && text[end] == 'e' && digits(text, end+1) > end+1 {
		end = digits(text, end+1)
	}
	unit, number = Part{Text: text[end:], Span: parts[0].Span}, Part{Text: text[:end], Span: parts[0].Span}
	if unit.Text == "" {
		unit.Text = "ns"
	}
	return unit, number
}

// digits returns where the decimal digits from a place on end.
func digits(text string, from int) int {
	for from < len(text) && text[from] >= '0' && text[from] <= '9' {
		from++
	}
	return from
}

// positiveNumber reads 99 or 1e6.
func positiveNumber(text string) (int64, bool) {
	text, exponent, scientific := strings.Cut(text, "e")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || !scientific {
		return n, err == nil && n > 0
	}
	zeroes, err := strconv.ParseUint(exponent, 10, 8)
	for range zeroes {
		if n > math.MaxInt64/10 {
			return 0, false
		}
		n *= 10
	}
	return n, err == nil
}
