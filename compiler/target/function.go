package target

import (
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// Function is a function of the kernel, or of a program, with its prototype.
type Function struct {
	Name   string
	Module string // empty for vmlinux
	Params []Param
	Return *types.Type // nil for void
	// ReturnsMemory: the result is a struct too large for registers, which the caller has
	// set memory aside for.
	ReturnsMemory bool
	// ReturnPieces are the registers of a result that is not in words of its own, and
	// ReturnAbsent says why a result is nowhere that a probe can read.
	ReturnPieces []Piece
	ReturnAbsent string
	// User: a function of a program, and Types those that the program knows by name; nil
	// where it describes none.
	User  bool
	BPF   bool // a function of a BPF program
	Types TypeNames
	// Slots is how many words of arguments the context of a tracing program has, before
	// that of the result.
	Slots    int
	Variadic bool
}

// Function returns the prototype of a kernel function that probes can attach to or not.
// Functions whose name ends in .isra.0 and the like have none: the optimiser changed
// their arguments.
func (t *Target) Function(name string) (*Function, bool) {
	module, proto := t.prototypeOf(name)
	if proto == nil {
		return nil, false
	}
	function := &Function{Name: name, Module: module, Return: convert(proto.Return), ReturnsMemory: t.returnedInMemory(proto.Return)}
	t.place(function, proto.Params)
	return function, true
}

// prototypeOf looks in the kernel first, then in modules.
func (t *Target) prototypeOf(name string) (module string, proto *btf.FuncProto) {
	if proto = prototype(t.spec(), name); proto != nil {
		return "", proto
	}
	return t.moduleFunction(name)
}

// moduleFunction prefers the module that the list names to one that has a function of the
// same name.
func (t *Target) moduleFunction(name string) (module string, proto *btf.FuncProto) {
	if module = t.functionList().modules[name]; module != "" && t.spec() != nil {
		return module, prototype(t.moduleSpec(module), name)
	}
	module, _ = t.moduleWith(func(spec *btf.Spec) bool {
		proto = prototype(spec, name)
		return proto != nil
	})
	return module, proto
}

// prototype finds the one prototype of the function; two that share a name would leave
// the choice to chance.
func prototype(spec *btf.Spec, name string) *btf.FuncProto {
	if spec == nil {
		return nil
	}
	var function *btf.Func
	if err := spec.TypeByName(name, &function); err != nil {
		return nil
	}
	proto, _ := function.Type.(*btf.FuncProto)
	return proto
}

// place finds where a function's parameters are.
func (t *Target) place(function *Function, from []btf.FuncParam) {
	p := t.placer()
	if function.ReturnsMemory && !p.arm {
		p.register = 1 // the first has the address of the result
	}
	for i, param := range from {
		if _, void := param.Type.(*btf.Void); void && param.Name == "" && i == len(from)-1 {
			function.Variadic = true
			break
		}
		function.Params = append(function.Params, p.next(param))
	}
	function.Slots = p.slot
}

// functionList holds the names that probes can attach to.
type functionList struct {
	names   []string // sorted
	modules map[string]string
}

func (t *Target) functionList() functionList {
	t = t.kernel()
	return t.functions.get(func() functionList {
		if t.Sources.Functions == nil {
			return functionList{}
		}
		lines, err := t.Sources.Functions()
		t.note("list of functions", err)
		t.listed.Store(true)
		return newFunctionList(lines)
	})
}

func newFunctionList(lines []string) functionList {
	list := functionList{names: make([]string, 0, len(lines)), modules: map[string]string{}}
	for _, line := range lines {
		name, module, inModule := strings.Cut(line, " [")
		if inModule {
			list.modules[name] = strings.TrimSuffix(module, "]")
		}
		list.names = append(list.names, name)
	}
	slices.Sort(list.names)
	list.names = slices.Compact(list.names)
	return list
}

// Traceable reports whether a probe can attach to the function. The kernel takes 30 ms
// and more to list what it can trace, so for one name its types answer where they can:
// what they describe is taken to be traceable, which is wrong for a few thousand
// functions that only attaching finds out (inlined, notrace, freed after boot). For
// functions of the tables of renames it matters, and there the list decides.
func (t *Target) Traceable(name string) bool {
	t = t.kernel()
	if t.listed.Load() {
		return t.inList(name) || t.aliased(name)
	}
	switch described, known := t.describes(name); {
	case !known:
		return t.inList(name)
	case described:
		return !moved(name) || t.inList(name)
	}
	return !moved(name) && (t.inList(name) || t.aliased(name))
}

// describes reports whether the kernel's types have a function of the name, if there are
// any. Their bytes tell sooner than their index, but where functions are traced by tracing
// programs the index is needed anyway, and kernels before 6.18 hand out a copy of 6 MB for
// each.
func (t *Target) describes(name string) (described, known bool) {
	if t.Features.Fentry && !t.Features.PreemptedTracing && prototype(t.spec(), name) != nil {
		return true, true
	}
	raw := t.rawTypes()
	return raw != nil && raw.hasFunction(name), raw != nil
}

// aliased reports a second name of an address, such as __x64_sys_getppid, whose address
// BTF and the kernel's list know as __do_sys_getppid only. Kprobes take it, since they
// resolve names by the symbol table.
func (t *Target) aliased(name string) bool {
	if t.Sources.Symbol == nil || moved(name) {
		return false
	}
	return t.symbols.get(name, func() bool { return t.Sources.Symbol(name) })
}

func (t *Target) inList(name string) bool {
	_, found := slices.BinarySearch(t.functionList().names, name)
	return found
}

// MatchFunctions lists the traceable functions that match a pattern of *, ? and [...],
// sorted.
func (t *Target) MatchFunctions(pattern string) ([]string, error) {
	return match(t.functionList().names, pattern)
}
