package verifierlog

import (
	"strconv"
	"strings"
)

// difference is what is known in after that is not in before, and what the instruction
// has written, even where the same is known of it: registers first, then the stack from
// the top of the frame down.
func (w *walker) difference(before, after state, operands string) (facts []Fact) {
	to, writes := targetIn(operands)
	for _, b := range after {
		if b.place < 0 {
			continue
		}
		text := b.words()
		if text != before.get(b.place).words() || writes && b.place == to {
			facts = append(facts, after.fact(b, before.get(b.place), text))
		}
	}
	if writes && to < 0 {
		before = before.without(to)
	}
	return append(facts, slots(before, after)...)
}

// targetIn is the place that an instruction writes: "r1 = r0", "w1 += 5", "call ...",
// "*(u64 *)(r10 -8) = r1".
func targetIn(operands string) (place, bool) {
	if strings.HasPrefix(operands, "call ") {
		return 0, true
	}
	left, rest, _ := strings.Cut(operands, " ")
	if len(left) > 1 && (left[0] == 'r' || left[0] == 'w') && strings.Contains(rest, "= ") {
		return placeOf("R" + left[1:])
	}
	left, _, assigns := strings.Cut(operands, " = ")
	if _, slot, found := strings.Cut(left, ")(r10 "); found && assigns {
		n, err := strconv.Atoi(strings.TrimSuffix(slot, ")"))
		return place(n) &^ (slotSize - 1), err == nil && n < 0
	}
	return 0, false
}

// fact adds what only a comparison shows: that a register is the same as another, and that
// a zero is the null which an address might be before.
func (s state) fact(b, old binding, text string) Fact {
	if same, found := s.linked(b); found {
		text += ", the same as " + same.String()
	}
	if b.value.zero && old.value.null {
		text = "null"
	}
	return Fact{b.place.String(), text, b.value.text}
}

// words are those of what a place holds.
func (b binding) words() string {
	if m := b.value.mapped; m != nil {
		return m.words(b.origin, b.value.null)
	}
	return b.value.words
}

// slots are what changed in the stack: neighbouring bytes of which the same is known are
// one fact.
func slots(before, after state) (facts []Fact) {
	var run Fact
	start, end := 0, 0
	flush := func() {
		if run.Text != "" {
			run.Place = stackRange(start, end)
			facts = append(facts, run)
		}
		run = Fact{}
	}
	for i := len(after) - 1; i >= 0; i-- {
		b := after[i]
		if b.place >= 0 {
			continue
		}
		old := before.get(b.place)
		for at := slotSize - 1; at >= 0; at-- {
			offset, text := int(b.place)+at, b.byteWords(at)
			if text == old.byteWords(at) || text == written && old.saved() {
				text = ""
			}
			joins := text != "" && text == run.Text && offset == start-1
			if !joins || b.value.bytes == "" && at == slotSize-1 {
				flush()
				run, end = Fact{Text: text, Kernel: b.value.text}, offset+1
			}
			start = offset
		}
	}
	flush()
	return facts
}

// saved reports whether a slot has a value that the verifier knew. It forgets that when a
// helper reads the slot, and not every kernel says so.
func (b binding) saved() bool { return b.value != nothing && b.value.bytes == "" }

// written is all that is known of most bytes of the stack.
const written = "written"

// byteWords tell what is known of a byte of a slot: of a value, all its bytes.
func (b binding) byteWords(at int) string {
	letters := b.value.bytes
	switch lower := slotSize - len(b.value.upper); {
	case letters == "" && at >= lower && lower >= 0:
		letters, at = b.value.upper, at-lower
	case letters == "" && b.value.number && b.value.words == anyNumber:
		return written
	case letters == "":
		return b.words()
	}
	for _, known := range slotLetters {
		if known.letter == letters[at] {
			return known.words
		}
	}
	return ""
}

// originOf finds the map of an address: by its name, by the instruction that loads it, by
// what the instruction computes it from, or as the only map of such sizes.
func (w *walker) originOf(b binding, before state, operands string) *Map {
	m := b.value.mapped
	if m == nil {
		return nil
	}
	if m.name != "" {
		return w.mapNamed(m.name)
	}
	to, writes := targetIn(operands)
	replaced := writes && to == b.place
	if w.visit != nil {
		if name, loads := w.program.Loads[w.visit.at.Number]; loads && replaced {
			return w.mapNamed(name)
		}
	}
	if old := before.get(b.place); old.origin != nil && old.value.mapped.fits(m) && !replaced {
		return old.origin
	}
	for _, p := range placesIn(operands) {
		if source := before.get(p); source.origin != nil && source.value.mapped.fits(m) {
			return source.origin
		}
	}
	return w.onlyMap(m)
}

// fits reports whether two addresses may be of the same map. What older kernels write of a
// saved one lacks the sizes.
func (m *mapped) fits(other *mapped) bool {
	saved := m.valueSize == 0 || other.valueSize == 0
	return saved || m.keySize == other.keySize && m.valueSize == other.valueSize
}

func (w *walker) mapNamed(name string) *Map {
	for i := range w.program.Maps {
		if w.program.Maps[i].Name == name {
			return &w.program.Maps[i]
		}
	}
	return nil
}

func (w *walker) onlyMap(m *mapped) (found *Map) {
	for i := range w.program.Maps {
		if of := &w.program.Maps[i]; of.KeySize == m.keySize && of.ValueSize == m.valueSize {
			if found != nil {
				return nil
			}
			found = of
		}
	}
	return found
}

// placesIn are those that an instruction reads: the first argument of a call, the register
// or the stack slot right of an assignment, both sides of others.
func placesIn(operands string) (list []place) {
	if strings.HasPrefix(operands, "call ") {
		return []place{1}
	}
	if _, right, assigns := strings.Cut(operands, " = "); assigns {
		operands = right
	}
	if _, slot, found := strings.Cut(operands, "(r10 "); found {
		digits, _, _ := strings.Cut(slot, ")")
		if p, known := placeOf("fp" + digits); known {
			list = append(list, p)
		}
	}
	separates := func(r rune) bool { return strings.ContainsRune(" ()*,", r) }
	for _, word := range strings.FieldsFunc(operands, separates) {
		if word[0] != 'r' && word[0] != 'w' {
			continue
		}
		if p, known := placeOf("R" + word[1:]); known {
			list = append(list, p)
		}
	}
	return list
}
