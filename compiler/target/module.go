package target

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"github.com/cilium/ebpf/btf"
)

// The types and functions of kernel modules are looked up where vmlinux has none of the
// name: to open the description of every loaded module takes milliseconds, and most
// scripts never ask for one.

// Modules lists the loaded kernel modules that describe types of their own, sorted.
func (t *Target) Modules() []string {
	t = t.kernel()
	return t.loaded.get(func() []string {
		if t.Sources.Modules == nil {
			return nil
		}
		names, err := t.Sources.Modules()
		t.note("list of kernel modules", err)
		return slices.Sorted(slices.Values(names))
	})
}

// moduleSpec returns the types of a kernel module, or nil.
func (t *Target) moduleSpec(module string) *btf.Spec {
	if module == "" {
		return t.spec()
	}
	t = t.kernel()
	return t.modules.get(module, func() *btf.Spec {
		if t.Sources.ModuleBTF == nil {
			return nil
		}
		spec, err := t.Sources.ModuleBTF(module)
		if err != nil {
			return nil
		}
		return spec
	})
}

// moduleWith finds the first module, by name, whose description the function wants.
func (t *Target) moduleWith(wanted func(*btf.Spec) bool) (module string, spec *btf.Spec) {
	if t.spec() == nil {
		return "", nil
	}
	for _, name := range t.Modules() {
		if spec := t.moduleSpec(name); spec != nil && wanted(spec) {
			return name, spec
		}
	}
	return "", nil
}

// Module returns the module that a traceable function is part of: "vmlinux" for those of
// the kernel itself, nothing when there is no such function.
func (t *Target) Module(function string) string {
	if module := t.functionList().modules[function]; module != "" {
		return module
	}
	if !t.Traceable(function) {
		return ""
	}
	if raw := t.rawTypes(); raw != nil && raw.hasFunction(function) {
		return vmlinux
	}
	module, _ := t.moduleWith(func(spec *btf.Spec) bool { return prototype(spec, function) != nil })
	if module == "" {
		return vmlinux
	}
	return module
}

const vmlinux = "vmlinux"

// MatchFunctionsIn lists the traceable functions that match a pattern, of the modules whose
// names match another one, sorted. The kernel itself is vmlinux.
func (t *Target) MatchFunctionsIn(module, pattern string) ([]string, error) {
	names, err := t.MatchFunctions(pattern)
	if _, wrong := path.Match(module, ""); wrong != nil {
		return nil, fmt.Errorf("bad pattern %q: %w", module, wrong)
	}
	modules := t.functionList().modules
	return slices.DeleteFunc(names, func(name string) bool {
		matches, _ := path.Match(module, cmp.Or(modules[name], vmlinux))
		return !matches
	}), err
}
