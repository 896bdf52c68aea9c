package amd64_test

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/runtime/machinecode/amd64"
)

// The beginnings of what the kernels made of `kprobe:vfs_read { @[comm] = count() }`, up
// to the call of bpf_get_current_comm.
var recorded = map[string]struct {
	code     string
	prologue int
}{
	"5.10": {"666666669066905548 89e54881ec18000000 534889ef4883c7f0 be10000000 e8b0ad1bc1", 0x13},
	"6.1": {"0f1f44000066905548 89e54881ec18000000 53 48c745f000000000 48c745f800000000 " +
		"4889ef4883c7f0 be10000000 e8d0cb21c1", 0x13},
	"6.12": {"f30f1efa0f1f4400000f1f00554889e5f30f1efa4881ec18000000 53 " +
		"4889ef4883c7f0 be10000000 e82b8c2ac1", 0x1c},
	"7.x": {"f30f1efa0f1f4400000f1f00554889e5f30f1efa4881ec18000000 53 " +
		"4889ef4883c7f0 be10000000 e8dbda5ac1", 0x1c},
	// A program that keeps nothing over calls, and has no stack.
	"6.12, nothing saved": {"f30f1efa0f1f4400000f1f00554889e5f30f1efa 31c0 c9c3cc", 0x14},
	// One that calls another by its tail, on 6.18.
	"tail calls": {"0f1f440000 4831c0 55 4889e5 4883f821 7706 50 4889e0 eb01 50 50 488b5708", 0x1a},
	"no frame":   {"31c0", 0},
}

func bytesOf(t *testing.T, digits string) []byte {
	t.Helper()
	code, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestPrologue(t *testing.T) {
	for kernel, test := range recorded {
		if got := amd64.Prologue(bytesOf(t, test.code)); got != test.prologue {
			t.Errorf("%s: got %#x, want %#x", kernel, got, test.prologue)
		}
	}
}

// TestDecode: each instruction of the recorded code is known, and calls have names.
func TestDecode(t *testing.T) {
	want := map[string]string{
		"5.10": "nop, nop, push rbp, mov rbp, rsp, sub rsp, 0x18, push rbx, mov rdi, rbp, " +
			"add rdi, -0x10, mov esi, 0x10, call bpf_get_current_comm",
		"6.12": "endbr64, nop, nop, push rbp, mov rbp, rsp, endbr64, sub rsp, 0x18, push rbx, " +
			"mov rdi, rbp, add rdi, -0x10, mov esi, 0x10, call bpf_get_current_comm",
	}
	const address = uint64(0xffffffffc0000000)
	for kernel, text := range want {
		code := bytesOf(t, recorded[kernel].code)
		distance := int32(binary.LittleEndian.Uint32(code[len(code)-4:]))
		helper := address + uint64(len(code)) + uint64(distance)
		decoder := amd64.New(func(address uint64) string {
			if address == helper {
				return "bpf_get_current_comm"
			}
			return ""
		})
		if got := assembly(decoder, code, address); got != text {
			t.Errorf("%s: got %s, want %s", kernel, got, text)
		}
	}
}

func assembly(decoder *amd64.Decoder, code []byte, address uint64) string {
	var list []string
	for at := 0; at < len(code); {
		text, length := decoder.Decode(code[at:], address+uint64(at))
		if length == 0 {
			return strings.Join(append(list, "?"), ", ")
		}
		list = append(list, text)
		at += length
	}
	return strings.Join(list, ", ")
}

// TestKinds: what the compiler makes of other instructions of eBPF.
func TestKinds(t *testing.T) {
	decoder := amd64.New(func(uint64) string { return "" })
	for digits, want := range map[string]string{
		"f04c014000":           "lock add qword [rax], r8",
		"6548030425189a0100":   "add rax, qword gs:[0x19a18]",
		"48b80040ca0480888fff": "mov rax, 0xff8f888004ca4000",
		"48c745e800000000":     "mov qword [rbp-0x18], 0x0",
		"0fb64701":             "movzx eax, byte [rdi+0x1]",
		"c4e2f9f7c6":           "shlx rax, rsi, rax",
		"c46279f7c1":           "shlx r8d, ecx, eax",
		"c4c2a3f7fa":           "shrx rdi, r10, r11",
		"e977ffffff":           "jmp .-0x89",
		"7411":                 "jz .+0x11",
		"":                     "",
	} {
		if got := assembly(decoder, bytesOf(t, digits), 0); got != want {
			t.Errorf("%s: got %q, want %q", digits, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x66, 0x66, 0x66, 0x66, 0x90})
	f.Fuzz(func(t *testing.T, code []byte) {
		decoder := amd64.New(func(uint64) string { return "" })
		if _, length := decoder.Decode(code, 0); length < 0 || length > len(code) {
			t.Errorf("%x: got length %d", code, length)
		}
		if length := amd64.Prologue(code); length < 0 || length > len(code) {
			t.Errorf("%x: got a prologue of %d", code, length)
		}
	})
}
