package binary

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

const (
	// maxHeaders bounds what is read for the headers.
	maxHeaders = 8 << 20
	// maxSections and maxLoads are more than programs have: tens of sections, and two to
	// ten segments that are loaded. All are looked through for an address.
	maxSections = 1 << 12
	maxLoads    = 1 << 8
	// maxSectionName is longer than any name of a section that is asked for.
	maxSectionName = 1 << 8
)

var (
	errNoHeaders  = errors.New("an ELF file with more sections than any program")
	errNoSegments = errors.New("an ELF file with more segments than any program")
	errNoNames    = errors.New("an ELF file with damaged names of its sections")
)

// machines are those that ponytrace runs on, and those of 32 bits whose programs run
// there.
var (
	machines = []elf.Machine{elf.EM_X86_64, elf.EM_AARCH64, elf.EM_386, elf.EM_ARM}
	narrow   = machines[2:]
)

func traced(headers *elf.File) error {
	name := strings.TrimPrefix(headers.Machine.String(), "EM_")
	if headers.Data != elf.ELFDATA2LSB {
		return fmt.Errorf("%w: %s, big-endian", ErrForeign, name)
	}
	if !slices.Contains(machines, headers.Machine) {
		return fmt.Errorf("%w: %s", ErrForeign, name)
	}
	if headers.Class == elf.ELFCLASS64 && slices.Contains(narrow, headers.Machine) {
		return fmt.Errorf("%w: %s of 64 bits", ErrForeign, name)
	}
	return nil
}

// headerReader is what debug/elf reads from. It fails when more is read for the headers
// than may be, and it hides where the names of sections are: debug/elf would unpack their
// table, and copy each name up to its end, without bounds. 8 MB of headers could have
// 60,000 names of 4 MB.
type headerReader struct {
	from   io.ReaderAt
	left   int
	header []byte // as the file has it; nil when all headers were read
}

func (r *headerReader) ReadAt(to []byte, offset int64) (int, error) {
	if len(to) > r.left {
		return 0, errNoHeaders
	}
	r.left -= len(to)
	n, err := r.from.ReadAt(to, offset)
	if r.header != nil && offset == 0 && n >= elf.EI_NIDENT {
		copy(r.header, to[:n])
		if at := namesNumber(r.header); n >= at+2 {
			clear(to[at : at+2])
		}
	}
	return n, err
}

// headerBytes is the size of the header in files of 64 bits, in which it is the larger one.
const headerBytes = 64

// namesNumber is where a header has the number of the section of names: at its end.
func namesNumber(header []byte) int {
	if elf.Class(header[elf.EI_CLASS]) == elf.ELFCLASS32 {
		return 50
	}
	return 62
}

// readHeaders reads the headers but for the names of sections, of which it returns where
// they are.
func readHeaders(from io.ReaderAt) (*elf.File, sectionNames, error) {
	r := &headerReader{from: from, left: maxHeaders, header: make([]byte, headerBytes)}
	headers, err := elf.NewFile(r)
	if err == nil {
		err = traced(headers)
	}
	if err != nil {
		return nil, sectionNames{}, err
	}
	if len(headers.Sections) > maxSections {
		return nil, sectionNames{}, errNoHeaders
	}
	names := namesOf(r.header)
	r.left, r.header = math.MaxInt, nil
	return headers, names, nil
}

// sectionNames is where the headers of sections are, each of which begins with the place of
// its name, and the number of the section that has the names, 0 for none.
type sectionNames struct {
	headers, size uint64
	number        int
}

func namesOf(header []byte) sectionNames {
	order := binary.LittleEndian
	if elf.Class(header[elf.EI_CLASS]) == elf.ELFCLASS32 {
		return sectionNames{
			uint64(order.Uint32(header[32:])), uint64(order.Uint16(header[46:])), int(order.Uint16(header[50:])),
		}
	}
	return sectionNames{
		order.Uint64(header[40:]), uint64(order.Uint16(header[58:])), int(order.Uint16(header[62:])),
	}
}

// nameSections reads the names of the sections. The pages that it reads are not kept: a
// file may be open for long before it is asked something.
func (f *File) nameSections(of sectionNames) error {
	list := f.elf.Sections
	if len(list) == 0 || of.number == 0 {
		return nil
	}
	if of.number >= len(list) || list[of.number].Type != elf.SHT_STRTAB || compressed(list[of.number]) {
		return errNoNames
	}
	steps := maxSteps
	read, table := &pages{from: f.pages.from, steps: &steps}, list[of.number]
	names := &section{pages: read, offset: table.Offset, size: table.FileSize}
	headers := &section{pages: read, offset: of.headers, size: uint64(len(list)) * of.size}
	for i, s := range list {
		place := headers.from(uint64(i) * of.size)
		name := names.from(uint64(place.u32()))
		s.Name = string(name.bytes(maxSectionName))
		switch err := cmp.Or(place.err, name.err); err {
		case nil:
		case errEnds:
			return errNoNames
		default:
			return err
		}
	}
	return nil
}
