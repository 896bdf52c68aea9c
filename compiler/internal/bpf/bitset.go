package bpf

// bitset is a set of small numbers.
type bitset []uint64

func newBitset(size int) bitset { return make(bitset, (size+63)/64) }

func (s bitset) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

func (s bitset) add(i int) { s[i/64] |= 1 << (i % 64) }

// absorb adds the members of other that are not in except, which may be nil, and reports whether s grew.
func (s bitset) absorb(other, except bitset) (grew bool) {
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
