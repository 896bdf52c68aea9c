package events

import (
	"bytes"
	"cmp"
	"math"
	"math/bits"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// Table is a copy of a map at one moment. Row i has its key at Keys[i*KeySize:] and its
// merged value at Values[i*ValueSize:]; a map without key has one row or none.
type Table struct {
	Map       *object.MapSpec
	KeySize   int
	ValueSize int
	Keys      []byte
	Values    []byte
	// Divisor divides all values where they print, unless it is 0: normalize().
	Divisor int64
	order   []uint32
	rows    int
	raw     []rawRows      // what the rows were made of
	turned  bool           // programs use another kernel map since
	index   map[string]int // of the rows by key, once find has made it
	stored  *Table         // what the rows are summaries of, where they are
}

// NewTable returns an empty table for the map.
func NewTable(m *object.MapSpec) *Table {
	t := &Table{Map: m, ValueSize: m.Value.Size}
	if m.Key != nil {
		t.KeySize = m.Key.Size
	}
	return t
}

// Len returns the number of rows.
func (t *Table) Len() int { return t.rows }

// Append adds a row; value may be longer than a row and is cut.
func (t *Table) Append(key, value []byte) {
	t.Keys = append(t.Keys, key[:t.KeySize]...)
	t.Values = append(t.Values, value[:t.ValueSize]...)
	if t.index != nil {
		t.index[string(key[:t.KeySize])] = t.rows
	}
	t.rows++
}

// find returns the row of a key.
func (t *Table) find(key []byte) (row int, ok bool) {
	if t.index == nil {
		t.index = make(map[string]int, t.rows)
		for row := range t.rows {
			t.index[string(t.rawKey(row))] = row
		}
	}
	row, ok = t.index[string(key)]
	return row, ok
}

func (t *Table) clone() *Table {
	c := NewTable(t.Map)
	c.Keys, c.Values, c.rows = slices.Clone(t.Keys), slices.Clone(t.Values), t.rows
	return c
}

// reserveLimit is the most that is reserved of keys or values: a map may have room for far
// more rows with stacks than it has.
const reserveLimit = 16 << 20

// reserve makes room for so many rows at once: growing by steps would touch the memory
// twice. What is never filled is never resident.
func (t *Table) reserve(rows int) {
	t.Keys = withRoom(t.Keys, rows*t.KeySize)
	t.Values = withRoom(t.Values, rows*t.ValueSize)
}

// withRoom takes memory that the kernel has zeroed; slices.Grow would write zeros to it.
func withRoom(data []byte, size int) []byte {
	size = min(size, reserveLimit)
	if size <= cap(data) {
		return data
	}
	return append(make([]byte, 0, size), data...)
}

// AppendMerged adds a row made of one row per CPU, stride bytes apart.
func (t *Table) AppendMerged(key, perCPU []byte, stride int) {
	t.Append(key, perCPU)
	row := t.rawValue(t.rows - 1)
	for offset := stride; offset+t.ValueSize <= len(perCPU); offset += stride {
		Merge(t.Map.Value, row, perCPU[offset:offset+t.ValueSize])
	}
}

func (t *Table) rawKey(i int) []byte   { return t.Keys[i*t.KeySize : (i+1)*t.KeySize] }
func (t *Table) rawValue(i int) []byte { return t.Values[i*t.ValueSize : (i+1)*t.ValueSize] }

// keep drops the rows for which the function says no.
func (t *Table) keep(wanted func(row int) bool) {
	kept := 0
	for i := range t.rows {
		if !wanted(i) {
			continue
		}
		if kept != i {
			copy(t.rawKey(kept), t.rawKey(i))
			copy(t.rawValue(kept), t.rawValue(i))
		}
		kept++
	}
	t.Keys, t.Values, t.rows, t.index = t.Keys[:kept*t.KeySize], t.Values[:kept*t.ValueSize], kept, nil
}

// Split parts a sorted table: kept has its last rows, as many as top says, or the first
// ones where top is negative.
func (t *Table) Split(top int64) (kept, dropped *Table) {
	kept, dropped = NewTable(t.Map), NewTable(t.Map)
	kept.Divisor = t.Divisor
	for place := range t.rows {
		to := dropped
		if top >= 0 && int64(t.rows-place) <= top || top < 0 && int64(-place) > top {
			to = kept
		}
		row := t.Row(place)
		to.Append(t.rawKey(row), t.rawValue(row))
	}
	return kept, dropped
}

// Align makes tables of maps with equal keys have the same rows: where a key is missing,
// its value is made of zeroes. Rows are then told by the order of the first table.
func Align(tables []*Table) []*Table {
	if len(tables) == 1 {
		return tables
	}
	numbers := map[string]int{}
	var keys [][]byte
	for _, t := range tables {
		for row := range t.rows {
			key := t.rawKey(row)
			if _, known := numbers[string(key)]; !known {
				numbers[string(key)] = len(keys)
				keys = append(keys, key)
			}
		}
	}
	aligned := make([]*Table, len(tables))
	for i, t := range tables {
		aligned[i] = t.spread(keys, numbers)
	}
	return aligned
}

// spread has a row for each of the keys.
func (t *Table) spread(keys [][]byte, numbers map[string]int) *Table {
	wide := NewTable(t.Map)
	wide.Divisor = t.Divisor
	empty := make([]byte, t.ValueSize)
	for _, key := range keys {
		wide.Append(key, empty)
	}
	for row := range t.rows {
		copy(wide.rawValue(numbers[string(t.rawKey(row))]), t.rawValue(row))
	}
	return wide
}

// Row returns the number of the row at a place in the order of Sort.
func (t *Table) Row(place int) int {
	if t.order == nil {
		return place
	}
	return int(t.order[place])
}

// Value returns the value of a row.
func (t *Table) Value(row int) Value { return Value{t.Map.Value, t.rawValue(row)} }

// KeyParts returns the number of parts of a key.
func (t *Table) KeyParts() int {
	if t.Map.Key == nil {
		return 0
	}
	return len(t.Map.Key.Fields)
}

// KeyPart returns a part of a row's key.
func (t *Table) KeyPart(row, part int) Value {
	field := &t.Map.Key.Fields[part]
	return Decode(field.Type, t.rawKey(row)[field.Offset:])
}

// Sort orders the rows as they print: numbers ascending, aggregations by their weights,
// all else by key. Equal values follow their keys.
func (t *Table) Sort() { t.sort(weigher(t.Map.Value)) }

// SortLargest orders the rows as Sort does, but the largest first, where values have an
// order: it reports whether they do. Equal values follow their keys here, too.
func (t *Table) SortLargest() bool {
	weigh := weigher(t.Map.Value)
	if weigh == nil {
		t.sort(nil)
		return false
	}
	t.sort(func(v Value) uint64 { return ^weigh(v) })
	return true
}

// SortByKey orders the rows by their keys.
func (t *Table) SortByKey() { t.sort(nil) }

// sort orders the rows by weight, where there is one, and key.
func (t *Table) sort(weigh func(Value) uint64) {
	places, prefix := make([]place, t.rows), t.prefixes()
	for i := range places {
		places[i] = place{row: uint32(i), prefix: prefix(i)}
		if weigh != nil {
			places[i].weight = weigh(t.Value(i))
		}
	}
	slices.SortFunc(places, t.compare)
	t.order = make([]uint32, t.rows)
	for i := range places {
		t.order[i] = places[i].row
	}
}

// place is a row with what decides most comparisons: the order of its value, and 32 bits
// in the order of its key.
type place struct {
	weight uint64
	prefix uint32
	row    uint32
}

// prefixes returns the function that gives a row's prefix. The keys' range is stretched
// over the 32 bits, so that small numbers and times both differ there.
func (t *Table) prefixes() func(row int) uint32 {
	low, high := uint64(math.MaxUint64), uint64(0)
	for row := range t.rows {
		prefix := t.prefix(row)
		low, high = min(low, prefix), max(high, prefix)
	}
	shift := max(0, bits.Len64(high-low)-32)
	return func(row int) uint32 { return uint32((t.prefix(row) - low) >> shift) }
}

func (t *Table) compare(a, b place) int {
	if a.weight != b.weight {
		return cmp.Compare(a.weight, b.weight)
	}
	if a.prefix != b.prefix {
		return cmp.Compare(a.prefix, b.prefix)
	}
	for i := range t.KeyParts() {
		if order := compareValues(t.KeyPart(int(a.row), i), t.KeyPart(int(b.row), i)); order != 0 {
			return order
		}
	}
	return 0
}

// weigher returns the function by whose result values of the type are ordered, nil when
// keys decide.
func weigher(t *types.Type) func(Value) uint64 {
	switch {
	case t.Kind == types.Int || t.Kind == types.Enum:
		return func(v Value) uint64 { return t.Order(v.Uint()) }
	case t.Aggregation() && t.Record.Weight != nil:
		return func(v Value) uint64 { return t.Record.Weight(t, v.Raw) }
	}
	return nil
}

// prefix orders rows by the first part of their key, as far as eight bytes tell, by
// unsigned comparison.
func (t *Table) prefix(row int) uint64 {
	if t.KeyParts() == 0 {
		return 0
	}
	part := t.KeyPart(row, 0)
	switch {
	case part.Type.Scalar():
		return part.Type.Order(part.Uint())
	case part.Type.Kind == types.String:
		return textPrefix(part)
	}
	return 0
}

func textPrefix(v Value) uint64 {
	text, _ := v.Text()
	prefix := uint64(0)
	for i := range 8 {
		prefix <<= 8
		if i < len(text) {
			prefix |= uint64(text[i])
		}
	}
	return prefix
}

func compareValues(a, b Value) int {
	switch {
	case a.Type.Scalar() && a.Type.Signed:
		return cmp.Compare(a.Int(), b.Int())
	case a.Type.Scalar():
		return cmp.Compare(a.Uint(), b.Uint())
	case a.Type.Kind == types.String:
		textA, _ := a.Text()
		textB, _ := b.Text()
		return bytes.Compare(textA, textB)
	case a.Type.Kind == types.Buffer && a.Type.Elem == nil:
		return bytes.Compare(a.Buffer(), b.Buffer())
	case a.Type.Kind >= types.UserSymbol && a.Type.Kind <= types.MACAddress:
		return bytes.Compare(a.Raw, b.Raw)
	}
	for i := range min(a.Len(), b.Len()) {
		if order := compareValues(a.Part(i), b.Part(i)); order != 0 {
			return order
		}
	}
	return cmp.Compare(a.Len(), b.Len())
}
