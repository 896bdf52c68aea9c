package builtin

import (
	"strings"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// A kprobe is attached through fentry where that is cheapest and safe. Who names fentry
// or fexit wants just that, or a message that says why it cannot be.

var fentryProbe = &ProbeType{
	Info: Info{Name: "fentry", Signature: "fentry:[MODULE:]FUNCTION, fentry:bpf:[ID:]FUNCTION",
		Doc: "Fires when a kernel function is entered, as kprobe does, and is never attached in another way. " +
			"The kernel must describe the function (BTF). With bpf, fires when a function of a BPF program is entered, " +
			"of any that is loaded or of that with the number ID.",
		Example: `fentry:vfs_read { @ = hist(args.count) }`},
	Aliases:  []string{"f", "kfunc"},
	MinParts: 1, MaxParts: 3, Mechanisms: []object.Mechanism{object.Fentry}, Expand: expandTracing(entryMechanisms),
	Meant: example("fentry:vfs_read"), List: listTraced, Arguments: entryArguments, Twin: "fexit",
}

var fexitProbe = &ProbeType{
	Info: Info{Name: "fexit", Signature: "fexit:[MODULE:]FUNCTION, fexit:bpf:[ID:]FUNCTION",
		Doc: "Fires when a kernel function returns, as kretprobe does, and still has its arguments. " +
			"It is never attached in another way. bpf has the functions of BPF programs, as for fentry.",
		Example: `fexit:vfs_read /retval > 0/ { @[args.count] = sum(retval) }`},
	Aliases:  []string{"fr", "kretfunc"},
	MinParts: 1, MaxParts: 3, Mechanisms: []object.Mechanism{object.Fexit}, Expand: expandTracing(returnMechanisms),
	Meant: example("fexit:vfs_read"), List: listTraced, Arguments: fexitArguments,
}

func expandTracing(m mechanisms) func(Expansion, At) []*Site {
	return func(x Expansion, at At) (sites []*Site) {
		f := newFunctionSites(x, m, at)
		f.only = true
		if lacks := m.tracing.Lacks(&x.Target().Features); lacks != "" {
			x.Errorf(at.Span, "%s", lacks)
			if !at.ofPrograms() {
				x.Hint("write %s in the place of %s, which is attached as the kernel can", m.probe, at.Name)
			}
			return nil
		}
		switch {
		case at.ofPrograms():
			return f.ofPrograms()
		case len(at.Parts) == 3:
			x.Errorf(at.Parts[0].Span, "of three parts the first is bpf: %s:bpf:ID:FUNCTION", at.Name)
			return nil
		}
		for _, name := range f.resolve() {
			if site := f.tracingOnly(name); site != nil {
				sites = append(sites, site)
			}
		}
		if f.leftOut != "" && len(sites) == 0 {
			x.Errorf(f.name.Span, "%s can trace none of these functions: %s", at.Name, f.leftOut)
		}
		return sites
	}
}

// tracingOnly is the site of a function; nil where it cannot be traced, which is an error
// unless a pattern stands for it.
func (f *functionSites) tracingOnly(name string) *Site {
	function, _ := f.Target().Function(name)
	reentry, reentered := target.Reentered(name)
	why := notServed(function)
	switch {
	case f.matched && (reentered || why != ""):
		f.leftOut = name + ": " + either(compact(reentry, why))
		return nil
	case reentered:
		f.refuseTracing(name, reentry)
		return nil
	case why != "":
		f.Errorf(f.name.Span, "%s cannot trace %s: %s", f.at.Name, name, why)
		f.Hint("write %s:%s", f.mechanisms.probe, name)
		return nil
	}
	site := f.tracingSite(name, function)
	site.Points[0].Only = true
	return site
}

// compact leaves out what is empty.
func compact(texts ...string) (list []string) {
	for _, text := range texts {
		if text != "" {
			list = append(list, text)
		}
	}
	return list
}

// listReturns visits the functions whose return this kernel can trace.
func listReturns(p *ProbeType, t *target.Target, patterns []string, visit func(string)) error {
	if t.Features.UnlockedReturns {
		return listFunctions(p, t, patterns, visit)
	}
	return listTraced(p, t, patterns, visit)
}

// listTraced visits the functions that BTF describes and programs do not run through.
func listTraced(p *ProbeType, t *target.Target, patterns []string, visit func(string)) error {
	if len(patterns) > 1 && patterns[0] == bpfModule {
		listPrograms(p, t, patterns, visit)
		return nil
	}
	return listFunctions(p, t, patterns, func(probe string) {
		name := probe[strings.LastIndexByte(probe, ':')+1:]
		if _, reentered := target.Reentered(name); !reentered {
			visit(probe)
		}
	})
}
