package builtin

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// fentry and fexit trace BPF programs that are loaded, and the functions that these call,
// as they trace the kernel's functions:
//
//	fentry:bpf:handle_exec        every function of the name
//	fentry:bpf:123:handle_*       those of the program with the number 123
//
// The types of the arguments are in the program's own BTF; what a struct of the kernel
// looks like is in the kernel's. Pointers are plain numbers here, read by helpers: for the
// verifier they are of the program's types, or of none, as it trusts the description.
//
// Where it does not trust that, it hands over five words of arguments, whatever they are,
// and the result behind them. So the result is asked for by a helper, which knows
// (bpf_get_func_ret, Linux 5.17).

// bpfModule is what stands in the place of a module's name for BPF programs.
const bpfModule = "bpf"

// programFunction is a function of a BPF program.
type programFunction struct {
	program uint32
	*btf.Func
}

func (f programFunction) path() string { return fmt.Sprintf("%s:%d:%s", bpfModule, f.program, f.Name) }

// ofPrograms reports an attach point on BPF programs.
func (at At) ofPrograms() bool { return len(at.Parts) > 1 && at.Parts[0].Text == bpfModule }

// programFunctions are those of which the number of the program and the name match
// patterns.
func programFunctions(t *target.Target, number, name string) (list []programFunction) {
	for _, program := range t.BPFPrograms() {
		if !fits(number, strconv.FormatUint(uint64(program.ID), 10)) {
			continue
		}
		for _, function := range program.Functions {
			if fits(name, function.Name) {
				list = append(list, programFunction{program.ID, function})
			}
		}
	}
	return list
}

func (f *functionSites) ofPrograms() (sites []*Site) {
	number := "*"
	if len(f.at.Parts) == 3 {
		number = f.at.Parts[1].Text
	}
	for _, function := range programFunctions(f.Target(), number, f.name.Text) {
		sites = append(sites, f.programSite(function))
	}
	if len(sites) == 0 {
		f.noProgram(number)
	}
	return sites
}

func (f *functionSites) programSite(function programFunction) *Site {
	site := f.tracingSite(function.Name, f.Target().BPFFunction(function.Func))
	site.AttachProgram = function.program
	site.Points[0] = object.Point{
		Probe: f.at.Probe.Name + ":" + function.path(), Mechanism: f.tracing, Only: true,
		Optional: f.at.pattern() || f.Optional(),
		At:       object.FunctionPoint{Functions: []string{function.Name}, Program: function.program},
	}
	return site
}

func (f *functionSites) noProgram(number string) {
	t := f.Target()
	switch {
	case len(t.BPFPrograms()) == 0:
		f.Missing(f.at.Span, nil, "no BPF program is loaded here that describes its functions (BTF)")
	case len(programFunctions(t, number, "*")) == 0:
		f.Missing(f.at.Parts[1].Span, nil, "no BPF program that is loaded and describes its functions (BTF) has the number %s", number)
	default:
		f.Missing(f.name.Span, t.NearestBPFFunction(f.name.Text), "no function of the BPF programs that are loaded matches %s", f.name.Text)
	}
}

// returnOfProgram is what a function returns, as the kernel's helper tells.
func returnOfProgram(l Lowering) *ir.Value {
	b := l.IR()
	result := b.SlotAddress(b.NewSlot("result", 8))
	helper(l, asm.FnGetFuncRet, ir.Writes, b.Context(), result)
	return b.Load(ir.Frame, result, 0, 8, false)
}

// listPrograms visits the functions of BPF programs.
func listPrograms(p *ProbeType, t *target.Target, patterns []string, visit func(string)) {
	number, name := "*", patterns[len(patterns)-1]
	if len(patterns) == 3 {
		number = patterns[1]
	}
	for _, function := range programFunctions(t, number, name) {
		visit(p.Name + ":" + function.path())
	}
}

// functionAt is the function of an attach point as it is listed.
func functionAt(t *target.Target, parts []string) (*target.Function, bool) {
	name := parts[len(parts)-1]
	if len(parts) != 3 || parts[0] != bpfModule {
		return t.Function(name)
	}
	for _, function := range programFunctions(t, parts[1], name) {
		if !strings.ContainsAny(name, "*?[") {
			return t.BPFFunction(function.Func), true
		}
	}
	return nil, false
}
