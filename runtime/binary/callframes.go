package binary

import (
	"debug/elf"
	"errors"

	"github.com/ponytrace/ponytrace/runtime/binary/cfi"
)

// maxFrames bounds the section .eh_frame. That of a program of 100 MB has 5 to 10.
const maxFrames = 64 << 20

var errFrames = errors.New("no .eh_frame of a size that programs have")

// CallFrames returns how the frames of callers are found, by places in the file, in at most so
// many rows. Of a machine that is not x86_64 there are none.
func (f *File) CallFrames(most int) ([]cfi.Row, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	header := f.elf.Section(".eh_frame")
	if header == nil || header.Type == elf.SHT_NOBITS || f.elf.Machine != elf.EM_X86_64 {
		return nil, errFrames
	}
	if compressed(header) || header.FileSize > maxFrames {
		return nil, errFrames
	}
	text, err := header.Data() // which grows as it is read, whatever the header claims
	if err != nil {
		return nil, err
	}
	return cfi.Parse(text, header.Addr, most, f.offset)
}
