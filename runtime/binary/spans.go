package binary

import (
	"cmp"
	"debug/dwarf"
	"errors"
	"slices"
)

// span is a part of the code, and where in its section that is which tells more of it.
type span struct{ low, high, at uint64 }

const (
	spanSize = 24
	// maxSpans bounds those that are kept of a file: 6 MB.
	maxSpans = 1 << 18
)

// index is what frames are looked up by, so that a unit is read as a whole only for the
// first of its addresses. A question for one address, such as for the arguments of a
// function, costs less without it.
type index struct {
	units     *spans            // of all units, by their ranges
	functions map[uint64]*spans // of a unit, by where it starts
	sequences map[uint64]*spans // of its line table
	kept      int
}

// spans are ordered by where they begin. Those that were too many are not complete.
type spans struct {
	list []span
	cut  bool
}

func (s *spans) add(low, high, at uint64) bool {
	if low >= high || low == 0 { // code that the linker left out
		return true
	}
	if s.cut = len(s.list) >= maxSpans; !s.cut {
		s.list = append(s.list, span{low, high, at})
	}
	return !s.cut
}

func (s *spans) order() {
	slices.SortStableFunc(s.list, func(a, b span) int { return cmp.Compare(a.low, b.low) })
	s.list = slices.Clip(s.list)
}

// with returns those that have an address, the one that begins last first.
func (s *spans) with(address uint64) (found []span) {
	after, _ := slices.BinarySearchFunc(s.list, address, func(s span, a uint64) int {
		if s.low <= a {
			return -1
		}
		return 1
	})
	for i := after - 1; i >= max(0, after-nesting); i-- {
		if address < s.list[i].high {
			found = append(found, s.list[i])
		}
	}
	return found
}

// keep enters spans, for which all others are forgotten when they are too many.
func (d *debugInfo) keep(into *map[uint64]*spans, key uint64, s *spans) {
	s.order()
	x := &d.index
	if x.kept += len(s.list) + 1; x.kept > maxSpans {
		*x = index{kept: len(s.list) + 1}
	}
	if *into == nil {
		*into = map[uint64]*spans{}
	}
	(*into)[key] = s
}

// indexedUnit is unitWith for one of many addresses.
func (d *debugInfo) indexedUnit(address uint64) (*unit, error) {
	if at, ok := d.listed(address); ok {
		if u, err := d.unitAt(at); err == nil && u.covers(&u.root, address) {
			return u, nil
		}
	}
	if d.index.units == nil {
		all, err := d.unitSpans()
		if err != nil {
			return nil, err
		}
		d.index.units = all
	}
	for _, one := range d.index.units.with(address) {
		return d.unitAt(one.at)
	}
	if d.index.units.cut {
		return d.unitWith(address)
	}
	return nil, nil
}

func (d *debugInfo) unitSpans() (*spans, error) {
	all := &spans{}
	for at := uint64(0); at < d.info.size && !all.cut; {
		u, err := d.unitAt(at)
		if errors.Is(err, errForm) && u == nil {
			u, err = d.header(at)
		}
		if err != nil {
			return nil, err
		}
		u.eachRange(&u.root, func(low, high uint64) bool { return all.add(low, high, at) })
		at = u.end
	}
	all.order()
	return all, nil
}

// indexedChain is chain for one of many addresses.
func (u *unit) indexedChain(address uint64) (chain, error) {
	functions := u.index.functions[u.start]
	if functions == nil {
		var err error
		if functions, err = u.functionSpans(); err != nil {
			return chain{unit: u}, err
		}
		u.keep(&u.index.functions, u.start, functions)
	}
	for _, function := range functions.with(address) {
		if found, err := u.walk(function.at, address, false); err != nil || len(found.entries) > 0 {
			return found, err
		}
	}
	if functions.cut {
		return u.chain(address)
	}
	return chain{unit: u}, nil
}

// functionSpans walks all entries of the unit: a function may have classes of its own with
// functions.
func (u *unit) functionSpans() (*spans, error) {
	all := &spans{}
	c := u.info.from(u.entries)
	for depth := 0; c.at < u.end && !all.cut; {
		e, err := u.next(&c)
		if err != nil {
			return nil, err
		}
		if e.tag == 0 {
			depth--
			continue
		}
		if e.tag == dwarf.TagSubprogram {
			u.eachRange(&e, func(low, high uint64) bool { return all.add(low, high, e.at) })
		}
		if e.children {
			depth++
		}
		if depth > maxDepth {
			return nil, errForm
		}
	}
	return all, nil
}

// findIn is find for one of many addresses.
func (l *lines) findIn(address uint64) (file string, line int) {
	if !l.ok {
		return "", 0
	}
	sequences := l.index.sequences[l.start]
	if sequences == nil {
		sequences = l.sequenceSpans()
		l.keep(&l.index.sequences, l.start, sequences)
	}
	for _, sequence := range sequences.with(address) {
		if file, line, ok := l.find(sequence.at, address); ok {
			return file, line
		}
	}
	if sequences.cut {
		file, line, _ = l.find(l.program, address)
	}
	return file, line
}

// sequenceSpans runs the program for where its sequences of rows begin: each has code that
// is in one piece.
func (l *lines) sequenceSpans() *spans {
	all := &spans{}
	start, low, began := l.program, uint64(0), false
	for c, now := l.line.from(l.program), firstRow(l); c.at < l.end && c.more(); {
		if !l.step(&c, &now) {
			continue
		}
		if !began {
			low, began = now.address, true
		}
		if now.ends {
			if !all.add(low, now.address, start) {
				break
			}
			now, start, began = firstRow(l), c.at, false
		}
	}
	return all
}
