package cfi

// Entry is one of the section, behind its length, and where in memory it goes.
type Entry struct {
	Text    []byte
	Address uint64
}

// maxRowsOfOne is more than the function with the most of them has, a tenth of a million
// bytes of code.
const maxRowsOfOne = 1 << 14

// distanceSize is that of the number which an entry begins with: how far before it its
// common entry is.
const distanceSize = 4

// At returns the rule at a place of the function of an entry and its common
// entry. known is false where the function does not have the place,
// and where the entries make no sense.
func At(shared, own Entry, at uint64, place func(uint64) (uint64, bool)) (rule Rule, known bool) {
	p := &parser{address: own.Address, commons: map[int]*common{}}
	r := &reader{text: shared.Text, at: min(distanceSize, len(shared.Text)), end: len(shared.Text)}
	c := p.common(r)
	if r.err != nil {
		return Rule{}, false
	}
	p.commons[0] = c
	p.function(&reader{text: own.Text, at: min(distanceSize, len(own.Text)), end: len(own.Text)}, 0, place)
	if len(p.list) == 0 || at < uint64(p.list[0].start) || at >= p.list[0].end() {
		return Rule{}, false
	}
	f, t := p.list[0], &table{most: maxRowsOfOne, work: len(shared.Text) + len(own.Text)}
	m := &machine{common: c, table: t, place: uint64(f.start), end: at + 1}
	m.function(shared.Text, own.Text, f)
	if m.failed || t.full || len(t.rows) == 0 {
		return Rule{}, false
	}
	return t.rows[len(t.rows)-1].Rule, true
}
