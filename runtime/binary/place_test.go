package binary

import (
	"debug/elf"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	code, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(text), " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// An instruction a line: its bytes, what it is, and how one writes it.
const (
	x86Instructions = `
f3 0f 1e fa                   | stepped idle                | endbr64
90                            | emulated idle               | nop
66 90                         | emulated idle               | xchg %ax,%ax
0f 1f 40 00                   | stepped idle                | nopl 0(%rax)
0f 1f 44 00 00                | nop5 idle                   | nopl 0(%rax,%rax)
66 2e 0f 1f 84 00 00 00 00 00 | nop10 idle                  | nopw %cs:...
2e 0f 1f 84 00 00 00 00 00    | refused idle                | nopl %cs:...
55                            | emulated saves              | push %rbp
41 57                         | emulated saves              | push %r15
48 83 ec 18                   | stepped                     | sub $0x18,%rsp
48 81 ec 18 01 00 00          | stepped                     | sub $0x118,%rsp
66 81 c3 18 01                | stepped                     | add $0x118,%bx
48 b8 01 02 03 04 05 06 07 08 | stepped                     | movabs
64 48 8b 04 25 28 00 00 00    | stepped                     | mov %fs:0x28,%rax
e8 fc ff ff ff                | emulated calls              | call
eb fe                         | emulated jumps -2           | jmp
74 08                         | emulated branches 8         | je
0f 84 00 01 00 00             | emulated branches 256       | je
66 e9 fc ff ff ff             | refused jumps -4            | jmpw
e3 10                         | stepped branches 16         | jrcxz
ff e0                         | stepped computes            | jmp *%rax
3e ff e0                      | refused computes            | notrack jmp *%rax
ff d0                         | stepped calls               | call *%rax
c3                            | stepped returns              | ret
0f 0b                         | stepped stops               | ud2
cc                            | trap stops                  | int3
f0 48 0f b1 0f                | refused                     | lock cmpxchg
49 90                         | refused                     | xchg %r8,%rax
8e d0                         | refused                     | mov %eax,%ss
f6 c1 01                      | stepped                     | test $1,%cl
f6 d1                         | stepped                     | not %cl
c5 f9 ef c0                   | refused                     | vpxor
c5 fe 6f 07                   | refused                     | vmovdqu (%rdi),%ymm0
c5 f8 77                      | stepped                     | vzeroupper
c4 e3 7d 39 c8 01             | stepped                     | vextracti128
62 f1 fe 48 6f 07             | refused                     | vmovdqu64 (%rdi),%zmm0
62 f3 7d 48 3f 00 00          | refused                     | vpcmpb
8f e8 78 c2 ec 0e             | stepped                     | vprotd
8f c0                         | stepped                     | pop %rax
06                            | undecodable                 | was push %es
66 66 66 66 66 66 66 66 66 66 66 66 66 66 90| emulated idle
66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90| undecodable
`
	armInstructions = `
5f2403d5                      | stepped idle                | bti c
3f2303d5                      | stepped                     | paciasp
1f2003d5                      | stepped idle                | nop
5f2003d5                      | refused                     | wfe
fd7bbfa9                      | stepped                     | stp x29, x30, [sp, #-16]!
20000014                      | emulated jumps 124          | b .+0x80
ffffff97                      | emulated calls              | bl .-4
e1ffff54                      | emulated branches -8        | b.ne .-4
400000b4                      | emulated branches 4         | cbz x0, .+8
40000036                      | emulated branches 4         | tbz w0, #0, .+8
000000b0                      | emulated                    | adrp
db0800b0                      | emulated restarts           | adrp x27
3b0080d2                      | stepped restarts            | mov x27, #1
3b000091                      | stepped restarts            | add x27, x1, #0
00021fd6                      | emulated computes           | br x16
00003fd6                      | emulated calls              | blr x0
c0035fd6                      | emulated returns             | ret
ff0b5fd6                      | refused returns              | retaa
40000058                      | refused                     | ldr x0, .+8
407c5fc8                      | refused                     | ldxr x0, [x2]
40fcdfc8                      | stepped                     | ldar x0, [x2]
010000d4                      | refused                     | svc #0
000020d4                      | trap stops                  | brk #0
40d03bd5                      | stepped                     | mrs x0, tpidr_el0
40d01bd5                      | refused                     | msr tpidr_el0, x0
00000000                      | stepped stops               | udf #0
`
)

// described is an instruction as those tables have it.
func described(i instruction) string {
	text := i.class.String()
	text += map[bool]string{true: " idle"}[i.idle] + map[bool]string{true: " saves"}[i.saves]
	text += map[bool]string{true: " calls"}[i.calls] + map[bool]string{true: " restarts"}[i.restarts]
	text += [...]string{"", " branches", " jumps", " computes", " returns", " stops"}[i.flow]
	if i.flow == branches || i.flow == jumps {
		text += fmt.Sprintf(" %d", i.to)
	}
	return text
}

func TestDecode(t *testing.T) {
	decodeTable(t, x86Instructions, decodeX86)
	decodeTable(t, armInstructions, decodeARM)
}

// decodeTable also decodes each with other bytes behind it, and with fewer.
func decodeTable(t *testing.T, table string, decode decoder) {
	for line := range strings.Lines(strings.TrimSpace(table)) {
		columns := strings.Split(line, "|")
		code, want := unhex(t, columns[0]), strings.TrimSpace(columns[1])
		i := decode(append(code, 0x01, 0x83, 0x02))
		if got := described(i); got != want || int(i.size) != len(code) && want != "undecodable" {
			t.Errorf("%s: %d bytes, %s; want %s", columns[0], i.size, got, want)
		}
		for short := range len(code) {
			if i := decode(code[:short:short]); int(i.size) > short {
				t.Errorf("%s: %d of %d bytes are decoded", columns[0], i.size, short)
			}
		}
	}
}

// What may be put behind an instruction that does nothing.
func TestBehind(t *testing.T) {
	for _, test := range []struct {
		name, code string
		at         uint64
		want       string
		decode     decoder
	}{
		{"push", "f30f1efa 55 5d c3", 0, "4 emulated", decodeX86},
		{"two nops", "f30f1efa 0f1f440000 55 5d c3", 0, "4 nop5, 9 emulated", decodeX86},
		{"a loop back to it", "f30f1efa 50 58 ebfc", 0, "", decodeX86},
		{"a loop to behind it", "f30f1efa 50 58 ebfd", 0, "4 emulated", decodeX86},
		{"a switch at the entry", "f30f1efa 55 ffe0", 0, "4 emulated", decodeX86},
		{"a switch without a frame", "f30f1efa 31c0 ffe0", 0, "", decodeX86},
		{"a nop inside of a switch", "31c0 90 31c0 ffe0", 2, "", decodeX86},
		{"a nop inside", "31c0 90 31c0 c3", 2, "3 stepped", decodeX86},
		{"unknown bytes", "f30f1efa 55 06 5d c3", 0, "", decodeX86},
		{"the end", "31c0 90", 2, "", decodeX86},
		{"arm64", "5f2403d5 20008052 c0035fd6", 0, "4 stepped", decodeARM},
		{"a scratch register of Go", "1f2003d5 db0800b0 62b74b39 c0035fd6", 0, "", decodeARM},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, steps := unhex(t, test.code), maxSteps
			b := &body{
				extent: extent{0x1000, 0x1000 + uint64(len(code))}, decode: test.decode, code: code,
				file: &File{elf: &elf.File{}, pages: &pages{steps: &steps}},
			}
			var got []string
			for _, i := range b.behind(0x1000+test.at, test.at, test.at == 0) {
				got = append(got, string(rune('0'+i.Offset))+" "+i.Class.String())
			}
			if all := strings.Join(got, ", "); all != test.want {
				t.Errorf("%q, want %q", all, test.want)
			}
		})
	}
}

// What seldom runs lies elsewhere, and may jump back to behind the entry.
func TestColdPart(t *testing.T) {
	source := filepath.Join(t.TempDir(), "cold.S")
	const text = `
	.text
	.globl	_start, back, other
	.type	_start, @function
	.type	back, @function
	.type	other, @function
back:	endbr64
1:	push	%rax
	pop	%rax
	jne	back_cold
	ret
	.size	back, .-back
other:	endbr64
	push	%rax
	pop	%rax
	jne	other_cold
	ret
	.size	other, .-other
_start:	ret
	.size	_start, .-_start
back_cold:
	nop
	jmp	1b
other_cold:
	nop
	ret
`
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "cold")
	testkit.Need(t, "gcc for x86_64", buildsX86(program, source))
	f, err := Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, want := range map[string]int{"back": 0, "other": 1} {
		found, err := f.Functions(name)
		if err != nil || len(found) != 1 {
			t.Fatalf("%v, %v", found, err)
		}
		p, err := f.Placement(found[0].Offset)
		if err != nil || !p.Entry || len(p.Next) != want {
			t.Errorf("%s: %+v, %v, want %d behind", name, p, err, want)
		}
	}
}

func buildsX86(program, source string) bool {
	return exec.Command("gcc", "-m64", "-nostdlib", "-static", "-o", program, source).Run() == nil
}

// Whatever a program of this machine begins its functions with can be decoded.
func TestPlaceMachine(t *testing.T) {
	testkit.Long(t)
	for _, path := range []string{
		"/bin/bash", "/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/postgresql/15/bin/postgres",
	} {
		f, err := Open(path)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		starts, err := f.functionStarts()
		if err != nil {
			t.Fatal(err)
		}
		classes, moved := map[target.InstructionClass]int{}, 0
		for _, s := range starts {
			offset, loaded := f.offset(s.start)
			if !loaded {
				continue
			}
			p, err := f.Placement(offset)
			if err != nil || p.Class == target.Undecodable || p.Class == target.NoCode || !p.Entry {
				t.Errorf("%s: %#x: %+v, %v", path, s.start, p, err)
			}
			classes[p.Class]++
			if len(p.Next) > 0 {
				moved++
			}
		}
		t.Logf("%s: %d functions, by class %v, with others behind %d", path, len(starts), classes, moved)
		f.Close()
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0xf3, 0x0f, 0x1e, 0xfa, 0x55})
	f.Add([]byte{0x62, 0xf1, 0xfe, 0x48, 0x6f, 0x07})
	f.Fuzz(func(t *testing.T, code []byte) {
		for _, decode := range []decoder{decodeX86, decodeARM} {
			i := decode(code)
			unknown := i.class == target.Undecodable
			if i.size > uint64(min(len(code), mostBytes)) || (i.size == 0) != unknown {
				t.Fatalf("% x: %+v", code, i)
			}
			steps := 1000
			b := &body{
				extent: extent{0x1000, 0x1000 + uint64(len(code))}, decode: decode, code: code,
				file: &File{elf: &elf.File{}, pages: &pages{steps: &steps}},
			}
			for at := range uint64(min(len(code), 32)) {
				if begins, found := b.instructionAt(b.start + at); found && begins > b.start+at {
					t.Fatalf("% x: what has %d inside begins at %d", code, at, begins-b.start)
				}
				for _, next := range b.behind(b.start+at, at, at == 0) {
					if next.Offset <= at || next.Offset >= uint64(len(code)) {
						t.Fatalf("% x: %#x is not behind %#x", code, next.Offset, at)
					}
				}
			}
		}
	})
}

// What a probe at the entry of a function may be put behind: no argument, stack or memory
// changes, and nothing is read that may not be there.
func TestPassable(t *testing.T) {
	for code, want := range map[string]bool{
		"4885ff": true, "39f7": true, "83ff05": true, "803d0000000000": true, // test, cmp
		"4889f8": true, "31c0": true, "b801000000": true, "488d4708": true, // into eax
		"4589c2": true, "440fb6d7": true, "488b0500000000": true, // into r10, from beside the code
		"4889fe": false, "31d2": false, "4983c001": false, "bf01000000": false, // into arguments
		"4883ec18": false, "4889e5": false, "488d642410": false, // the stack, its frame
		"488b07": false, "833f00": false, "488907": false, "48893d00000000": false, // memory
		"c7f800000000": false, "f6d0": false, "64488b042528000000": false, // xbegin, not, mov %fs
	} {
		b := &body{decode: decodeX86, unused: unusedX86}
		i := decodeX86(unhex(t, code))
		if got := b.passable(i, true); got != want || b.passable(i, false) {
			t.Errorf("%s: %v, want %v: %+v", code, got, want, i)
		}
		if goes := (&body{}).passable(i, true); goes != (want && i.writes < 0) {
			t.Errorf("%s in a function of Go: %v", code, goes)
		}
	}
}

// Functions in assembly jump into others: those of the table do, at any distance.
func TestJumpsTo(t *testing.T) {
	within := extent{0x1000, 0x1010}
	for _, test := range []struct {
		code  string
		start uint64
		want  bool
	}{
		{"4889f8 4801d0 eb05", 0xff6, true}, {"4889f8 4801d0 eb06", 0xff6, false},
		{"e9fe0f0000", 0x0, true}, {"0f84fd0f0000", 0x0, true}, {"7401", 0x1000, false},
		{"eb", 0xfff, false}, {"90 74f0", 0x1010, true},
	} {
		to := uint64(0x1003)
		if got := jumpsTo(to, unhex(t, test.code), test.start, within); got != test.want {
			t.Errorf("%s at %#x: %v, want %v", test.code, test.start, got, test.want)
		}
	}
}
