package builtin

import (
	"slices"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// An iterator is no event. The kernel goes through all that it has of a kind, and runs the
// program for each object, while the runtime reads from a file:
//
//	iter:task { @[ctx.task->comm] = count() }
//
//	read()   program(meta, task 1)     the body
//	         program(meta, task 2)     the body
//	         program(meta, 0)          nothing: there is no object left
//	         0 bytes
//
// The file stays empty. What the body prints goes through the ring buffer as everywhere;
// so the kernel never finds the file's buffer full, where it would run the program for the
// same object again.
// https://elixir.bootlin.com/linux/v6.12/source/kernel/bpf/bpf_iter.c (bpf_seq_read)

var iterProbe = &ProbeType{
	Info: Info{Name: "iter", Signature: "iter:KIND",
		Doc: "Runs once for each object that the kernel has of a kind (each task, each open file, each TCP socket), " +
			"as soon as all other probes are attached. The object is reached by name: ctx.task, ctx.file; " +
			"ponytrace -lv 'iter:*' shows the kinds and what ctx has of them.",
		Example: `iter:task { @[ctx.task->comm] = count() }`},
	Aliases:  []string{"it"},
	MinParts: 1, MaxParts: 2,
	Mechanisms: []object.Mechanism{object.Iter}, Expand: expandIter,
	Meant: example("iter:task"), List: listIterators, Arguments: iteratorArguments,
}

func expandIter(x Expansion, at At) (sites []*Site) {
	if len(at.Parts) == 2 {
		x.Errorf(at.Parts[1].Span, "an iterator is not kept as a file, whatever reads it would get nothing: what the clause prints comes from ponytrace")
		x.Hint("write %s:%s, and run ponytrace each time", at.Name, at.Parts[0].Text)
		return nil
	}
	name := at.Parts[0].Text
	if !x.Target().HasTypes() {
		x.Errorf(at.Span, "this kernel does not describe its iterators: it has no BTF (/sys/kernel/btf/vmlinux)")
		return nil
	}
	if !at.pattern() {
		return iterSite(x, at, name)
	}
	names, err := x.Target().MatchIterators(name)
	if err != nil {
		x.Errorf(at.Parts[0].Span, "%v", err)
		return nil
	}
	for _, name := range names {
		if !slices.Contains(ofOneMap, name) {
			sites = append(sites, iterSite(x, at, name)...)
		}
	}
	if len(sites) == 0 {
		x.Missing(at.Parts[0].Span, nil, "no iterator of this kernel matches %s", name)
	}
	return sites
}

// ofOneMap are iterators that go through one map of the kernel, which is handed to them
// as a file descriptor.
var ofOneMap = []string{"bpf_map_elem", "bpf_sk_storage_map", "sockmap"}

func iterSite(x Expansion, at At, name string) []*Site {
	params, known := x.Target().Iterator(name)
	switch {
	case !known:
		x.Missing(at.Parts[0].Span, x.Target().NearestIterator(name), "this kernel has no iterator %s", name)
		return nil
	case slices.Contains(ofOneMap, name):
		x.Errorf(at.Parts[0].Span, "iter:%s goes through one map of another program, and a script cannot say which", name)
		x.Hint("iter:bpf_map visits all maps; a map of the script itself is gone through by for ($kv : @map) { }")
		return nil
	}
	point := object.Point{
		Probe: at.Probe.Name + ":" + name, Mechanism: object.Iter, Only: true,
		At: object.IterPoint{Name: name}, Optional: x.Optional() || at.pattern(),
	}
	return []*Site{{
		Scope: Scope{Probe: at.Probe, Mechanism: object.Iter, Function: &target.Function{Name: at.Probe.Name + ":" + name, Params: params}},
		Type:  ebpf.Tracing, Attach: ebpf.AttachTraceIter, AttachTo: name,
		Points: []object.Point{point},
	}}
}

// Visited is the index of the parameter that has the object: where that is 0, there is
// none left.
func (s *Scope) Visited() int {
	params := s.Function.Params
	for i := range slices.Backward(params) {
		if params[i].Type != nil && params[i].Type.Kind == types.Pointer {
			return i
		}
	}
	return 0
}

// presentWord loads a pointer of an iterator's context, and leaves the clause where it is
// 0: the verifier follows no pointer that may be.
func presentWord(l Lowering, param target.Param) *ir.Value {
	b := l.IR()
	word := argumentWord(l, param, 0)
	missing, present := b.NewBlock(), b.NewBlock()
	b.If(ir.Equal, word, b.Const(0), missing, present)
	b.Enter(missing)
	l.End()
	b.Enter(present)
	return word
}

// contextType is the type of ctx: the words of an iterator by name, else an address.
func contextType(c Checker, name *lang.Call) *types.Type {
	if scope := c.Scope(); scope.Mechanism.Iterates() {
		return argumentStruct(scope.Function.Name, functionFields(c, scope.Function))
	}
	return kernelPointer(nil)
}

func listIterators(p *ProbeType, t *target.Target, patterns []string, visit func(string)) error {
	pattern := "*"
	if len(patterns) > 0 && patterns[0] != "" {
		pattern = patterns[0]
	}
	names, err := t.MatchIterators(pattern)
	for _, name := range names {
		if !slices.Contains(ofOneMap, name) {
			visit(p.Name + ":" + name)
		}
	}
	return err
}

// iteratorArguments leaves out the first one, which counts the objects.
func iteratorArguments(t *target.Target, parts []string) (list []string) {
	params, _ := t.Iterator(parts[len(parts)-1])
	for _, param := range params[min(1, len(params)):] {
		list = append(list, typed(param.Type, param.Name))
	}
	return list
}
