package symbols

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/testkit"
)

func kernelOf(text string) *Kernel {
	return &Kernel{
		open:   func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
		loaded: func() loadedCode { return loadedCode{} },
	}
}

const sample = `ffffffff81000000 T _stext
ffffffff81000000 T startup_64
0000000000000000 A fixed_percpu_data
ffffffff81002000 t twice
ffffffff81003000 t twice
ffffffffc0a01000 t ext4_sync_file	[ext4]
nonsense
ffffffff81001000 T vfs_read
`

func TestLookup(t *testing.T) {
	k := kernelOf(sample)
	for _, test := range []struct {
		address uint64
		want    string
	}{
		{0xffffffff81000000, "_stext+0 "},
		{0xffffffff81000fff, "_stext+4095 "},
		{0xffffffff8100100c, "vfs_read+12 "},
		{0xffffffffc0a01001, "ext4_sync_file+1 ext4"},
		{0xfffffffff0000000, "?"},
		{0xffffffff80ffffff, "?"},
		{0, "?"},
		{1<<64 - 1, "?"},
	} {
		got := "?"
		if s, ok := k.Lookup(test.address); ok {
			got = s.String() + " " + s.Module
		}
		if got != test.want {
			t.Errorf("%#x: %q, want %q", test.address, got, test.want)
		}
	}
}

func TestAddress(t *testing.T) {
	k := kernelOf(sample)
	for name, want := range map[string]uint64{"twice": 0xffffffff81002000, "vfs_read": 0xffffffff81001000, "vfs": 0, "": 0} {
		if got, ok := k.Address(name); got != want || ok != (want != 0) {
			t.Errorf("%s: %#x, %v", name, got, ok)
		}
	}
}

func TestHidden(t *testing.T) {
	k := kernelOf("0000000000000000 T _stext\n0000000000000000 T vfs_read\n")
	if _, ok := k.Lookup(16); ok || !errors.Is(k.Err(), ErrHidden) {
		t.Errorf("found something, or error %v", k.Err())
	}
}

func TestLongLine(t *testing.T) {
	k := kernelOf("ffffffff81000000 T " + strings.Repeat("x", 1<<20))
	if k.Err() == nil {
		t.Error("a name of a megabyte was taken")
	}
}

func TestLive(t *testing.T) {
	k := NewKernel()
	if errors.Is(k.Err(), ErrHidden) {
		testkit.Lack(t, "CAP_SYSLOG")
	}
	address, ok := k.Address("vfs_read")
	if !ok {
		t.Fatal("no vfs_read: ", k.Err())
	}
	if s, ok := k.Lookup(address + 3); !ok || s.String() != "vfs_read+3" {
		t.Errorf("%v, %v", s, ok)
	}
	t.Log(len(k.table.entries), "symbols,", len(k.table.entries)*16+len(k.table.names), "bytes")
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		NewKernel().load()
	}
}
