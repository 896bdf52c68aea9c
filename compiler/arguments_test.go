package compiler_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// firing is a made-up machine and what lies in its context and memory when a probe fires.
type firing struct {
	machine *target.Target
	attach  string
	context []byte
	memory  map[uint64][]byte
}

// prints returns what the records of one run hold, each as describeRecord writes it, and
// the notices.
func (s firing) prints(script string) (records, notices []string, err error) {
	o, err := compileText(script, s.machine, compiler.Options{Attach: s.attach})
	if err != nil {
		return nil, nil, err
	}
	machine := emulator(o)
	copy(machine.Context, s.context)
	maps.Copy(machine.Memory, s.memory)
	if err := runAll(o, machine); err != nil {
		return nil, nil, err
	}
	for _, record := range machine.Records {
		records = append(records, describeRecord(o, record))
	}
	return records, o.Notices, nil
}

// recordFormat has every kind of field that format files have.
const recordFormat = `name: made
ID: 1
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;

	field:__data_loc char[] name;	offset:8;	size:4;	signed:0;
	field:__data_loc u8[] bytes;	offset:12;	size:4;	signed:0;
	field:__data_loc u64[] words;	offset:16;	size:4;	signed:0;
	field:__rel_loc unsigned int[] near;	offset:20;	size:4;	signed:0;
	field:__data_loc cpumask_t cpus;	offset:24;	size:4;	signed:0;
	field:__rel_loc char[] tail;	offset:28;	size:4;	signed:0;
	field:short odd;	offset:33;	size:2;	signed:1;
	field:const volatile off_t at;	offset:40;	size:8;	signed:1;
	field:char comm[8];	offset:48;	size:8;	signed:0;
	field:struct pair both;	offset:56;	size:8;	signed:0;
	field:__data_loc char[] none;	offset:64;	size:4;	signed:0;
	field:__data_loc struct pair[] pairs;	offset:68;	size:4;	signed:0;
	field:unsigned long last[];	offset:72;	size:0;	signed:0;
`

func recordFiring(t *testing.T) firing {
	context := make([]byte, 200)
	word := func(at int, value uint64) { binary.LittleEndian.PutUint64(context[at:], value) }
	location := func(at, place, length int) {
		binary.LittleEndian.PutUint32(context[at:], uint32(length<<16|place))
	}
	word(0, 0xffff_8880_dead_beef) // the kernel's pointer
	location(8, 100, 10)
	copy(context[100:], "/bin/true\x00rest")
	location(12, 112, 5)
	copy(context[112:], []byte{0x28, 0, 0, 0x12, 0x80, 0xff})
	location(16, 120, 16)
	word(120, 1<<63)
	word(128, 5)
	location(20, 136-24, 8)
	word(136, 0xfffffffe_00000007)
	location(24, 144, 8)
	word(144, 0x8000000000000001)
	location(28, 152-32, 4)
	copy(context[152:], "tail, not ended by a zero")
	binary.LittleEndian.PutUint16(context[33:], 0xfffb)
	word(40, ^uint64(4))
	copy(context[48:], "comm\x00xyz")
	word(56, 9<<32|0xfffffff9)
	location(64, 0, 0)
	location(68, 184, 16)
	word(184, 2<<32|1)
	word(192, 4<<32|3)
	return firing{machine: madeUp(t, "x86_64"), context: context}
}

// madeUp is a machine with the functions and types that the tests here are about.
func madeUp(t *testing.T, arch string) *target.Target {
	number := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	long := &btf.Int{Name: "long int", Size: 8, Encoding: btf.Signed}
	member := func(name string, of btf.Type, at btf.Bits) btf.Member {
		return btf.Member{Name: name, Type: of, Offset: 8 * at}
	}
	unsigned := &btf.Int{Name: "unsigned int", Size: 4}
	id := &btf.Typedef{Name: "kid_t", Type: &btf.Struct{Size: 4, Members: []btf.Member{member("val", unsigned, 0)}}}
	pair := &btf.Struct{Name: "pair", Size: 8, Members: []btf.Member{member("a", number, 0), member("b", number, 4)}}
	time := &btf.Struct{Name: "time", Size: 16, Members: []btf.Member{member("sec", long, 0), member("nsec", long, 8)}}
	odd := &btf.Struct{Name: "odd", Size: 12, Members: []btf.Member{member("x", number, 0), member("y", number, 4), member("z", number, 8)}}
	large := &btf.Struct{Name: "large", Size: 24, Members: []btf.Member{member("p", long, 0), member("q", long, 8), member("r", long, 16)}}
	function := func(name string, result btf.Type, params ...btf.Type) btf.Type {
		proto := &btf.FuncProto{Return: result}
		for i, param := range params {
			proto.Params = append(proto.Params, btf.FuncParam{Name: fmt.Sprintf("p%d", i), Type: param})
		}
		return &btf.Func{Name: name, Type: proto}
	}
	void := &btf.Void{}
	builder, err := btf.NewBuilder([]btf.Type{
		&btf.Typedef{Name: "off_t", Type: long}, pair, id,
		function("small", void, number, id, pair, time, long), function("spilled", void, long, long, long, long, long, time, number, large, odd),
		function("make_id", id, number), function("make_pair", pair, number), function("make_time", time, number),
		function("make_odd", odd, number), function("make_large", large, number), function("nothing", void, number),
		function("amount", number, number), function("mixed", number, id, time, long), function("aimed", &btf.Pointer{Target: pair}, &btf.Pointer{Target: pair}, long),
		function("broad", void, number, &btf.Int{Name: "__int128", Size: 16, Encoding: btf.Signed}, long),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := builder.Spec()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := builder.Marshal(nil, &btf.MarshalOptions{Order: binary.LittleEndian})
	if err != nil {
		t.Fatal(err)
	}
	return &target.Target{
		Arch: arch, Version: target.Version{Major: 6, Minor: 12}, CPUs: 4, PageSize: 4096,
		Features: target.Features{Fentry: true, RawTracepoint: true},
		Sources: target.Sources{
			BTF:    func() (*btf.Spec, error) { return spec, nil },
			RawBTF: func() ([]byte, error) { return raw, nil },
			Functions: func() ([]string, error) {
				return strings.Fields("small spilled make_id make_pair make_time make_odd make_large nothing amount aimed mixed broad"), nil
			},
			Tracepoints: func() ([]string, error) { return []string{"made:made", "syscalls:sys_enter_made"}, nil },
			Format:      func(category, name string) ([]byte, error) { return []byte(recordFormat), nil },
		},
	}
}

// TestRecordFields has the right value of every kind of field in every place that a value
// goes.
func TestRecordFields(t *testing.T) {
	s := recordFiring(t)
	for _, c := range []struct{ script, want string }{
		{`print(args.name)`, "/bin/true"},
		{`print(str(args.name))`, "/bin/true"},
		{`print(strlen(args.name))`, "9"},
		{`print(args.name[0])`, "47"},
		{`print(args.name[4])`, "47"},
		{`print(args.name[10])`, "0"}, // beyond the text
		{`$i = 1; print(args.name[$i])`, "98"},
		{`print(str(&args.name))`, "/bin/true"},
		{`print((&args.name)[1])`, "98"},
		{`print(str(&args.name[5]))`, "true"},
		{`print(str((int8 *)args.name))`, "/bin/true"},
		{`print(str((char *)args.comm))`, "comm"},
		{`print(*(uint16 *)args.bytes)`, "40"},
		{`print(((struct pair *)args.pairs)->b)`, "2"},
		{`$c = args.comm; print(str((char *)$c))`, "comm"},
		{`print(args.name == "/bin/true")`, "1"},
		{`$n = args.name; print($n[1])`, "98"},
		{`print((args.name, 1).0)`, "/bin/true"},
		{`print(buf(args.name, 4))`, "04000000" + "2f62696e"},
		{`print(args.tail)`, "tail"},
		{`print(str(args.tail, 20))`, "tail"},
		{`print(str(args.tail, 3))`, "ta"},
		{`$n = 9; print(str(args.tail, $n))`, "tail"},
		{`print(args.none)`, ""},
		{`print(args.none[0])`, "0"},
		{`print(args.bytes[0])`, "40"},
		{`print(args.bytes[4])`, "128"},
		{`print(args.bytes[5])`, "0"},
		{`$b = args.bytes; print($b[4])`, "128"},
		{`$b = args.bytes; print($b[5])`, "0"},
		{`$b = args.bytes; print(buf($b, 2))`, "02000000" + "2800"},
		{`print(buf(args.bytes, 3))`, "03000000" + "280000"},
		{`print(*&args.bytes)`, "40"},
		{`print(args.words[0])`, fmt.Sprint(-1 << 63)},
		{`print(args.words[1])`, "5"},
		{`print(args.words[2])`, "0"},
		{`$w = args.words; print($w[1] + 1)`, "6"},
		{`print((&args.words)[1])`, "5"},
		{`print(args.near[0])`, "7"},
		{`print(args.near[1])`, "4294967294"},
		{`print(args.cpus[0] & 1)`, "1"},
		{`print(len(args.bytes))`, "5"},
		{`print(len(args.words))`, "2"},
		{`$w = args.words; print(len($w))`, "2"},
		{`print(len(args.pairs))`, "2"},
		{`print(len(buf(args.name, 3)))`, "3"},
		{`print(args.odd + 0)`, "-5"},
		{`print(args.at < 0)`, "1"},
		{`print(args.at)`, "-5"},
		{`print(*&args.at)`, "-5"},
		{`print(args.comm)`, "comm"},
		{`print(args.comm[2])`, "109"},
		{`print(args.both.a + 0)`, "-7"},
		{`print(args.both.b)`, "9"},
		{`$p = args.both; print($p.b)`, "9"},
		{`print(args.pairs[1].a)`, "3"},
		{`$i = 1; print(args.pairs[$i].b)`, "4"},
		{`print(args.pairs[2].b)`, "0"},
		{`$v = args.pairs; print($v[1].b)`, "4"},
	} {
		got, _, err := s.prints("tracepoint:made:made { " + c.script + " }")
		if err != nil || len(got) != 1 || strings.TrimPrefix(got[0], "Print ") != c.want {
			t.Errorf("%s: got %q, %v, want %s", c.script, got, err, c.want)
		}
	}
}

// TestMissingArguments: what a probe cannot read is refused by name, and args leaves it
// out with a word.
func TestMissingArguments(t *testing.T) {
	s := recordFiring(t)
	for script, want := range map[string]string{
		`tracepoint:made:made { print(args.last) }`:                  "last of the args of made has no size in the tracepoint's format",
		`tracepoint:syscalls:sys_enter_made { print(args.name[0]) }`: "name of the args of sys_enter_made is in the record, but the kernel does not hand it to programs",
		`kprobe:small { print(args.p9) }`:                            "p9 is not among the args of small",
	} {
		_, _, err := s.prints(script)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", script, err, want)
		}
	}
	_, notices, err := s.prints(`tracepoint:made:made { print(args) }`)
	want := "args leaves out last of the args of made: it has no size in the tracepoint's format"
	if err != nil || strings.Join(notices, "\n") != want {
		t.Errorf("got %q, %v, want %q", notices, err, want)
	}
}

// registerFiring is a machine whose probe fires with the given registers, by their
// offsets in struct pt_regs, and words on the stack.
func registerFiring(t *testing.T, arch string, registers map[int]uint64, stack ...uint64) firing {
	s := firing{machine: madeUp(t, arch), attach: "kprobe", context: make([]byte, 512)}
	for offset, value := range registers {
		binary.LittleEndian.PutUint64(s.context[offset:], value)
	}
	s.memory = map[uint64][]byte{stackAddress: nil}
	for _, word := range stack {
		s.memory[stackAddress] = binary.LittleEndian.AppendUint64(s.memory[stackAddress], word)
	}
	return s
}

const stackAddress = 0xffff_c900_0000_2000

const (
	garbage = 0xabcd_ef01 << 32 // what callers leave in the upper half of a register
	three   = 3<<32 | 2
)

// TestStructArguments has structs by value in one register, in two, and in memory, as the
// conventions of both architectures and the kernel's trampoline pass them.
func TestStructArguments(t *testing.T) {
	minus := func(n int64) uint64 { return uint64(-n) }
	small := func(arch string, at []int) firing {
		return registerFiring(t, arch, map[int]uint64{at[0]: garbage | 1, at[1]: garbage | 1234, at[2]: three, at[3]: minus(7), at[4]: 8, at[5]: 99})
	}
	x86 := small("x86_64", []int{112, 104, 96, 88, 72, 64})
	arm := small("arm64", []int{0, 8, 16, 24, 32, 40})
	tracing := small("x86_64", []int{0, 8, 16, 24, 32, 40})
	tracing.attach = "fentry"
	// The stack of x86_64 begins with the return address.
	onStack := registerFiring(t, "x86_64", map[int]uint64{152: stackAddress, 64: garbage | 3}, 0xffffffff81000000, 1, 2, 11, 12, 13, 5<<32|4, 6)
	spilledArm := registerFiring(t, "arm64", map[int]uint64{248: stackAddress, 40: 1, 48: 2, 56: garbage | 3}, stackAddress+24, 5<<32|4, 6, 11, 12, 13)
	for _, c := range []struct {
		what string
		firing
		script, want string
	}{
		{"x86", x86, `printf("%d %d", arg0, arg1)`, "1 1234"},
		{"x86", x86, `printf("%d %d", args.p1.val, args.p2.b)`, "1234 3"},
		{"x86", x86, `printf("%d %d %d", args.p3.sec, arg3.nsec, arg4)`, "-7 8 99"},
		{"x86", x86, `$t = args.p3; printf("%d %d", $t.sec, $t.nsec)`, "-7 8"},
		{"x86", x86, `@[args.p3] = count(); @x = args.p3; printf("%d", @x.nsec)`, "8"},
		{"x86", x86, `printf("%d", args.p1.val == 1234)`, "1"},
		{"arm64", arm, `printf("%d %d %d", arg1, args.p1.val, args.p2.b)`, "1234 1234 3"},
		{"arm64", arm, `printf("%d %d %d", args.p3.sec, arg3.nsec, arg4)`, "-7 8 99"},
		{"fentry", tracing, `printf("%d %d %d", arg1, args.p1.val, args.p2.b)`, "1234 1234 3"},
		{"fentry", tracing, `printf("%d %d %d", args.p3.sec, arg3.nsec, arg4)`, "-7 8 99"},
		{"x86 stack", onStack, `printf("%d %d %d", args.p5.sec, args.p5.nsec, args.p6)`, "1 2 3"},
		{"x86 stack", onStack, `printf("%d %d %d", args.p7.p, args.p7.r, arg7.q)`, "11 13 12"},
		{"x86 stack", onStack, `printf("%d %d %d", args.p8.x, arg8.y, args.p8.z)`, "4 5 6"},
		{"x86 stack", onStack, `$p = (int64 *)&args.p7; printf("%d", $p[1])`, "12"},
		{"arm64 stack", spilledArm, `printf("%d %d %d", args.p5.sec, args.p5.nsec, args.p6)`, "1 2 3"},
		{"arm64 stack", spilledArm, `printf("%d %d %d", args.p7.p, args.p7.r, arg7.q)`, "11 13 12"},
		{"arm64 stack", spilledArm, `printf("%d %d %d", args.p8.x, arg8.y, args.p8.z)`, "4 5 6"},
	} {
		function := "small"
		if strings.HasSuffix(c.what, "stack") {
			function = "spilled"
		}
		got, _, err := c.prints("kprobe:" + function + " { " + c.script + " }")
		if err != nil || len(got) != 1 || printed(got[0]) != c.want {
			t.Errorf("%s: %s: got %q, %v, want %s", c.what, c.script, got, err, c.want)
		}
	}
}

// printed is what describeRecord says of the arguments of a printf, as signed numbers of
// 32 bits.
func printed(record string) string {
	_, arguments, _ := strings.Cut(record, `" `)
	var words []string
	for _, word := range strings.Fields(arguments) {
		var n int64
		fmt.Sscan(word, &n)
		words = append(words, fmt.Sprint(int32(n)))
	}
	return strings.Join(words, " ")
}

// TestWideIntegers: an integer of 128 bits is copied as it is, and what follows is found
// behind it. fentry does not know how such a one is passed.
func TestWideIntegers(t *testing.T) {
	x86 := registerFiring(t, "x86_64", map[int]uint64{112: garbage | 7, 104: 0x1122334455667788, 96: 0x99, 88: 5})
	arm := registerFiring(t, "arm64", map[int]uint64{0: garbage | 7, 16: 0x1122334455667788, 24: 0x99, 32: 5})
	for _, s := range []firing{x86, arm} {
		for script, want := range map[string]string{
			`print(args.p1)`:                          "Print 88776655443322119900000000000000",
			`print(arg1)`:                             "Print 88776655443322119900000000000000",
			`printf("%d %d", arg0, args.p2)`:          ` "%d %d" 7 5`,
			`@[args.p1] = 3; printf("%d", @[arg1])`:   ` "%d" 3`,
			`$copy = arg1; print(*(uint8 *)(&$copy))`: "Print 136",
		} {
			got, _, err := s.prints("kprobe:broad { " + script + " }")
			if err != nil || len(got) != 1 || got[0] != want {
				t.Errorf("%s: got %q, %v, want %q", script, got, err, want)
			}
		}
	}
	for script, want := range map[string]string{
		`print(args.p1 + 1)`: "+ does not apply to __int128 and int32",
		`@ = sum(arg1)`:      "sum() wants a number, not __int128",
		`printf("%d", arg1)`: "%d cannot print a value of type __int128",
	} {
		if _, _, err := x86.prints(`kprobe:broad { ` + script + ` }`); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", script, err, want)
		}
	}
	x86.attach = "fentry"
	_, _, err := x86.prints(`kprobe:broad { print(arg2) }`)
	if want := "an argument of the function is passed in a way that fentry does not know"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestStructResults(t *testing.T) {
	x86 := registerFiring(t, "x86_64", map[int]uint64{80: garbage | 1234, 96: 8})
	pair := registerFiring(t, "x86_64", map[int]uint64{80: three, 96: 8})
	arm := registerFiring(t, "arm64", map[int]uint64{0: 7, 8: 8})
	for _, c := range []struct {
		firing
		script, want string
	}{
		{x86, `kretprobe:make_id { printf("%d", retval.val) }`, "1234"},
		{x86, `kretprobe:make_id { $x = retval; printf("%d", $x.val) }`, "1234"},
		{x86, `kretprobe:make_id { @ = retval; printf("%d", @.val) }`, "1234"},
		{x86, `kretprobe:make_id { @[retval] = 5; printf("%d", @[retval]) }`, "5"},
		{pair, `kretprobe:make_pair { printf("%d %d", retval.a, retval.b) }`, "2 3"},
		{pair, `kretprobe:make_odd { printf("%d %d %d", retval.x, retval.y, retval.z) }`, "2 3 8"},
		{pair, `kretprobe:make_time { printf("%d %d", retval.sec, retval.nsec) }`, "2 8"},
		{arm, `kretprobe:make_time { printf("%d %d", retval.sec, retval.nsec) }`, "7 8"},
	} {
		got, _, err := c.prints(c.script)
		if err != nil || len(got) != 1 || printed(got[0]) != c.want {
			t.Errorf("%s: got %q, %v, want %s", c.script, got, err, c.want)
		}
	}
	words := []uint64{garbage | 5, 6, 7, 8, 9}
	exit := firing{machine: madeUp(t, "x86_64"), attach: "fentry"} // fexit: four words of three arguments, then the result
	for _, word := range words {
		exit.context = binary.LittleEndian.AppendUint64(exit.context, word)
	}
	got, _, err := exit.prints(`kretprobe:mixed { printf("%d %d %d %d", args.p0.val, args.p1.nsec, arg2, retval) }`)
	if err != nil || len(got) != 1 || printed(got[0]) != "5 7 8 9" {
		t.Errorf("got %q, %v", got, err)
	}
	got, _, err = x86.prints(`kretprobe:make_id { print(retval) }`)
	if err != nil || len(got) != 1 || got[0] != "Print d2040000" {
		t.Errorf("got %q, %v", got, err)
	}
	_, _, err = x86.prints(`kretprobe:make_id { printf("%d", retval) }`)
	if want := "HINT: print a member of it, such as retval.val, or all by %s"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	_, _, err = x86.prints(`kretprobe:make_large { print(retval) }`)
	if want := "make_large returns struct large, which has 24 bytes, in memory of its caller: a probe cannot read it"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestByteArrays has arrays of bytes as texts. In memory lies "/etc/hosts".
func TestByteArrays(t *testing.T) {
	const definition = "struct s { unsigned char four[4]; }; struct l { u8 text[64]; int numbers[2]; }; BEGIN { $s = (struct s *)0xffff888000001000; $l = (struct l *)$s; "
	for _, c := range []struct{ script, want string }{
		{`print(str($l->text))`, "/etc/hosts"},
		{`print(str($s->four))`, "/etc"},
		{`print(str($l->text, 4))`, "/et"},
		{`$n = 5; print(str($l->text, $n))`, "/etc"},
		{`$copy = $s->four; print(str($copy))`, "/etc"},
		{`print($l->text == "/etc/hosts")`, "1"},
		{`print("/etc/hosts" != $l->text)`, "0"},
		{`print($l->text == "/etc")`, "0"},
		{`print($s->four == "/etc")`, "1"},
		{`print($s->four == "/etc/")`, "0"},
		{`print($s->four == "/et")`, "0"},
		{`$t = str((int8 *)$s); print($l->text == $t)`, "1"},
		{`$t = str((int8 *)$s, 5); print($t == $s->four)`, "1"},
		{`$t = str((int8 *)$s, 4); print($t == $s->four)`, "0"},
		{`print($l->text > "/etc" && $l->text < "/f" && $l->text <= "/etc/hosts")`, "1"},
		{`$copy = $l->text; print($copy == "/etc/hosts")`, "1"},
		{`print(str((char *)$l->text))`, "/etc/hosts"},
		{`print(*(uint16 *)$l->text)`, fmt.Sprint('e'<<8 | '/')},
		{`print(($l->text, $s->four) == ($l->text, $s->four))`, "1"},
	} {
		o, err := compileWith(definition + c.script + " }")
		if err != nil {
			t.Errorf("%s: %v", c.script, err)
			continue
		}
		machine, err := emulate(o)
		if err != nil || len(machine.Records) != 1 {
			t.Errorf("%s: %d records, %v", c.script, len(machine.Records), err)
		} else if got := describeRecord(o, machine.Records[0]); got != "Print "+c.want {
			t.Errorf("%s: got %s, want %s", c.script, got, c.want)
		}
		loads(t, o)
	}
	s := recordFiring(t)
	for script, want := range map[string]string{
		`print(str(args.bytes))`:            "(",
		`print(args.bytes == "(")`:          "1",
		`$b = args.bytes; print($b == "(")`: "1",
		`print(strlen(args.bytes))`:         "1",
	} {
		got, _, err := s.prints("tracepoint:made:made { " + script + " }")
		if err != nil || len(got) != 1 || got[0] != "Print "+want {
			t.Errorf("%s: got %q, %v, want %s", script, got, err, want)
		}
	}
	if _, err := compileWith(definition + "print(str($l->numbers)) }"); err == nil || !strings.Contains(err.Error(), "str() wants a pointer to text, not int[2]") {
		t.Error(err)
	}
}

// TestDiffering: where functions of a clause differ in a type, or have no such value, it
// is a number; what they have alike keeps its type, and a clause that holds with the
// types of each function is not changed.
func TestDiffering(t *testing.T) {
	negative := uint64(garbage) | 0xfffffffb // an int of -5
	atReturn := registerFiring(t, "x86_64", map[int]uint64{80: negative})
	pointers := registerFiring(t, "x86_64", map[int]uint64{80: 0xffff888000001000})
	atEntry := registerFiring(t, "x86_64", map[int]uint64{112: kernelText, 104: 7, 96: 9})
	for _, c := range []struct {
		firing
		script, want string
	}{
		{atReturn, `kretprobe:nothing,kretprobe:amount { printf("%d", retval) }`, "0 -5"},
		{atReturn, `kretprobe:*o*n* { @[func, retval] = count(); printf("%d", retval) }`, "-5 0"},
		{atReturn, `kretprobe:*o*n* /retval < 0/ { printf("%d", retval) }`, "-5"},
		{atReturn, `kretprobe:nothing,kretprobe:amount { @ = hist(retval); printf("%d", retval) }`, "0 -5"},
		{atReturn, `kretprobe:make_* { @[retval] = count(); printf("%d", retval) }`, "-5 0 0 -5 0"},
		{pointers, `kretprobe:aimed,kretprobe:amount { @ = retval; printf("%d", retval == 0xffff888000001000) }`, "1 0"},
		{atEntry, `kprobe:aimed,kprobe:amount { @ = arg0; printf("%d", arg0 == 0xffff888000001000) }`, "1 0"},
		{atEntry, `kprobe:aimed,kprobe:amount { @[func] = hist(arg1); printf("%d", arg1) }`, "7 0"},
		{atEntry, `kprobe:aimed,kprobe:small { @[arg0] = hist(arg2); printf("%d", arg2) }`, "0 9"},
	} {
		got, _, err := c.prints(c.script)
		var numbers []string
		for _, record := range got {
			numbers = append(numbers, printed(record))
		}
		if text := strings.Join(numbers, " "); err != nil || text != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.script, text, err, c.want)
		}
	}
	typed := `kprobe:aimed { print(arg0->b) } kprobe:make_id,kprobe:make_pair { print(arg0) }`
	if _, _, err := atEntry.prints(typed); err != nil {
		t.Error(err)
	}
	for script, want := range map[string]string{
		`kretprobe:nothing { print(retval) }`:                      "nothing returns nothing",
		`kretprobe:nothing,kretprobe:nothing { print(retval) }`:    "nothing returns nothing",
		`kprobe:amount { print(arg1) }`:                            "amount has 1 argument, so there is no arg1",
		`kprobe:aimed,kprobe:amount { print(arg0->b) }`:            "arg0 has no members: it is int",
		`kretprobe:nothing,kretprobe:amount { @ = retval + comm }`: "nothing returns nothing",
	} {
		if _, _, err := atReturn.prints(script); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", script, err, want)
		}
	}
	traced := atEntry
	traced.attach = "fentry"
	traced.context = binary.LittleEndian.AppendUint64(nil, kernelText)
	got, _, err := traced.prints(`kprobe:aimed,kprobe:amount { @ = arg0; printf("%d", (arg0 | 1) == 0xffff888000001001) }`)
	if err != nil || len(got) != 2 || printed(got[0])+printed(got[1]) != "10" {
		t.Errorf("got %q, %v", got, err)
	}
}
