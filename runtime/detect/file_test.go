package detect

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/target"
)

var (
	oldest = target.Version{Major: 5, Minor: 10}
	recent = target.Version{Major: 6, Minor: 12}
)

// blob describes a kernel with a function, a struct, an enum, a tracepoint and a system call.
func blob(t testing.TB) []byte {
	number := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	long := &btf.Int{Name: "long unsigned int", Size: 8}
	file := &btf.Struct{Name: "file", Size: 8, Members: []btf.Member{{Name: "f_mode", Type: number, Offset: 32}}}
	read := &btf.FuncProto{Return: number, Params: []btf.FuncParam{{Name: "file", Type: &btf.Pointer{Target: file}}}}
	open := &btf.FuncProto{Return: long, Params: []btf.FuncParam{{Name: "dfd", Type: number}, {Name: "name", Type: &btf.Pointer{Target: long}}}}
	traced := &btf.FuncProto{Return: &btf.Void{}, Params: []btf.FuncParam{{Type: &btf.Pointer{Target: &btf.Void{}}}, {Type: number}}}
	record := &btf.Struct{Name: "trace_event_raw_sched_switch", Size: 16, Members: []btf.Member{
		{Name: "ent", Type: long}, {Name: "pid", Type: number, Offset: 64}, {Name: "__data_loc_comm", Type: number, Offset: 96},
	}}
	builder, err := btf.NewBuilder([]btf.Type{
		&btf.Func{Name: "vfs_read", Type: read}, &btf.Func{Name: "__x64_sys_openat", Type: read}, &btf.Func{Name: "__do_sys_openat", Type: open},
		&btf.Enum{Name: "color", Size: 4, Values: []btf.EnumValue{{Name: "red", Value: 3}}},
		record, &btf.Typedef{Name: "btf_trace_sched_switch", Type: &btf.Pointer{Target: traced}},
		&btf.Typedef{Name: "btf_trace_shared", Type: &btf.Pointer{Target: traced}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := builder.Marshal(nil, &btf.MarshalOptions{Order: binary.LittleEndian})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// wrapped puts a section into an ELF file: a header, the section, the names of the sections, the sections' table.
func wrapped(section string, data []byte, machine elf.Machine) []byte {
	names := "\x00" + section + "\x00.shstrtab\x00"
	start := uint64(64)
	end := start + uint64(len(data)+len(names))
	var file bytes.Buffer
	header := elf.Header64{Type: uint16(elf.ET_REL), Machine: uint16(machine), Version: 1, Shoff: end, Ehsize: 64, Shentsize: 64, Shnum: 3, Shstrndx: 2}
	copy(header.Ident[:], elf.ELFMAG+"\x02\x01\x01")
	sections := []elf.Section64{{},
		{Name: 1, Type: uint32(elf.SHT_PROGBITS), Off: start, Size: uint64(len(data))},
		{Name: uint32(len(section) + 2), Type: uint32(elf.SHT_STRTAB), Off: start + uint64(len(data)), Size: uint64(len(names))},
	}
	for _, part := range []any{header, data, []byte(names), sections} {
		binary.Write(&file, binary.LittleEndian, part)
	}
	return file.Bytes()
}

func TestFromBTF(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vmlinux")
	if err := os.WriteFile(path, wrapped(".BTF", blob(t), elf.EM_X86_64), 0o644); err != nil {
		t.Fatal(err)
	}
	kernel, err := FromBTF(path, recent, "")
	if err != nil {
		t.Fatal(err)
	}
	if kernel.Arch != "x86_64" || !kernel.Features.Fentry || !kernel.Features.Loop || kernel.Release != "6.12.0" {
		t.Error(kernel.Arch, kernel.Release, kernel.Features)
	}
	if names, err := kernel.MatchFunctions("vfs_*"); err != nil || len(names) != 1 || !kernel.Traceable("vfs_read") {
		t.Error(names, err)
	}
	f, ok := kernel.Function("vfs_read")
	if !ok || len(f.Params) != 1 {
		t.Fatal(f, ok)
	}
	if m, ok := kernel.Member(f.Params[0].Type.Elem, "f_mode"); !ok || m.Offset != 4 {
		t.Error(m, ok)
	}
	if value, _, ok := kernel.Constant("red"); !ok || value != 3 {
		t.Error(value, ok)
	}
}

func TestTracepointsFromBTF(t *testing.T) {
	kernel, err := fromBTF(blob(t), recent, "x86_64")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"sched:sched_switch":         "pid@8 comm@12 elsewhere",
		"syscalls:sys_enter_openat":  "__syscall_nr@8 dfd@16 name@24",
		"syscalls:sys_exit_openat":   "__syscall_nr@8 ret@16",
		"sched:shared":               "the kernel's types do not tell the fields of tracepoint sched:shared",
		"sched:unknown":              "no tracepoint sched:unknown in this kernel",
		"syscalls:sys_enter_unknown": "no tracepoint syscalls:sys_enter_unknown in this kernel",
		"syscalls:sys_openat":        "no tracepoint syscalls:sys_openat in this kernel",
	} {
		category, event, _ := strings.Cut(name, ":")
		got := ""
		point, err := kernel.Tracepoint(category, event)
		if err != nil {
			got = err.Error()
		} else {
			got = fieldsText(point)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func fieldsText(point *target.Tracepoint) string {
	var fields []string
	for _, f := range point.Fields {
		text := f.Name + "@" + strconv.Itoa(f.Offset)
		if f.DataLocation {
			text += " elsewhere"
		}
		fields = append(fields, text)
	}
	return strings.Join(fields, " ")
}

func TestFromBTFErrors(t *testing.T) {
	raw := blob(t)
	for _, test := range []struct {
		data []byte
		arch string
		want string
	}{
		{raw, "", "the architecture must be given: x86_64 or arm64"},
		{raw, "mips", "the architecture must be given: x86_64 or arm64"},
		{raw[:100], "x86_64", "this is no description of types (BTF), or it is damaged"},
		{nil, "x86_64", "this is no description of types (BTF), or it is damaged"},
		{wrapped(".text", raw, elf.EM_X86_64), "", "the ELF file has no section .BTF"},
		{wrapped(".BTF", raw, elf.EM_X86_64), "arm64", "they are those of x86_64, not of arm64"},
		{[]byte(elf.ELFMAG + "x"), "x86_64", "the ELF file is damaged"},
	} {
		if _, err := fromBTF(test.data, oldest, test.arch); err == nil || err.Error() != test.want {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
	if _, err := FromBTF("/nowhere/vmlinux", oldest, "arm64"); err == nil || err.Error() != "kernel types in /nowhere/vmlinux: no such file or directory" {
		t.Error(err)
	}
}

// FuzzFromBTF asks damaged descriptions all that a script can ask.
func FuzzFromBTF(f *testing.F) {
	f.Add(blob(f))
	f.Add(wrapped(".BTF", blob(f), elf.EM_X86_64))
	f.Fuzz(func(t *testing.T, data []byte) {
		kernel, err := fromBTF(data, recent, "x86_64")
		if err != nil {
			return
		}
		names, _ := kernel.MatchFunctions("*")
		for _, name := range append(names, "vfs_read") {
			kernel.Function(name)
			kernel.Traceable(name)
		}
		for _, tag := range []string{"struct", "union", "enum", ""} {
			if found, ok := kernel.Struct(tag, "file"); ok {
				_ = kernel.Complete(found).String()
				for _, name := range kernel.MemberNames(found) {
					kernel.Member(found, name)
				}
			}
		}
		kernel.Constant("red")
		kernel.NearestType("fiel")
		kernel.RawTracepoint("sched_switch")
		kernel.Tracepoint("sched", "sched_switch")
		kernel.Tracepoint("syscalls", "sys_enter_openat")
	})
}
