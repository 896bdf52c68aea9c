package binary

import (
	"debug/dwarf"
	"debug/elf"
	"errors"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// The forms of values: DWARF 5, section 7.5.6. Those of GNU are from before version 5.
const (
	formAddress          = 0x01
	formBlock2           = 0x03
	formBlock4           = 0x04
	formData2            = 0x05
	formData4            = 0x06
	formData8            = 0x07
	formString           = 0x08
	formBlock            = 0x09
	formBlock1           = 0x0a
	formData1            = 0x0b
	formFlag             = 0x0c
	formSigned           = 0x0d
	formStringPlace      = 0x0e
	formUnsigned         = 0x0f
	formReferenceFile    = 0x10
	formReference1       = 0x11
	formReference2       = 0x12
	formReference4       = 0x13
	formReference8       = 0x14
	formReference        = 0x15
	formIndirect         = 0x16
	formPlace            = 0x17
	formExpression       = 0x18
	formPresent          = 0x19
	formStringIndex      = 0x1a
	formAddressIndex     = 0x1b
	formReferenceOther4  = 0x1c
	formStringOther      = 0x1d
	formData16           = 0x1e
	formLineString       = 0x1f
	formSignature        = 0x20
	formConstant         = 0x21
	formListIndex        = 0x22
	formRangesIndex      = 0x23
	formReferenceOther8  = 0x24
	formStringIndex1     = 0x25 // to 0x28: of 1, 2, 3, 4 bytes
	formAddressIndex1    = 0x29 // to 0x2c
	formAddressIndexGNU  = 0x1f01
	formStringIndexGNU   = 0x1f02
	formReferenceAltGNU  = 0x1f20
	formStringPlaceGNU   = 0x1f21
	maxAttributes        = 1 << 8  // of an entry
	maxAbbreviations     = 1 << 17 // of a unit, together with their attributes
	maxDepth             = 1 << 10 // of entries inside one another
	maxOrigins           = 8       // entries that refer to one another for a name
	attributeNameLinkage = 0x2007  // of GNU compilers before version 4
	attributeNameSplit   = 0x2130  // of GNU compilers before DWARF 5
)

var (
	errNoDebug = target.ErrNoDebugInfo
	errForm    = errors.New("debug information of an unknown form")
)

// debugInfo is the sections of DWARF; those that the file does not have are nil.
type debugInfo struct {
	info, abbrev, str, lineStr, strOffsets, addr, ranges, rangeLists, line, aranges,
	loc, locLists *section

	file   *File // whose functions are described
	holder *File // whose sections these are
	shared bool  // by several debug files
	arch   string
	pages  *pages
	tables abbreviations // of the unit that was read last
	units  *typeUnits
	index  index
}

// debugInfo opens the sections.
func (f *File) debugInfo() (*debugInfo, error) {
	if f.info != nil {
		return f.info, nil
	}
	if f.elf.Class != elf.ELFCLASS64 {
		return nil, errNoDebug
	}
	d := &debugInfo{pages: f.pages, file: f, holder: f, arch: f.arch()}
	if f.debugs != nil {
		d.file = f.debugs
	}
	for name, into := range map[string]**section{
		".debug_info": &d.info, ".debug_abbrev": &d.abbrev, ".debug_str": &d.str,
		".debug_line_str": &d.lineStr, ".debug_str_offsets": &d.strOffsets,
		".debug_addr": &d.addr, ".debug_ranges": &d.ranges,
		".debug_rnglists": &d.rangeLists, ".debug_line": &d.line, ".debug_aranges": &d.aranges,
		".debug_loc": &d.loc, ".debug_loclists": &d.locLists,
	} {
		var err error
		if *into, err = f.section(name); err != nil {
			return nil, err
		}
	}
	if d.info == nil || d.abbrev == nil {
		return nil, errNoDebug
	}
	f.info = d
	return d, nil
}

// unit is a part of .debug_info that came from one source file.
type unit struct {
	*debugInfo
	start, end uint64 // in .debug_info
	entries    uint64 // where the first entry is
	version    uint16
	kind       uint8
	signature  uint64 // of the type that it describes, from described on
	described  uint64
	address    int // bytes of an address
	place      int // bytes of an offset: 4, or 8 in units of more than 4 GiB
	abbrev     uint64
	root       entry
	// Where the parts of the unit are in .debug_str_offsets, .debug_addr,
	// .debug_rnglists, .debug_loclists.
	strBase, addrBase, rangesBase, listsBase uint64
	low                                      uint64
}

// unitAt reads the header of a unit and its first entry, which describes it.
func (d *debugInfo) unitAt(at uint64) (*unit, error) {
	u, err := d.header(at)
	if err != nil {
		return nil, err
	}
	c := u.info.from(u.entries)
	if u.root, err = u.next(&c); err != nil {
		return nil, err
	}
	u.strBase = u.root.place(dwarf.AttrStrOffsetsBase)
	u.addrBase = u.root.place(dwarf.AttrAddrBase)
	u.rangesBase = u.root.place(dwarf.AttrRnglistsBase)
	u.listsBase = u.root.place(dwarf.AttrLoclistsBase)
	u.low, _ = u.addressOf(&u.root, dwarf.AttrLowpc)
	return u, nil
}

// header reads: the length, the version, since version 5 the kind of unit, the bytes of
// an address (before version 5 last), and the place of the abbreviations.
func (d *debugInfo) header(at uint64) (*unit, error) {
	c := d.info.from(at)
	u := &unit{debugInfo: d, start: at, place: 4}
	length := uint64(c.u32())
	if length == 0xffffffff {
		u.place, length = 8, c.u64()
	}
	u.end = c.at + length
	u.version = c.u16()
	kind := uint8(0)
	if u.version >= 5 {
		kind, u.address = c.u8(), int(c.u8())
	}
	u.abbrev = c.number(u.place)
	if u.version < 5 {
		u.address = int(c.u8())
	}
	u.entries, u.kind = c.at+unitExtra(kind, u.place), kind
	if kind == unitOfType {
		u.signature, u.described = c.u64(), c.number(u.place)
	}
	switch {
	case c.err != nil:
		return nil, c.err
	case u.end <= at || u.end > d.info.size:
		return nil, errEnds
	case u.version < 2 || u.version > 5 || u.address != 8 && u.address != 4:
		return nil, errForm
	}
	return u, d.pages.step(1)
}

// unitExtra is what follows in the header of a unit of types (2, 6) and of a split one
// (4, 5).
func unitExtra(kind uint8, place int) uint64 {
	switch kind {
	case 2, 6:
		return 8 + uint64(place)
	case 4, 5:
		return 8
	}
	return 0
}

// entry is a node of a unit's tree, with the attributes that it has itself.
type entry struct {
	at         uint64 // in .debug_info
	tag        dwarf.Tag
	children   bool
	attributes []attribute
}

// attribute is a value as the file has it: a number, or where it is.
type attribute struct {
	name dwarf.Attr
	form uint64
	n    uint64
}

func (e *entry) get(name dwarf.Attr) (attribute, bool) {
	for _, a := range e.attributes {
		if a.name == name {
			return a, true
		}
	}
	return attribute{}, false
}

// place returns an attribute that is a number, or 0.
func (e *entry) place(name dwarf.Attr) uint64 {
	a, _ := e.get(name)
	return a.n
}

// next reads an entry. One without a tag ends a list of children.
func (u *unit) next(c *cursor) (e entry, err error) {
	e.at = c.at
	if c.at >= u.end {
		return e, errEnds
	}
	code := c.uleb()
	if code == 0 || c.err != nil {
		return e, c.err
	}
	shape, err := u.abbreviation(code)
	if err != nil {
		return e, err
	}
	e.tag, e.children = shape.tag, shape.children
	e.attributes = make([]attribute, 0, len(shape.attributes))
	for _, a := range shape.attributes {
		if a, err = u.value(c, a); err != nil {
			return e, err
		}
		e.attributes = append(e.attributes, a)
	}
	if c.err != nil {
		return e, c.err
	}
	return e, u.pages.step(1 + len(e.attributes))
}

// value reads an attribute. Of blocks and expressions only the place is kept.
func (u *unit) value(c *cursor, a attribute) (attribute, error) {
	if a.form == formIndirect { // which leads to no other one
		a.form = c.uleb()
	}
	switch form := a.form; form {
	case formConstant:
	case formPresent:
		a.n = 1
	case formString:
		a.n = c.at
		c.bytes(0)
	case formAddress:
		a.n = c.number(u.address)
	case formData1, formFlag, formReference1, formStringIndex1, formAddressIndex1:
		a.n = c.number(1)
	case formData2, formReference2, formStringIndex1 + 1, formAddressIndex1 + 1:
		a.n = c.number(2)
	case formStringIndex1 + 2, formAddressIndex1 + 2:
		a.n = c.number(3)
	case formData4, formReference4, formReferenceOther4, formStringIndex1 + 3, formAddressIndex1 + 3:
		a.n = c.number(4)
	case formData8, formReference8, formReferenceOther8, formSignature:
		a.n = c.u64()
	case formData16:
		c.skip(16)
	case formSigned:
		a.n = uint64(c.sleb())
	case formUnsigned, formReference, formStringIndex, formAddressIndex, formListIndex,
		formRangesIndex, formAddressIndexGNU, formStringIndexGNU:
		a.n = c.uleb()
	case formStringPlace, formLineString, formPlace, formStringOther, formReferenceAltGNU,
		formStringPlaceGNU:
		a.n = c.number(u.place)
	case formReferenceFile:
		a.n = c.number(u.referenceSize())
	case formBlock1, formBlock2, formBlock4, formBlock, formExpression:
		a.n = c.at
		c.skip(blockLength(c, form))
	default:
		return a, errForm
	}
	return a, c.err
}

func blockLength(c *cursor, form uint64) uint64 {
	switch form {
	case formBlock1:
		return c.number(1)
	case formBlock2:
		return c.number(2)
	case formBlock4:
		return c.number(4)
	}
	return c.uleb()
}

// block returns a cursor at what a block or expression has, and where it ends.
func (u *unit) block(a attribute) (c cursor, end uint64, ok bool) {
	switch a.form {
	case formBlock1, formBlock2, formBlock4, formBlock, formExpression:
		c = u.info.from(a.n)
		length := blockLength(&c, a.form)
		return c, c.at + length, c.err == nil && length <= u.end-min(c.at, u.end)
	}
	return c, 0, false
}

// number returns an attribute that is a constant.
func (u *unit) number(e *entry, name dwarf.Attr) (n int64, ok bool) {
	a, ok := e.get(name)
	if !ok {
		return 0, false
	}
	switch a.form {
	case formData1, formData2, formData4, formData8, formUnsigned, formSigned, formConstant:
		return int64(a.n), true
	}
	return 0, false
}

// referenceSize: version 2 had references of the size of an address.
func (u *unit) referenceSize() int {
	if u.version == 2 {
		return u.address
	}
	return u.place
}

// abbreviation is the shape of entries: attributes with their forms; n is the value of
// those that are the same in all entries.
type abbreviation struct {
	tag        dwarf.Tag
	children   bool
	attributes []attribute
}

// abbreviations are those of a unit, read as far as they were needed: compilers number
// them in the order of their use.
type abbreviations struct {
	at    uint64
	read  cursor
	known map[uint64]abbreviation
	size  int // of them with their attributes
}

func (u *unit) abbreviation(code uint64) (abbreviation, error) {
	if t := &u.tables; t.known == nil || t.at != u.abbrev {
		read := u.debugInfo.abbrev.from(u.abbrev)
		*t = abbreviations{at: u.abbrev, read: read, known: map[uint64]abbreviation{}}
	}
	for t := &u.tables; ; {
		if found, ok := t.known[code]; ok {
			return found, nil
		}
		number, next, err := readAbbreviation(&t.read)
		if t.size += 1 + len(next.attributes); err == nil && (number == 0 || t.size > maxAbbreviations) {
			err = errForm
		}
		if err != nil {
			t.read.fail(err) // behind the end are those of another unit
			return next, err
		}
		t.known[number] = next
		if err := u.pages.step(10 + len(next.attributes)); err != nil {
			return next, err
		}
	}
}

func readAbbreviation(c *cursor) (code uint64, a abbreviation, err error) {
	if code = c.uleb(); code == 0 {
		return 0, a, c.err
	}
	a.tag, a.children = dwarf.Tag(c.uleb()), c.u8() != 0
	for len(a.attributes) < maxAttributes {
		next := attribute{name: dwarf.Attr(c.uleb()), form: c.uleb()}
		if next.form == formConstant {
			next.n = uint64(c.sleb())
		}
		if next.name == 0 && next.form == 0 {
			return code, a, c.err
		}
		a.attributes = append(a.attributes, next)
	}
	return code, a, errForm
}

// text returns an attribute that is a text, or "".
func (u *unit) text(e *entry, name dwarf.Attr) string {
	c := u.textAt(e, name)
	return c.text()
}

// textAt returns a cursor at an attribute that is a text.
func (u *unit) textAt(e *entry, name dwarf.Attr) cursor {
	a, _ := e.get(name)
	switch a.form {
	case formString:
		return u.info.from(a.n)
	case formStringPlace:
		return u.str.from(a.n)
	case formLineString:
		return u.lineStr.from(a.n)
	case formStringIndex, formStringIndex1, formStringIndex1 + 1, formStringIndex1 + 2,
		formStringIndex1 + 3:
		at := u.strOffsets.from(u.strBase + a.n*uint64(u.place))
		if place := at.number(u.place); at.err == nil {
			return u.str.from(place)
		}
	case formStringOther, formStringPlaceGNU:
		if other := u.common(); other != nil {
			return other.str.from(a.n)
		}
	}
	return cursor{err: errEnds}
}

// addressOf returns an attribute that is an address.
func (u *unit) addressOf(e *entry, name dwarf.Attr) (uint64, bool) {
	a, ok := e.get(name)
	if !ok {
		return 0, false
	}
	switch a.form {
	case formAddress:
		return a.n, true
	case formAddressIndex, formAddressIndex1, formAddressIndex1 + 1, formAddressIndex1 + 2,
		formAddressIndex1 + 3:
		return u.addressAt(a.n)
	}
	return 0, false
}

func (u *unit) addressAt(index uint64) (uint64, bool) {
	c := u.addr.from(u.addrBase + index*uint64(u.address))
	n := c.number(u.address)
	return n, c.err == nil
}

// indexed reads the index of an address, and returns the address.
func (u *unit) indexed(c *cursor) uint64 {
	address, ok := u.addressAt(c.uleb())
	if !ok {
		c.fail(errEnds)
	}
	return address
}

// refer returns the entry that an attribute refers to, and its unit. Those of other files
// are not found.
func (u *unit) refer(e *entry, name dwarf.Attr) (*unit, entry, bool) {
	a, ok := e.get(name)
	if !ok {
		return nil, entry{}, false
	}
	to, at := u, u.start+a.n
	switch a.form {
	case formReference1, formReference2, formReference4, formReference8, formReference:
	case formSignature:
		return u.typeUnit(a.n)
	case formReferenceFile:
		if at = a.n; at < u.start || at >= u.end {
			if to = u.unitOf(at); to == nil {
				return nil, entry{}, false
			}
		}
	case formReferenceAltGNU, formReferenceOther4, formReferenceOther8:
		at = a.n
		if other := u.common(); other != nil {
			to = other.unitOf(at)
		}
		if to == nil || to == u {
			return nil, entry{}, false
		}
	default:
		return nil, entry{}, false
	}
	if at < to.entries || at >= to.end {
		return nil, entry{}, false
	}
	if language, has := u.root.get(dwarf.AttrLanguage); has && to != u {
		to.root.attributes = append(to.root.attributes, language) // a part of units has none
	}
	c := to.info.from(at)
	found, err := to.next(&c)
	return to, found, err == nil && found.tag != 0
}

// unitOf returns the unit that an entry is in.
func (d *debugInfo) unitOf(entry uint64) *unit {
	for at := uint64(0); at < d.info.size; {
		u, err := d.header(at)
		if err != nil {
			return nil
		}
		if entry < u.end {
			u, err = d.unitAt(at)
			if err != nil {
				return nil
			}
			return u
		}
		at = u.end
	}
	return nil
}
