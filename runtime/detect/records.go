package detect

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// records tells from types alone what tracefs says of tracepoints. A tracepoint NAME has
// the type btf_trace_NAME, a function without a name for its parameters, and its record
// is struct trace_event_raw_CLASS, where the class has often the tracepoint's name. Else
// it is the class whose function trace_event_raw_event_CLASS takes the same parameters;
// of several, the one with whose name the tracepoint's begins. Categories are in no type:
// any is taken.
// https://elixir.bootlin.com/linux/v6.12/source/include/trace/stages/stage1_struct_define.h,
// https://elixir.bootlin.com/linux/v6.12/source/include/trace/bpf_probe.h
type records struct {
	spec      *btf.Spec
	functions func() ([]string, error)
}

const (
	pointPrefix  = "btf_trace_"
	recordPrefix = "trace_event_raw_"
	classPrefix  = "trace_event_raw_event_"
)

// format writes a tracepoint's format file. What system calls take is in no type, because
// macros say it.
func (r *records) format(category, name string) ([]byte, error) {
	if category == "syscalls" {
		return r.systemCall(name)
	}
	params, found := r.parameters(name)
	if !found {
		return nil, fs.ErrNotExist
	}
	var record *btf.Struct
	if r.spec.TypeByName(recordPrefix+name, &record) == nil {
		return formatOf(name, record), nil
	}
	if r.spec.TypeByName(recordPrefix+r.class(name, params), &record) == nil {
		return formatOf(name, record), nil
	}
	return runningFormat(category, name)
}

// exitFormat is the same for all system calls.
// https://elixir.bootlin.com/linux/v6.12/source/kernel/trace/trace_syscalls.c
// (syscall_exit_fields_array)
const exitFormat = "format:\n\tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;\n\tfield:long ret;\toffset:16;\tsize:8;\tsigned:1;\n"

func (r *records) systemCall(name string) ([]byte, error) {
	text, err := runningFormat("syscalls", name)
	if call, exit := strings.CutPrefix(name, "sys_exit_"); exit && err != nil && r.hasCall(call) {
		return []byte(exitFormat), nil
	}
	return text, err
}

func (r *records) hasCall(name string) bool {
	names, err := r.functions()
	return err == nil && (slices.Contains(names, "__x64_sys_"+name) || slices.Contains(names, "__arm64_sys_"+name))
}

// runningFormat takes the running kernel's word for it.
func runningFormat(category, name string) ([]byte, error) {
	text, err := format(category, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("types alone do not tell its fields, and the tracefs of this machine cannot be read")
	}
	return text, err
}

// tracepoints lists those of the running kernel that the other has too: only tracefs
// tells categories.
func (r *records) tracepoints() ([]string, error) {
	names, err := tracepoints()
	if err != nil {
		return nil, errors.New("types alone do not tell the categories, and the tracefs of this machine cannot be read")
	}
	var common []string
	for _, point := range names {
		category, name, _ := strings.Cut(point, ":")
		if _, found := r.parameters(name); found || category == "syscalls" {
			common = append(common, point)
		}
	}
	return common, nil
}

// parameters spells the types that a tracepoint hands to its subscribers.
func (r *records) parameters(name string) (string, bool) {
	var definition *btf.Typedef
	if r.spec.TypeByName(pointPrefix+name, &definition) != nil {
		return "", false
	}
	pointer, _ := definition.Type.(*btf.Pointer)
	if pointer == nil {
		return "", false
	}
	return spellParameters(pointer.Target), true
}

func spellParameters(t btf.Type) string {
	proto, _ := t.(*btf.FuncProto)
	if proto == nil {
		return ""
	}
	var words []string
	for _, p := range proto.Params {
		words = append(words, spell(p.Type))
	}
	return strings.Join(words, ", ")
}

// class returns the class of a tracepoint, or nothing where several could be it.
func (r *records) class(name, params string) string {
	names, err := r.functions()
	if err != nil {
		return ""
	}
	var classes []string
	for _, function := range names {
		class, found := strings.CutPrefix(function, classPrefix)
		if !found {
			continue
		}
		var f *btf.Func
		if r.spec.TypeByName(function, &f) == nil && spellParameters(f.Type) == params {
			classes = append(classes, class)
		}
	}
	if len(classes) == 1 {
		return classes[0]
	}
	return likeliest(name, classes)
}

// likeliest is the class with the longest name that, without the usual endings, the
// tracepoint's begins with.
func likeliest(name string, classes []string) (best string) {
	longest := 0
	for _, class := range classes {
		stem := class
		for _, end := range []string{"_class", "_template", "_event", "_evt"} {
			stem = strings.TrimSuffix(stem, end)
		}
		if strings.HasPrefix(name, stem) && len(stem) > longest {
			best, longest = class, len(stem)
		}
	}
	return best
}

// formatOf writes the lines of a format file but for the number, which only a running
// kernel has.
func formatOf(name string, record *btf.Struct) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\nID: 0\nformat:\n", name)
	for _, m := range record.Members {
		if m.Name == "ent" || m.Name == "__data" {
			continue
		}
		size, err := btf.Sizeof(m.Type)
		if err != nil {
			continue
		}
		fmt.Fprintf(&b, "\tfield:%s;\toffset:%d;\tsize:%d;\tsigned:%d;\n", declare(m), m.Offset.Bytes(), size, signed(m.Type))
	}
	return []byte(b.String())
}

// declare spells a member as the format file does. Of what lies elsewhere the types say
// only where: most are texts.
func declare(m btf.Member) string {
	for _, prefix := range []string{"__data_loc", "__rel_loc"} {
		if name, found := strings.CutPrefix(m.Name, prefix+"_"); found {
			return prefix + " char[] " + name
		}
	}
	if array, ok := btf.UnderlyingType(m.Type).(*btf.Array); ok {
		return fmt.Sprintf("%s %s[%d]", spell(array.Type), m.Name, array.Nelems)
	}
	return spell(m.Type) + " " + m.Name
}

func signed(t btf.Type) int {
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Int:
		if t.Encoding == btf.Signed {
			return 1
		}
	case *btf.Enum:
		if t.Signed {
			return 1
		}
	}
	return 0
}

// spell writes a type as C does, without qualifiers but a const behind a pointer.
// Pointers to what has no name are void pointers.
func spell(t btf.Type) string {
	stars, constant := "", ""
	for range 32 {
		switch of := t.(type) {
		case *btf.Pointer:
			stars, t = stars+"*", of.Target
			continue
		case *btf.Const:
			if stars == "*" {
				constant = "const "
			}
			t = of.Type
			continue
		case *btf.Volatile:
			t = of.Type
			continue
		case *btf.Restrict:
			t = of.Type
			continue
		case *btf.TypeTag:
			t = of.Type
			continue
		}
		break
	}
	if stars != "" {
		stars = " " + stars
	}
	return constant + tagged(t) + stars
}

// tagged is the name of a type that is no pointer, with its tag.
func tagged(t btf.Type) string {
	name := t.TypeName()
	switch t.(type) {
	case *btf.Struct, *btf.Fwd:
		return "struct " + name
	case *btf.Union:
		return "union " + name
	case *btf.Enum:
		return "enum " + name
	}
	if name == "" {
		return "void"
	}
	return name
}
