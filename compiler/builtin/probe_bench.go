package builtin

import "github.com/ponytrace/ponytrace/compiler/object"

// benchProbe measures what a clause costs.
var benchProbe = &ProbeType{
	Info: Info{Name: "bench", Signature: "bench:NAME",
		Doc: "Runs its clause many times, before anything is attached, and prints how many nanoseconds one run takes. " +
			"What the clause prints is left out.",
		Example: `bench:hist { @ = hist(rand % 100) }`},
	MinParts: 1, MaxParts: 1, Mechanisms: byRuntime, Expand: expandBench,
	Meant: example("bench:hist"), List: listNothing,
}

func expandBench(x Expansion, at At) []*Site {
	name := at.Parts[0]
	if name.Text == "" || at.pattern() {
		x.Errorf(at.Span, "a bench has a name of its own, under which its result is printed")
		x.Hint("%s", at.Probe.Meant(x.Target(), at))
		return nil
	}
	run := object.RunPoint{When: object.AtBench, Name: name.Text}
	point := object.Point{Probe: at.Text(), Mechanism: object.Run, At: run}
	return []*Site{rawSite(at, point)}
}
