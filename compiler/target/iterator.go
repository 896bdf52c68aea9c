package target

import (
	"bytes"
	"slices"
	"strings"
)

// An iterator of the kernel, such as task, is described by a function that exists for its
// prototype alone, and by the struct that a program is handed:
//
//	int bpf_iter_task(struct bpf_iter_meta *meta, struct task_struct *task)
//	struct bpf_iter__task { meta, task }
//
// Each parameter is a word of the context. A module describes its iterators in types of
// its own.
// https://elixir.bootlin.com/linux/v6.12/source/include/linux/bpf.h (DEFINE_BPF_ITER_FUNC)
const (
	iteratorFunction = "bpf_iter_"
	iteratorContext  = "bpf_iter__"
)

// Iterator returns what an iterator of the kernel hands to programs.
func (t *Target) Iterator(name string) ([]Param, bool) {
	if t.find("struct", iteratorContext+name) == nil {
		return nil, false
	}
	_, proto := t.prototypeOf(iteratorFunction + name)
	if proto == nil {
		return nil, false
	}
	place := t.placer()
	var params []Param
	for _, param := range proto.Params {
		params = append(params, place.next(param))
	}
	return params, true
}

// Iterators lists the iterators of the kernel and its modules, sorted. The verifier has a
// struct of its own among theirs, which has no function (bpf_iter__task__safe_trusted).
func (t *Target) Iterators() (names []string) {
	raw := t.rawTypes()
	if raw == nil {
		return nil
	}
	for _, context := range raw.namesOf(kindStruct) {
		name, ok := strings.CutPrefix(context, iteratorContext)
		if ok && raw.hasFunction(iteratorFunction+name) {
			names = append(names, name)
		}
	}
	for _, module := range t.Modules() {
		names = append(names, t.iteratorsOf(module)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// iteratorsOf are those that a module brings. Its types are opened only where its strings
// have a name of a context: that takes milliseconds, and a machine has a hundred modules.
func (t *Target) iteratorsOf(module string) (names []string) {
	t = t.kernel()
	if t.Sources.RawModuleBTF == nil {
		return nil
	}
	data, err := t.Sources.RawModuleBTF(module)
	if err != nil {
		return nil
	}
	raw, err := newRawBTF(data)
	if err != nil || !bytes.Contains(raw.strings, []byte(iteratorContext)) {
		return nil
	}
	for text := range bytes.SplitSeq(raw.strings, []byte{0}) {
		name, ok := strings.CutPrefix(string(text), iteratorContext)
		if _, known := t.Iterator(name); ok && known {
			names = append(names, name)
		}
	}
	return names
}

// MatchIterators lists those that match a pattern of *, ? and [...].
func (t *Target) MatchIterators(pattern string) ([]string, error) {
	return match(t.Iterators(), pattern)
}

// NearestIterator returns at most 3 iterators with names like name.
func (t *Target) NearestIterator(name string) []string { return nearest(t.Iterators(), name) }

// OfTask reports whether what an iterator hands over belongs to a task, so that it can be
// asked for those of one process.
func OfTask(params []Param) bool {
	return slices.ContainsFunc(params, func(p Param) bool {
		return p.Name == "task" && p.Type != nil && p.Type.Elem != nil && p.Type.Elem.Name == "task_struct"
	})
}
