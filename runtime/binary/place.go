package binary

import (
	"debug/elf"
	"encoding/binary"
	"slices"
	"sort"

	"github.com/ponytrace/ponytrace/compiler/target"
)

const (
	// maxBody is how much of a function is decoded.
	maxBody = 1 << 20
	// maxIdle is how many instructions that do nothing are looked behind.
	maxIdle = 4
	// maxParts is how many pieces of code outside of a function are decoded that it jumps
	// to, and partSize how much of each.
	maxParts = 64
	partSize = 4 << 10
)

// Placement describes the instruction at an offset, and those behind it that a probe may
// be put on instead.
func (f *File) Placement(offset uint64) (target.Placement, error) {
	return ask(f, func() (p target.Placement, err error) {
		p.Offset = offset
		address, loaded := f.address(offset)
		if !loaded || !f.executed(address) {
			p.Class = target.NoCode
			return p, nil
		}
		decode := f.decoder()
		if decode == nil {
			return p, ErrForeign
		}
		err = f.place(&p, decode, address)
		return p, err
	})
}

// executed reports whether an address is code by the sections, or else by the segments,
// which may have more than code.
func (f *File) executed(address uint64) bool {
	for _, s := range f.elf.Sections {
		if s.Flags&elf.SHF_ALLOC != 0 && address >= s.Addr && address-s.Addr < s.Size {
			return s.Flags&elf.SHF_EXECINSTR != 0
		}
	}
	return len(f.elf.Sections) == 0 && f.isCode(address)
}

func (f *File) place(p *target.Placement, decode decoder, address uint64) error {
	at, known, err := f.extent(address)
	if err != nil {
		return err
	}
	if !known {
		at = extent{address, address + mostBytes}
	}
	b, err := f.body(at, decode)
	if err != nil {
		return err
	}
	if table, none := f.goTable(); f.elf.Machine == elf.EM_X86_64 && none == nil && table == nil {
		b.unused = unusedX86
	}
	begins, found := b.instructionAt(address)
	p.Unchecked = !known || !found
	p.Entry = !p.Unchecked && address == at.start
	if p.Entry || p.Unchecked {
		called, known := f.calledAt(address)
		p.Uncalled = known && !called
	}
	if found && begins < address {
		p.Offset, p.Class = p.Offset-(address-begins), target.Within
		return nil
	}
	i := b.at(address)
	if p.Instruction = i.at(p.Offset); !p.Unchecked && b.passable(i, p.Entry) {
		p.Next = b.behind(address, p.Offset, p.Entry)
	}
	return nil
}

// extent is from where to where the code of a function is.
type extent struct{ start, end uint64 }

// extentSize is that of one in memory, and extentSteps what it costs to keep one: no more
// than four million of a file are.
const extentSize, extentSteps = 16, 4

func (e extent) has(address uint64) bool { return address >= e.start && address < e.end }

// extent finds the function that an address lies in, by Go's table or by the symbols. One
// without a size reaches up to the next.
func (f *File) extent(address uint64) (extent, bool, error) {
	if table, err := f.goTable(); err == nil && table != nil {
		if d, ok := table.describe(address); ok {
			return extent{table.text + d.start, table.text + d.end}, true, nil
		}
	}
	starts, err := f.functionStarts()
	if err != nil {
		return extent{}, false, err
	}
	after, _ := slices.BinarySearchFunc(starts, address, func(e extent, a uint64) int {
		if e.start <= a {
			return -1
		}
		return 1
	})
	if after == 0 {
		return extent{}, false, nil
	}
	e := starts[after-1]
	if e.end == e.start && after < len(starts) {
		e.end = starts[after].start
	}
	return e, e.has(address), nil
}

// body is the code of a function.
type body struct {
	extent
	file   *File
	decode decoder
	code   []byte
	unused uint64 // registers without arguments, as bits
}

// body reads the code of a function, up to maxBody.
func (f *File) body(at extent, decode decoder) (*body, error) {
	b := &body{extent: at, file: f, decode: decode}
	offset, loaded := f.offset(at.start)
	if !loaded {
		return b, nil
	}
	s := section{pages: f.pages, offset: offset, size: min(at.end-at.start, maxBody)}
	for read := uint64(0); read < s.size; read = uint64(len(b.code)) {
		chunk, err := s.chunk(read)
		if err == errEnds {
			break
		}
		if err != nil {
			return nil, err
		}
		b.code = append(b.code, chunk...)
	}
	return b, nil
}

// at decodes the instruction at an address.
func (b *body) at(address uint64) instruction {
	if address-b.start >= uint64(len(b.code)) {
		return instruction{class: target.Undecodable}
	}
	return b.decode(b.code[address-b.start:])
}

// sweep visits the instructions one after the other. It reports whether it came to the
// end, or visit ended it: what comes after bytes that cannot be decoded is not known.
func (b *body) sweep(visit func(address uint64, i instruction) (more bool)) bool {
	for at := b.start; at < b.end; {
		i := b.at(at)
		if i.size == 0 || b.file.pages.step(1) != nil {
			return false
		}
		if !visit(at, i) {
			return true
		}
		at += i.size
	}
	return true
}

// instructionAt returns where the instruction begins that an address lies in, if the
// code before it can be decoded.
func (b *body) instructionAt(address uint64) (begins uint64, found bool) {
	b.sweep(func(at uint64, i instruction) bool {
		begins, found = at, address < at+i.size
		return !found
	})
	return begins, found
}

// passable reports an instruction that a probe may be put behind: one that does nothing,
// or where a function is entered, one that leaves its arguments, its stack and all memory
// as they are.
func (b *body) passable(i instruction, entry bool) bool {
	return i.idle || entry && i.quiet && (i.writes < 0 || b.unused>>i.writes&1 != 0)
}

// Registers of x86_64, by their numbers, that have no argument when a function is entered:
// rax (in which C has how many floating point registers variadic functions get), r10 and
// r11. With Go they have arguments.
const unusedX86 = 1<<0 | 1<<10 | 1<<11

// near is how far around a function jumps into it are looked for. Only functions in
// assembly jump into others, which they are written beside of: mempcpy into memmove.
const near = 8 << 10

// enteredAt reports whether other code may jump to an address of the function. All bytes
// that could be a jump are taken for one, as it is not known where instructions begin.
func (b *body) enteredAt(to uint64) bool {
	from := extent{max(b.start, near) - near, b.end + near}
	for _, s := range b.file.elf.Sections {
		if to-s.Addr < s.Size && s.Flags&elf.SHF_EXECINSTR != 0 {
			from.start, from.end = max(from.start, s.Addr), min(from.end, s.Addr+s.Size)
		}
	}
	around, err := b.file.body(from, b.decode)
	if err != nil || from.end-from.start > maxBody { // it is not known
		return true
	}
	return jumpsTo(to, around.code, from.start, b.extent)
}

// jumpsTo reports a jump to an address in code that begins at start, but for that within.
func jumpsTo(to uint64, code []byte, start uint64, within extent) bool {
	for at, op := range code {
		address := start + uint64(at)
		switch rest := code[at+1:]; {
		case within.has(address):
		case (op == 0xeb || op>>4 == 7) && len(rest) >= 1 && address+2+uint64(int8(rest[0])) == to:
			return true
		case (op == 0xe9 || op>>4 == 8) && len(rest) >= 4 &&
			address+5+uint64(int32(binary.LittleEndian.Uint32(rest))) == to:
			return true
		}
	}
	return false
}

// behind returns the instructions behind one that is passable, up to the first that is
// not, as long as no jump leads there and none is executed again. Where computed jumps
// lead is not known; but none leads from a function to where it saves registers.
func (b *body) behind(address, offset uint64, entry bool) (list []target.Instruction) {
	direct, computed, known := b.targets()
	for at := address; known && len(list) < maxIdle; {
		i := b.at(at)
		next := b.at(at + i.size)
		if !b.passable(i, entry) || next.size == 0 || next.restarts || at+i.size >= b.end || slices.Contains(direct, at+i.size) {
			break
		}
		if computed && !(entry && (next.saves || next.idle)) {
			break
		}
		if !i.idle && b.enteredAt(at+i.size) {
			break
		}
		at += i.size
		list = append(list, next.at(offset+at-address))
	}
	return list
}

// targets returns where in the function its direct jumps lead, and those of the pieces of
// code outside of it that it jumps to, such as what is seldom executed.
func (b *body) targets() (list []uint64, computed, known bool) {
	known = uint64(len(b.code)) == b.end-b.start
	parts := []extent{b.extent}
	for n := 0; n < len(parts) && known; n++ {
		part := b
		if n > 0 {
			var err error
			if part, err = b.file.body(parts[n], b.decode); err != nil {
				return nil, false, false
			}
		}
		whole := part.sweep(func(at uint64, i instruction) bool {
			to := at + i.size + uint64(i.to)
			computed = computed || i.flow == computes
			switch {
			case i.flow != branches && i.flow != jumps:
			case b.has(to):
				list = append(list, to)
			case !slices.ContainsFunc(parts, func(e extent) bool { return e.has(to) }):
				parts = append(parts, extent{to, to + partSize})
			}
			onwards := n == 0 || i.flow == onward || i.flow == branches
			return onwards && len(parts) <= maxParts
		})
		known = whole && len(parts) <= maxParts
	}
	return list, computed, known
}

// functionStarts returns the functions of the symbols by address, each address once with
// the largest size, of the file and of that of its debug information.
func (f *File) functionStarts() ([]extent, error) {
	if f.starts != nil {
		return f.starts, nil
	}
	starts := []extent{}
	for _, from := range []*File{f, f.packedFile(), f.debugFile()} {
		if from == nil {
			continue
		}
		for _, table := range from.symbolTables() {
			err := from.symbols(table, func(s symbol) error {
				starts = append(starts, extent{s.address, s.address + s.size})
				return f.pages.step(extentSteps)
			})
			if err != nil {
				return nil, err
			}
		}
	}
	sort.Slice(starts, func(i, j int) bool {
		a, b := starts[i], starts[j]
		return a.start < b.start || a.start == b.start && a.end > b.end
	})
	f.starts = slices.CompactFunc(starts, func(a, b extent) bool { return a.start == b.start })
	return f.starts, nil
}
