package target

import (
	"slices"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// describedIterator is what BTF has of an iterator.
func describedIterator(name string) []btf.Type {
	proto := &btf.FuncProto{Return: intBTF, Params: []btf.FuncParam{{Name: "meta", Type: longBTF}, {Name: name, Type: longBTF}}}
	return []btf.Type{&btf.Struct{Name: iteratorContext + name, Size: 16}, &btf.Func{Name: iteratorFunction + name, Type: proto}}
}

// TestIteratorsOfModules: those that a loaded module describes are listed and known; a
// context without a function is none.
func TestIteratorsOfModules(t *testing.T) {
	target := build(t, "x86_64", describedIterator("task")...)
	modules := map[string]*Target{
		"net":   build(t, "x86_64", append(describedIterator("route"), &btf.Struct{Name: iteratorContext + "half", Size: 16})...),
		"plain": build(t, "x86_64", &btf.Struct{Name: "other", Size: 8}),
	}
	target.Sources.Modules = func() ([]string, error) { return []string{"broken", "gone", "net", "plain"}, nil }
	target.Sources.RawModuleBTF = func(module string) ([]byte, error) {
		if found := modules[module]; found != nil {
			return found.Sources.RawBTF()
		}
		return []byte("no BTF"), nil
	}
	target.Sources.ModuleBTF = func(module string) (*btf.Spec, error) {
		if found := modules[module]; found != nil {
			return found.spec(), nil
		}
		return nil, errMalformedBTF
	}
	if got := target.Iterators(); !slices.Equal(got, []string{"route", "task"}) {
		t.Error(got)
	}
	if params, known := target.Iterator("route"); !known || len(params) != 2 || params[1].Name != "route" {
		t.Error(params, known)
	}
}
