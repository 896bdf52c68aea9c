package machinecode_test

import (
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/runtime/machinecode"
)

// What 6.18 makes of a count with a predicate, shortened to the test, at an address that
// is made up.
const (
	address = 0xffffffffc0201000
	code    = "0f1f440000 0f1f00 55 4889e5 e8ef1f0000 48c1e820 4883f801 7e09 " +
		"b801000000 31c0 c9 c3 31c0 ebfa"
)

var marks = []machinecode.Mark{
	{Offset: 0, Instruction: 0}, {Offset: 0x11, Instruction: 1}, {Offset: 0x15, Instruction: 2},
	{Offset: 0x1b, Instruction: 3}, {Offset: 0x20, Instruction: 4}, {Offset: 0x20, Instruction: 5},
	{Offset: 0x22, Instruction: 6}, {Offset: 0x24, Instruction: 7}, {Offset: 0x26, Instruction: 8},
}

func function(t *testing.T) *machinecode.Function {
	t.Helper()
	bytes, err := hex.DecodeString(strings.ReplaceAll(code, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return &machinecode.Function{Address: address, Code: bytes, Marks: marks}
}

func written(pieces []machinecode.Piece) string {
	var lines []string
	for _, piece := range pieces {
		line := fmt.Sprintf("%d:", piece.Instruction)
		for _, at := range piece.Code {
			line += fmt.Sprintf(" %x %s;", at.Offset, at.Text)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// TestPieces: the prologue is apart, jumps lead to numbers of instructions, calls to
// names, and an instruction that was removed has no code.
func TestPieces(t *testing.T) {
	testkit.Need(t, "amd64", runtime.GOARCH == "amd64")
	names := func(at uint64) string {
		if at == address+0x2000 {
			return "bpf_get_current_pid_tgid"
		}
		return ""
	}
	const want = `-1: 0 nop; 5 nop; 8 push rbp; 9 mov rbp, rsp;
0: c call bpf_get_current_pid_tgid;
1: 11 shr rax, 0x20;
2: 15 cmp rax, 0x1; 19 jle insn 7;
3: 1b mov eax, 0x1;
4:
5: 20 xor eax, eax;
6: 22 leave; 23 ret;
7: 24 xor eax, eax;
8: 26 jmp insn 6;`
	if got := written(function(t).Pieces(names)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestWithoutNames: where names are not known, calls show the address.
func TestWithoutNames(t *testing.T) {
	testkit.Need(t, "amd64", runtime.GOARCH == "amd64")
	got := written(function(t).Pieces(nil))
	if want := fmt.Sprintf("0: c call %#x;", uint64(address+0x2000)); !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwithout %s", got, want)
	}
}

// TestHostile: marks may lie anywhere, and code may be none.
func TestHostile(t *testing.T) {
	f := machinecode.Function{
		Code: []byte{6, 6, 6}, Marks: []machinecode.Mark{{-1, 1}, {2, 2}, {99, 3}, {1, 4}},
	}
	if got, want := written(f.Pieces(nil)), "-1: 0 ;\n4: 1 ;\n2: 2 ;"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := (&machinecode.Function{}).Pieces(nil); len(written(got)) != len("-1:") {
		t.Errorf("got %v", got)
	}
}
