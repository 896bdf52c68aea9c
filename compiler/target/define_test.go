package target

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// constantOf stands in for the compiler's evaluation of constants.
func constantOf(on *Target, e lang.Expr) (int64, bool) {
	switch e := e.(type) {
	case *lang.Integer:
		return int64(e.Value), true
	case *lang.Name:
		value, _, ok := on.Constant(e.Name)
		return value, ok
	case *lang.Unary:
		value, ok := constantOf(on, e.X)
		return -value, ok && e.Op == "-"
	}
	return 0, false
}

func number(n uint64) lang.Expr { return &lang.Integer{Value: n} }

func typeNamed(tag, name string, pointers int) *lang.TypeName {
	return &lang.TypeName{Tag: tag, Name: name, Pointers: pointers, Array: -1}
}

func memberOf(spelled, name string, dimensions ...lang.Expr) *lang.MemberDefinition {
	return &lang.MemberDefinition{Name: name, Type: typeNamed("", spelled, 0), Dimensions: dimensions}
}

func bitsOf(spelled, name string, width uint64) *lang.MemberDefinition {
	return &lang.MemberDefinition{Name: name, Type: typeNamed("", spelled, 0), Bits: number(width)}
}

func structOf(name string, members ...*lang.MemberDefinition) *lang.TypeDefinition {
	return &lang.TypeDefinition{Tag: "struct", Name: name, Members: members}
}

func define(t testing.TB, on *Target, definitions ...*lang.TypeDefinition) (*Target, []string) {
	var messages []string
	own := on.Define(definitions, constantOf, func(_ diag.Span, message, hint string) {
		messages = append(messages, strings.TrimSpace(message+" "+hint))
	})
	return own, messages
}

// places lists the members of a type: their type, byte, and bits.
func places(on *Target, of *types.Type) string {
	var b strings.Builder
	fmt.Fprint(&b, of.Size)
	for _, name := range on.MemberNames(of) {
		m, _ := on.Member(of, name)
		fmt.Fprintf(&b, " %s:%s@%d", name, plain(m.Type), m.Offset)
		if m.BitSize > 0 {
			fmt.Fprintf(&b, ".%d+%d", m.BitOffset, m.BitSize)
		}
	}
	return b.String()
}

func TestDefine(t *testing.T) {
	kernel := build(t, "x86_64")
	colors := &lang.TypeDefinition{Tag: "enum", Name: "color", Values: []*lang.EnumeratorDefinition{
		{Name: "red"}, {Name: "GREEN", Value: number(4)}, {Name: "BLUE"}}}
	node := structOf("node",
		memberOf("char", "name", &lang.Name{Name: "GREEN"}, number(16)),
		&lang.MemberDefinition{Name: "next", Type: typeNamed("struct", "node", 1)},
		&lang.MemberDefinition{Name: "hue", Type: typeNamed("enum", "color", 0)},
		bitsOf("int", "a", 3), bitsOf("int", "b", 30),
		&lang.MemberDefinition{Definition: &lang.TypeDefinition{Tag: "union", Members: []*lang.MemberDefinition{
			memberOf("u8", "low"), memberOf("unsigned long", "all")}}},
		memberOf("u16", "tail", nil))
	own, messages := define(t, kernel, colors, node,
		&lang.TypeDefinition{Tag: "typedef", Name: "node_t", Type: typeNamed("struct", "node", 0)})
	if len(messages) > 0 {
		t.Fatal(messages)
	}
	of, ok := own.Struct("", "node_t")
	if !ok {
		t.Fatal("the typedef is not found")
	}
	want := "96 name:string[16][4]@0 next:struct node *@64 hue:enum color@72 a:int32@76.0+3 b:int32@80.0+30 " +
		"low:uint8@88 all:uint64@88 tail:uint16[0]@96"
	if got := places(own, of); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if value, typ, ok := own.Constant("BLUE"); value != 5 || !ok || typ.String() != "enum color" {
		t.Error(value, typ, ok)
	}
	if _, known := kernel.Struct("struct", "node"); known {
		t.Error("the kernel's own types changed")
	}
}

// TestDefineWritten lays out what a script says, with sizes and places as gcc 14 has them
// on x86_64.
func TestDefineWritten(t *testing.T) {
	script, diagnostics := lang.Parse(diag.NewSource("script", `struct later;
struct later { char c; int x __attribute__((aligned(16))); short y, *z; };
typedef struct later *later_p, laters[3];
struct packed { char c; int x; u16 y __attribute__((aligned(4))); later_p p; laters all; } __attribute__((packed));
struct mixed { char c; int x __attribute__((packed)); int (*call)(void); struct { u8 in; } a, b[2]; };`))
	if diagnostics != nil {
		t.Fatal(diagnostics)
	}
	own, messages := define(t, build(t, "x86_64"), script.Types...)
	if len(messages) > 0 {
		t.Fatal(messages)
	}
	for name, want := range map[string]string{
		"later":  "32 c:int8@0 x:int32@16 y:int16@20 z:int16 *@24",
		"packed": "116 c:int8@0 x:int32@1 y:uint16@8 p:struct later *@10 all:struct later[3]@18",
		"mixed":  "24 c:int8@0 x:int32@1 call:void *@8 a:struct @16 b:struct [2]@17",
	} {
		of, _ := own.Struct("struct", name)
		if got := places(own, of); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestDefineErrors(t *testing.T) {
	self := structOf("self", &lang.MemberDefinition{Name: "x", Type: typeNamed("struct", "self", 0)})
	for _, test := range []struct {
		of   *lang.TypeDefinition
		want string
	}{
		{self, "contains itself"},
		{structOf("s", memberOf("nothing_t", "x")), "there is no type"},
		{structOf("s", memberOf("int", "x"), memberOf("int", "x")), "there are two members x"},
		{structOf("s", memberOf("int", "x", number(1<<40))), "must be a constant"},
		{structOf("s", memberOf("int", "x", number(1<<24))), "has more than 16777216 bytes"},
		{structOf("s", memberOf("int", "x", number(1<<12), number(1<<12))), "has more than 16777216 bytes"},
		{structOf("s", memberOf("int", "x", nil), memberOf("int", "y")), "only the last member"},
		{structOf("s", memberOf("int", "x", number(2), nil)), "only the first dimension"},
		{structOf("s", bitsOf("int", "x", 33)), "has 32 bits only"},
		{structOf("s", bitsOf("int", "x", 0)), "must be a constant above 0"},
		{structOf("s", bitsOf("double", "x", 3)), "a bitfield is an integer"},
		{structOf("s", memberOf("void", "x")), "nothing can have the type"},
		{structOf("s", &lang.MemberDefinition{Name: "x", Type: typeNamed("struct", "far", 0)}), "nothing is known of the members"},
		{&lang.TypeDefinition{Tag: "struct", Name: "s", Aligned: number(3)}, "an alignment is a power of two"},
	} {
		_, messages := define(t, build(t, "x86_64"), test.of)
		if len(messages) != 1 || !strings.Contains(messages[0], test.want) {
			t.Errorf("%q, want %q", messages, test.want)
		}
	}
}

func TestNamed(t *testing.T) {
	own, _ := define(t, build(t, "x86_64", wideBTF), structOf("point", memberOf("int", "x")))
	for _, test := range []struct {
		name lang.TypeName
		want string
	}{
		{lang.TypeName{Name: "u8", Array: 4}, "uint8[4]"},
		{lang.TypeName{Name: "char", Array: 16}, "string[16]"},
		{lang.TypeName{Name: "int8", Array: 16}, "int8[16]"},
		{lang.TypeName{Name: "string", Array: 64}, "string[64]"},
		{lang.TypeName{Name: "string", Array: -1}, "string[0]"},
		{lang.TypeName{Name: "void", Array: -1}, "no value"},
		{lang.TypeName{Name: "void", Pointers: 2, Array: -1}, "void **"},
		{lang.TypeName{Tag: "struct", Name: "point", Pointers: 1, Array: 3}, "struct point *[3]"},
		{lang.TypeName{Name: "__int128", Array: -1}, "__int128"},
		{lang.TypeName{Name: "inet", Array: -1}, "inet"},
		{lang.TypeName{Name: "int", Array: 0}, "int32[0]"},
		{lang.TypeName{Name: "point", Array: -1}, "there is no type point: write struct point"},
		{lang.TypeName{Tag: "struct", Name: "pont", Array: -1}, "there is no type struct pont: did you mean point?"},
		{lang.TypeName{Name: "void", Array: 3}, "no value can have the type "},
		{lang.TypeName{Name: "long", Array: 1 << 30}, " has more than 16777216 bytes"},
	} {
		found, err := own.Named(&test.name)
		got := fmt.Sprint(plain(found))
		if err != nil {
			got = err.Error()
		}
		if unknown, ok := err.(*UnknownType); ok {
			got += ": " + unknown.Hint()
		}
		if got != test.want {
			t.Errorf("%+v: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestComplete(t *testing.T) {
	inner := &btf.Struct{Name: "inner", Size: 8, Members: []btf.Member{{Name: "a", Type: intBTF}, {Name: "b", Type: intBTF, Offset: 35, BitfieldSize: 2}}}
	either := &btf.Union{Size: 8, Members: []btf.Member{{Name: "low", Type: intBTF}, {Name: "all", Type: longBTF}}}
	outer := &btf.Struct{Name: "outer", Size: 48}
	outer.Members = []btf.Member{
		{Type: either}, {Name: "parts", Type: &btf.Array{Index: intBTF, Type: inner, Nelems: 2}, Offset: 64},
		{Name: "next", Type: &btf.Pointer{Target: outer}, Offset: 192}, {Name: "rest", Type: &btf.Array{Index: intBTF, Type: intBTF}, Offset: 256},
	}
	target := build(t, "x86_64", outer)
	of, _ := target.Struct("struct", "outer")
	for range 2 {
		if got, want := fieldsOf(target.Complete(of)), "{low:int32@0 all:uint64@0 parts:struct inner[2]@8{a:int32@0 b:int32@4.3+2} next:struct outer *@24 rest:int32[0]@32}"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if of.Fields != nil {
		t.Error("the type that was completed changed")
	}
}

func fieldsOf(of *types.Type) string {
	if of.Kind == types.Array {
		return fieldsOf(of.Elem)
	}
	if of.Fields == nil {
		return ""
	}
	var parts []string
	for _, f := range of.Fields {
		text := fmt.Sprintf("%s:%s@%d", f.Name, plain(f.Type), f.Offset)
		if f.BitSize > 0 {
			text += fmt.Sprintf(".%d+%d", f.BitOffset, f.BitSize)
		}
		parts = append(parts, text+fieldsOf(f.Type))
	}
	return "{" + strings.Join(parts, " ") + "}"
}

// TestCompleteIsBounded builds structs that each hold two of the one before: a million
// members in twenty lines.
func TestCompleteIsBounded(t *testing.T) {
	last := &btf.Struct{Name: "s0", Size: 4, Members: []btf.Member{{Name: "x", Type: intBTF}}}
	for i := range 20 {
		last = &btf.Struct{Name: fmt.Sprint("s", i+1), Size: last.Size * 2, Members: []btf.Member{
			{Name: "a", Type: last}, {Name: "b", Type: last, Offset: btf.Bits(last.Size * 8)}}}
	}
	target := build(t, "x86_64", last)
	of, _ := target.Struct("struct", last.Name)
	if got := countFields(target.Complete(of)); got != maxFields {
		t.Errorf("%d fields", got)
	}
}

func countFields(of *types.Type) (n int) {
	for _, f := range of.Fields {
		n += 1 + countFields(f.Type)
	}
	return n
}
