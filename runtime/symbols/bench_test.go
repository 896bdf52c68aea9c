package symbols

import (
	"os"
	"testing"
)

// BenchmarkFirstLookup reads the memory map of this process and the functions of its
// file.
func BenchmarkFirstLookup(b *testing.B) {
	address := uint64(here())
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := NewUser(true, 64<<20).Lookup(os.Getpid(), address); !ok {
			b.Fatal("the benchmark has no name")
		}
	}
}

// BenchmarkLookup looks up the same address again.
func BenchmarkLookup(b *testing.B) {
	u, address := NewUser(true, 64<<20), uint64(here())
	b.ReportAllocs()
	for b.Loop() {
		u.Lookup(os.Getpid(), address)
	}
}
