package render

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// appendValue appends a value as text. Numbers are divided.
func (p *printer) appendValue(b []byte, v events.Value, divisor int64) []byte {
	switch v.Type.Kind {
	case types.Bool:
		return strconv.AppendBool(b, v.Uint() != 0)
	case types.Enum:
		return appendEnum(b, v)
	case types.Pointer:
		return appendAddress(b, v.Uint())
	case types.String:
		return appendString(b, v)
	case types.Buffer:
		return appendBuffer(b, v.Buffer())
	case types.Struct:
		return p.appendStruct(b, v)
	case types.Array:
		return append(p.appendParts(append(b, '['), v, ","), ']')
	case types.Tuple:
		return append(p.appendParts(append(b, '('), v, ", "), ')')
	case types.KernelSymbol:
		return p.appendSymbol(b, v.Uint())
	case types.ProbeName:
		return append(b, p.probe(v)...)
	case types.Stats:
		return appendStats(b, v, divisor)
	case types.Hist, types.LinearHist:
		return p.appendHist(b, v, divisor)
	}
	return appendNumber(b, v, divisor)
}

// number is the one number that stands for a value: an aggregation's result, else the value itself.
func number(v events.Value) uint64 {
	switch v.Type.Kind {
	case types.Count, types.Sum, types.Min, types.Max:
		return v.Word(0)
	case types.Avg, types.Stats:
		return v.Average()
	}
	if v.Type.Scalar() {
		return v.Uint()
	}
	return 0
}

func appendNumber(b []byte, v events.Value, divisor int64) []byte {
	return appendDivided(b, number(v), v.Type.Signed, divisor)
}

func appendDivided(b []byte, n uint64, signed bool, divisor int64) []byte {
	if signed {
		return strconv.AppendInt(b, int64(n)/divisor, 10)
	}
	return strconv.AppendUint(b, n/uint64(divisor), 10)
}

func appendStats(b []byte, v events.Value, divisor int64) []byte {
	b = strconv.AppendUint(append(b, "{ .count = "...), v.Word(1), 10)
	b = appendNumber(append(b, ", .average = "...), v, divisor)
	b = appendDivided(append(b, ", .total = "...), v.Word(0), v.Type.Signed, 1)
	return append(b, " }"...)
}

func (p *printer) appendParts(b []byte, v events.Value, separator string) []byte {
	for i := range v.Len() {
		if i > 0 {
			b = append(b, separator...)
		}
		b = p.appendValue(b, v.Part(i), 1)
	}
	return b
}

func (p *printer) appendStruct(b []byte, v events.Value) []byte {
	if v.Len() == 0 {
		return append(b, "{}"...)
	}
	separator := "{ ."
	for i := range v.Len() {
		b = append(append(b, separator...), v.Type.Fields[i].Name...)
		b = p.appendValue(append(b, " = "...), v.Part(i), 1)
		separator = ", ."
	}
	return append(b, " }"...)
}

func appendEnum(b []byte, v events.Value) []byte {
	for i := range v.Type.Values {
		if v.Type.Values[i].Value == v.Int() {
			return append(b, v.Type.Values[i].Name...)
		}
	}
	return appendNumber(b, v, 1)
}

func appendAddress(b []byte, address uint64) []byte {
	return strconv.AppendUint(append(b, "0x"...), address, 16)
}

func (p *printer) appendSymbol(b []byte, address uint64) []byte {
	if p.names.Symbol == nil {
		return appendAddress(b, address)
	}
	return append(b, p.names.Symbol(address)...)
}

// probe is the text of a ProbeName; of a function name only what stands behind the last colon.
func (p *printer) probe(v events.Value) string {
	index := v.Uint()
	if index >= uint64(len(p.names.Probes)) {
		return ""
	}
	name := p.names.Probes[index]
	if v.Type.Name == types.FunctionName.Name {
		return name[strings.LastIndexByte(name, ':')+1:]
	}
	return name
}

func appendString(b []byte, v events.Value) []byte {
	text, unended := v.Text()
	b = appendSafe(b, text)
	if unended || len(text) == v.Type.Size-1 && maximal(v.Type.Size) {
		b = append(b, ".."...)
	}
	return b
}

// maximal reports whether a string's size is that of a limit, and not of the text that it was made for.
func maximal(size int) bool { return size >= 64 && size&(size-1) == 0 }

// appendSafe appends text from the traced system, which must not reach the terminal as anything but text.
func appendSafe(b, text []byte) []byte {
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
