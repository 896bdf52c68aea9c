//go:build guest

package guest

import (
	"regexp"
	"strings"
	"testing"
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

// TestMachineCode: -d jit prints bytes under the lines of the script that they belong to.
func TestMachineCode(t *testing.T) {
	code := MustRun(t, "ponytrace", "-d", "jit", "-e", dumped).Stdout
	if !regexp.MustCompile(`(?m)^; 1:1 kprobe:vfs_read.*\n +[0-9a-f]+: ([0-9a-f]{2} ?){2,16}$`).MatchString(code) {
		t.Errorf("got\n%s", code)
	}
}
