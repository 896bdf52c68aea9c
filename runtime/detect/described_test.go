package detect

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	_ "github.com/ponytrace/ponytrace/compiler/target/frozen/arm64"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

// frozenTypes writes the raw BTF of a frozen kernel to a file.
func frozenTypes(t *testing.T, kernel, name string) string {
	t.Helper()
	types, err := frozen.Target(kernel).Sources.RawBTF()
	if err != nil {
		t.Fatal(err)
	}
	return write(t, name, types)
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDescribed(t *testing.T) {
	running, err := release()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		kernel, name  string
		given         Kernel
		arch, release string
	}{
		{"6.1", "vmlinux", Kernel{Version: "6.1"}, "x86_64", "6.1"},
		{"6.1", "5.10.0-8-amd64.btf", Kernel{}, "x86_64", "5.10.0"},
		{"6.12-arm64", "types", Kernel{}, "arm64", running},
		{"6.12", "types", Kernel{Arch: "arm64", Version: "6.12.1-x"}, "arm64", "6.12.1-x"},
	} {
		described, err := Described(frozenTypes(t, test.kernel, test.name), test.given)
		if err != nil {
			t.Fatal(err)
		}
		if described.Arch != test.arch || described.Release != test.release {
			t.Errorf("%s is %s %s", test.name, described.Arch, described.Release)
		}
		if f, known := described.Function("vfs_read"); !known || f.Params[0].Type.String() != "struct file *" {
			t.Errorf("vfs_read is %v", f)
		}
		if want := test.release != "5.10.0"; described.Version.AtLeast(5, 17) && described.Features.Loop != want {
			t.Errorf("%s has %s", test.name, described.Features)
		}
	}
}

// TestDescribedImage puts types and a banner into an ELF file.
func TestDescribedImage(t *testing.T) {
	types, err := frozen.Target("6.12").Sources.RawBTF()
	if err != nil {
		t.Fatal(err)
	}
	image := imageOf(map[string][]byte{".BTF": types, ".rodata": []byte("x\x00Linux version %s\x00Linux version 6.12.57+deb13-amd64 (x@y)")})
	described, err := Described(write(t, "vmlinux-9.9", image), Kernel{})
	if err != nil || described.Release != "6.12.57+deb13-amd64" || !described.HasTypes() {
		t.Errorf("%+v, %v", described, err)
	}
}

// imageOf is an ELF file with nothing but sections.
func imageOf(sections map[string][]byte) []byte {
	names, data := []byte("\x00"), make([]byte, 64)
	headers := []elf.Section64{{}}
	for name, content := range sections {
		headers = append(headers, elf.Section64{Name: uint32(len(names)), Type: 1, Off: uint64(len(data)), Size: uint64(len(content))})
		names, data = append(names, name+"\x00"...), append(data, content...)
	}
	headers = append(headers, elf.Section64{Type: 3, Off: uint64(len(data)), Size: uint64(len(names))})
	data = append(data, names...)
	header := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: 2, Machine: 62, Version: 1, Ehsize: 64,
		Shoff: uint64(len(data)), Shentsize: 64, Shnum: uint16(len(headers)), Shstrndx: uint16(len(headers) - 1),
	}
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, header)
	copy(data, b.Bytes())
	b.Reset()
	binary.Write(&b, binary.LittleEndian, headers)
	return append(data, b.Bytes()...)
}

func TestDescribedErrors(t *testing.T) {
	good := frozenTypes(t, "6.1", "types")
	for _, test := range []struct {
		path  string
		given Kernel
		want  string
	}{
		{"/nowhere/btf", Kernel{}, "there is no such file"},
		{"/dev/zero", Kernel{}, "it is not a regular file"},
		{write(t, "f", nil), Kernel{}, "it is too short"},
		{write(t, "f", []byte("no types at all")), Kernel{}, "holds no types of a kernel"},
		{write(t, "f", []byte("\x7fELF\x02\x01\x01")), Kernel{}, "it is a damaged ELF file"},
		{write(t, "f", imageOf(nil)), Kernel{}, "it is an ELF file without a section .BTF"},
		{good, Kernel{Version: "six"}, `"six" is no version of Linux`},
		{good, Kernel{Arch: "mips"}, `there is no architecture "mips"`},
	} {
		if _, err := Described(test.path, test.given); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
}

// TestRecords compares what the running kernel's types tell of its tracepoints with its
// tracefs; outside of a soak, of some of them.
func TestRecords(t *testing.T) {
	if Privilege(must(t)) != nil || !exists(kernelTypes) {
		testkit.Lack(t, "CAP_SYS_ADMIN and CONFIG_DEBUG_INFO_BTF")
	}
	described, err := Described(kernelTypes, Kernel{})
	if err != nil {
		t.Fatal(err)
	}
	names, err := described.MatchTracepoints("*", "*")
	if err != nil {
		t.Fatal(err)
	}
	live, wrong, compared := must(t), 0, 0
	step := testkit.Choose(40, 5, 1)
	for i, point := range names {
		if i%step != 0 {
			continue
		}
		compared++
		category, name, _ := strings.Cut(point, ":")
		want, err := live.Tracepoint(category, name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := described.Tracepoint(category, name)
		if err != nil {
			t.Errorf("%s: %v", point, err)
		} else if places(got) != places(want) {
			t.Logf("%s has\n%s and not\n%s", point, places(want), places(got))
			wrong++
		}
	}
	// The types do not say what lies behind __data_loc; that it is text is wrong for few.
	if len(names) < 500 || wrong > 1+compared/100 {
		t.Errorf("%d of %d tracepoints are not told rightly, of %d in all", wrong, compared, len(names))
	}
}

// places lists the fields of a record that a script can tell apart.
func places(point *target.Tracepoint) string {
	var b strings.Builder
	for _, field := range point.Fields() {
		b.WriteString(field.Name + " " + field.Type.String() + " ")
	}
	return b.String()
}

// FuzzDescribed asks damaged descriptions all that a script can ask.
func FuzzDescribed(f *testing.F) {
	f.Add(seedTypes(f))
	f.Add(imageOf(map[string][]byte{".BTF": seedTypes(f), ".rodata": []byte("Linux version 6.12.3 (")}))
	path := filepath.Join(f.TempDir(), "vmlinux")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		kernel, err := Described(path, Kernel{Version: "6.12", Arch: "x86_64"})
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
		kernel.Tracepoint("sched", "shared")
	})
}

// seedTypes is the description that fuzzing starts from: a function, a struct, an enum
// and two tracepoints.
func seedTypes(t testing.TB) []byte {
	number := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	long := &btf.Int{Name: "long unsigned int", Size: 8}
	file := &btf.Struct{Name: "file", Size: 8, Members: []btf.Member{{Name: "f_mode", Type: number, Offset: 32}}}
	read := &btf.FuncProto{Return: number, Params: []btf.FuncParam{{Name: "file", Type: &btf.Pointer{Target: file}}}}
	traced := &btf.FuncProto{Return: &btf.Void{}, Params: []btf.FuncParam{{Type: &btf.Pointer{Target: &btf.Void{}}}, {Type: number}}}
	record := &btf.Struct{Name: "trace_event_raw_sched_switch", Size: 16, Members: []btf.Member{
		{Name: "ent", Type: long}, {Name: "pid", Type: number, Offset: 64}, {Name: "__data_loc_comm", Type: number, Offset: 96},
	}}
	builder, err := btf.NewBuilder([]btf.Type{
		&btf.Func{Name: "vfs_read", Type: read}, &btf.Func{Name: "trace_event_raw_event_share", Type: traced},
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
