package target

import (
	"fmt"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/types"
)

// Where no format files are, the kernel's types describe the records of most tracepoints: that of EVENT is
// struct trace_event_raw_EVENT, unless several events share one. The records of system calls are made at run
// time from the prototypes of the functions behind them.
// https://elixir.bootlin.com/linux/v6.12/source/include/trace/stages/stage1_struct_define.h,
// https://elixir.bootlin.com/linux/v6.12/source/kernel/trace/trace_syscalls.c (syscall_enter_define_fields)

func (t *Target) tracepointFromTypes(category, name string) (*Tracepoint, error) {
	fields, known := t.recordFields(name)
	if category == "syscalls" {
		fields, known = t.callRecord(name)
	}
	switch {
	case fields != nil:
		return &Tracepoint{Category: category, Name: name, Fields: fields}, nil
	case known:
		return nil, fmt.Errorf("the kernel's types do not tell the fields of tracepoint %s:%s", category, name)
	}
	return nil, &UnknownTracepoint{Category: category, Name: name}
}

// callRecord describes sys_enter_CALL and sys_exit_CALL.
func (t *Target) callRecord(name string) (fields []TracepointField, known bool) {
	direction, call, _ := strings.Cut(strings.TrimPrefix(name, "sys_"), "_")
	raw := t.rawTypes()
	if raw == nil || !raw.hasFunction(callPrefix[t.Arch]+call) {
		return nil, false
	}
	switch direction {
	case "enter":
		return t.callFields(call), true
	case "exit":
		return []TracepointField{callNumber, {Name: "ret", Type: types.Int64, Offset: 16}}, true
	}
	return nil, false
}

// callPrefix is what the functions that system calls begin with are named by.
var callPrefix = map[string]string{"x86_64": "__x64_sys_", "arm64": "__arm64_sys_"}

var callNumber = TracepointField{Name: "__syscall_nr", Type: types.Int32, Offset: 8}

// callFields describes the arguments of a system call: each has 8 bytes.
func (t *Target) callFields(call string) []TracepointField {
	proto := prototype(t.spec(), "__do_sys_"+call)
	if proto == nil {
		return nil
	}
	fields := []TracepointField{callNumber}
	for i, p := range proto.Params {
		converted := convert(p.Type)
		if p.Name == "__unused" {
			continue
		}
		if converted == nil || !converted.Scalar() {
			return nil
		}
		if converted.Kind == types.Pointer {
			user := *converted
			user.User = true
			converted = &user
		}
		fields = append(fields, TracepointField{Name: p.Name, Type: converted, Offset: 16 + 8*i})
	}
	return fields
}

// recordFields reads struct trace_event_raw_EVENT: a header of 8 bytes, the fields, and room for what is stored
// behind them.
func (t *Target) recordFields(name string) (fields []TracepointField, known bool) {
	for _, m := range membersOf(t.find("struct", "trace_event_raw_"+name)) {
		placed, ok := place(m)
		if ok && placed.Offset >= 8 && placed.Name != "__data" {
			fields = append(fields, recordField(placed))
		}
	}
	_, known = t.RawTracepoint(name)
	return fields, known
}

// recordField tells apart the fields that only say where their value is. Its type is lost; nearly all are text.
func recordField(m Member) TracepointField {
	field := TracepointField{Name: m.Name, Type: m.Type, Offset: m.Offset}
	for _, prefix := range []string{"__data_loc_", "__rel_loc_"} {
		if rest, ok := strings.CutPrefix(m.Name, prefix); ok {
			field.Name, field.Type = rest, types.NewString(0)
			field.DataLocation, field.Relative = true, prefix == "__rel_loc_"
		}
	}
	return field
}
