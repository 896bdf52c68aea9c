package binary

// maxTypeUnits bounds those that are found.
const maxTypeUnits = 1 << 16

// The kind of a unit that describes one type (DWARF 5, section 7.5.1).
const unitOfType = 2

// typeUnits are the units of .debug_info that describe one type each, by its signature.
// They were read up to a place.
type typeUnits struct {
	read  uint64
	known map[uint64]uint64
}

// typeUnit returns the description of the type that has a signature.
func (d *debugInfo) typeUnit(signature uint64) (*unit, entry, bool) {
	if d.units == nil {
		d.units = &typeUnits{known: map[uint64]uint64{}}
	}
	at, known := d.units.known[signature]
	for !known && d.units.read < d.info.size && len(d.units.known) < maxTypeUnits {
		next, err := d.header(d.units.read)
		if err != nil {
			return nil, entry{}, false
		}
		if next.kind == unitOfType {
			d.units.known[next.signature] = next.start
		}
		at, known = next.start, next.kind == unitOfType && next.signature == signature
		d.units.read = next.end
	}
	if !known {
		return nil, entry{}, false
	}
	u, err := d.unitAt(at)
	if err != nil || u.start+u.described < u.entries || u.start+u.described >= u.end {
		return nil, entry{}, false
	}
	c := u.info.from(u.start + u.described)
	found, err := u.next(&c)
	return u, found, err == nil && found.tag != 0
}
