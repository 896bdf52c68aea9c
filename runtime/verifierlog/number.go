package verifierlog

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// arguments are what stands in the parentheses of a value, by name. Kernels since 6.5
// write several names before what they have in common: smax=umax=63.
type arguments map[string]string

func argumentsOf(list string) arguments {
	args := arguments{}
	for list != "" {
		var item string
		item, list = cutItem(list)
		names := strings.Split(item, "=")
		if len(names) > 1 && len(args) < 32 {
			for _, name := range names[:len(names)-1] {
				args[newName(name)] = names[len(names)-1]
			}
		}
	}
	return args
}

// cutItem cuts at a comma that is outside of parentheses.
func cutItem(list string) (item, rest string) {
	depth := 0
	for i := range len(list) {
		switch list[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth <= 0 {
				return list[:i], list[i+1:]
			}
		}
	}
	return list, ""
}

// newName is the name of a bound in kernels since 5.18.
func newName(name string) string {
	name = strings.TrimSuffix(strings.TrimSpace(name), "_value")
	switch name {
	case "s32_min":
		return "smin32"
	case "s32_max":
		return "smax32"
	case "u32_min":
		return "umin32"
	case "u32_max":
		return "umax32"
	}
	return name
}

// number is the first of the names that has one.
func (a arguments) number(names ...string) (int, bool) {
	for _, name := range names {
		if n, err := strconv.ParseInt(a[name], 0, 32); err == nil {
			return int(n), true
		}
	}
	return 0, false
}

// offset is what is added to an address; imm is the certain part of an unknown number that
// was added.
func (a arguments) offset() int {
	off, _ := a.number("off")
	imm, _ := a.number("imm")
	return off + imm
}

func (a arguments) id() string {
	if a["id"] == "0" {
		return ""
	}
	return a["id"]
}

// numbers are what a number may be. The bits that are not in mask are those of bits.
type numbers struct {
	umin, umax   uint64
	smin, smax   int64
	bits, mask   uint64
	low32, top32 uint32 // of the lower half alone, without sign
}

// rangeOf reads what is known of a number; what is not said may be anything.
func rangeOf(args arguments) numbers {
	n := numbers{0, math.MaxUint64, math.MinInt64, math.MaxInt64, 0, math.MaxUint64, 0, math.MaxUint32}
	unsigned(args["umin"], &n.umin)
	unsigned(args["umax"], &n.umax)
	signed(args["smin"], &n.smin)
	signed(args["smax"], &n.smax)
	if low, err := strconv.ParseUint(args["umin32"], 0, 32); err == nil {
		n.low32 = uint32(low)
	}
	if top, err := strconv.ParseUint(args["umax32"], 0, 32); err == nil {
		n.top32 = uint32(top)
	}
	value, mask, found := strings.Cut(strings.Trim(args["var_off"], "()"), ";")
	if !found {
		return n
	}
	if unsigned(strings.TrimSpace(value), &n.bits) && unsigned(strings.TrimSpace(mask), &n.mask) {
		n.umin, n.umax = max(n.umin, n.bits), min(n.umax, n.bits|n.mask)
	} else {
		n.bits, n.mask = 0, math.MaxUint64
	}
	return n
}

func unsigned(text string, to *uint64) bool {
	n, err := strconv.ParseUint(text, 0, 64)
	if err == nil {
		*to = n
	}
	return err == nil
}

func signed(text string, to *int64) {
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		*to = n
	} else if n, err := strconv.ParseUint(text, 0, 64); err == nil {
		*to = int64(n)
	}
}

// bounded reports whether there is an upper bound.
func (n numbers) bounded() bool { return n.umax < math.MaxUint64 }

// words are the narrowest of what is known.
func (n numbers) words() string {
	switch {
	case n.umax < math.MaxInt64:
		return n.between()
	case n.smin > math.MinInt64 || n.smax < math.MaxInt64:
		return n.signedWords()
	case n.umin > math.MaxInt64:
		return "negative number"
	case n.umin > 0:
		return "number " + numeral64(n.umin) + " or more"
	case n.low32 > 0 || n.top32 < math.MaxUint32:
		return "number whose lower 32 bits are " + spread(uint64(n.low32), uint64(n.top32))
	}
	return anyNumber + n.steps()
}

const anyNumber = "any number"

// between is a range without sign.
func (n numbers) between() string {
	if n.umin == n.umax {
		return numeral64(n.umin)
	}
	if bits.OnesCount64(n.mask) == 1 && n.umin == n.bits && n.umax == n.bits|n.mask {
		return numeral64(n.umin) + " or " + numeral64(n.umax)
	}
	return "number " + spread(n.umin, n.umax) + n.steps()
}

// far bounds what is worth telling: beyond it, a bound is no more than a sign.
const far = 1 << 62

func (n numbers) signedWords() string {
	switch {
	case n.smin < -far && n.smax > far:
		return anyNumber
	case n.smin < -far && n.smax == -1:
		return "negative number"
	case n.smin < -far:
		return "number " + numeral(n.smax) + " or less"
	case n.smax > far:
		return "number " + numeral(max(n.smin, int64(min(n.umin, math.MaxInt64)))) + " or more"
	}
	return "number " + numeral(n.smin) + ".." + numeral(n.smax)
}

// steps tells of what a number is a multiple.
func (n numbers) steps() string {
	if zeros := bits.TrailingZeros64(n.bits | n.mask); zeros > 0 && zeros < 64 {
		return ", a multiple of " + numeral64(1<<zeros)
	}
	return ""
}

func spread(low, high uint64) string { return numeral64(low) + ".." + numeral64(high) }

func bounds(low, high int) string { return fmt.Sprintf("%d..%d", low, high) }

// numeral writes a number: powers of two, and what is next below one, as such where they
// are long.
func numeral(n int64) string {
	const long = 1 << 16
	if n < long && n > -long {
		return strconv.FormatInt(n, 10)
	}
	if n < 0 {
		if n == math.MinInt64 || uint64(-n)&uint64(-n-1) == 0 {
			return "-2^" + strconv.Itoa(bits.TrailingZeros64(uint64(n)))
		}
		return strconv.FormatInt(n, 10)
	}
	return numeral64(uint64(n))
}

func numeral64(n uint64) string {
	const long = 1 << 16
	switch {
	case n < long-1:
	case n&(n-1) == 0:
		return "2^" + strconv.Itoa(bits.TrailingZeros64(n))
	case n&(n+1) == 0:
		return "2^" + strconv.Itoa(bits.OnesCount64(n)) + "-1"
	}
	return strconv.FormatUint(n, 10)
}
