package stage_test

import (
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/rlimit"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// TestNotation has each form of instruction that the compiler emits, and what
// kernel/bpf/disasm.c makes of it but for the differences that the package comment names.
func TestNotation(t *testing.T) {
	narrow := asm.Mov.Reg32(asm.R2, asm.R3)
	tests := []struct {
		code asm.Instruction
		text string
	}{
		{asm.Mov.Reg(asm.R6, asm.R1), "r6 = r1"},
		{asm.Mov.Imm(asm.R0, -1), "r0 = -1"},
		{narrow, "w2 = w3"},
		{asm.Add.Imm(asm.R1, -16), "r1 += -16"},
		{asm.ArSh.Imm(asm.R1, 63), "r1 s>>= 63"},
		{asm.Mod.Reg(asm.R1, asm.R2), "r1 %= r2"},
		{asm.Neg.Imm(asm.R1, 0), "r1 = -r1"},
		{asm.HostTo(asm.BE, asm.R1, asm.Half), "r1 = be16 r1"},
		{asm.LoadMem(asm.R1, asm.R6, 32, asm.DWord), "r1 = *(u64 *)(r6 +32)"},
		{asm.LoadMem(asm.R1, asm.RFP, -4, asm.Byte), "r1 = *(u8 *)(r10 -4)"},
		{asm.StoreMem(asm.RFP, -8, asm.R1, asm.Word), "*(u32 *)(r10 -8) = r1"},
		{asm.StoreImm(asm.R7, 0, 5, asm.Half), "*(u16 *)(r7 +0) = 5"},
		{asm.StoreXAdd(asm.R1, asm.R2, asm.DWord), "lock *(u64 *)(r1 +0) += r2"},
		{asm.FetchAdd.Mem(asm.R1, asm.R2, asm.DWord, 8), "r2 = atomic64_fetch_add((u64 *)(r1 +8), r2)"},
		{asm.Xchg.Mem(asm.R1, asm.R2, asm.DWord, 0), "r2 = atomic64_xchg((u64 *)(r1 +0), r2)"},
		{asm.CmpXchg.Mem(asm.R1, asm.R2, asm.DWord, 0), "r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)"},
		{asm.LoadImm(asm.R1, 1<<32, asm.DWord), "r1 = 0x100000000"},
		{asm.LoadMapPtr(asm.R1, 0).WithReference("events"), "r1 = map[events]"},
		{asm.LoadMapValue(asm.R1, 0, 64).WithReference("data"), "r1 = map[data][0]+64"},
		{asm.FnMapLookupElem.Call(), "call bpf_map_lookup_elem#1"},
		{asm.FnGetPrandomU32.Call(), "call bpf_get_prandom_u32#7"},
		{asm.Return(), "exit"},
	}
	for _, test := range tests {
		if got := stage.Disassemble(asm.Instructions{test.code})[0].Text; got != test.text {
			t.Errorf("got %q, want %q", got, test.text)
		}
	}
}

// TestTargets: a load of 64 bits counts as two, so that a jump's distance leads to the
// number of its target.
func TestTargets(t *testing.T) {
	code := stage.Disassemble(asm.Instructions{
		asm.JEq.Imm(asm.R1, -3, "end"),
		asm.LoadImm(asm.R1, 1, asm.DWord),
		asm.JSGT.Reg(asm.R1, asm.R2, "end"),
		asm.Ja.Label("end"),
		asm.Call.Label("end"),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("end"),
		asm.Return(),
	})
	want := []string{
		"0 if r1 == -3 goto +5 6", "1 r1 = 0x1 -1", "3 if r1 s> r2 goto +2 6", "4 goto +1 6", "5 call +0 6",
		"6 r0 = 0 -1", "7 exit -1",
	}
	for i, at := range code {
		got := strings.Join([]string{strconv.Itoa(at.Offset), at.Text, strconv.Itoa(at.Target)}, " ")
		if got != want[i] {
			t.Errorf("got %q, want %q", got, want[i])
		}
	}
}

// TestKernelNotation compares what the compiler prints with the verifier's own trace of
// the same program, number by number: helpers by name, jumps, calls of functions, atomic
// instructions.
func TestKernelNotation(t *testing.T) {
	testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
	for _, script := range []string{
		"kprobe:vfs_read /pid > 1/ { @[comm] = hist(arg2); @n++ }",
		`kprobe:vfs_read { $x = (int32)arg2; if ($x < -5) { printf("%d %s\n", $x / 3, comm) } @[bswap((uint16)arg2)] = count() }`,
		"kprobe:vfs_read { for ($i : 0..arg2) { @[$i] = $i * 1000000000000 } }",
	} {
		stages := &stage.Stages{}
		parsed, _ := lang.Parse(diag.NewSource("script", script))
		built, err := compiler.Compile(parsed, frozen.Target("6.12"), compiler.Options{Attach: "kprobe", Stages: stages})
		if err != nil {
			t.Fatal(err)
		}
		for i, program := range built.Programs {
			agree(t, stages.Programs[i].Code, verifierTrace(t, built, program))
		}
	}
}

func verifierTrace(t *testing.T, built *object.Object, program *object.ProgramSpec) string {
	t.Helper()
	_ = rlimit.RemoveMemlock()
	collection, err := ebpf.NewCollectionWithOptions(&ebpf.CollectionSpec{
		Maps: built.Kernel,
		Programs: map[string]*ebpf.ProgramSpec{
			"p": {Type: program.Type, License: "GPL", Instructions: program.Instructions},
		},
	}, ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{LogLevel: ebpf.LogLevelInstruction, LogSizeStart: 1 << 24}})
	if errors.Is(err, os.ErrPermission) {
		testkit.Lack(t, "CAP_BPF")
	}
	if err != nil {
		t.Fatalf("%+v", err)
	}
	defer collection.Close()
	return collection.Programs["p"].VerifierLog
}

var (
	traced  = regexp.MustCompile(`(?m)^(\d+): (\([0-9a-f]{2}\) .*?)\s*(?:;.*)?$`)
	hex     = regexp.MustCompile(` 0x[0-9a-f]+ goto`)
	address = regexp.MustCompile(`^(\(18\) r\d = ).*`)
)

// agree compares the instructions that the verifier walked. It knows the addresses of
// maps and functions.
func agree(t *testing.T, code []stage.Instruction, trace string) {
	t.Helper()
	ours := map[string]string{}
	for _, at := range code {
		text := "(" + strconv.FormatUint(uint64(at.Opcode)|0x100, 16)[1:] + ") " + at.Text
		ours[strconv.Itoa(at.Offset)] = address.ReplaceAllString(text, "$1")
	}
	seen := map[string]bool{}
	for _, match := range traced.FindAllStringSubmatch(trace, -1) {
		theirs := strings.NewReplacer("goto pc", "goto ", "call pc", "call ").Replace(match[2])
		theirs = hex.ReplaceAllStringFunc(theirs, func(number string) string {
			n, _ := strconv.ParseUint(strings.Fields(number)[0], 0, 32)
			return " " + strconv.Itoa(int(int32(n))) + " goto"
		})
		theirs = address.ReplaceAllString(theirs, "$1")
		if got := ours[match[1]]; got != theirs {
			t.Errorf("instruction %s: got %q, the verifier has %q", match[1], got, theirs)
		}
		seen[match[1]] = true
	}
	if len(seen) < len(code)*9/10 {
		t.Errorf("the verifier's trace has %d of %d instructions", len(seen), len(code))
	}
}
