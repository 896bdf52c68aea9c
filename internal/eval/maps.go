package eval

import (
	"maps"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// mapping is a map of the script: its types, and what it holds while the script runs.
type mapping struct {
	key      []*types.Type
	value    *types.Type
	assigned bool              // by some statement, whatever its type
	entries  map[string]*entry // by the text of the key
}

type entry struct {
	key   []Value
	value Value
}

func (p *program) mapNamed(name string) *mapping {
	m := p.maps[name]
	if m == nil {
		m = &mapping{entries: map[string]*entry{}}
		p.maps[name] = m
	}
	return m
}

// lookAtKeys finds the types of a key. One tuple and several parts are two ways to write
// the same key.
func (p *program) lookAtKeys(m *mapping, keys []lang.Expr) {
	var parts []*types.Type
	for _, key := range keys {
		t := p.typeOf(key)
		if t == nil {
			return
		}
		parts = append(parts, t)
	}
	if len(parts) == 1 && parts[0].Kind == types.Tuple {
		fields := parts[0].Fields
		parts = nil
		for _, field := range fields {
			parts = append(parts, field.Type)
		}
	}
	for i, part := range parts {
		if i == len(m.key) {
			m.key, p.changed = append(m.key, part), true
			continue
		}
		if wider := widest(m.key[i], part); !wider.Equal(m.key[i]) {
			m.key[i], p.changed = wider, true
		}
	}
}

func (p *program) widenMap(e *lang.Map, t *types.Type) {
	m := p.mapNamed(e.Name)
	p.lookAtKeys(m, e.Keys)
	m.assigned = true
	if t == nil {
		return
	}
	if wider := widest(m.value, t); m.value == nil || !wider.Equal(m.value) {
		m.value, p.changed = wider, true
	}
}

// pair is the type of `$kv` in a loop over a map; nil while it is not known.
func (p *program) pair(e *lang.Map) *types.Type {
	m := p.mapNamed(e.Name)
	if m.value == nil || len(m.key) == 0 {
		return nil
	}
	return types.NewTuple(keyType(m), m.value)
}

func keyType(m *mapping) *types.Type {
	if len(m.key) == 1 {
		return m.key[0]
	}
	return types.NewTuple(m.key...)
}

// key evaluates the key of a reference, as the map's type has it.
func (p *program) key(m *mapping, keys []lang.Expr) []Value {
	var parts []Value
	for _, key := range keys {
		parts = append(parts, p.value(key))
	}
	if len(parts) == 1 && parts[0].Type.Kind == types.Tuple {
		parts = slices.Clone(parts[0].Parts)
	}
	for i := range parts {
		parts[i] = convert(parts[i], m.key[i])
	}
	return parts
}

// KeyText is how a key is written in a Result.
func KeyText(parts []Value) string {
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = part.String()
	}
	return strings.Join(texts, ", ")
}

func (p *program) readMap(e *lang.Map) Value {
	m := p.mapNamed(e.Name)
	if m.value == nil {
		fail(e.Span, "nothing is assigned to it")
	}
	v := zero(m.value)
	if found := m.entries[KeyText(p.key(m, e.Keys))]; found != nil {
		v = found.value
	}
	if v.Type.Aggregation() {
		return number(types.NewInt(8, v.Type.Signed), summary(v))
	}
	return v
}

func (m *mapping) set(key []Value, value Value) {
	m.entries[KeyText(key)] = &entry{key, convert(value, m.value)}
}

// sorted lists the entries in an order that does not change from run to run.
func (m *mapping) sorted() (list []*entry) {
	for _, key := range slices.Sorted(maps.Keys(m.entries)) {
		list = append(list, m.entries[key])
	}
	return list
}

// aggregate adds an observation to the row of an aggregation. As in an assignment, the
// number is evaluated before the key.
func (p *program) aggregate(target *lang.Map, call *lang.Call) {
	m := p.mapNamed(target.Name)
	var n Value
	if len(call.Args) > 0 {
		n = p.value(call.Args[0])
	}
	aggregations[call.Name].add(&m.row(p.key(m, target.Keys)).value, m.value, n)
}

// row is the entry of a key, empty where it is new.
func (m *mapping) row(key []Value) *entry {
	found := m.entries[KeyText(key)]
	if found == nil {
		found = &entry{key, zero(m.value)}
		m.entries[KeyText(key)] = found
	}
	return found
}
