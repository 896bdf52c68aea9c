package format

import (
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// AppendValue appends a value as text. Its numbers are scaled.
func (f *Formatter) AppendValue(b []byte, v report.Value) []byte {
	if report.Named(v.Type) {
		return f.appendName(b, v.Value)
	}
	switch v.Type.Kind {
	case types.None:
		return append(b, "null"...)
	case types.Bool:
		return strconv.AppendBool(b, v.Uint() != 0)
	case types.Enum:
		return appendEnum(b, v)
	case types.Pointer:
		return appendAddress(b, v.Uint())
	case types.String:
		return f.appendString(b, v.Value)
	case types.Buffer:
		if v.Type.Elem != nil {
			return f.appendVector(b, v)
		}
		return appendBuffer(b, v.Buffer())
	case types.Struct, types.Record:
		return f.appendStruct(b, v)
	case types.Array:
		return append(f.appendParts(append(b, '['), v, ","), ']')
	case types.Tuple:
		return append(f.appendParts(append(b, '('), v, ", "), ')')
	}
	if v.Type.Aggregation() {
		if d := drawings[v.Type.Draws()]; d.Draw != nil {
			return d.Draw(f, b, v)
		}
	}
	if v.Type.Size > 8 && v.Type.Scalar() {
		return AppendWide(b, v.Value)
	}
	return AppendNumber(b, v.Number(), v.Type.Signed)
}

// AppendWide appends an integer of 128 bits, of which there are a few in the kernel's
// structs. Package big would be 100 kB of the binary.
func AppendWide(b []byte, v events.Value) []byte {
	high, low := v.Word(1), v.Word(0)
	if v.Type.Signed && int64(high) < 0 {
		b = append(b, '-')
		borrow := uint64(0)
		low, borrow = bits.Sub64(0, low, 0)
		high, _ = bits.Sub64(0, high, borrow)
	}
	return appendUint128(b, high, low)
}

// appendUint128 divides by the largest power of ten in 64 bits.
func appendUint128(b []byte, high, low uint64) []byte {
	const power, digits = 1e19, 19
	if high == 0 {
		return strconv.AppendUint(b, low, 10)
	}
	upper, rest := high/power, high%power
	lower, rest := bits.Div64(rest, low, power)
	b = appendUint128(b, upper, lower)
	text := strconv.FormatUint(rest, 10)
	return append(append(b, strings.Repeat("0", digits-len(text))...), text...)
}

// AppendNumber appends a number.
func AppendNumber(b []byte, n uint64, signed bool) []byte {
	if signed {
		return strconv.AppendInt(b, int64(n), 10)
	}
	return strconv.AppendUint(b, n, 10)
}

func (f *Formatter) appendParts(b []byte, v report.Value, separator string) []byte {
	for i := range v.Len() {
		if i > 0 {
			b = append(b, separator...)
		}
		b = f.AppendValue(b, v.Part(i))
	}
	return b
}

// appendVector appends an array of which a part may have been left out.
func (f *Formatter) appendVector(b []byte, v report.Value) []byte {
	b = f.appendParts(append(b, '['), v, ",")
	if v.Cut() {
		b = append(b, f.settings.StringTrailer...)
	}
	return append(b, ']')
}

func (f *Formatter) appendStruct(b []byte, v report.Value) []byte {
	start := len(b)
	b = f.appendMembers(append(b, '{'), v, " .")
	if len(b) > start+1 {
		b = append(b, ' ')
	}
	return append(b, '}')
}

// appendMembers appends the members of a struct or record; those of a member without a
// name stand among them.
func (f *Formatter) appendMembers(b []byte, v report.Value, separator string) []byte {
	for i := range v.Len() {
		part := v.Part(i)
		if v.Type.Fields[i].Name == "" && part.Type.Kind == types.Struct {
			b = f.appendMembers(b, part, separator)
		} else {
			b = append(append(b, separator...), v.Type.Fields[i].Name...)
			b = f.AppendValue(append(b, " = "...), part)
		}
		separator = ", ."
	}
	return b
}

// appendEnum appends a name, which types of a program may have.
func appendEnum(b []byte, v report.Value) []byte {
	for i := range v.Type.Values {
		if v.Type.Values[i].Value == v.Int() {
			return AppendSafe(b, []byte(v.Type.Values[i].Name))
		}
	}
	if flags := appendFlags(b, v); flags != nil {
		return flags
	}
	return AppendNumber(b, v.Number(), v.Type.Signed)
}

// leastFlags is from how many bits on an enum whose values are all bits is one of flags.
// With fewer it may as well count.
const leastFlags = 3

// appendFlags writes the names of the bits, as A|B; nil where the enum is none of flags
// or a bit has no name.
func appendFlags(b []byte, v report.Value) []byte {
	left, bits := uint64(v.Int()), 0
	for i := range v.Type.Values {
		bit := uint64(v.Type.Values[i].Value)
		if bit == 0 {
			continue
		}
		if bit&(bit-1) != 0 {
			return nil
		}
		bits++
		if left&bit == 0 {
			continue
		}
		if left != uint64(v.Int()) {
			b = append(b, '|')
		}
		b = AppendSafe(b, []byte(v.Type.Values[i].Name))
		left &^= bit
	}
	if left != 0 || bits < leastFlags {
		return nil
	}
	return b
}

func appendAddress(b []byte, address uint64) []byte {
	return strconv.AppendUint(append(b, "0x"...), address, 16)
}

func (f *Formatter) appendString(b []byte, v events.Value) []byte {
	text, cut := v.Text()
	b = AppendSafe(b, text)
	if cut {
		b = append(b, f.settings.StringTrailer...)
	}
	return b
}

// AppendSafe appends text from the traced system, which must not reach the terminal as
// anything but text.
func AppendSafe(b, text []byte) []byte {
	for len(text) > 0 {
		n := harmless(text)
		b = append(b, text[:n]...)
		if text = text[n:]; len(text) > 0 {
			b = appendHex(b, text[0])
			text = text[1:]
		}
	}
	return b
}

// harmless returns the length of the beginning of text that may be printed.
func harmless(text []byte) int {
	i := 0
	for i < len(text) {
		if text[i] < utf8.RuneSelf {
			if control(text[i]) {
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if r < firstPrintable || r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return i
}

// firstPrintable is the first character behind the control characters of Latin 1.
const firstPrintable = 0xa0

func control(c byte) bool { return c < ' ' && c != '\n' && c != '\t' || c == 0x7f }

func appendSafeByte(b []byte, c byte) []byte {
	if c < utf8.RuneSelf && !control(c) {
		return append(b, c)
	}
	return appendHex(b, c)
}

const hexDigits = "0123456789abcdef"

func appendHex(b []byte, c byte) []byte {
	return append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
}

func appendBuffer(b, bytes []byte) []byte {
	for _, c := range bytes {
		if c >= ' ' && c < 0x7f {
			b = append(b, c)
		} else {
			b = appendHex(b, c)
		}
	}
	return b
}
