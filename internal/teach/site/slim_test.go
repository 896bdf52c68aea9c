package site

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// moduleOf is a module with one section before the data.
func moduleOf(data []byte) []byte {
	module := append([]byte("\x00asm\x01\x00\x00\x00"), 1, 2, 0x60, 0x00)
	module = append(module, dataSection)
	module = binary.AppendUvarint(module, uint64(len(data)))
	return append(module, data...)
}

// TestSlim: segments that lie close together become one, and memory stays the same.
func TestSlim(t *testing.T) {
	list := []segment{
		{10, []byte("ab")}, {14, []byte("cd")}, {1000, []byte("e")}, {1 << 20, []byte("f")},
	}
	got, err := slim(moduleOf(writeData(list)))
	if err != nil {
		t.Fatal(err)
	}
	want := moduleOf(writeData([]segment{
		{10, []byte("ab\x00\x00cd")}, {1000, []byte("e")}, {1 << 20, []byte("f")},
	}))
	if !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestSlimRefuses(t *testing.T) {
	whole := moduleOf(writeData([]segment{{10, []byte("ab")}}))
	for n := len(whole) - 1; n > len(whole)-6; n-- {
		if _, err := slim(whole[:n]); err == nil {
			t.Errorf("a module that ends after %d of %d bytes is taken", n, len(whole))
		}
	}
	passive := moduleOf([]byte{1, 1, 0})
	if _, err := slim(passive); err == nil {
		t.Error("a segment without an address is taken")
	}
}

func TestSigned(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 127, 128, 1 << 20, 1<<31 - 1, -1, -64, -65, -1 << 31} {
		r := reader{appendSigned(nil, n), 0}
		if got := r.signed(); got != n || r.at != len(r.from) {
			t.Errorf("%d is read as %d", n, got)
		}
	}
}

// TestClearTable: a table ends at a zero that is not its first number.
func TestClearTable(t *testing.T) {
	table := []byte{0, 5, 2, 0x81, 0x01, 0, 7, 7}
	clearTable(table)
	if want := []byte{0, 0, 0, 0, 0, 0, 7, 7}; !bytes.Equal(table, want) {
		t.Errorf("got %v, want %v", table, want)
	}
}

// TestReplaceable: only an older site is removed.
func TestReplaceable(t *testing.T) {
	folder := t.TempDir()
	if err := replaceable(folder); err != nil {
		t.Error("an empty folder:", err)
	}
	if err := replaceable(filepath.Join(folder, "new")); err != nil {
		t.Error("a new folder:", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "letter"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replaceable(folder); err == nil || !strings.Contains(err.Error(), "is not empty, and is no older site") {
		t.Error("somebody's folder:", err)
	}
	if err := os.WriteFile(filepath.Join(folder, module), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replaceable(folder); err != nil {
		t.Error("an older site:", err)
	}
}
