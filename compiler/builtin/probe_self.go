package builtin

import (
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// selfProbe fires by what happens to ponytrace itself.
var selfProbe = &ProbeType{
	Info: Info{Name: "self", Signature: "self:signal:NAME",
		Doc: "Fires when ponytrace gets a signal: SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGCONT, SIGWINCH, SIGIO or SIGPWR. " +
			"With a probe on it, SIGUSR1 does not print the maps. Signals that come faster than they are taken are one.",
		Example: `self:signal:SIGUSR1 { print(@); clear(@) } kprobe:vfs_read { @ = count() }`},
	MinParts: 2, MaxParts: 2, Mechanisms: byRuntime, Expand: expandSelf,
	Meant: example("self:signal:SIGUSR1"), List: listSignals,
}

// ownSignals are those that mean nothing to ponytrace, and that no mistake of a program
// brings about.
var ownSignals = []string{
	"SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGCONT", "SIGWINCH", "SIGIO", "SIGPWR",
}

func expandSelf(x Expansion, at At) []*Site {
	if what := at.Parts[0]; what.Text != "signal" {
		x.Errorf(what.Span, "self probes are on signals, not on %q", what.Text)
		x.Hint("%s", at.Probe.Meant(x.Target(), at))
		return nil
	}
	part := at.Parts[1]
	name := "SIG" + strings.TrimPrefix(strings.ToUpper(part.Text), "SIG")
	number, known := signalNamed(x.Target(), name)
	switch {
	case !known:
		x.Errorf(part.Span, "there is no signal %q", part.Text)
		if near := diag.Nearest(name, slices.Values(ownSignals), 3); len(near) > 0 {
			x.Hint("did you mean %s?", either(near))
		}
		return nil
	case slices.Contains([]string{"SIGINT", "SIGTERM", "SIGHUP"}, name):
		x.Errorf(part.Span, "%s ends the tracing", name)
		x.Hint("write END, which runs then")
		return nil
	case !slices.Contains(ownSignals, name):
		x.Errorf(part.Span, "%s cannot be waited for", name)
		x.Hint("there are %s", either(ownSignals))
		return nil
	}
	run := object.RunPoint{When: object.AtSignal, Signal: int(number), Name: name}
	point := object.Point{Probe: "self:signal:" + name, Mechanism: object.Run, At: run}
	return []*Site{rawSite(at, point)}
}
