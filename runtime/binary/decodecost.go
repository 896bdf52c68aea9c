package binary

import "bytes"

// A name of C++ may refer to its parts before (S1_) and to arguments of its template (T_).
// The decoder copies a part for each reference to it where it has such an argument, so
// that a name in which each part refers twice to the one before doubles with each of them:
//
//	_Z1fIJiEEvPFT_T_EPFS2_S2_EPFS4_S4_EPFS6_S6_E...     a name of 300 bytes would take
//	                                                    more memory than there is
//
// So it is estimated how much is copied before a name is decoded. A reference has what the
// text before it has, and once more what each reference before it has, if that was to a
// part further to the front: only such ones can be in the part that is referred to. Of
// 234,000 names in libraries of Debian none comes to 3,000,000 by that.

// maxCopied is how much may be copied, in bytes of the name.
const maxCopied = 1 << 22

// copied estimates how much the decoder copies; it is not told how much above maxCopied.
func copied(name []byte) (sum int) {
	type reference struct{ part, size int }
	var list []reference
	arguments := false
	for at := 0; at < len(name); at++ {
		part, size := sequence(name[at+1:])
		switch {
		case name[at] == 'T':
			arguments = arguments || size > 0 || bytes.HasPrefix(name[at+1:], []byte("L"))
		case name[at] == 'D':
			arguments = arguments || bytes.HasPrefix(name[at+1:], []byte("p"))
		case name[at] == 'S' && size > 0:
			r := reference{part, len(name)}
			for _, before := range list {
				if before.part < part {
					r.size = min(r.size+before.size, maxCopied+1)
				}
			}
			list, sum, at = append(list, r), min(sum+r.size, maxCopied+1), at+size
		}
	}
	if !arguments {
		return 0
	}
	return sum
}

// sequence reads the number of a part, in digits to the base of 36, which _ ends, and
// returns how many bytes it has; 0 where there is none.
func sequence(text []byte) (n, size int) {
	for at, b := range text {
		switch {
		case b == '_':
			return n + min(at, 1), at + 1 // S_ is the first, S0_ the second
		case at == 4:
			return 0, 0
		case b >= '0' && b <= '9':
			n = n*36 + int(b-'0')
		case b >= 'A' && b <= 'Z':
			n = n*36 + int(b-'A') + 10
		default:
			return 0, 0
		}
	}
	return 0, 0
}
