package eval

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/types"
)

// Value is a value with its type. Which fields matter follows from the kind.
type Value struct {
	Type   *types.Type
	Number uint64   // scalars, extended to 64 bits
	Text   string   // strings and buffers
	Parts  []Value  // tuples, records and arrays
	Raw    []byte   // structs
	Words  []uint64 // aggregations
	Seen   []uint64 // all that went into one whose Words are a summary
}

func number(t *types.Type, n uint64) Value { return Value{Type: t, Number: extend(n, t)} }

func boolean(b bool) Value {
	if b {
		return Value{Type: types.Boolean, Number: 1}
	}
	return Value{Type: types.Boolean}
}

func text(s string) Value { return Value{Type: types.NewString(len(s) + 1), Text: s} }

// extend cuts a number to the size of its type and extends it again by its sign.
func extend(n uint64, t *types.Type) uint64 {
	shift := 64 - 8*min(max(t.Size, 1), 8)
	if t.Signed {
		return uint64(int64(n<<shift) >> shift)
	}
	return n << shift >> shift
}

// zero is the value of a key that is not there.
func zero(t *types.Type) Value {
	v := Value{Type: t}
	switch t.Kind {
	case types.Tuple, types.Record:
		for _, field := range t.Fields {
			v.Parts = append(v.Parts, zero(field.Type))
		}
	case types.Array:
		for range t.Count {
			v.Parts = append(v.Parts, zero(t.Elem))
		}
	case types.Struct:
		v.Raw = make([]byte, t.Size)
	}
	if t.Aggregation() {
		v.Words = make([]uint64, t.Words())
	}
	return v
}

// convert makes a value of another type, to which the compiler lets it widen.
func convert(v Value, t *types.Type) Value {
	switch {
	case t == nil || t.Kind == types.None || v.Type == nil:
		return v
	case t.Scalar():
		return number(t, v.Number)
	case t.Kind == types.Tuple || t.Kind == types.Record:
		parts := make([]Value, len(v.Parts))
		for i := range parts {
			parts[i] = convert(v.part(t, i), t.Fields[i].Type)
		}
		return Value{Type: t, Parts: parts}
	}
	v.Type = t
	return v
}

// part is the part of a value that becomes part i of a type: in a record the one of the
// same name.
func (v Value) part(t *types.Type, i int) Value {
	for j, field := range v.Type.Fields {
		if t.Kind == types.Record && field.Name == t.Fields[i].Name {
			return v.Parts[j]
		}
	}
	return v.Parts[i]
}

// equal compares contents.
func equal(x, y Value) bool {
	if len(x.Parts) != len(y.Parts) || x.Text != y.Text || x.Number != y.Number {
		return false
	}
	for i := range x.Parts {
		if !equal(x.Parts[i], y.part(x.Type, i)) {
			return false
		}
	}
	return string(x.Raw) == string(y.Raw)
}

// Decode reads a value as it lies in memory, by its type's own layout.
func Decode(t *types.Type, raw []byte) Value {
	v := Value{Type: t}
	switch {
	case t.Scalar():
		return number(t, word(raw[:t.Size]))
	case t.Kind == types.String:
		v.Text, _, _ = strings.Cut(string(raw[:t.Size]), "\x00")
	case t.Kind == types.Buffer:
		v.Text = string(raw[4 : 4+min(int(word(raw[:4])), t.Size-4)])
	case t.Kind == types.Tuple || t.Kind == types.Record:
		for _, field := range t.Fields {
			v.Parts = append(v.Parts, Decode(field.Type, raw[field.Offset:]))
		}
	case t.Kind == types.Array:
		for i := range t.Count {
			v.Parts = append(v.Parts, Decode(t.Elem, raw[i*t.Elem.Size:]))
		}
	case t.Aggregation():
		for i := range t.Words() {
			v.Words = append(v.Words, binary.LittleEndian.Uint64(raw[8*i:]))
		}
	default:
		v.Raw = slices.Clone(raw[:t.Size])
	}
	return v
}

func word(raw []byte) uint64 {
	var bytes [8]byte
	copy(bytes[:], raw)
	return binary.LittleEndian.Uint64(bytes[:])
}

// encode lays a value out in memory; it is the inverse of Decode for what can be cast.
func encode(v Value) []byte {
	switch {
	case v.Type.Scalar():
		return binary.LittleEndian.AppendUint64(nil, v.Number)[:v.Type.Size]
	case v.Type.Kind == types.Array:
		var raw []byte
		for _, part := range v.Parts {
			raw = append(raw, encode(part)...)
		}
		return raw
	case v.Type.Kind == types.String:
		return append([]byte(v.Text), make([]byte, max(0, v.Type.Size-len(v.Text)))...)
	}
	return v.Raw
}

// String writes a value so that two are written alike exactly when a user cannot tell
// them apart.
func (v Value) String() string {
	switch t := v.Type; {
	case t == nil || t.Kind == types.None:
		return "nothing"
	case t.Kind == types.Bool:
		return strconv.FormatBool(v.Number != 0)
	case t.Kind == types.Enum:
		return enumText(v)
	case t.Kind == types.Pointer:
		return fmt.Sprintf("%#x", v.Number)
	case t.Scalar() && t.Signed:
		return strconv.FormatInt(int64(v.Number), 10)
	case t.Scalar():
		return strconv.FormatUint(v.Number, 10)
	case t.Kind == types.String || t.Kind == types.Buffer:
		return strconv.Quote(v.Text)
	case t.Kind == types.Array:
		return "[" + join(v.Parts, t.Fields) + "]"
	case t.Kind == types.Tuple || t.Kind == types.Record:
		return "(" + join(v.Parts, t.Fields) + ")"
	case t.Aggregation():
		return aggregationText(v)
	}
	return fmt.Sprintf("%x", v.Raw)
}

func enumText(v Value) string {
	for _, known := range v.Type.Values {
		if known.Value == int64(v.Number) {
			return known.Name
		}
	}
	return strconv.FormatInt(int64(v.Number), 10)
}

func join(parts []Value, fields []types.Field) string {
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = part.String()
		if i < len(fields) && fields[i].Name != "" {
			texts[i] = fields[i].Name + "=" + texts[i]
		}
	}
	return strings.Join(texts, ", ")
}

// aggregationText lists the words that are not zero.
func aggregationText(v Value) string {
	var b strings.Builder
	b.WriteString(v.Type.String())
	for i, n := range v.Words {
		if n != 0 {
			fmt.Fprintf(&b, " %d:%d", i, int64(n))
		}
	}
	return b.String()
}
