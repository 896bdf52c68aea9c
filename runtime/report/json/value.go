package json

import (
	"bytes"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf8"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/report/format"
)

// appendValue appends a value as JSON; what is named by a number alone, an enum or
// pointer, is that number.
func (s *sink) appendValue(b []byte, v report.Value) []byte {
	if v.Textual() {
		s.scratch = s.format.AppendValue(s.scratch[:0], v)
		return appendQuoted(b, s.scratch)
	}
	switch v.Type.Kind {
	case types.None:
		return append(b, "null"...)
	case types.Bool:
		return strconv.AppendBool(b, v.Uint() != 0)
	case types.Buffer:
		if v.Type.Elem != nil {
			return s.appendElements(b, v)
		}
		return appendBytes(b, v.Buffer())
	case types.Struct, types.Record:
		return append(s.appendMembers(append(b, '{'), v, ""), '}')
	case types.Array, types.Tuple:
		return s.appendElements(b, v)
	}
	if d := drawings[v.Type.Draws()]; d.draw != nil {
		return d.draw(s, b, v)
	}
	if v.Type.Size > 8 && v.Type.Scalar() {
		return appendWide(b, v)
	}
	return appendNumber(b, v.Number(), v.Type.Signed)
}

// fitsWord reports whether an integer of 128 bits has a value of int64.
func fitsWord(v report.Value) bool {
	high, low := v.Word(1), v.Word(0)
	return high == 0 && int64(low) >= 0 || v.Type.Signed && high == math.MaxUint64 && int64(low) < 0
}

func appendWide(b []byte, v report.Value) []byte {
	if fitsWord(v) {
		return appendNumber(b, v.Word(0), true)
	}
	return append(format.AppendWide(append(b, '"'), v.Value), '"')
}

// appendMembers appends the members of a struct or record; those of a member without a
// name stand among them.
func (s *sink) appendMembers(b []byte, v report.Value, separator string) []byte {
	for i := range v.Len() {
		part := v.Part(i)
		if v.Type.Fields[i].Name == "" && part.Type.Kind == types.Struct {
			b = s.appendMembers(b, part, separator)
		} else {
			b = append(appendQuoted(append(b, separator...), []byte(v.Type.Fields[i].Name)), ": "...)
			b = s.appendValue(b, part)
		}
		separator = ", "
	}
	return b
}

func (s *sink) appendElements(b []byte, v report.Value) []byte {
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.appendValue(b, v.Part(i))
	}
	return append(b, ']')
}

func appendBytes(b, bytes []byte) []byte {
	b = append(b, '[')
	for i, c := range bytes {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(c), 10)
	}
	return append(b, ']')
}

// appendNumber appends a number, as a string if a double cannot hold it.
func appendNumber(b []byte, n uint64, signed bool) []byte {
	if exact(n, signed) {
		return format.AppendNumber(b, n, signed)
	}
	return append(format.AppendNumber(append(b, '"'), n, signed), '"')
}

const digits = "0123456789abcdef"

func exact(n uint64, signed bool) bool {
	if signed && int64(n) < 0 {
		n = -n
	}
	return bits.Len64(n)-bits.TrailingZeros64(n) <= 53
}

// appendQuoted appends text as a JSON string, which is UTF-8 whatever the script's own
// texts are.
func appendQuoted(b, text []byte) []byte {
	if !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	b = append(b, '"')
	for _, c := range text {
		b = appendQuotedByte(b, c)
	}
	return append(b, '"')
}

func appendQuotedByte(b []byte, c byte) []byte {
	switch {
	case c == '"' || c == '\\':
		return append(b, '\\', c)
	case c == '\n':
		return append(b, `\n`...)
	case c == '\r':
		return append(b, `\r`...)
	case c == '\t':
		return append(b, `\t`...)
	case c < ' ':
		return append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
	}
	return append(b, c)
}
