package binary

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

// compiled builds a program of sources in testdata/signatures.
func compiled(t *testing.T, command string, sources ...string) *File {
	t.Helper()
	words := strings.Fields(command)
	_, err := exec.LookPath(words[0])
	testkit.Need(t, words[0], err == nil)
	out := filepath.Join(t.TempDir(), "program")
	words = append(words, "-o", out)
	for _, source := range sources {
		words = append(words, filepath.Join("testdata", "signatures", source))
	}
	if text, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	f, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// Functions in assembly are described, and take arguments that are not.
func TestSignatureOfAssembly(t *testing.T) {
	f := compiled(t, "gcc -g -m64 -nostdlib -static", "assembly.S")
	found, err := f.Functions("twice")
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	if function, err := f.Signature(found[0]); err != errAssembly {
		t.Errorf("%+v, %v", function, err)
	}
}

func signatureOf(t *testing.T, f *File, name string) *target.Function {
	t.Helper()
	found, err := f.Functions(name)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %v, %v", name, found, err)
	}
	function, err := f.Signature(found[0])
	if err != nil {
		t.Fatal(err)
	}
	return function
}

// registerNames are those of the arguments on x86_64, and of the results.
var registerNames = map[int]string{
	112: "rdi", 104: "rsi", 96: "rdx", 88: "rcx", 72: "r8", 64: "r9", 80: "rax", 152: "rsp",
}

// placeOf writes where a parameter is.
func placeOf(p target.Param) string {
	args := target.RegistersOf("x86_64").Args
	var parts []string
	switch {
	case p.Absent != "":
		return "absent"
	case len(p.Pieces) > 0:
		parts = piecesText(p.Pieces)
	case p.Register >= 0:
		for n := range p.Words {
			parts = append(parts, registerNames[args[p.Register+n]])
		}
	default:
		parts = []string{fmt.Sprintf("stack+%d", p.Stack)}
	}
	text := strings.Join(parts, " ")
	if p.Indirect {
		return "*" + text
	}
	return text
}

func piecesText(list []target.Piece) (parts []string) {
	for _, p := range list {
		text := fmt.Sprintf("%s[%d:%d]", registerNames[p.Register], p.At, p.At+p.Size)
		if p.InMemory {
			text = fmt.Sprintf("*(%s+%d)", registerNames[p.Register], p.Offset)
		}
		parts = append(parts, text)
	}
	return parts
}

func resultOf(f *target.Function) string {
	switch {
	case f.Return == nil:
		return "nothing"
	case f.ReturnAbsent != "":
		return "absent"
	case f.ReturnsMemory:
		return "*rax"
	case len(f.ReturnPieces) > 0:
		return strings.Join(piecesText(f.ReturnPieces), " ")
	}
	return []string{"rax", "rax rdx"}[(f.Return.Size-1)/8]
}

// The places of arguments and results, as the function's own code uses them.
func TestSignaturesOfC(t *testing.T) {
	want := map[string]string{
		"scalars": "a rdi, d absent, s rsi, n rdx, c rcx, b r8, f r9, g stack+8: rax",
		"structs": "p rdi, w rsi rdx, m absent, l stack+8, after r8: rax",
		"spilled": "a rdi, b rsi, c rdx, d rcx, e r8, w stack+8, f r9: rax",
		"made":    "n rsi: *rax",
		"halves":  "f absent, o rdi, p stack+8, e absent, last rsi: absent",
		"wider":   "l stack+8, i rdi rsi, z absent, f absent, last rdx: absent",
		"halved":  "d absent: absent",
		"reads":   "f rdi, p rsi: rax",
		"many":    "format rdi: rax",
		"nothing": ": nothing",
	}
	for _, flags := range []string{"-O0 -gdwarf-5", "-O0 -gdwarf-4", "-O1 -gdwarf-4", "-O2 -gdwarf-5", "-O2 -fdebug-types-section"} {
		t.Run(flags, func(t *testing.T) {
			checkPlaces(t, compiled(t, "gcc -g "+flags, "c.c", "declared.c"), want)
		})
	}
}

func checkPlaces(t *testing.T, f *File, want map[string]string) {
	t.Helper()
	for name, want := range want {
		function := signatureOf(t, f, name)
		var params []string
		for _, p := range function.Params {
			params = append(params, p.Name+" "+placeOf(p))
		}
		if got := strings.Join(params, ", ") + ": " + resultOf(function); got != want {
			t.Errorf("%s has %s, want %s", name, got, want)
		}
	}
}

func TestSignaturesOfCpp(t *testing.T) {
	want := map[string]string{
		"shop::Counter::add":  "this rdi, n rsi: rax",
		"shop::takes":         "o *rdi, p rsi, h *rdx, c rcx, d r8, on r9, none stack+8: rax",
		"shop::gives":         "n rsi: *rax",
		"shop::twice<double>": "t absent: absent",
		"shop::twice<int>":    "t rdi: rax",
	}
	for _, flags := range []string{"-O0", "-O0 -gdwarf-4", "-O2", "-O0 -fdebug-types-section"} {
		t.Run(flags, func(t *testing.T) {
			checkPlaces(t, compiled(t, "g++ -g "+flags, "cc.cc"), want)
		})
	}
}

func TestSignaturesOfRust(t *testing.T) {
	want := map[string]string{
		"rs::text":   "s rdi rsi, n rdx, p rcx[0:1] r8[1:2], q *r9, b *stack+8: rax",
		"rs::owned":  "s *rdi, v rsi, t rdx[0:4] rcx[8:16], o r8[0:4] r9[4:8]: rax[0:4] rdx[4:8]",
		"rs::shapes": "s rdi, f absent, c rsi: rax[0:1] rdx[1:2]",
		"rs::three":  "x rdi: rax rdx",
	}
	checkPlaces(t, compiled(t, "rustc -g -C opt-level=0", "rs.rs"), want)
}

// membersOf writes the members that a target finds in the struct behind a parameter.
func membersOf(machine *target.Target, of *types.Type) (list []string) {
	if of.Kind == types.Pointer {
		of = of.Elem
	}
	for _, name := range machine.MemberNames(of) {
		m, ok := machine.Member(of, name)
		switch {
		case !ok:
			list = append(list, name+" not found")
		case m.Missing != "":
			list = append(list, name+" "+m.Missing)
		case m.BitSize > 0:
			list = append(list, fmt.Sprintf("%s %s %d.%d:%d", name, m.Type, m.Offset, m.BitOffset, m.BitSize))
		default:
			list = append(list, fmt.Sprintf("%s %s %d", name, m.Type, m.Offset))
		}
	}
	return list
}

// Members have the offsets that the compiler gives them.
func TestMembers(t *testing.T) {
	machine := &target.Target{Arch: "x86_64"}
	const want = "low unsigned int 0.0:3, high unsigned int 0.3:5, whole int 4, part float 4, " +
		"where struct point * 8, color enum color 16, text const char * 24, " +
		"all struct point[3][2] 32, other struct declared * 80, name string[12] 88, rest int[0] 100"
	for _, command := range []string{
		"gcc -g -O2", "gcc -gdwarf-2 -gstrict-dwarf -O0", "gcc -g -fdebug-types-section",
	} {
		t.Run(command, func(t *testing.T) {
			f := compiled(t, command, "c.c", "declared.c")
			function := signatureOf(t, f, "reads")
			got := strings.Join(membersOf(machine, function.Params[0].Type), ", ")
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// What a class has hides what its bases have; those of virtual bases are at no fixed
// place.
func TestMembersOfClasses(t *testing.T) {
	machine := &target.Target{Arch: "x86_64"}
	function := signatureOf(t, compiled(t, "g++ -g -O0", "cc.cc"), "shop::Counter::add")
	class := function.Params[0].Type.Elem
	if class.Name != "Counter" || !function.Params[0].Type.User {
		t.Fatalf("this is %s", function.Params[0].Type)
	}
	for name, want := range map[string]string{
		"low": "long 16", "high": "long 24", "value": "int 36", "id": "int 40", "state": "enum State 32",
		"made":   "is static: no object has it",
		"common": "is in a virtual base class, whose place only the program finds out",
	} {
		m, ok := machine.Member(class, name)
		got := m.Missing
		if got == "" {
			got = fmt.Sprintf("%s %d", m.Type, m.Offset)
		}
		if !ok || got != want {
			t.Errorf("%s: %v, %q, want %q", name, ok, got, want)
		}
	}
	if state, _ := machine.Member(class, "state"); len(state.Type.Values) != 2 || state.Type.Values[1].Name != "Busy" {
		t.Errorf("%+v", state.Type)
	}
	fields := machine.Complete(class).Fields
	names := make([]string, len(fields))
	for i, field := range fields {
		names[i] = field.Name
	}
	if !slices.Contains(names, "low") || slices.Contains(names, "common") {
		t.Errorf("complete are %q", names)
	}
}

// Variants of an enumeration of Rust are members, beside what tells them apart.
func TestMembersOfRust(t *testing.T) {
	machine := &target.Target{Arch: "x86_64"}
	f := compiled(t, "rustc -g -C opt-level=0", "rs.rs")
	shape := signatureOf(t, f, "rs::shapes").Params[0].Type
	got := strings.Join(membersOf(machine, shape), ", ")
	if want := "discriminant u16 0, Empty struct Empty 0, Square struct Square 0, Box struct Box 0"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	text := signatureOf(t, f, "rs::text").Params[0].Type
	if got := strings.Join(membersOf(machine, text), ", "); got != "data_ptr u8 * 0, length usize 8" {
		t.Errorf("&str has %s", got)
	}
}

// A struct that a unit only declares is found where another defines it.
func TestDefinition(t *testing.T) {
	machine := &target.Target{Arch: "x86_64"}
	function := signatureOf(t, compiled(t, "gcc -g -O0", "c.c", "declared.c"), "reads")
	other, _ := machine.Member(function.Params[0].Type.Elem, "other")
	if m, ok := machine.Member(machine.Whole(other.Type).Elem, "inside"); !ok || m.Offset != 8 {
		t.Errorf("%+v", m)
	}
}

// Types in a section of their own, which is not read, are no reason for wrong places.
func TestTypesSection(t *testing.T) {
	f := compiled(t, "g++ -g -gdwarf-4 -O0 -fdebug-types-section", "cc.cc")
	function := signatureOf(t, f, "shop::takes")
	for _, p := range function.Params[1:6] {
		if p.Absent == "" {
			t.Errorf("%s is at %s", p.Name, placeOf(p))
		}
	}
}

// What a compiler has put into a file of its own is not known, and the message names the
// file.
func TestSignatureInASplitFile(t *testing.T) {
	for _, version := range []string{"4", "5"} {
		f := compiled(t, "gcc -O1 -gsplit-dwarf -gdwarf-"+version, "split.c")
		found, err := f.Functions("compute")
		if err != nil || len(found) != 1 {
			t.Fatalf("%+v, %v", found, err)
		}
		_, err = f.Signature(found[0])
		want := fmt.Sprintf("its debug information is in %s-split.dwo, and such files are not read: "+
			"build it without -gsplit-dwarf", f.path)
		if err == nil || err.Error() != want {
			t.Errorf("DWARF %s: %v, want %s", version, err, want)
		}
	}
}
