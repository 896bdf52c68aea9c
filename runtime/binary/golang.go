package binary

import (
	"debug/elf"
	"slices"
	"sort"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// The magic numbers of Go's table, and the offsets of its header; see the package
// comment.
const (
	goMagic116 = 0xfffffffa
	goMagic118 = 0xfffffff0
	goMagic120 = 0xfffffff1
	goHeader   = 72
	// Words of the description of the program. Before Go 1.20 that of the types is 2 less.
	goModuleText, goModuleTypes, goModuleFuncData = 22, 37, 40
	// What a function's description has: its tables, and those of them that are needed.
	goInlineIndex, goInlineTree = 2, 3
	goInlineSize                = 16
	maxInlined                  = 64
	maxGoFunctions              = 1 << 24
)

// goTable is the section .gopclntab.
type goTable struct {
	*section
	quantum   uint64 // of addresses: 1, or 4 where instructions have 4 bytes
	count     uint64
	text      uint64 // where the code begins
	names     uint64 // these are offsets in the section
	units     uint64
	files     uint64
	values    uint64
	functions uint64
	word      int      // bytes of a number in functions: 4, or 8 before Go 1.18
	startLine bool     // descriptions have it, since Go 1.20
	data      *section // where the tables of inlined calls are; nil where that is unknown
	dataAt    uint64
}

// goTable returns Go's table, or nil where there is none that is understood.
func (f *File) goTable() (*goTable, error) {
	s, err := f.section(".gopclntab", ".data.rel.ro.gopclntab")
	if s == nil || err != nil || f.elf.Class != elf.ELFCLASS64 {
		return nil, err
	}
	t, ok := readGoTable(s)
	if !ok {
		return nil, nil
	}
	if t.word == 8 {
		return t, nil
	}
	if err := f.placeGo(t); err != nil || t.text == 0 {
		return nil, err
	}
	return t, nil
}

func readGoTable(s *section) (*goTable, bool) {
	c := s.from(0)
	magic := c.u32()
	c.skip(2)
	t := &goTable{section: s, quantum: uint64(c.u8()), startLine: magic == goMagic120, word: 4}
	pointer := c.u8()
	t.count = c.u64()
	c.skip(8)
	if magic == goMagic116 {
		t.word = 8
	} else {
		t.text = c.u64()
	}
	t.names, t.units = c.u64(), c.u64()
	t.files, t.values, t.functions = c.u64(), c.u64(), c.u64()
	known := magic == goMagic116 || magic == goMagic118 || magic == goMagic120
	if c.err != nil || pointer != 8 || !known {
		return nil, false
	}
	if t.count == 0 || t.count > maxGoFunctions || t.functions > s.size {
		return nil, false
	}
	most := (s.size - t.functions) / uint64(2*t.word)
	return t, t.count <= most && t.names <= t.units && t.units <= s.size
}

// placeGo finds out where the code begins where the header does not hold it: in
// .go.module, or at .text if the program's entry point is then where Go's is. In programs
// linked with C it may not be, and wrong names are worse than none.
func (f *File) placeGo(t *goTable) error {
	module, err := f.section(".go.module")
	if err != nil {
		return err
	}
	if module != nil {
		described := goModule{words: module}
		if at := described.word(goModuleText); t.text == 0 && f.isCode(at) {
			t.text = at
		}
		t.data, t.dataAt = f.sectionAt(described.word(goModuleFuncData))
	} else if t.startLine {
		t.data, t.dataAt = f.sectionAt(f.goModule(t).word(goModuleFuncData))
	}
	code := f.elf.Section(".text")
	if t.text == 0 && code != nil && t.startsAt(f.elf.Entry, code.Addr) {
		t.text = code.Addr
	}
	return nil
}

// goModule is the description of the program, runtime.moduledata: words from a place on.
type goModule struct {
	words *section // nil where it was not found
	at    uint64
}

// word returns one of them, 0 where there is none.
func (m goModule) word(n uint64) uint64 {
	if m.words == nil {
		return 0
	}
	c := m.words.from(m.at + 8*n)
	return c.u64()
}

// maxModule bounds the data that is searched for the description of the program.
const maxModule = 8 << 20

// goModule returns the description of the program, for which Go before 1.26 has no section:
// it is among the data, and begins with the address of the table. In a program that is
// moved when it starts its words may be left to the loader.
func (f *File) goModule(t *goTable) (m goModule) {
	if f.module != nil {
		return *f.module
	}
	f.module = &m
	if s, err := f.section(".go.module"); s != nil || err != nil {
		m.words = s
		return m
	}
	table := f.elf.Section(".gopclntab")
	if table == nil {
		table = f.elf.Section(".data.rel.ro.gopclntab")
	}
	data, err := f.section(".noptrdata")
	if err != nil || data == nil || table == nil {
		return m
	}
	for c := data.from(0); c.at+8*goModuleFuncData < min(data.size, maxModule) && c.more(); {
		found := goModule{data, c.at}
		if c.u64() == table.Addr && t.codeAt(f, found.word(goModuleText)) {
			m = found
			break
		}
	}
	return m
}

// codeAt reports whether all code begins at an address. The tables of Go 1.16 and 1.17 do
// not have it.
func (t *goTable) codeAt(f *File, address uint64) bool {
	return address == t.text || t.word == 8 && f.isCode(address)
}

func (f *File) isCode(address uint64) bool {
	return slices.ContainsFunc(f.elf.Progs, func(p *elf.Prog) bool {
		code := p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0
		return code && address >= p.Vaddr && address-p.Vaddr < p.Filesz
	})
}

// sectionAt returns the section that an address lies in, and where in it.
func (f *File) sectionAt(address uint64) (*section, uint64) {
	for _, s := range f.elf.Sections {
		loaded := s.Flags&elf.SHF_ALLOC != 0 && s.Type != elf.SHT_NOBITS
		if loaded && address >= s.Addr && address-s.Addr < s.Size {
			return &section{pages: f.pages, offset: s.Offset, size: s.Size}, address - s.Addr
		}
	}
	return nil, 0
}

// startsAt reports whether the entry point is Go's if the code begins at text.
func (t *goTable) startsAt(entry, text uint64) (found bool) {
	_ = t.each(func(offset, _ uint64, description uint64) bool {
		if text+offset == entry {
			name := t.name(t.nameAt(description))
			found = strings.HasPrefix(name, "_rt0_")
			return false
		}
		return true
	})
	return found
}

// each visits the functions: from where to where their code is, from the start of all
// code, and the offset of the description.
func (t *goTable) each(visit func(start, end, description uint64) bool) error {
	c := t.from(t.functions)
	start := c.number(t.word)
	for range t.count {
		description, end := t.functions+c.number(t.word), c.number(t.word)
		if err := t.pages.step(1); err != nil || c.err != nil {
			return err
		}
		if start < end && !visit(start, end, description) {
			return nil
		}
		start = end
	}
	return nil
}

// nameAt returns where in the names that of a description is.
func (t *goTable) nameAt(description uint64) uint32 {
	c := t.from(description + uint64(t.word))
	return c.u32()
}

func (t *goTable) name(at uint32) string {
	c := t.from(t.names + uint64(at))
	return c.text()
}

// eachName visits the functions of Go's table.
func (t *goTable) eachName(f *File, visit functionVisitor) (err error) {
	walked := t.each(func(start, end, description uint64) bool {
		name := t.from(t.names + uint64(t.nameAt(description)))
		err = visit(f, symbol{address: t.text + start, size: end - start}, name.view(maxName))
		return err == nil
	})
	if err != nil {
		return err
	}
	return walked
}

// frames returns the functions at an address, the innermost first.
func (t *goTable) frames(address uint64) (frames []target.Frame) {
	d, ok := t.describe(address)
	if !ok {
		return nil
	}
	pc := address - t.text
	for range maxInlined {
		frame := target.Frame{Function: t.name(d.name), Offset: address - t.text - d.start}
		frame.File, frame.Line = t.line(d, pc)
		index, inlined := t.inlined(d, pc)
		if !inlined {
			return append(frames, frame)
		}
		c := t.data.from(index)
		c.skip(4)
		frame.Function, frame.Offset, frame.Inlined = t.name(c.u32()), 0, true
		frames = append(frames, frame)
		pc = d.start + uint64(c.u32())
		if c.err != nil {
			return frames
		}
	}
	return frames
}

// goFunction is the description of a function.
type goFunction struct {
	start, end uint64
	name       uint32
	file, line uint32 // tables of values
	unit       uint32 // of files
	values     uint32 // of further tables of values, of which the list is at
	list       uint64
	data       uint64 // where the list of other tables is, with so many entries
	tables     uint8
	arguments  uint32 // bytes of arguments and results on the stack
	assembly   bool
	// unusual: it is of the runtime, in assembly or a wrapper, and may be called in another
	// way than Go calls functions.
	unusual bool
}

// describe finds a function by halving, since they are ordered by address.
func (t *goTable) describe(address uint64) (d goFunction, ok bool) {
	pc := address - t.text
	after := sort.Search(int(t.count), func(i int) bool {
		c := t.from(t.functions + uint64(2*t.word*i))
		return c.number(t.word) > pc
	})
	if address < t.text || after == 0 {
		return d, false
	}
	entry := t.from(t.functions + uint64(2*t.word*(after-1)))
	d.start = entry.number(t.word)
	at := t.functions + entry.number(t.word)
	d.end = entry.number(t.word)
	c := t.from(at + uint64(t.word))
	d.name = c.u32()
	d.arguments = c.u32()
	c.skip(8)
	d.file, d.line, d.values, d.unit = c.u32(), c.u32(), c.u32(), c.u32()
	if t.startLine {
		c.skip(4)
	}
	kind, marks := c.u8(), c.u8()
	d.assembly = marks&goAssembly != 0
	d.unusual = kind != 0 || d.assembly
	c.skip(1)
	d.tables = c.u8()
	d.list = c.at
	d.data = d.list + 4*uint64(d.values)
	return d, entry.err == nil && c.err == nil && pc < d.end
}

// value returns what a table of values has at an address: pairs of a difference of the
// value, in zigzag, and one of the address.
func (t *goTable) value(d goFunction, table uint32, pc uint64) (int64, bool) {
	if table == 0 {
		return 0, false
	}
	c, value := t.from(t.values+uint64(table)), int64(-1)
	for at := d.start; c.more(); {
		difference := uint32(c.uleb())
		if difference == 0 && at != d.start {
			break
		}
		value += int64(int32(difference>>1) ^ -int32(difference&1))
		if at += c.uleb() * t.quantum; pc < at {
			return value, c.err == nil
		}
	}
	return 0, false
}

// line returns the place in the source that an address comes from.
func (t *goTable) line(d goFunction, pc uint64) (file string, line int) {
	n, known := t.value(d, d.line, pc)
	index, hasFile := t.value(d, d.file, pc)
	if !known || !hasFile || n < 0 || index < 0 {
		return "", 0
	}
	unit := t.from(t.units + 4*(uint64(d.unit)+uint64(index)))
	name := t.from(t.files + uint64(unit.u32()))
	if unit.err != nil {
		return "", 0
	}
	return name.text(), int(n)
}

// hasInlined reports whether the table tells inlined calls, as those of Go 1.20 and later
// do, and where they are described is known.
func (t *goTable) hasInlined() bool { return t != nil && t.data != nil && t.startLine }

// inlined returns where the inlined call is described that an address comes from.
func (t *goTable) inlined(d goFunction, pc uint64) (uint64, bool) {
	if !t.hasInlined() || d.values <= goInlineIndex || d.tables <= goInlineTree {
		return 0, false
	}
	values, tree := t.from(d.list+4*goInlineIndex), t.from(d.data+4*goInlineTree)
	index, known := t.value(d, values.u32(), pc)
	at := tree.u32()
	if !known || index < 0 || at == ^uint32(0) || tree.err != nil {
		return 0, false
	}
	return t.dataAt + uint64(at) + goInlineSize*uint64(index), true
}
