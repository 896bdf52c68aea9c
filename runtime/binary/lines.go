package binary

import (
	"debug/dwarf"
	"path"
)

// Opcodes of line number programs: DWARF 5, section 6.2.5. Those after 0, the extended
// ones, have their length before them.
const (
	opExtended     = 0
	opCopy         = 1
	opAdvance      = 2
	opAdvanceLine  = 3
	opFile         = 4
	opNegate       = 6
	opConstAdvance = 8
	opFixedAdvance = 9

	opEndSequence = 1
	opSetAddress  = 2

	// What the entries of the lists of folders and files are made of.
	contentPath   = 1
	contentFolder = 2

	maxFormats = 16
)

// lines is the line table of a unit: a program that, when it runs, makes rows of an
// address, a file and a line. Rows are looked at as they come, and none is kept.
//
//	header   length, version, lengths of addresses, length of the rest of the header,
//	         smallest instruction, base and range of lines, how many operands opcodes have
//	folders  version 5: formats, count, entries; else texts up to an empty one
//	files    the same, with numbers behind each text
//	program
type lines struct {
	*unit
	ok          bool
	version     uint16
	place       int
	instruction uint64 // bytes of the smallest
	lineBase    int64
	lineRange   uint64
	statement   bool    // what rows begin with
	operands    []uint8 // of opcodes, from 1 on
	folders     uint64  // where the list is
	program     uint64
	end         uint64
}

// lines reads the header. A table that makes no sense is taken for none.
func (u *unit) lines() *lines {
	l := &lines{unit: u, place: 4}
	at, has := u.root.get(dwarf.AttrStmtList)
	if !has || u.line == nil {
		return l
	}
	c := u.line.from(at.n)
	length := uint64(c.u32())
	if length == 0xffffffff {
		l.place, length = 8, c.u64()
	}
	l.end = c.at + length
	l.version = c.u16()
	if l.version >= 5 {
		c.skip(2)
	}
	header := c.number(l.place)
	l.program = c.at + header
	l.instruction = uint64(c.u8())
	if l.version >= 4 {
		c.skip(1)
	}
	l.statement = c.u8() != 0
	l.lineBase, l.lineRange = int64(int8(c.u8())), uint64(c.u8())
	for range int(c.u8()) - 1 {
		l.operands = append(l.operands, c.u8())
	}
	l.folders = c.at
	l.ok = c.err == nil && l.version >= 2 && l.version <= 5 && l.lineRange > 0 &&
		l.end > at.n && l.end <= u.line.size && l.program >= l.folders && l.program < l.end
	return l
}

// row is the state of the program.
type row struct {
	address, file uint64
	line          int64
	statement     bool // a debugger would stop here
	ends          bool
}

// find runs the program, from the start of a sequence of rows on, until two rows have an
// address between them.
func (l *lines) find(at, address uint64) (file string, line int, ok bool) {
	var last row
	started := false
	for c, now := l.line.from(at), firstRow(l); c.at < l.end && c.more(); {
		if !l.step(&c, &now) {
			continue
		}
		if started && last.address <= address && address < now.address {
			return l.name(last.file), int(last.line & (1<<31 - 1)), true
		}
		last, started = now, !now.ends
		if now.ends {
			now = firstRow(l)
		}
	}
	return "", 0, false
}

func firstRow(l *lines) row { return row{file: 1, line: 1, statement: l.statement} }

// step runs one opcode, and reports whether it made a row.
func (l *lines) step(c *cursor, r *row) bool {
	opcode := c.u8()
	if int(opcode) > len(l.operands) {
		l.special(uint64(opcode), r)
		r.line += l.lineBase + int64(l.adjusted(opcode)%l.lineRange)
		return true
	}
	switch opcode {
	case opExtended:
		return l.extended(c, r)
	case opCopy:
		return true
	case opAdvance:
		r.address += c.uleb() * l.instruction
	case opAdvanceLine:
		r.line += c.sleb()
	case opFile:
		r.file = c.uleb()
	case opNegate:
		r.statement = !r.statement
	case opConstAdvance:
		l.special(255, r)
	case opFixedAdvance:
		r.address += uint64(c.u16())
	default:
		for range l.operands[opcode-1] {
			c.uleb()
		}
	}
	return false
}

// adjusted is an opcode's number among those that advance both address and line.
func (l *lines) adjusted(opcode uint8) uint64 {
	return uint64(opcode) - uint64(len(l.operands)) - 1
}

func (l *lines) special(opcode uint64, r *row) {
	r.address += l.adjusted(uint8(opcode)) / l.lineRange * l.instruction
}

func (l *lines) extended(c *cursor, r *row) bool {
	length := c.uleb()
	after := c.at + length
	if length == 0 || after < c.at {
		return false
	}
	switch c.u8() {
	case opEndSequence:
		r.ends = true
	case opSetAddress:
		r.address = c.number(int(min(length-1, 8)))
	}
	*c = l.line.from(after)
	return r.ends
}

// name returns a file by its number.
func (l *lines) name(index uint64) string {
	if !l.ok {
		return ""
	}
	name, folder := l.nameOf(index)
	if name == "" {
		return ""
	}
	if folder != "" && !path.IsAbs(name) {
		name = folder + "/" + name
	}
	if base := l.text(&l.root, dwarf.AttrCompDir); !path.IsAbs(name) && base != "" {
		name = base + "/" + name
	}
	return path.Clean(name)
}

func (l *lines) nameOf(index uint64) (name, folder string) {
	if l.version < 5 {
		return l.oldName(index)
	}
	c := l.line.from(l.folders)
	folders := l.list(&c, nil)
	name, number := "", uint64(0)
	l.list(&c, func(i uint64, text string, in uint64) bool {
		name, number = text, in
		return i < index
	})
	at := l.line.from(folders)
	l.list(&at, func(i uint64, text string, _ uint64) bool {
		folder = text
		return i < number
	})
	return name, folder
}

// visitor takes an entry of a list, and reports whether it wants the next.
type visitor func(i uint64, text string, folder uint64) bool

// list reads a list of version 5 up to where visit returns false, and returns where it
// began.
func (l *lines) list(c *cursor, visit visitor) (start uint64) {
	start = c.at
	var formats []attribute
	for range min(c.u8(), maxFormats) {
		formats = append(formats, attribute{name: dwarf.Attr(c.uleb()), form: c.uleb()})
	}
	count := c.uleb()
	for i := uint64(0); i < count && c.more(); i++ {
		var e entry
		for _, f := range formats {
			a, err := l.value(c, f)
			if err != nil {
				c.fail(err)
			}
			e.attributes = append(e.attributes, a)
		}
		if visit != nil && !visit(i, l.content(&e), e.place(contentFolder)) {
			return start
		}
	}
	return start
}

// content returns the path of an entry. A text that lies in the list itself is in
// .debug_line.
func (l *lines) content(e *entry) string {
	if a, ok := e.get(contentPath); ok && a.form == formString {
		c := l.line.from(a.n)
		return c.text()
	}
	return l.text(e, contentPath)
}

// oldName reads the lists of versions before 5. Files count from 1, folders too: folder 0
// is that of the compilation.
func (l *lines) oldName(index uint64) (name, folder string) {
	c, folders := l.line.from(l.folders), uint64(0)
	for c.err == nil && c.text() != "" && l.pages.step(1) == nil {
		folders++
	}
	number := uint64(0)
	for i := uint64(1); i <= index && c.more(); i++ {
		if name = c.text(); name == "" {
			return "", ""
		}
		number = c.uleb()
		c.uleb()
		c.uleb()
	}
	c = l.line.from(l.folders)
	for range min(number, folders) {
		folder = c.text()
	}
	return name, folder
}
