package compiler_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/oracle"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/detect"
	"golang.org/x/sys/unix"
)

// longAddress is where a text of exactly longSize bytes lies; longOther, where one that
// differs in the last of them.
const (
	longAddress = 0x20_0000_0000
	longOther   = longAddress + 128<<10
	longSize    = 65535
)

func longText() string {
	var b strings.Builder
	for i := 0; b.Len() < longSize; i++ {
		fmt.Fprintf(&b, "word %d ", i)
	}
	return b.String()[:longSize-6] + "needle"
}

func longMemory() []byte {
	memory := make([]byte, 256<<10)
	copy(memory, longText())
	copy(memory[longOther-longAddress:], strings.TrimSuffix(longText(), "e")+"f and more")
	return memory
}

// mapLong puts the texts into the memory of this process.
func mapLong(t *testing.T, kernel *oracle.Kernel) {
	memory := longMemory()
	address := uintptr(longAddress)
	at, err := unix.MmapPtr(-1, 0, *(*unsafe.Pointer)(unsafe.Pointer(&address)), uintptr(len(memory)),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED_NOREPLACE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.MunmapPtr(at, uintptr(len(memory))) })
	copy(unsafe.Slice((*byte)(at), len(memory)), memory)
	kernel.Environment.Memory[longAddress] = memory
}

const longConfig = "config = { max_strlen = 65536 } BEGIN { $a = str(0x2000000000); $b = str(0x2000020000); "

// longScripts do with two texts of 64 KiB what can be done with texts.
var longScripts = []string{
	"@a = strlen($a); @b = strlen($b); @c = strlen(str(0x2000000000, 1000)); @d = strlen(str(0x2000000000, 65535)) }",
	"@a = $a == $b; @b = $a != $b; @c = $a < $b; @d = $a >= $b; $c = $a; @e = $a == $c }",
	"@a = strncmp($a, $b, 65534); @b = strncmp($a, $b, 65535); $n = 65534; @c = strncmp($a, $b, $n) }",
	`@a = strstr($a, "needle"); @b = strstr($a, "nothing"); @c = strcontains($a, "word 5000 word 5001"); @d = strstr($b, "needle") }`,
	`$n = "word 777 "; @a = strstr($a, $n); $n = "word 6000 word 6001 word"; @b = strstr($a, $n); @c = strcontains($a, $b); @d = strstr($a, $a) }`,
	`@a = $a =~ "*needle"; @b = $b =~ "*needle"; @c = $a =~ "word 0*word 70[0-9][!3-9] *word 7??? *"; @d = $a =~ "*zz*"; @e = $a =~ "word*" }`,
	`@a[$a] = 1; @a[$b] = 2; @b = @a[$a]; @c = @a[$b]; @s = $a; @t = @s == $a; @u = $b[65535]; @v = $a[65534] }`,
	`printf("%s|%s\n", $a, $b); print($a); @k[1, "x"] = $a; @r = @k[1, "x"] == $a }`,
	`@a = strlen(str_concat($a, $b)); @b = str_concat("x", $a) =~ "xword 0 *"; @c = str_concat(comm, "/", $n ?: comm) }`,
}

func TestLongStrings(t *testing.T) {
	testkit.Long(t)
	emulated.Memory[longAddress] = longMemory()
	kernel := ownKernel(t)
	if kernel != nil {
		mapLong(t, kernel)
	}
	machine := frozen.Target("6.12")
	for _, script := range longScripts {
		script = strings.ReplaceAll(script, "$n ?: comm", "comm")
		if err := judge(longConfig+script, machine, kernel); err != nil {
			text := err.Error()
			t.Errorf("%s\n%s", script, text[:min(len(text), 1000)])
		}
	}
}

// TestLongSearchIsRefused: where the verifier would have to walk every step of a search,
// there are limits.
func TestLongSearchIsRefused(t *testing.T) {
	const script = "config = { max_strlen = 65536 } BEGIN { @ = strcontains(str(1), \"ab\") }"
	if err := compileError(script, "6.1", compiler.Options{}); err != nil {
		t.Error(err)
	}
	err := compileError(script, "5.10", compiler.Options{})
	var diagnostics diag.Diagnostics
	if !errors.As(err, &diagnostics) || !strings.Contains(err.Error(), "this search takes up to 65536 steps; a kernel older than 5.17") {
		t.Errorf("on 5.10: %v", err)
	}
}

// stringSteps are at most how many instructions the verifier walks
// (BPF_COMPLEXITY_LIMIT_INSNS is a million).
var stringSteps = []struct {
	script string
	most   int
}{
	{"BEGIN { $a = str(1); $b = str(2); @ = $a == $b }", 4_000},
	{"BEGIN { $a = str(1); @ = $a =~ \"*foo*bar*\" }", 10_000},
	{"BEGIN { $a = str(1); $b = str(2); @ = strcontains($a, $b) }", 10_000},
	{"config = { max_strlen = 65536 } BEGIN { $a = str(1); $b = str(2); @ = $a == $b }", 2_000},
	{"config = { max_strlen = 65536 } BEGIN { $a = str(1); @ = $a =~ \"*foo*bar*\" }", 4_000},
	{"config = { max_strlen = 65536 } BEGIN { $a = str(1); $b = str(2); @ = strcontains($a, $b) }", 4_000},
}

func TestStringSteps(t *testing.T) {
	if ownKernel(t) == nil {
		testkit.Lack(t, "CAP_BPF")
	}
	machine, err := detect.Detect()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range stringSteps {
		if steps := verified(t, c.script, machine); steps > c.most {
			t.Errorf("%s\n%d instructions, more than %d", c.script, steps, c.most)
		} else {
			t.Logf("%6d %s", steps, c.script)
		}
	}
}

// verified is how many instructions the kernel's verifier walked.
func verified(t *testing.T, script string, machine *target.Target) int {
	t.Helper()
	o, err := compileFor(script, machine, compiler.Options{})
	if err != nil {
		t.Fatal(err)
	}
	collection, err := ebpf.NewCollection(oracle.Specification(o))
	if err != nil {
		t.Fatalf("%s\n%v", script, err)
	}
	defer collection.Close()
	info, err := collection.Programs[o.Programs[0].Name].Info()
	if err != nil {
		t.Fatal(err)
	}
	steps, ok := info.VerifiedInstructions()
	if !ok {
		testkit.Lack(t, "Linux 5.16")
	}
	return int(steps)
}
