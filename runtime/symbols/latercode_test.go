package symbols

import (
	"hash/maphash"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

// The table is read again for an address outside of the kernel's own text, once, when
// more is loaded than was; and not all the time.
func TestLaterCode(t *testing.T) {
	text := "ffffffff81000000 T _stext\nffffffff81800000 T vfs_read\nffffffff82000000 T _etext\nffffffffc0000000 t early\t[a]\n"
	reads, now := 0, loadedCode{}
	k := &Kernel{
		open: func() (io.ReadCloser, error) {
			reads++
			return io.NopCloser(strings.NewReader(text)), nil
		},
		loaded: func() loadedCode { return now },
	}
	check := func(address uint64, want string, wantReads int) {
		t.Helper()
		if s, _ := k.Lookup(address); s.Name != want || reads != wantReads {
			t.Errorf("%#x: %q after %d reads, want %q after %d", address, s.Name, reads, want, wantReads)
		}
	}
	check(0xffffffffc0000010, "early", 1)
	check(0xffffffffc0002010, "early", 1)
	text += "ffffffffc0001000 t bpf_prog_1\t[bpf]\n"
	now.program++
	check(0xffffffff81800010, "vfs_read", 1)
	check(0xffffffffc0002010, "early", 1) // was looked up before
	check(0xffffffffc0001010, "bpf_prog_1", 2)
	check(0xffffffffc0002010, "bpf_prog_1", 2)
	check(0xffffffffc0003010, "bpf_prog_1", 2)
	k.later.spent = time.Hour
	now.modules++
	check(0xffffffffc0004010, "bpf_prog_1", 2)
}

func TestSumOfModules(t *testing.T) {
	seed := maphash.MakeSeed()
	sum := func(text string) uint64 { return sumOfModules(seed, []byte(text)) }
	one := sum("ext4 1056768 1 - Live 0xffffffffc0a01000\n")
	for text, same := range map[string]bool{
		"ext4 1056768 2 - Live 0xffffffffc0a01000\nshort line\n":                           true,
		"ext4 1056768 1 - Live 0xffffffffc0a02000\n":                                       false,
		"ext4 1056768 1 - Live 0xffffffffc0a01000\nfat 8192 0 - Live 0xffffffffc0b01000\n": false,
		"": false,
	} {
		if (sum(text) == one) != same {
			t.Errorf("%q: the same as before: %v", text, !same)
		}
	}
}

// A program of BPF that is loaded when the table was read already has its name.
func TestLaterProgram(t *testing.T) {
	testkit.Need(t, "root", os.Geteuid() == 0)
	k := NewKernel()
	vfs, ok := k.Address("vfs_read")
	if !ok {
		testkit.Lack(t, "CAP_SYSLOG")
	}
	if s, ok := k.Lookup(vfs); !ok || s.Name != "vfs_read" {
		t.Fatal(s, ok)
	}
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "later", Type: ebpf.SocketFilter, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	info, err := program.Info()
	if err != nil {
		t.Fatal(err)
	}
	addresses, ok := info.JitedKsymAddrs()
	testkit.Need(t, "BPF JIT", ok && len(addresses) > 0)
	if s, ok := k.Lookup(uint64(addresses[0]) + 1); !ok || !strings.HasSuffix(s.Name, "_later") || s.Offset != 1 {
		t.Errorf("%v, %v, want the program later", s, ok)
	}
}
