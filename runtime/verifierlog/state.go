package verifierlog

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/lang/order"
)

// place is a register (0 to 10), or 8 bytes of the stack by the offset of the lowest from
// the end of the frame, which is negative.
type place int

const (
	frameRegister = 10
	slotSize      = 8
	deepest       = -512 // place of the stack: what is below is none
)

// binding is what a place holds. The origin is the map that an address of one belongs to,
// where that is known.
type binding struct {
	place  place
	value  *value
	origin *Map
}

// state is what is known at a point of a path, ordered by place. It does not change:
// states share what they have in common.
type state []binding

func (s state) index(p place) (int, bool) {
	return slices.BinarySearchFunc(s, p, func(b binding, p place) int {
		return cmp.Compare(b.place, p)
	})
}

func (s state) get(p place) binding {
	if i, found := s.index(p); found {
		return s[i]
	}
	return binding{place: p, value: nothing}
}

// with is the state with other bindings.
func (s state) with(changed state) state {
	merged := slices.Concat(s, changed)
	order.Stable(merged, func(a, b binding) int { return cmp.Compare(a.place, b.place) })
	n := 0
	for i, b := range merged {
		if i+1 < len(merged) && merged[i+1].place == b.place {
			continue
		}
		merged[n] = b
		n++
	}
	return merged[:n]
}

// lastArgument is the last register that a call may overwrite; the first is r0.
const lastArgument = 5

// called is the state after a call, before it is known what that returns.
func (s state) called() state {
	return slices.DeleteFunc(slices.Clone(s), func(b binding) bool {
		return b.place >= 0 && b.place <= lastArgument
	})
}

// released is the state without the addresses that have to do with a reference.
func (s state) released(reference string) state {
	return slices.DeleteFunc(s, func(b binding) bool {
		return reference != "" && b.value.reference == reference
	})
}

// tested is what is known of the places that a condition tests, and of those that were the
// same before.
func (s state) tested(before state, condition string) state {
	places := placesIn(condition)
	return slices.DeleteFunc(slices.Clone(s), func(b binding) bool {
		id := before.get(b.place).value.id
		return !slices.ContainsFunc(places, func(p place) bool {
			return p == b.place || id != "" && before.get(p).value.id == id
		})
	})
}

// spread is the state where what a jump has found out of a register holds for all places
// that were the same before. Not every kernel says so.
func (s state) spread(changed, before state) state {
	var list state
	for _, b := range changed {
		id := before.get(b.place).value.id
		for _, other := range before {
			if id != "" && other.value.id == id {
				list = append(list, binding{other.place, b.value, b.origin})
			}
		}
	}
	return s.with(list)
}

// without is the state with nothing at a place.
func (s state) without(p place) state {
	return slices.DeleteFunc(slices.Clone(s), func(b binding) bool { return b.place == p })
}

// linked is another register that holds the same unknown number.
func (s state) linked(to binding) (place, bool) {
	if !to.value.number || to.value.id == "" {
		return 0, false
	}
	for _, b := range s {
		if b.value.id == to.value.id && b.place != to.place && b.place >= 0 {
			return b.place, true
		}
	}
	return 0, false
}

// assignment is a piece of a line with a state: R1_w=fp-16.
type assignment struct{ to, value string }

// assignments cuts a line with a state into its pieces. Blanks within parentheses belong
// to a value.
func assignments(text string) (list []assignment) {
	for len(text) > 0 {
		var piece string
		piece, text = cutPiece(strings.TrimLeft(text, " "))
		if to, value, found := strings.Cut(piece, "="); found {
			list = append(list, assignment{to, value})
		}
	}
	return list
}

func cutPiece(text string) (piece, rest string) {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ' ':
			if depth <= 0 {
				return text[:i], text[i:]
			}
		}
	}
	return text, ""
}

// placeOf reads R1_w and fp-16_rwD. The marks tell what the verifier has seen done to the
// place, for its own use.
func placeOf(text string) (place, bool) {
	text, _, _ = strings.Cut(text, "_")
	if digits, isRegister := strings.CutPrefix(text, "R"); isRegister {
		n, err := strconv.ParseUint(digits, 10, 8)
		return place(n), err == nil && n <= frameRegister
	}
	digits, isSlot := strings.CutPrefix(text, "fp")
	n, err := strconv.Atoi(digits)
	return place(n), isSlot && err == nil && n < 0 && n >= deepest && n%slotSize == 0
}

// isState reports whether a text is a state, or the beginning of one.
func isState(text string) bool {
	text = strings.TrimLeft(text, " ")
	return len(text) > 1 && text[0] == 'R' && text[1] >= '0' && text[1] <= '9' ||
		strings.HasPrefix(text, "frame") || strings.HasPrefix(text, "fp-")
}

// String is the name of a place.
func (p place) String() string {
	if p >= 0 {
		return fmt.Sprintf("r%d", int(p))
	}
	return stackRange(int(p), int(p)+slotSize)
}

func stackRange(start, end int) string { return fmt.Sprintf("stack %d..%d", start, end-1) }
