package target

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// build returns a target whose kernel has the given types.
func build(t testing.TB, arch string, described ...btf.Type) *Target {
	builder, err := btf.NewBuilder(described, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := builder.Marshal(nil, &btf.MarshalOptions{Order: binary.LittleEndian})
	if err != nil {
		t.Fatal(err)
	}
	spec, err := builder.Spec()
	if err != nil {
		t.Fatal(err)
	}
	return &Target{Arch: arch, PageSize: 4096, Sources: Sources{
		BTF:    func() (*btf.Spec, error) { return spec, nil },
		RawBTF: func() ([]byte, error) { return raw, nil },
	}}
}

var (
	charBTF = &btf.Int{Name: "char", Size: 1}
	intBTF  = &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	longBTF = &btf.Int{Name: "long unsigned int", Size: 8}
	wideBTF = &btf.Int{Name: "__int128", Size: 16, Encoding: btf.Signed}
)

func TestConvert(t *testing.T) {
	selfish := &btf.Pointer{}
	selfish.Target = selfish
	circle := &btf.Typedef{Name: "circle"}
	circle.Type = circle
	node := &btf.Struct{Name: "node", Size: 8}
	node.Members = []btf.Member{{Name: "next", Type: &btf.Pointer{Target: node}}}
	for _, test := range []struct {
		from btf.Type
		want string
	}{
		{intBTF, "int32"},
		{charBTF, "int8"},
		{&btf.Int{Name: "_Bool", Size: 1, Encoding: btf.Bool}, "bool"},
		{&btf.Const{Type: &btf.Volatile{Type: &btf.Typedef{Name: "u64", Type: longBTF}}}, "uint64"},
		{&btf.Pointer{Target: &btf.Const{Type: charBTF}}, "int8 *"},
		{&btf.Pointer{Target: &btf.Pointer{Target: node}}, "struct node **"},
		{&btf.Pointer{Target: &btf.FuncProto{Return: &btf.Void{}}}, "void *"},
		{&btf.Pointer{Target: &btf.Void{}}, "void *"},
		{&btf.Array{Index: intBTF, Type: charBTF, Nelems: 16}, "string[16]"},
		{&btf.Array{Index: intBTF, Type: &btf.Array{Index: intBTF, Type: intBTF, Nelems: 3}, Nelems: 2}, "int32[3][2]"},
		{&btf.Fwd{Name: "hidden", Kind: btf.FwdUnion}, "union hidden"},
		{&btf.Typedef{Name: "kuid_t", Type: &btf.Struct{Size: 4}}, "struct kuid_t"},
		{&btf.Float{Name: "double", Size: 8}, "double"},
		{wideBTF, "__int128"},
		{&btf.Enum{Name: "color", Size: 4}, "enum color"},
		{&btf.Void{}, "nothing"},
		{circle, "nothing"},
		{selfish, "void *" + strings.Repeat("*", maxDepth)},
	} {
		got := "nothing"
		if converted := convert(test.from); converted != nil {
			got = plain(converted).String()
		}
		if got != test.want {
			t.Errorf("%v: %s, want %s", test.from, got, test.want)
		}
	}
}

func TestUserPointer(t *testing.T) {
	tagged := &btf.Pointer{Target: &btf.TypeTag{Value: "user", Type: charBTF}}
	if !convert(tagged).User || convert(&btf.Pointer{Target: charBTF}).User {
		t.Error("the tag decides whether a pointer is the user's")
	}
}

func TestMember(t *testing.T) {
	inner := &btf.Union{Size: 8, Members: []btf.Member{{Name: "inner", Type: longBTF}, {Name: "low", Type: intBTF}}}
	packed := &btf.Struct{Name: "s", Size: 24, Members: []btf.Member{
		{Name: "plain", Type: intBTF},
		{Name: "bits", Type: intBTF, Offset: 32, BitfieldSize: 3},
		{Name: "more", Type: intBTF, Offset: 60, BitfieldSize: 4},
		{Name: "across", Type: intBTF, Offset: 76, BitfieldSize: 30},
		{Type: inner, Offset: 128},
	}}
	target := build(t, "x86_64", packed)
	of, _ := target.Struct("struct", "s")
	for _, test := range []struct{ name, want string }{
		{"plain", "int32 0 0 0"},
		{"bits", "int32 4 0 3"},
		{"more", "int32 4 28 4"},
		{"across", "int32 9 4 30"},
		{"inner", "uint64 16 0 0"},
		{"low", "int32 16 0 0"},
		{"absent", "none"},
		{"", "none"},
	} {
		got := "none"
		if m, ok := target.Member(of, test.name); ok {
			got = fmt.Sprint(plain(m.Type), m.Offset, m.BitOffset, m.BitSize)
		}
		if got != test.want {
			t.Errorf("%q: %s, want %s", test.name, got, test.want)
		}
	}
	if got := strings.Join(target.MemberNames(of), " "); got != "plain bits more across inner low" {
		t.Error(got)
	}
	named := &types.Type{Kind: types.Struct, Name: "s"}
	if _, ok := target.Member(named, "plain"); !ok {
		t.Error("a struct known by name alone has no members")
	}
}

// The places are those of gcc 12 for x86_64, and of AAPCS64 for arm64: Register/Words,
// +Stack, * where the address is passed, and the slot of fentry.
func TestParameters(t *testing.T) {
	named := func(name string, size uint32, members ...btf.Member) *btf.Struct {
		return &btf.Struct{Name: name, Size: size, Members: members}
	}
	member := func(t btf.Type, at btf.Bits) btf.Member { return btf.Member{Name: "m", Type: t, Offset: 8 * at} }
	id := named("id", 4, member(intBTF, 0))
	small := named("small", 16, member(longBTF, 0), member(longBTF, 8))
	odd := named("odd", 12, member(intBTF, 0), member(intBTF, 4), member(intBTF, 8))
	large := named("large", 24, member(longBTF, 0), member(longBTF, 8), member(longBTF, 16))
	packed := named("packed", 5, member(&btf.Int{Name: "u8", Size: 1}, 0), member(intBTF, 1))
	empty := named("empty", 0)
	wide := &btf.Int{Name: "__int128", Size: 16}
	float := &btf.Float{Name: "double", Size: 8}
	for _, test := range []struct {
		params     []btf.Type
		result     btf.Type
		x86, arm64 string
	}{
		{[]btf.Type{intBTF, id, longBTF}, nil, "0/1:0 1/1:1 2/1:2", "0/1:0 1/1:1 2/1:2"},
		{[]btf.Type{intBTF, small, longBTF, large, longBTF, intBTF, intBTF}, nil,
			"0/1:0 1/2:1 3/1:3 +8:-1 4/1:7 5/1:8 +32:9", "0/1:0 1/2:1 3/1:3 4/1*:-1 5/1:7 6/1:8 7/1:9"},
		{[]btf.Type{intBTF, intBTF, intBTF, intBTF, intBTF, small, odd, intBTF, small}, nil,
			"0/1:0 1/1:1 2/1:2 3/1:3 4/1:4 +8:5 +24:7 5/1:9 +40:10", "0/1:0 1/1:1 2/1:2 3/1:3 4/1:4 5/2:5 +0:7 +16:9 +24:10"},
		{[]btf.Type{packed, empty, intBTF}, nil, "+8:-1 nowhere:-1 0/1:1", "0/1:0 nowhere:-1 1/1:1"},
		{[]btf.Type{intBTF, wide, float, intBTF}, nil, "0/1:0 1/2:-1 nowhere:-1 3/1:3", "0/1:0 2/2:-1 nowhere:-1 4/1:3"},
		{[]btf.Type{intBTF, intBTF, intBTF, intBTF, intBTF, intBTF, intBTF, wide}, nil,
			"0/1:0 1/1:1 2/1:2 3/1:3 4/1:4 5/1:5 +8:6 +24:-1", "0/1:0 1/1:1 2/1:2 3/1:3 4/1:4 5/1:5 6/1:6 +0:-1"},
		{[]btf.Type{intBTF, intBTF}, small, "0/1:0 1/1:1", "0/1:0 1/1:1"},
		{[]btf.Type{intBTF, intBTF}, large, "1/1:0 2/1:1", "0/1:0 1/1:1"},
	} {
		proto := &btf.FuncProto{Return: &btf.Void{}}
		if test.result != nil {
			proto.Return = test.result
		}
		for i, param := range test.params {
			proto.Params = append(proto.Params, btf.FuncParam{Name: fmt.Sprint("p", i), Type: param})
		}
		for arch, want := range map[string]string{"x86_64": test.x86, "arm64": test.arm64} {
			f, ok := build(t, arch, &btf.Func{Name: "f", Type: proto}).Function("f")
			if got := placesOfParams(f); !ok || f.Variadic || got != want {
				t.Errorf("%s %v:\n%s, want\n%s", arch, test.params, got, want)
			}
			if f.ReturnsMemory != (test.result == large) {
				t.Errorf("%s: %v returned in memory: %v", arch, test.result, f.ReturnsMemory)
			}
		}
	}
}

func placesOfParams(f *Function) string {
	var words []string
	for _, p := range f.Params {
		word := fmt.Sprintf("%d/%d", p.Register, p.Words)
		switch {
		case p.Nowhere():
			word = "nowhere"
		case p.Register < 0:
			word = fmt.Sprintf("+%d", p.Stack)
		}
		if p.Indirect {
			word += "*"
		}
		words = append(words, fmt.Sprintf("%s:%d", word, p.Slot))
	}
	return strings.Join(words, " ")
}

func TestStruct(t *testing.T) {
	target := build(t, "x86_64",
		&btf.Struct{Name: "both", Size: 8}, &btf.Typedef{Name: "both", Type: intBTF}, &btf.Enum{Name: "color", Size: 4},
		&btf.Typedef{Name: "sector_t", Type: longBTF})
	for _, test := range []struct{ tag, name, want string }{
		{"struct", "both", "struct both"},
		{"", "both", "int32"},
		{"enum", "color", "enum color"},
		{"union", "both", "none"},
		{"", "sector_t", "uint64"},
		{"", "unsigned", "uint32"},
		{"", "long unsigned int", "uint64"},
		{"", "unsigned  long long", "uint64"},
		{"", "signed char", "int8"},
		{"", "short int", "int16"},
		{"", "unsigned signed", "none"},
		{"", "__u16", "uint16"},
		{"", "void", "no value"},
		{"", "bool", "bool"},
		{"", "loff_t", "int64"},
		{"", "umode_t", "uint16"},
		{"", "__be32", "uint32"},
		{"struct", "loff_t", "none"},
		{"", "nothing_t", "none"},
		{"", "", "none"},
	} {
		got := "none"
		if found, ok := target.Struct(test.tag, test.name); ok {
			got = plain(found).String()
		}
		if got != test.want {
			t.Errorf("%s %s: %s, want %s", test.tag, test.name, got, test.want)
		}
	}
}

func TestConstant(t *testing.T) {
	target := build(t, "arm64", &btf.Enum{Name: "color", Size: 4, Signed: true, Values: []btf.EnumValue{{Name: "RED", Value: 7}, {Name: "BLACK", Value: 1<<64 - 1}, {Name: "__REQ_SYNC", Value: 11}, {Name: "low", Value: 3}}})
	target.Version = Version{6, 1, 0}
	for name, want := range map[string]string{
		"RED": "7 enum color true", "BLACK": "-1 enum color true", "ENOENT": "2 int64 true", "O_DIRECT": "65536 int64 true",
		"PAGE_SIZE": "4096 int64 true", "PAGE_SHIFT": "12 int64 true", "color": "0 <nil> false", "": "0 <nil> false",
		"EPERM": "1 int64 true", "NULL": "0 int64 true", "ETH_P_IP": "2048 int64 true", "AT_FDCWD": "-100 int64 true",
		"O_LARGEFILE": "131072 int64 true", "PROT_MTE": "32 int64 true", "MAP_32BIT": "0 <nil> false", "of": "0 <nil> false",
		"TASK_TRACED": "8 int64 true", "U64_MAX": "-1 uint64 true", "REQ_SYNC": "2048 int64 true", "low": "3 enum color true",
	} {
		value, typ, ok := target.Constant(name)
		if got := fmt.Sprint(value, typ, ok); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := fmt.Sprint(target.NearestConstant("EAGIAN")); got != "[EAGAIN]" {
		t.Error(got)
	}
}

func TestParseVersion(t *testing.T) {
	for release, want := range map[string]string{
		"6.12.117+deb13-cloud-amd64": "6.12.117", "7.3.4": "7.3.4", "5.10-rc1": "5.10.0", "6.18.44-fc": "6.18.44", "linux": "0.0.0",
	} {
		v, err := ParseVersion(release)
		if v.String() != want || (err != nil) != (release == "linux") {
			t.Error(release, v, err)
		}
	}
	if v := (Version{6, 1, 0}); !v.AtLeast(5, 18) || !v.AtLeast(6, 1) || v.AtLeast(6, 2) || v.AtLeast(7, 0) {
		t.Error("order of versions")
	}
}

func TestFormat(t *testing.T) {
	text := `name: made_up
ID: 316
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;

	field:char comm[16];	offset:8;	size:16;	signed:0;
	field:__data_loc char[] name;	offset:24;	size:4;	signed:0;
	field:__rel_loc u32[] words;	offset:28;	size:4;	signed:0;
	field:const struct sock * sk;	offset:32;	size:8;	signed:0;
	field:void (*work)(struct x *);	offset:40;	size:8;	signed:0;
	field:dev_t dev;	offset:48;	size:4;	signed:0;
	field:unsigned long args[6];	offset:56;	size:48;	signed:0;
	field:bool ok;	offset:104;	size:1;	signed:0;
	field:struct in6_addr where;	offset:108;	size:16;	signed:0;
	field:char * const * argv;	offset:124;	size:8;	signed:0;
	field:enum state s;	offset:132;	size:4;	signed:1;
	field:int fd;	offset:136;	size:8;	signed:0;

print fmt: "%s", REC->comm
`
	want := `comm string[16] 8 false false
name string[0] 24 true false
words uint32[0] 28 true true
sk struct sock * 32 false false
work void * 40 false false
dev uint32 48 false false
args uint64[6] 56 false false
ok bool 104 false false
where struct in6_addr 108 false false
argv int8 ** 124 false false
s int32 132 false false
fd int32 136 false false
`
	point, err := parseFormat(&Target{}, "made", "up", text)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, f := range point.Fields() {
		fmt.Fprintln(&got, f.Name, plain(f.Type), f.Offset, f.DataLocation, f.Relative)
	}
	if got.String() != want || point.ID != 316 {
		t.Errorf("ID %d\n%s", point.ID, got.String())
	}
}

// TestFormatTypes has declarations of the system calls and tracepoints of Linux 5.10 to
// 7.x, without the kernel's types and with them.
func TestFormatTypes(t *testing.T) {
	none := &Target{}
	described := build(t, "x86_64", &btf.Typedef{Name: "off_t", Type: longBTF}, &btf.Typedef{Name: "made_t", Type: intBTF},
		&btf.Enum{Name: "rule", Size: 4}, &btf.Typedef{Name: "mask_t", Type: &btf.Int{Name: "short unsigned int", Size: 2}},
		&btf.Struct{Name: "pair", Size: 8}, &btf.Typedef{Name: "call_t", Type: &btf.Pointer{Target: &btf.FuncProto{Return: &btf.Void{}}}},
		&btf.Typedef{Name: "uuid_t", Type: &btf.Struct{Size: 16}})
	for _, c := range []struct {
		on                    *Target
		category, field, want string
	}{
		{none, "syscalls", "off_t offset;	offset:24;	size:8;	signed:0;", "int64 of a process"},
		{none, "syscalls", "loff_t offset;	offset:24;	size:8;	signed:0;", "int64 of a process"},
		{none, "syscalls", "key_t key;	offset:24;	size:8;	signed:0;", "int32"},
		{none, "syscalls", "const clockid_t which_clock;	offset:24;	size:8;	signed:0;", "int32"},
		{none, "syscalls", "timer_t timer_id;	offset:24;	size:8;	signed:0;", "int32"},
		{none, "syscalls", "mqd_t mqdes;	offset:24;	size:8;	signed:0;", "int32"},
		{none, "syscalls", "key_serial_t ringid;	offset:24;	size:8;	signed:0;", "int32"},
		{none, "syscalls", "rwf_t flags;	offset:24;	size:8;	signed:0;", "int32"},
		{none, "syscalls", "umode_t mode;	offset:24;	size:8;	signed:0;", "uint16"},
		{none, "syscalls", "qid_t id;	offset:24;	size:8;	signed:0;", "uint32"},
		{none, "syscalls", "aio_context_t ctx;	offset:24;	size:8;	signed:0;", "uint64 of a process"},
		{none, "syscalls", "pid_t pid;	offset:24;	size:8;	signed:0;", "int32"},
		{none, "syscalls", "const enum landlock_rule_type type;	offset:24;	size:8;	signed:0;", "uint32"},
		{none, "syscalls", "unsigned fd;	offset:24;	size:8;	signed:0;", "uint32"},
		{none, "syscalls", "const char *const * argv;	offset:24;	size:8;	signed:0;", "int8 ** of a process"},
		{none, "syscalls", "char * const* volatile argv;	offset:24;	size:8;	signed:0;", "int8 ** of a process"},
		{none, "syscalls", "const cap_user_data_t data;	offset:24;	size:8;	signed:0;", "void * of a process"},
		{none, "syscalls", "const void *const arg;	offset:24;	size:8;	signed:0;", "void * of a process"},
		{none, "syscalls", "unknown_t x;	offset:24;	size:8;	signed:0;", "uint64 of a process"},
		{none, "x86", "void __seg_gs * p;	offset:24;	size:8;	signed:0;", "void *"},
		{none, "x", "volatile int const n;	offset:24;	size:4;	signed:1;", "int32"},
		{none, "x", "unknown_t x[4];	offset:24;	size:16;	signed:1;", "int32[4]"},
		{none, "x", "__u8 a[sizeof(struct sockaddr_in6)];	offset:24;	size:28;	signed:0;", "uint8[28]"},
		{none, "x", "char a[30+1];	offset:24;	size:31;	signed:0;", "string[31]"},
		{none, "x", "__data_loc cpumask_t cpus;	offset:24;	size:4;	signed:0;", "uint64[0]"},
		{none, "x", "__data_loc const char[] text;	offset:24;	size:4;	signed:0;", "string[0]"},
		{none, "x", "__data_loc unsigned char[] bytes;	offset:24;	size:4;	signed:0;", "uint8[0]"},
		{described, "syscalls", "off_t offset;	offset:24;	size:8;	signed:0;", "uint64 of a process"}, // as the types say, not the list
		{described, "syscalls", "made_t x;	offset:24;	size:8;	signed:0;", "int32"},
		{described, "syscalls", "const enum rule type;	offset:24;	size:8;	signed:0;", "enum rule"},
		{described, "x", "call_t f;	offset:24;	size:8;	signed:0;", "void *"},
		{described, "x", "uuid_t id;	offset:24;	size:16;	signed:0;", "struct uuid_t"},
		{described, "x", "__data_loc mask_t[] all;	offset:24;	size:4;	signed:0;", "uint16[0]"},
		{described, "x", "__rel_loc struct pair[] all;	offset:24;	size:4;	signed:0;", "struct pair[0]"},
		{described, "x", "mask_t all[3];	offset:24;	size:6;	signed:0;", "uint16[3]"},
	} {
		point, err := parseFormat(c.on, c.category, "x", "field:"+c.field)
		if err != nil {
			t.Fatal(c.field, err)
		}
		got := point.Fields()[0].Type
		text := plain(got).String()
		if got.User {
			text += " of a process"
		}
		if text != c.want {
			t.Errorf("%s: %s, want %s", c.field, text, c.want)
		}
	}
}

func FuzzFormat(f *testing.F) {
	f.Add("ID: 1\n\tfield:char comm[16];\toffset:8;\tsize:16;\tsigned:0;\n")
	f.Add("field:__data_loc x[] [;offset:8;size:0;")
	f.Fuzz(func(t *testing.T, text string) {
		point, err := parseFormat(&Target{}, "syscalls", "x", text)
		if err != nil {
			return
		}
		for _, field := range point.Fields() {
			_ = field.Type.String()
		}
	})
}

func FuzzRawBTF(f *testing.F) {
	raw, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if err == nil {
		f.Add(raw[:4096])
	}
	f.Add([]byte("\x9f\xeb\x01\x00\x18\x00\x00\x00\x00\x00\x00\x00\x0c\x00\x00\x00\x0c\x00\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00\xff\xff\x00\x06\x00\x00\x00\x00\x00a\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		raw, err := newRawBTF(data)
		if err != nil {
			return
		}
		raw.namesOf(kindStruct, kindFunction)
		raw.enumConstant("a")
		raw.hasFunction("a")
	})
}

func TestNearest(t *testing.T) {
	names := strings.Fields(`blk_mq_start_request blk_mq_complete_request vfs_read vfs_readv vfs_write vfs_open ksys_read
		tcp_sendmsg tcp_sendmsg_locked udp_sendmsg tcp_recvmsg do_nanosleep hrtimer_nanosleep xfs_file_read_iter`)
	for wanted, want := range map[string]string{
		"vfs_raed":             "[vfs_read vfs_readv vfs_open]",
		"tcp_sendmesg":         "[tcp_sendmsg udp_sendmsg tcp_recvmsg]",
		"blk_start_request":    "[blk_mq_start_request]",
		"nanosleep":            "[do_nanosleep]",
		"completely_unlike":    "[]",
		"":                     "[]",
		"tcp_sendmsg_unlocked": "[tcp_sendmsg_locked tcp_sendmsg]",
	} {
		if got := fmt.Sprint(nearest(names, wanted)); got != want {
			t.Errorf("%s: %s, want %s", wanted, got, want)
		}
	}
}

func TestMatch(t *testing.T) {
	target := &Target{Sources: Sources{Functions: func() ([]string, error) {
		return []string{"vfs_write", "vfs_read", "vfs_read", "ext4_sync_file [ext4]", "tcp_sendmsg"}, nil
	}}}
	for pattern, want := range map[string]string{
		"vfs_*": "[vfs_read vfs_write]", "*_[rs]e[an]*": "[tcp_sendmsg vfs_read]", "ext4_sync_fil?": "[ext4_sync_file]", "none*": "[]",
		"vfs_***": "[vfs_read vfs_write]", "**_[**s]end*": "[tcp_sendmsg]", "*\\**": "[]", "tcp***msg**": "[tcp_sendmsg]",
	} {
		if got, err := target.MatchFunctions(pattern); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %s, %v, want %s", pattern, got, err, want)
		}
	}
	if _, err := target.MatchFunctions("vfs_[a"); err == nil {
		t.Error("a pattern without its bracket was taken")
	}
	if !target.Traceable("ext4_sync_file") || target.Traceable("ext4") {
		t.Error("traceable means: in the list")
	}
}

// TestRenames checks what the tables can be held to: an old name has no successor of its
// own name, every entry has a source, and no argument maps to nowhere.
func TestRenames(t *testing.T) {
	for _, r := range renames {
		if r.Old == r.New || r.Since == "" || !strings.HasPrefix(r.Source, "https://") {
			t.Errorf("%+v", r)
		}
		for from, to := range r.Arguments {
			if from < 0 || to < 0 {
				t.Errorf("%s: argument %d -> %d", r.Old, from, to)
			}
		}
	}
}

// The compiler leaves parts of functions that it inlines; a function as a whole is not
// taken for its part.
func TestPartOf(t *testing.T) {
	target := &Target{Sources: Sources{Functions: func() ([]string, error) {
		return []string{"whole", "gone.part.0", "wholesale.cold", "last.cold"}, nil
	}}}
	for name, want := range map[string]string{"gone": "gone.part.0", "whole": "", "last": "last.cold", "lasting": "", "zzz": ""} {
		if part, left := target.PartOf(name); part != want || left != (want != "") {
			t.Errorf("%s: %q, %t", name, part, left)
		}
	}
}

// TestConstantTable checks what a table of hand-typed and generated lines can be held to:
// every entry is a name and a value, and no name stands in both tables.
func TestConstantTable(t *testing.T) {
	seen := map[string]bool{}
	for line := range strings.Lines(interfaceTable + kernelTable + "\n") {
		words := strings.Fields(line)
		if strings.HasPrefix(line, "#") || len(words) < 2 {
			continue
		}
		for ; len(words) >= 2; words = words[2:] {
			if _, err := strconv.ParseInt(words[1], 0, 64); err != nil || seen[words[0]] && !strings.Contains(armAndX86, words[0]) {
				t.Errorf("%s: %v, seen: %v", words[0], err, seen[words[0]])
			}
			seen[words[0]] = true
		}
		if len(words) > 0 {
			t.Errorf("%q has a name without a value", line)
		}
	}
	if len(seen) < 2500 {
		t.Errorf("%d constants", len(seen))
	}
}

// armAndX86 are the constants that differ.
const armAndX86 = "O_DIRECT O_DIRECTORY O_NOFOLLOW O_TMPFILE"

func BenchmarkConstant(b *testing.B) {
	target := &Target{Arch: "x86_64"}
	for b.Loop() {
		if _, _, ok := target.Constant("TASK_COMM_LEN"); !ok {
			b.Fatal("no TASK_COMM_LEN")
		}
	}
}

func TestModules(t *testing.T) {
	target := build(t, "x86_64", &btf.Struct{Name: "both", Size: 8}, &btf.Func{Name: "vfs_read", Type: &btf.FuncProto{Return: intBTF}})
	added := build(t, "x86_64", &btf.Struct{Name: "both", Size: 16}, &btf.Struct{Name: "added", Size: 24},
		&btf.Func{Name: "added_start", Type: &btf.FuncProto{Return: longBTF}}, &btf.Func{Name: "added_hidden", Type: &btf.FuncProto{Return: longBTF}})
	opened := 0
	target.Sources.Modules = func() ([]string, error) { return []string{"zlast", "broken", "added"}, nil }
	target.Sources.ModuleBTF = func(module string) (*btf.Spec, error) {
		opened++
		if module == "broken" {
			return nil, errMalformedBTF
		}
		return added.spec(), nil
	}
	target.Sources.Functions = func() ([]string, error) {
		return []string{"vfs_read", "added_start [zlast]", "vfs_write"}, nil
	}
	if found, ok := target.Struct("struct", "both"); !ok || found.Size != 8 || opened != 0 {
		t.Error(found, ok, opened, "vmlinux comes first")
	}
	if found, ok := target.Struct("struct", "added"); !ok || found.Size != 24 || opened != 1 {
		t.Error(found, ok, opened)
	}
	if f, ok := target.Function("added_start"); !ok || f.Module != "zlast" {
		t.Error(f, ok, "the list knows the module")
	}
	if f, ok := target.Function("added_hidden"); !ok || f.Module != "added" {
		t.Error(f, ok)
	}
	if _, ok := target.Struct("struct", "none"); ok || opened != 3 {
		t.Error(ok, opened, "each module is opened once")
	}
	for name, want := range map[string]string{"added_start": "zlast", "vfs_read": "vmlinux", "none": ""} {
		if got := target.Module(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for pattern, want := range map[string]string{"vmlinux:*": "[vfs_read vfs_write]", "zlast:*": "[added_start]", "zlast:vfs*": "[]", "z*:*": "[added_start]",
		"*:*e*": "[added_start vfs_read vfs_write]", "[vx]m*:vfs_*": "[vfs_read vfs_write]", "?:*": "[]"} {
		module, function, _ := strings.Cut(pattern, ":")
		if got, err := target.MatchFunctionsIn(module, function); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %s, %v", pattern, got, err)
		}
	}
}

// TestAskedOnce: a script of a thousand clauses names the same attach points again and
// again.
func TestAskedOnce(t *testing.T) {
	asked := map[string]int{}
	target := &Target{Sources: Sources{
		Functions: func() ([]string, error) { return []string{"vfs_read"}, nil },
		Symbol: func(name string) bool {
			asked[name]++
			return name == "alias"
		},
		Format: func(category, name string) ([]byte, error) {
			asked[name]++
			if name != "known" {
				return nil, fs.ErrNotExist
			}
			return []byte("ID: 7\n\tfield:int a;\toffset:8;\tsize:4;\tsigned:1;\n"), nil
		},
	}}
	if _, err := target.MatchFunctions("*"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if !target.Traceable("alias") || target.Traceable("none") {
			t.Error("what has a symbol is traceable")
		}
		point, err := target.Tracepoint("some", "known")
		if err != nil || point.ID != 7 || len(point.Fields()) != 1 {
			t.Errorf("got %+v, %v", point, err)
		}
		var unknown *UnknownTracepoint
		if _, err := target.Tracepoint("some", "unknown"); !errors.As(err, &unknown) {
			t.Errorf("got %v", err)
		}
	}
	if fmt.Sprint(asked) != "map[alias:1 known:1 none:1 unknown:1]" {
		t.Errorf("asked %v", asked)
	}
}

// plain is a type without the names that it has for people.
func plain(t *types.Type) *types.Type {
	if t == nil {
		return nil
	}
	bare := *t
	bare.Alias, bare.Const, bare.Elem = "", false, plain(t.Elem)
	return &bare
}

// TestNames: types keep the names by which people know them.
func TestNames(t *testing.T) {
	pid := &btf.Typedef{Name: "pid_t", Type: &btf.Typedef{Name: "__kernel_pid_t", Type: intBTF}}
	long := &btf.Int{Name: "long unsigned int", Size: 8}
	for _, test := range []struct {
		from btf.Type
		want string
	}{
		{pid, "pid_t"},
		{&btf.Const{Type: &btf.Volatile{Type: pid}}, "pid_t"},
		{long, "unsigned long"},
		{&btf.Pointer{Target: &btf.Const{Type: charBTF}}, "const char *"},
		{&btf.Pointer{Target: &btf.Const{Type: &btf.Void{}}}, "const void *"},
		{&btf.Pointer{Target: &btf.Const{Type: &btf.Pointer{Target: charBTF}}}, "char * const *"},
		{&btf.Pointer{Target: pid}, "pid_t *"},
		{&btf.Typedef{Name: "handler_t", Type: &btf.Pointer{Target: &btf.FuncProto{Return: &btf.Void{}}}}, "handler_t"},
		{&btf.Array{Index: intBTF, Type: pid, Nelems: 3}, "pid_t[3]"},
		{&btf.Int{Name: "_Bool", Size: 1, Encoding: btf.Bool}, "bool"},
	} {
		if got := convert(test.from).String(); got != test.want {
			t.Errorf("%v: %s, want %s", test.from, got, test.want)
		}
	}
}

func TestWithoutParameters(t *testing.T) {
	for source, want := range map[string]string{
		"long ns::grow<long>(long)": "ns::grow<long>", "ns::f(int, char) const": "ns::f", "main": "main",
		"<[u32; 3] as names::Sum>::sum":                        "<[u32; 3] as names::Sum>::sum",
		"std::vector<int, std::allocator<int> >::at(unsigned)": "std::vector<int, std::allocator<int> >::at",
		"(anonymous namespace)::f(int)":                        "(anonymous namespace)::f", "": "",
		"Foo::operator()(int) const": "Foo::operator()", "void (anonymous namespace)::g<int>()": "(anonymous namespace)::g<int>",
	} {
		if got := withoutParameters(source); got != want {
			t.Errorf("%q: %q, want %q", source, got, want)
		}
	}
}

// What the version does not tell of stacks at a function's entry, the kernel's types do:
// once, and not what a script declares.
func TestOpenedWalk(t *testing.T) {
	task := func(member string) btf.Type {
		return &btf.Struct{Name: "uprobe_task", Size: 8, Members: []btf.Member{{Name: member, Type: longBTF}}}
	}
	for _, test := range []struct {
		arch, member string
		version      Version
		want         bool
		opened       int
	}{
		{"x86_64", "vaddr", Version{Major: 6, Minor: 1}, false, 1},
		{"x86_64", "auprobe", Version{Major: 6, Minor: 1}, true, 1},
		{"x86_64", "vaddr", Version{Major: 6, Minor: 11}, true, 0},
		{"arm64", "auprobe", Version{Major: 6, Minor: 12}, false, 0},
	} {
		target := build(t, test.arch, task(test.member))
		target.Features = ByVersion(test.arch, test.version)
		told, open := 0, target.Sources.BTF
		target.Sources.BTF = func() (*btf.Spec, error) {
			told++
			return open()
		}
		for range 3 {
			if got := target.OpenedWalk(); got != test.want {
				t.Errorf("%s %s %s: %v", test.arch, test.version, test.member, got)
			}
		}
		if told != test.opened {
			t.Errorf("%s %s: types were opened %d times", test.arch, test.version, told)
		}
	}
}

func TestLastPart(t *testing.T) {
	for name, want := range map[string]string{
		"grow":                        "grow",
		"ns::T<int>::grow<a::b>":      "grow",
		"<[u32; 3] as a::Sum>::sum":   "sum",
		"main.(*G[go.shape.int]).Get": "Get",
		"main.Map[...]":               "Map",
		"ns::(anonymous)::f":          "f",
		"operator>":                   "operator>",
		"":                            "",
	} {
		if got := lastPart(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
