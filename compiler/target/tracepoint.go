package target

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// Tracepoint is an event with the record that perf hands to a program: its fields lie at
// offsets from the start of the program's context.
type Tracepoint struct {
	Category, Name string
	ID             int

	machine  *Target
	declared []declaration
	fields   memo[[]TracepointField]
}

// Fields lists the parts of the record without the common ones (common_pid, ...), which
// builtins serve. The kernel's types are opened only where a field has one that is not
// C's.
func (p *Tracepoint) Fields() []TracepointField {
	return p.fields.get(func() []TracepointField {
		fields := make([]TracepointField, len(p.declared))
		for i, d := range p.declared {
			fields[i] = d.field(p.machine)
		}
		return fields
	})
}

// TracepointField is a part of a tracepoint's record.
type TracepointField struct {
	Name   string
	Type   *types.Type
	Offset int
	// DataLocation marks a field whose 4 bytes at Offset say where the value is: its
	// length in the upper, its place in the lower 16 bits. Type is then a String or Array
	// without a size.
	DataLocation bool
	// Relative: the place counts from the end of the 4 bytes and not from the start of
	// the record.
	Relative bool
}

// UnknownTracepoint is the error for a tracepoint that the kernel does not have.
type UnknownTracepoint struct {
	Category, Name string
	Nearest        []string // "category:name"
}

func (e *UnknownTracepoint) Error() string {
	return fmt.Sprintf("no tracepoint %s:%s in this kernel", e.Category, e.Name)
}

// foundTracepoint is what Tracepoint returned.
type foundTracepoint struct {
	*Tracepoint
	err error
}

// Tracepoint describes an event, which is not to be changed. The error is an
// *UnknownTracepoint when there is none of the name.
func (t *Target) Tracepoint(category, name string) (*Tracepoint, error) {
	t = t.kernel()
	found := t.formats.get([2]string{category, name}, func() foundTracepoint {
		point, err := t.readTracepoint(category, name)
		return foundTracepoint{point, err}
	})
	return found.Tracepoint, found.err
}

func (t *Target) readTracepoint(category, name string) (*Tracepoint, error) {
	if t.Sources.Format == nil {
		return nil, errors.New("tracepoint formats cannot be read here")
	}
	text, err := t.Sources.Format(category, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &UnknownTracepoint{category, name, t.NearestTracepoint(category, name)}
	}
	if err != nil {
		return nil, fmt.Errorf("format of tracepoint %s:%s: %w", category, name, err)
	}
	return parseFormat(t, category, name, string(text))
}

// tracepoints lists "category:name", sorted.
func (t *Target) tracepoints() []string {
	t = t.kernel()
	return t.points.get(func() []string {
		if t.Sources.Tracepoints == nil {
			return nil
		}
		names, err := t.Sources.Tracepoints()
		t.note("list of tracepoints", err)
		names = slices.Clone(names)
		slices.Sort(names)
		return slices.Compact(names)
	})
}

// MatchTracepoints lists, as "category:name", the tracepoints that match two patterns of
// *, ? and [...].
func (t *Target) MatchTracepoints(category, pattern string) ([]string, error) {
	return match(t.tracepoints(), category+":"+pattern)
}

// NearestTracepoint returns at most 3 tracepoints with names like category:name.
func (t *Target) NearestTracepoint(category, name string) []string {
	return nearest(t.tracepoints(), category+":"+name)
}

// RawTracepoint returns the arguments of a tracepoint as raw_tp and tp_btf programs get
// them.
func (t *Target) RawTracepoint(name string) ([]Param, bool) {
	definition, ok := t.find("typedef", "btf_trace_"+name).(*btf.Typedef)
	if !ok {
		return nil, false
	}
	pointer, _ := definition.Type.(*btf.Pointer)
	if pointer == nil {
		return nil, false
	}
	proto, _ := pointer.Target.(*btf.FuncProto)
	if proto == nil || len(proto.Params) == 0 {
		return nil, false
	}
	place := t.placer()
	var params []Param
	names := t.argumentNames(name, proto)
	for i, p := range proto.Params[1:] { // the first is the subscriber's own data
		param := place.next(p)
		param.Name = cmp.Or(param.Name, names[i+1])
		params = append(params, param)
	}
	return params, true
}

// RawTracepointModule returns the module that a tracepoint is part of, vmlinux for the
// kernel itself; nothing where neither its types nor its functions tell.
func (t *Target) RawTracepointModule(name string) string {
	described := func(spec *btf.Spec) bool {
		var definition *btf.Typedef
		return spec.TypeByName("btf_trace_"+name, &definition) == nil
	}
	if spec := t.spec(); spec != nil && described(spec) {
		return vmlinux
	}
	if module, _ := t.moduleWith(described); module != "" {
		return module
	}
	return t.Module("__traceiter_" + name)
}

// argumentNames are the names of a raw tracepoint's parameters. The type has none, but
// the functions have that the kernel makes for each tracepoint: the one that calls the
// subscribers, since 5.10, and the one that runs BPF programs.
// https://elixir.bootlin.com/linux/v5.10/source/include/linux/tracepoint.h
// (DEFINE_TRACE_FN)
func (t *Target) argumentNames(tracepoint string, proto *btf.FuncProto) []string {
	names := make([]string, len(proto.Params))
	for _, prefix := range []string{"__traceiter_", "__bpf_trace_"} {
		if _, found := t.prototypeOf(prefix + tracepoint); found != nil && len(found.Params) == len(names) {
			for i, param := range found.Params {
				names[i] = param.Name
			}
			break
		}
	}
	return names
}
