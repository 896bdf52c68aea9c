package cfi

import (
	"cmp"
	"errors"
	"slices"
	"strings"
)

// ErrRows means that there are more rows than may be.
var ErrRows = errors.New("the table of frames has too many rows")

var (
	errCommons = errors.New("the table of frames has too many entries that others share")
	errWork    = errors.New("the table of frames takes too long to read")
)

const (
	// maxCommons is more than linkers leave: entries that are alike become one.
	maxCommons = 1 << 16
	// For each byte of a section, and for a small one, so many instructions are run. The
	// common ones are run again for each function, and are few in programs.
	workOfByte, leastWork = 2, 1 << 16
)

// common is what the entries of several functions share (CIE).
type common struct {
	code, data int64
	form       byte // of addresses
	sized      bool // entries have augmentation data
	signal     bool
	program    [2]int
}

// maxPlace bounds the places that rows can have.
const maxPlace = 1 << 32

// function is an entry (FDE), of which a section can have millions.
type function struct {
	start, size uint32
	common      *common
	program     [2]uint32
}

func (f function) end() uint64 { return uint64(f.start) + uint64(f.size) }

// parser reads a section.
type parser struct {
	text    []byte
	address uint64
	commons map[int]*common
	list    []function
	most    int // functions
}

// Parse returns the rows of a section that goes to an address, at most so many. place
// tells where in the file an address lies; what is nowhere is left out. Entries that make
// no sense are left out, too.
func Parse(text []byte, address uint64, most int, place func(uint64) (uint64, bool)) ([]Row, error) {
	p := &parser{text: text, address: address, commons: map[int]*common{}, most: most}
	if err := p.entries(place); err != nil {
		return nil, err
	}
	slices.SortStableFunc(p.list, func(a, b function) int { return cmp.Compare(a.start, b.start) })
	return p.rows(most)
}

// entries reads all entries, but for their programs.
func (p *parser) entries(place func(uint64) (uint64, bool)) error {
	r := &reader{text: p.text, end: len(p.text)}
	for r.left() {
		start := r.at
		length := r.number(4)
		if length == 0 || r.err != nil { // a section may end before its last bytes
			break
		}
		if length == 0xffffffff {
			length = r.number(8)
		}
		if length > uint64(r.end-r.at) {
			return errEnds
		}
		entry := &reader{text: p.text, at: r.at, end: r.at + int(length)}
		r.at = entry.end
		pointer := entry.at
		if distance := entry.number(4); distance != 0 {
			p.function(entry, pointer-int(distance), place)
		} else if c := p.common(entry); entry.err == nil {
			p.commons[start] = c
		}
		switch {
		case len(p.commons) > maxCommons:
			return errCommons
		case len(p.list) > p.most:
			return ErrRows
		}
	}
	return nil
}

func (p *parser) common(r *reader) *common {
	version := r.byte()
	augmentation := r.cstring()
	c := &common{signal: strings.Contains(augmentation, "S")}
	c.code = int64(r.uleb())
	c.data = r.sleb()
	if version == 1 {
		r.byte() // the number of the return address
	} else {
		r.uleb()
	}
	behind := r.at
	if strings.HasPrefix(augmentation, "z") {
		c.sized = true
		length := r.uleb()
		behind = r.at + int(min(length, uint64(r.end-r.at)))
		p.augment(r, c, augmentation[1:])
	} else if augmentation != "" && augmentation != "S" {
		r.fail(errForm)
	}
	c.program = [2]int{behind, r.end}
	return c
}

// augment reads what the letters stand for.
func (p *parser) augment(r *reader, c *common, letters string) {
	for _, letter := range letters {
		switch letter {
		case 'R':
			c.form = r.byte()
		case 'P':
			r.plain(r.byte() & formMask)
		case 'L':
			r.byte()
		case 'S', 'B':
		default:
			r.fail(errForm)
		}
	}
}

func (p *parser) function(r *reader, commonAt int, place func(uint64) (uint64, bool)) {
	c := p.commons[commonAt]
	if c == nil {
		return
	}
	start := r.address(c.form, p.address)
	size := r.plain(c.form & formMask)
	if c.sized {
		r.bytes(r.uleb())
	}
	at, ok := place(start)
	if ok && r.err == nil && size > 0 && size < maxPlace && at <= maxPlace-size {
		program := [2]uint32{uint32(r.at), uint32(r.end)}
		p.list = append(p.list, function{uint32(at), uint32(size), c, program})
	}
}

// rows runs the programs. Between functions the rule is that of frame pointers.
func (p *parser) rows(most int) ([]Row, error) {
	t := &table{most: most, work: workOfByte*len(p.text) + leastWork}
	end := uint64(0)
	for _, f := range p.list {
		start := uint64(f.start)
		if start < end || t.full {
			continue
		}
		if start > end {
			t.add(end, ByFramePointer)
		}
		end = f.end()
		m := &machine{common: f.common, table: t, place: start, end: end}
		m.function(p.text, p.text, f)
	}
	if t.work < 0 {
		return nil, errWork
	}
	if end > 0 && end < maxPlace {
		t.add(end, ByFramePointer)
	}
	if t.full {
		return nil, ErrRows
	}
	return slices.Clip(t.rows), nil
}

// table collects rows. One that has the rule of the row before is left out.
type table struct {
	rows []Row
	most int
	full bool
	work int // instructions that may still be run; below 0 when there were more
}

func (t *table) add(place uint64, rule Rule) {
	n := len(t.rows)
	switch {
	case n > 0 && t.rows[n-1].Place == uint32(place):
		t.rows[n-1].Rule = rule
	case n > 0 && t.rows[n-1].Rule == rule:
	case n == t.most:
		t.full = true
	default:
		t.rows = append(t.rows, Row{uint32(place), rule})
	}
}
