package sema

import (
	"fmt"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

func (c *checker) mapNamed(name string) *Map {
	m := c.maps[name]
	if m == nil {
		m = &Map{Name: name}
		c.maps[name] = m
	}
	return m
}

// readMap is the type of `@x` or `@x[k]` as a value.
func (c *checker) readMap(e *lang.Map) *types.Type {
	m := c.maps[e.Name]
	if m == nil || m.Value == nil {
		c.keyTypes(e)
		c.unassigned(e)
		return nil
	}
	m.Read = true
	c.useKey(m, e)
	t, ok := c.computed(e, m)
	if !ok {
		return nil
	}
	return exact(t)
}

// unassigned notes a read of a map whose type is not known: reportUntyped tells whether
// that is an error.
//
//go:noinline
func (c *checker) unassigned(e *lang.Map) {
	if !c.missing[e.Name] {
		c.untyped = append(c.untyped, e)
	}
}

func (c *checker) mapNames() []string {
	var names []string
	for name, m := range c.maps {
		if m.Value != nil {
			names = append(names, "@"+name)
		}
	}
	return names
}

// keyTypes returns the types of the key parts as stored; false when one is not known. A
// tuple is a key of several parts, however it is written: @[1, 2] is @[(1, 2)].
func (c *checker) keyTypes(e *lang.Map) ([]*types.Type, bool) {
	var parts []*types.Type
	known := true
	for _, key := range e.Keys {
		t := c.expression(key)
		if c.stage == assumed {
			t = c.guessed(t)
		}
		if t.Kind == types.None || !c.storable(key, t) {
			known = false
		}
		parts = append(parts, c.stored(t))
	}
	if len(parts) == 1 && parts[0].Kind == types.Tuple {
		return fieldTypes(parts[0]), known
	}
	return parts, known
}

func fieldTypes(tuple *types.Type) []*types.Type {
	parts := make([]*types.Type, len(tuple.Fields))
	for i, field := range tuple.Fields {
		parts[i] = field.Type
	}
	return parts
}

// assignMap enters an assignment to a map into what is known of it.
func (c *checker) assignMap(e *lang.Map, t *types.Type, span diag.Span) {
	m := c.mapNamed(e.Name)
	if !c.useKey(m, e) {
		return
	}
	if m.Value == nil {
		m.Value, m.ValueSpan, c.changed = t, span, true
	}
	m.open = m.open || partial(m.Value)
	wider, ok := c.widen(m.Value, t)
	if ok {
		wider = extended(wider)
	}
	if !ok {
		message := fmt.Sprintf("@%s holds %s, this is %s", e.Name, m.Value, t)
		if differ := differingParameters(m.Value, t); differ != "" {
			message += ": " + differ
		}
		c.conflict(span, m.ValueSpan, message, textHint(m.Value, t))
		return
	}
	if !same(wider, m.Value) {
		m.Value, c.changed = wider, true
	}
}

// textHint tells how to get the text where a pointer to characters meets a text.
func textHint(a, b *types.Type) string {
	if a.Kind != types.String {
		a, b = b, a
	}
	if a.Kind != types.String || b.Kind != types.Pointer || b.Elem == nil || b.Elem.Size != 1 {
		return ""
	}
	return "str(p) reads the text that a pointer leads to"
}

func (c *checker) conflict(span, first diag.Span, message, hint string) {
	c.report(diag.Diagnostic{Span: span, Message: message, Hint: hint,
		Related: []diag.Related{{Span: first, Message: "first assigned here"}}})
}

// wrongKey reports a key with too few or too many parts. `@t[1]` may be meant as a part
// of a tuple.
func (c *checker) wrongKey(m *Map, e *lang.Map, parts int) {
	d := diag.Diagnostic{Span: e.Span, Related: []diag.Related{{Span: m.KeySpan, Message: "first assigned here"}}}
	d.Message = fmt.Sprintf("the key of @%s has %s, not %d", m.Name, parted(len(m.Key)), parts)
	if len(e.Keys) == 1 && m.Value != nil && m.Value.Kind == types.Tuple {
		d.Hint = fmt.Sprintf("@%[1]s holds a tuple, whose parts are @%[1]s.0, @%[1]s.1, ...", m.Name)
	}
	c.report(d)
}

// useKey holds the key of a reference against the key that the map has.
func (c *checker) useKey(m *Map, e *lang.Map) bool {
	parts, known := c.keyTypes(e)
	if !known {
		return false
	}
	if m.KeySpan.Source == nil {
		m.Key, m.KeySpan, c.changed = parts, e.Span, true
		return true
	}
	if len(parts) != len(m.Key) {
		c.wrongKey(m, e, len(parts))
		return false
	}
	for i, part := range parts {
		if !c.useKeyPart(m, e, i, part) {
			return false
		}
	}
	return true
}

func parted(n int) string {
	if n == 1 {
		return "1 part"
	}
	return fmt.Sprintf("%d parts", n)
}

func (c *checker) useKeyPart(m *Map, e *lang.Map, i int, part *types.Type) bool {
	wider, ok := c.widenKey(m.Key[i], part)
	if !ok {
		message := fmt.Sprintf("part %d of the key of @%s is %s, not %s", i+1, m.Name, m.Key[i], part)
		c.conflict(e.Keys[min(i, len(e.Keys)-1)].Range(), m.KeySpan, message, textHint(m.Key[i], part))
		return false
	}
	if wider = extended(wider); !same(wider, m.Key[i]) {
		m.Key[i], c.changed = wider, true
	}
	return true
}

// Key returns the types of a map's key parts; false when the map was not assigned yet.
//
//go:noinline
func (c *checker) Key(e *lang.Map) ([]*types.Type, bool) {
	m := c.maps[e.Name]
	if m == nil || m.Value == nil {
		c.unassigned(e)
		return nil, false
	}
	return m.Key, true
}

// Empty notes that the clause removes keys of the whole map. In END no other clause runs
// any more.
func (c *checker) Empty(e *lang.Map) {
	point := c.instance.Site.Points[0]
	if m := c.maps[e.Name]; m != nil && !point.Runs(object.AtEnd) {
		m.Emptied = true
	}
}

// CheckPrinted checks a map reference whose value is read by the runtime, where the map's
// values are no numbers; else it returns false.
func (c *checker) CheckPrinted(e *lang.Map) bool {
	m := c.maps[e.Name]
	if m == nil || m.Value == nil || !m.Value.Composite() {
		return false
	}
	c.useKey(m, e)
	return true
}

// WholeRows reports a map that keeps its rows in parts, and returns false.
func (c *checker) WholeRows(e *lang.Map) bool {
	m := c.maps[e.Name]
	if m == nil || m.Value == nil || !m.Value.Aggregation() || m.Value.Record.Stored == nil {
		return true
	}
	c.Errorf(e.Span, "the keys of @%s cannot be found, counted or deleted while it runs: %s() keeps the rows of each in parts", e.Name, m.Value.Record.Name)
	c.Hint("print(@%s) prints them, clear(@%s) removes them all", e.Name, e.Name)
	return false
}

// CheckKey checks the key of a map reference as if the map were read there.
func (c *checker) CheckKey(e *lang.Map) {
	if m := c.maps[e.Name]; m != nil && m.Value != nil {
		m.Read = true
		c.useKey(m, e)
	}
}

// widenKey is widen for a part of a key, where a pointer and a number are one number:
// @start[0], @start[arg0].
func (c *checker) widenKey(a, b *types.Type) (*types.Type, bool) {
	if a.Kind == types.Pointer && b.Integer() || b.Kind == types.Pointer && a.Integer() {
		return types.Uint64.Beside(a, b), true
	}
	return c.widen(a, b)
}

// differingParameters names what is not the same in two aggregations of one kind; empty
// for other types.
func differingParameters(a, b *types.Type) string {
	if a.Record == nil || a.Record != b.Record || a.Record.Parameters == nil {
		return ""
	}
	var list []string
	others := b.Record.Parameters(b)
	for i, here := range a.Record.Parameters(a) {
		if x, y := here.Value, others[i].Value; x != y {
			list = append(list, fmt.Sprintf("%s is %v there and %v here", here.Name, x, y))
		}
	}
	return strings.Join(list, ", ")
}
