package binary

import (
	"debug/dwarf"
	"errors"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// unitWith returns the unit whose code an address is in, or nil: by .debug_aranges, which
// not every compiler writes and which need not have all units, or else by the units' own
// ranges.
func (d *debugInfo) unitWith(address uint64) (*unit, error) {
	if at, ok := d.listed(address); ok {
		if u, err := d.unitAt(at); err == nil && u.covers(&u.root, address) {
			return u, nil
		}
	}
	for at := uint64(0); at < d.info.size; {
		u, err := d.unitAt(at)
		if errors.Is(err, errForm) && u == nil {
			u, err = d.header(at)
		}
		if err != nil {
			return nil, err
		}
		if u.covers(&u.root, address) {
			return u, nil
		}
		at = u.end
	}
	return nil, nil
}

// listed looks an address up in .debug_aranges. Each set has a header: length, version 2,
// place of the unit, bytes of an address and of a segment; then, at a multiple of the
// size of a pair, pairs of start and length, up to one of zeroes.
func (d *debugInfo) listed(address uint64) (unit uint64, ok bool) {
	if d.aranges == nil {
		return 0, false
	}
	for at := uint64(0); at < d.aranges.size; {
		c, place := d.aranges.from(at), 4
		length := uint64(c.u32())
		if length == 0xffffffff {
			place, length = 8, c.u64()
		}
		end := c.at + length
		c.skip(2)
		unit = c.number(place)
		size := uint64(c.u8())
		c.skip(1)
		if c.err != nil || end <= at || size != 8 && size != 4 {
			return 0, false
		}
		c.skip((2*size - (c.at-at)%(2*size)) % (2 * size))
		for c.at < end && c.more() {
			if start, length := c.number(int(size)), c.number(int(size)); address-start < length {
				return unit, c.err == nil
			}
		}
		at = end
	}
	return 0, false
}

// covers reports whether the code of an entry has an address. One without any code has
// not.
func (u *unit) covers(e *entry, address uint64) (found bool) {
	u.eachRange(e, func(low, high uint64) bool {
		found = address >= low && address < high
		return !found
	})
	return found
}

// begin is where the code of an entry begins. In several parts it is the first of these.
func (u *unit) begin(e *entry) (address uint64) {
	if low, ok := u.addressOf(e, dwarf.AttrLowpc); ok {
		return low
	}
	u.eachRange(e, func(low, _ uint64) bool {
		address = low
		return false
	})
	return address
}

// rangeVisitor takes a part of the code, and reports whether it wants the next.
type rangeVisitor func(low, high uint64) bool

// eachRange visits the parts of the code of an entry.
func (u *unit) eachRange(e *entry, visit rangeVisitor) {
	if low, ok := u.addressOf(e, dwarf.AttrLowpc); ok {
		if high, ok := u.addressOf(e, dwarf.AttrHighpc); ok {
			visit(low, high)
			return
		}
		if high, ok := e.get(dwarf.AttrHighpc); ok {
			visit(low, low+high.n)
			return
		}
	}
	ranges, ok := e.get(dwarf.AttrRanges)
	switch {
	case !ok:
	case u.version < 5:
		u.oldRanges(ranges.n, visit)
	case ranges.form == formRangesIndex:
		c := u.rangeLists.from(u.rangesBase + ranges.n*uint64(u.place))
		if place := c.number(u.place); c.err == nil {
			u.rangeList(u.rangesBase+place, visit)
		}
	default:
		u.rangeList(ranges.n, visit)
	}
}

// oldRanges reads a list of .debug_ranges: pairs of start and end, from the unit's own
// start unless a pair with the largest address has set another; the end is a pair of
// zeroes.
func (u *unit) oldRanges(at uint64, visit rangeVisitor) {
	c, base := u.ranges.from(at), u.low
	largest := ^uint64(0) >> (64 - 8*u.address)
	for c.more() {
		start, end := c.number(u.address), c.number(u.address)
		switch {
		case start == 0 && end == 0:
			return
		case start == largest:
			base = end
		case c.err != nil || !visit(base+start, base+end):
			return
		}
	}
}

// rangeList reads a list of .debug_rnglists (DWARF 5, section 2.17.3): a kind, and what
// belongs to it.
func (u *unit) rangeList(at uint64, visit rangeVisitor) {
	c, base := u.rangeLists.from(at), u.low
	for c.more() {
		start, end := uint64(0), uint64(0)
		switch c.u8() {
		case 1: // base address, by index
			base = u.indexed(&c)
			continue
		case 2: // start and end, by index
			start = u.indexed(&c)
			end = u.indexed(&c)
		case 3: // start by index, and length
			start = u.indexed(&c)
			end = start + c.uleb()
		case 4: // distances from base
			start = base + c.uleb()
			end = base + c.uleb()
		case 5:
			base = c.number(u.address)
			continue
		case 6: // start and end
			start, end = c.number(u.address), c.number(u.address)
		case 7: // start and length
			start = c.number(u.address)
			end = start + c.uleb()
		default: // 0 is the end
			return
		}
		if c.err != nil || !visit(start, end) {
			return
		}
	}
}

// chain is the function that an address is in, and the inlined calls inside of it, the
// innermost last.
type chain struct {
	*unit
	entries []entry
}

// chain walks the entries of the unit: those inside of functions elsewhere only if it is
// in no other, for a function may have classes of its own with functions.
func (u *unit) chain(address uint64) (found chain, err error) {
	found, err = u.walk(u.entries, address, false)
	if err == nil && len(found.entries) == 0 {
		found, err = u.walk(u.entries, address, true)
	}
	return found, err
}

// walk begins at an entry. It counts depth, so that a hostile tree costs no stack.
func (u *unit) walk(at, address uint64, everywhere bool) (found chain, err error) {
	found.unit = u
	c := u.info.from(at)
	for depth, within := 0, 0; c.at < u.end; {
		e, err := u.next(&c)
		if err != nil {
			return found, err
		}
		if e.tag == 0 {
			if depth--; depth <= within && len(found.entries) > 0 {
				break
			}
			continue
		}
		code := e.tag == dwarf.TagSubprogram || e.tag == dwarf.TagInlinedSubroutine
		inside := code && u.covers(&e, address) && len(found.entries) < maxInlined
		if inside && len(found.entries) == 0 {
			within = depth
		}
		if inside {
			found.entries = append(found.entries, e)
		}
		if e.children && !u.skipChildren(&c, &e, inside || everywhere) {
			depth++
		} else if inside && len(found.entries) == 1 {
			break
		}
		if depth > maxDepth {
			return found, errForm
		}
	}
	return found, nil
}

// skipChildren goes on behind the children of an entry that has no address of interest,
// if the entry has a reference to the next one.
func (u *unit) skipChildren(c *cursor, e *entry, inside bool) bool {
	sibling, ok := e.get(dwarf.AttrSibling)
	if !ok || inside || e.tag == dwarf.TagNamespace || e.tag == dwarf.TagLexDwarfBlock {
		return false
	}
	at := u.start + sibling.n
	if at <= c.at || at > u.end {
		return false
	}
	*c = u.info.from(at)
	return true
}

// name returns that of a function: the linker's, for the sake of those that decode it, or
// else the source's. An entry may have it from the one that it is an instance of.
func (u *unit) name(e *entry) (name string) {
	for range maxOrigins {
		for _, attribute := range []dwarf.Attr{dwarf.AttrLinkageName, attributeNameLinkage} {
			if text := u.text(e, attribute); text != "" {
				return text
			}
		}
		if text := u.text(e, dwarf.AttrName); text != "" {
			name = text
		}
		to, origin, ok := u.origin(e)
		if !ok {
			return name
		}
		u, e = to, &origin
	}
	return name
}

// origin returns the entry that one is an instance or the definition of.
func (u *unit) origin(e *entry) (*unit, entry, bool) {
	if to, origin, ok := u.refer(e, dwarf.AttrAbstractOrigin); ok {
		return to, origin, true
	}
	return u.refer(e, dwarf.AttrSpecification)
}

// frames returns the functions at an address, the innermost first. Each line is that of
// the address or of the call that was inlined there.
func (d *debugInfo) frames(address uint64) (frames []target.Frame, err error) {
	u, err := d.indexedUnit(address)
	if err != nil || u == nil {
		return nil, err
	}
	found, err := u.indexedChain(address)
	if err != nil {
		return nil, err
	}
	lines := u.lines()
	file, line := lines.findIn(address)
	for i := len(found.entries) - 1; i >= 0; i-- {
		e := &found.entries[i]
		frame := target.Frame{Function: u.name(e), File: file, Line: line}
		frame.Inlined = e.tag == dwarf.TagInlinedSubroutine
		if !frame.Inlined {
			frame.Offset = address - u.begin(e)
		}
		frames = append(frames, frame)
		if frame.Inlined {
			file, line = lines.name(e.place(dwarf.AttrCallFile)), int(e.place(dwarf.AttrCallLine)&(1<<31-1))
		}
	}
	return frames, nil
}

// Errors of the question for a function's arguments.
var (
	errNoFunction = errors.New("the debug information does not have the function")
	errAssembly   = errors.New("the function is in assembly, which does not tell its arguments")
)

// maxParameters is more than any function has.
const maxParameters = 1 << 8
