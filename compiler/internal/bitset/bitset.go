// Package bitset has sets of small numbers, for dataflow over the blocks of a function.
package bitset

import "math/bits"

// Set holds numbers below the size that it was made for.
type Set []uint64

// New returns an empty set for the numbers below size.
func New(size int) Set { return make(Set, (size+63)/64) }

// Has reports whether i is a member.
func (s Set) Has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

// Add makes i a member.
func (s Set) Add(i int) { s[i/64] |= 1 << (i % 64) }

// Remove makes i no member.
func (s Set) Remove(i int) { s[i/64] &^= 1 << (i % 64) }

// Absorb adds the members of other that are not in except, which may be nil, and reports
// whether s grew.
func (s Set) Absorb(other, except Set) (grew bool) {
	for i := range s {
		added := other[i] &^ s[i]
		if except != nil {
			added &^= except[i]
		}
		s[i] |= added
		grew = grew || added != 0
	}
	return grew
}

// Each calls visit with every member, in ascending order.
func (s Set) Each(visit func(i int)) {
	for n, word := range s {
		for ; word != 0; word &= word - 1 {
			visit(64*n + bits.TrailingZeros64(word))
		}
	}
}

// Either calls visit with every member of one, and with those that both a and b have, in
// ascending order.
func Either(one, a, b Set, visit func(i int)) {
	for n := range one {
		for word := one[n] | a[n]&b[n]; word != 0; word &= word - 1 {
			visit(64*n + bits.TrailingZeros64(word))
		}
	}
}
