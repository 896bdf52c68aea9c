package arm64_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/runtime/machinecode/arm64"
)

// What Debian's 6.12 for arm64 made of `kprobe:vfs_read { @[comm] = count() }`: up to the
// lookup, and the end.
const (
	frame = "c9030091 1f2003d5 3f2303d5 fd7bbfa9 fd030091 ff6bbfa9 fa030091 f367bfa9 f9030091 ff8300d1"
	begin = "20030091 004000d1 010280d2 ead28192 2acdbbf2 0a6bd3f2 40013fd6 07000091"
	body  = "ff0000f1 a0000054 e7000191 e70040f9 8ad038d5 e7000a8b 240080d2 ff0024f8 ea0300f9 d6ffff17"
	end   = "ff830091 f367c1a8 ff6bc1a8 fd7bc1a8 e0000091 bf2303d5 c0035fd6"
)

func codeOf(t *testing.T, digits ...string) []byte {
	t.Helper()
	code, err := hex.DecodeString(strings.ReplaceAll(strings.Join(digits, ""), " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func assembly(decoder *arm64.Decoder, code []byte, address uint64) string {
	var list []string
	for at := 0; at < len(code); {
		text, length := decoder.Decode(code[at:], address+uint64(at))
		if length == 0 {
			return strings.Join(append(list, "?"), "\n")
		}
		list = append(list, text)
		at += length
	}
	return strings.Join(list, "\n")
}

// TestDecode: calls have the name of what lies at the address that was put together before
// them, and jumps that of where they lead.
func TestDecode(t *testing.T) {
	const address = 0xffff_8000_800e_dc00
	names := map[uint64]string{
		0xffff_9b58_de69_f168: "bpf_get_current_comm",
		address + 0x68 + 0x18: "insn 9",
	}
	decoder := arm64.New(func(address uint64) string { return names[address] })
	want := `add x9, x30, #0x0
nop
paciasp
stp x29, x30, [sp,#-16]!
mov x29, sp
stp xzr, x26, [sp,#-16]!
mov x26, sp
stp x19, x25, [sp,#-16]!
mov x25, sp
sub sp, sp, #0x20
add x0, x25, #0x0
sub x0, x0, #0x10
mov x1, #0x10
mov x10, #0xfffffffffffff168
movk x10, #0xde69, lsl #16
movk x10, #0x9b58, lsl #32
blr x10 (bpf_get_current_comm)
add x7, x0, #0x0
cmp x7, #0x0
b.eq 0xffff8000800edc60
add x7, x7, #0x40
ldr x7, [x7]
mrs x10, tpidr_el1
add x7, x7, x10
mov x4, #0x1
stadd x4, [x7]
str x10, [sp]
b 0xffff8000800edbc4
add sp, sp, #0x20
ldp x19, x25, [sp],#16
ldp xzr, x26, [sp],#16
ldp x29, x30, [sp],#16
add x0, x7, #0x0
autiasp
ret`
	if got := assembly(decoder, codeOf(t, frame, begin, body, end), address); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestJumps: a jump to a place with a name shows that.
func TestJumps(t *testing.T) {
	decoder := arm64.New(func(address uint64) string {
		return map[uint64]string{0x1018: "insn 9", 0xf58: "insn 2"}[address]
	})
	code := codeOf(t, "1f2003d5 a0000054 d5ffff17")
	if got := assembly(decoder, code, 0x1000); got != "nop\nb.eq insn 9\nb 0xf5c" {
		t.Errorf("got %q", got)
	}
}

func TestFrame(t *testing.T) {
	code := codeOf(t, frame, begin)
	if got, want := arm64.Prologue(code), len(codeOf(t, frame)); got != want {
		t.Errorf("the frame takes %d bytes, want %d", got, want)
	}
	code = codeOf(t, "d6ffff17", end)
	if got := arm64.Epilogue(code); got != 4 {
		t.Errorf("the end begins at %d", got)
	}
	if got := arm64.Epilogue(codeOf(t, body)); got != len(codeOf(t, body)) {
		t.Errorf("the end of code without one begins at %d", got)
	}
}

// TestNames: what arm64asm does not know, or by number: the instructions of ARMv8.1 that
// stand for atomic ones of eBPF, and registers.
func TestNames(t *testing.T) {
	decoder := arm64.New(func(uint64) string { return "" })
	for digits, want := range map[string]string{
		"ff0024f8": "stadd x4, [x7]",
		"ff0024b8": "stadd w4, [x7]",
		"0a4138d5": "mrs x10, sp_el0",
		"e400e4f8": "ldaddal x4, x4, [x7]",
		"ff3024f8": "stset x4, [x7]",
		"e480e4f8": "swpal x4, x4, [x7]",
		"e4fce7c8": "casal x7, x4, [x7]",
		"00000000": "?",
		"ff":       "?",
	} {
		if got := assembly(decoder, codeOf(t, digits), 0); got != want {
			t.Errorf("%s: got %q, want %q", digits, got, want)
		}
	}
}
