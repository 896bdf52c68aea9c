//go:build guest

package guest

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace"
)

const dumped = `kprobe:vfs_read /pid > 1/ { @[comm] = hist(arg2) }`

// TestVerifierLog: -d verifier prints the kernel's trace, whose numbers and instructions
// are those of -d asm.
func TestVerifierLog(t *testing.T) {
	instruction := regexp.MustCompile(`(?m)^ *(\d+): (\(85\) call bpf_\w+#\d+)`)
	ours := map[string]string{}
	for _, match := range instruction.FindAllStringSubmatch(MustRun(t, "ponytrace", "-d", "asm", "-e", dumped).Stdout, -1) {
		ours[match[1]] = match[2]
	}
	log := MustRun(t, "ponytrace", "-d", "verifier", "-e", dumped).Stdout
	calls := 0
	for _, match := range instruction.FindAllStringSubmatch(log, -1) {
		calls++
		if ours[match[1]] != match[2] {
			t.Errorf("instruction %s: %q, the verifier has %q", match[1], ours[match[1]], match[2])
		}
	}
	if calls < len(ours) || len(ours) < 4 || !strings.Contains(log, "; "+dumped) || !strings.Contains(log, "processed ") {
		t.Errorf("the log has %d of %d calls:\n%s", calls, len(ours), log)
	}
}

// TestMachineCode: -d jit prints the instructions of the processor below those of eBPF
// that they came from.
func TestMachineCode(t *testing.T) {
	code := MustRun(t, "ponytrace", "-d", "jit", "-e", dumped).Stdout
	for _, want := range []string{
		`(?m)^; kprobe:vfs_read.*$`,
		`(?m)^   0: \(\w\w\) .*(\n +[0-9a-f]+: .*; frame)+$`,
		`(?m) call bpf_get_current_comm#16\n +[0-9a-f]+: e8 [0-9a-f ]{11} +call bpf_get_current_comm$`,
		`(?m) if r0 == 0 goto.*\n +[0-9a-f]+: 48 85 c0 +test rax, rax\n +[0-9a-f]+: .* +jz insn \d+$`,
		`(?m)^ +\d+: \(95\) exit(\n +[0-9a-f]+: .*)*leave`,
	} {
		if !regexp.MustCompile(want).MatchString(code) {
			t.Errorf("got\n%s\nwithout %s", code, want)
		}
	}
}

// TestHiddenMachineCode: where the kernel hides its addresses, -d jit says so; constants
// that it disguises do not move instructions.
func TestHiddenMachineCode(t *testing.T) {
	setSysctl(t, "kernel/kptr_restrict", "2")
	hidden := Run(t, "ponytrace", "-d", "jit", "-e", dumped)
	const why = "the kernel hides its machine code: /proc/sys/kernel/kptr_restrict is 2"
	if hidden.Code != 1 || !strings.Contains(hidden.Stderr, why) {
		t.Errorf("got %d, %s", hidden.Code, hidden.Stderr)
	}
	setSysctl(t, "kernel/kptr_restrict", "0")
	setSysctl(t, "net/core/bpf_jit_harden", "2")
	code := MustRun(t, "ponytrace", "-d", "jit", "-e", dumped).Stdout
	blinded := regexp.MustCompile(`(?m) r5 = 1\n +[0-9a-f]+: .* mov r10d?, .*\n +[0-9a-f]+: .* xor r10d?, .*\n.* mov r8, r10$`)
	if !blinded.MatchString(code) {
		t.Errorf("no constant is disguised:\n%s", code)
	}
}

func setSysctl(t *testing.T, name, value string) {
	t.Helper()
	file := "/proc/sys/" + name
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(file, old, 0o644); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(file, []byte(value), 0o644); err != nil {
		t.Fatal(err)
	}
}

// inspected has branches, maps, records of the ring buffer, a loop, and memory of the
// kernel.
const inspected = `
kprobe:vfs_read /pid > 1/ { @a[comm] = count(); @b[comm] = count() }
kprobe:vfs_write { printf("%d %s\n", pid, comm); @h = hist(arg2) }
kprobe:vfs_open { @s[tid] = nsecs }
kretprobe:vfs_open /@s[tid]/ { @ = max(nsecs - @s[tid]); delete(@s[tid]) }
kprobe:vfs_readv { for ($i : 0..(arg2 & 7)) { @l[$i] = $i } }
kprobe:vfs_fsync { @p[str(arg0->f_path.dentry->d_name.name), kstack] = count() }`

// TestInspect: whatever the kernel, each instruction that its verifier walked has a state
// where something changed, and each has machine code, but for those that it leaves out.
// The words are the same.
func TestInspect(t *testing.T) {
	programs := inspect(t, inspected)
	if len(programs) != 6 {
		t.Errorf("got %d programs", len(programs))
	}
	for i := range programs {
		inspectProgram(t, &programs[i])
	}
	inspectWords(t, &programs[0])
}

func inspectProgram(t *testing.T, program *ponytrace.Inspected) {
	code, known := program.MachineCode(), program.Known()
	for _, number := range program.Numbers {
		at := program.Verified.At(number)
		removed := at == nil || says(known[number], "machine code: ")
		if (len(code[number]) == 0) != removed {
			t.Errorf("instruction %d of %s has %d of machine code, and is known to be %q",
				number, program.Name, len(code[number]), known[number])
		}
		for _, machine := range code[number] {
			if machine.Text == "" {
				t.Errorf("instruction %d of %s has unknown machine code % x", number, program.Name, machine.Bytes)
			}
		}
	}
	total := program.Verified.Total
	if total.Visited < len(program.Verified.Instructions) || total.Limit != 1_000_000 || len(total.Stack) == 0 {
		t.Errorf("the verifier summed up %+v", total)
	}
}

func inspectWords(t *testing.T, program *ponytrace.Inspected) {
	rows := map[string][]string{}
	for _, facts := range program.Known() {
		for _, fact := range facts {
			rows[fact.Place] = append(rows[fact.Place], fact.Text)
		}
	}
	for place, want := range map[string][]string{
		"r0": {
			"number 0..2^32-1", "null", "value of map @a, or null", "value of map @a",
			"value of map @b, or null", "value of map @b",
		},
		"r0 if it jumps": {"null", "value of map @a"},
		"r1":             {"address of stack -16", "map @a", "map @b"},
		"r2":             {"16", "address of the end of the stack", "address of stack -16"},
		"stack -16..-1":  {"written"},
		"r1..r2":         {"no longer readable"},
	} {
		for _, text := range want {
			if !slices.Contains(rows[place], text) {
				t.Errorf("nothing tells %s: %s; of it is known %q", place, text, rows[place])
			}
		}
	}
}

func inspect(t *testing.T, script string) []ponytrace.Inspected {
	t.Helper()
	parsed, err := ponytrace.Parse(ponytrace.NewSource("script", script))
	if err != nil {
		t.Fatal(err)
	}
	machine, err := ponytrace.Detect()
	if err != nil {
		t.Fatal(err)
	}
	program, err := ponytrace.Compile(parsed, machine, ponytrace.Options{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := program.Inspect()
	if err != nil || len(list) == 0 {
		t.Fatalf("%s: %d programs, %v", script, len(list), err)
	}
	return list
}

func says(facts []ponytrace.Fact, want string) bool {
	return slices.ContainsFunc(facts, func(fact ponytrace.Fact) bool {
		return strings.HasPrefix(fmt.Sprintf("%s: %s", fact.Place, fact.Text), want)
	})
}
