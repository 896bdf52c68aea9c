package binary

import (
	"bytes"
	"debug/elf"

	"github.com/ponytrace/ponytrace/compiler/target/unxz"
)

const (
	// maxDebugData bounds what .gnu_debugdata unpacks to: that of libpython has 2 MB.
	maxDebugData = 32 << 20
	// unpackBytes is how many bytes are unpacked in a step.
	unpackBytes = 2
)

// packedFile returns the file of .gnu_debugdata (MiniDebugInfo, of Fedora and its kin), or
// nil: the symbols of functions that .dynsym does not have, packed with xz.
func (f *File) packedFile() *File {
	if f.mini == nil {
		f.mini = f
		if mini := f.unpackDebugData(); mini != nil {
			mini.pages.steps, f.mini = f.pages.steps, mini
		}
	}
	if f.mini == f {
		return nil
	}
	return f.mini
}

func (f *File) unpackDebugData() *File {
	header := f.elf.Section(".gnu_debugdata")
	if header == nil || header.Type == elf.SHT_NOBITS || compressed(header) || header.FileSize > maxDebugData {
		return nil
	}
	if f.pages.step(int(header.FileSize)/stepBytes) != nil {
		return nil
	}
	packed, err := header.Data()
	if err != nil {
		return nil
	}
	text, err := unxz.Unpack(packed, min(maxDebugData, *f.pages.steps*unpackBytes))
	if err != nil || f.pages.step(len(text)/unpackBytes) != nil {
		return nil
	}
	mini, err := New(bytes.NewReader(text))
	if err != nil || mini.elf.Machine != f.elf.Machine {
		return nil
	}
	mini.unpacked = len(text)
	return mini
}
