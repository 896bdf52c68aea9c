package event

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// scene is one event of one program in the making: what its line says, then what is made
// from the types.
type scene struct {
	*parser
	*roots
	task place // curtask
}

// follow finds what a path leads to; memory behind pointers is laid out on the way.
func (s *scene) follow(p path) (place, bool) {
	at, rest, ok := s.start(p)
	if !ok {
		return place{}, false
	}
	if p.cast != "" {
		if at.typ, ok = s.cast(p); !ok {
			return place{}, false
		}
	}
	for _, step := range rest {
		if at, ok = s.step(at, step); !ok {
			return place{}, false
		}
	}
	return at, true
}

// start finds the root of a path, and returns the steps that follow.
func (s *scene) start(p path) (place, []step, bool) {
	first := p.steps[0].name
	if first == "curtask" {
		known := s.task.bytes != nil ||
			s.failed(p.steps[0].span, "", "this kernel does not describe its tasks")
		return s.task, p.steps[1:], known
	}
	name, taken := first, 1
	if (first == "args" || first == "reg") && len(p.steps) > 1 {
		name, taken = first+"."+p.steps[1].name, 2
	}
	for _, root := range s.list {
		if slices.Contains(root.names, name) {
			at := root.place
			at.name = name
			return at, p.steps[taken:], true
		}
	}
	span := p.steps[0].span
	if taken == 2 {
		span = span.To(p.steps[1].span)
	}
	return place{}, nil, s.unknown(name, span)
}

// failed reports a mistake; it is always false.
func (p *parser) failed(span diag.Span, hint, format string, args ...any) bool {
	p.errorf(span, hint, format, args...)
	return false
}

// unknown says why the probe has no such value, or what is meant.
func (s *scene) unknown(name string, span diag.Span) bool {
	for _, prefix := range slices.Sorted(maps.Keys(s.lacking)) {
		none := prefix == "arg" && strings.HasPrefix(name, "args.") && len(s.list) == 0
		if none || strings.HasPrefix(strings.TrimPrefix(name, "args."), prefix) {
			return s.failed(span, "", "%s has no %s: %s", s.point.Probe, name, s.lacking[prefix])
		}
	}
	names := slices.Concat(globals, s.rootNames())
	hint := didYouMean(diag.Nearest(name, slices.Values(names), 3))
	if hint == "" && len(s.list) > 0 {
		hint = "it has " + some(s.rootNames())
	}
	return s.failed(span, hint, "%s has no %s", s.point.Probe, name)
}

// rootNames are the values of the probe, by the last of their names, without registers.
func (s *scene) rootNames() (names []string) {
	for _, root := range s.list {
		if !strings.HasPrefix(root.names[0], "reg.") {
			names = append(names, root.names...)
		}
	}
	return names
}

func some(names []string) string {
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " ..."
	}
	return strings.Join(names, ", ")
}

func didYouMean(near []string) string {
	if len(near) == 0 {
		return ""
	}
	return "did you mean " + strings.Join(near, " or ") + "?"
}

func (s *scene) cast(p path) (*types.Type, bool) {
	tag, name, tagged := strings.Cut(p.cast, " ")
	if !tagged || tag != "struct" && tag != "union" {
		return nil, s.failed(p.span, castHint, "a cast leads to a struct or a union")
	}
	typ, found := s.machine.Struct(tag, strings.TrimSpace(name))
	if !found {
		near := s.machine.NearestType(strings.TrimSpace(name))
		return nil, s.failed(p.span, didYouMean(near), "this kernel has no %s", p.cast)
	}
	return types.NewPointer(typ), true
}

func (s *scene) step(at place, to step) (place, bool) {
	if to.name == "" {
		return s.element(at, to)
	}
	if at.typ != nil && at.typ.Kind == types.Pointer {
		var ok bool
		if at, ok = s.dereference(at, 0, to.span); !ok {
			return place{}, false
		}
	}
	if at.typ == nil || at.typ.Kind != types.Struct {
		return place{}, s.failed(to.span, castHint,
			"%s is no struct that has a member %s, but %s", at.name, to.name, typeName(at.typ))
	}
	member, found := s.machine.Member(at.typ, to.name)
	if !found {
		names := s.machine.MemberNames(at.typ)
		hint := didYouMean(diag.Nearest(to.name, slices.Values(names), 3))
		if hint == "" && len(names) > 0 {
			hint = "it has " + some(names)
		}
		return place{}, s.failed(to.span, hint, "%s has no member %s", at.typ, to.name)
	}
	return s.member(at, member, to.span)
}

const castHint = "a cast says what it leads to: (struct request *)arg0.__data_len"

func (s *scene) member(at place, member target.Member, span diag.Span) (place, bool) {
	part, ok := at.part(member.Offset, max(member.Type.Size, 0), member.Type, member.Name)
	if !ok {
		return place{}, s.failed(span, "",
			"%s lies beyond the %d bytes of %s", member.Name, len(at.bytes), at.name)
	}
	part.bitOffset, part.bitSize = member.BitOffset, member.BitSize
	return part, true
}

func typeName(typ *types.Type) string {
	if typ == nil {
		return "is a number of 64 bits"
	}
	return "has the type " + typ.String()
}

// element is one of an array, or of those behind a pointer.
func (s *scene) element(at place, to step) (place, bool) {
	switch {
	case at.typ != nil && at.typ.Kind == types.Pointer:
		return s.dereference(at, to.index, to.span)
	case at.typ == nil || at.typ.Elem == nil || at.typ.Elem.Size <= 0:
		return place{}, s.failed(to.span, "", "%s is no array, but %s", at.name, typeName(at.typ))
	}
	size := at.typ.Elem.Size
	part, ok := at.part(to.index*size, size, at.typ.Elem, at.name)
	if !ok {
		return place{}, s.failed(to.span, "", "%s has %d elements", at.name, len(at.bytes)/size)
	}
	return part, true
}

// dereference finds or lays out what a pointer leads to.
func (s *scene) dereference(at place, index int, span diag.Span) (place, bool) {
	elem := s.machine.Whole(at.typ).Elem
	if elem == nil || elem.Size <= 0 {
		return place{}, s.failed(span, castHint,
			"%s %s: nothing tells what it leads to", at.name, typeName(at.typ))
	}
	user := at.user || at.typ.User
	object := s.memory.objects[at.number()]
	if object == nil {
		object = s.memory.add(at.number(), elem, elem.Size, elem.String(), user)
	}
	if object == nil || !s.memory.grow(object, elem.Size*(index+1)) {
		return place{}, s.failed(span, "", "there is no room for what %s leads to", at.name)
	}
	at.put(object.address)
	at.mark()
	part, ok := object.place(at.name, user).part(elem.Size*index, elem.Size, elem, at.name)
	if !ok {
		return place{}, s.failed(span, "", "%s leads to something else already", at.name)
	}
	return part, true
}

// set writes what a line says.
func (s *scene) set(at place, v value) bool {
	text, isText := v.text, v.quoted
	typ := at.typ
	switch {
	case typ != nil && (typ.Kind == types.String || typ.ByteArray()):
		return s.setText(at, v)
	case typ != nil && typ.Kind == types.Pointer && isText && !textual(typ):
		return s.failed(v.span, "", "%s %s, which no text can be", at.name, typeName(typ))
	case isText && (typ == nil || typ.Kind == types.Pointer || typ.Size == 8):
		return s.setPointer(at, text, v.span)
	case isText:
		return s.failed(v.span, "", "%s %s, which no text can be", at.name, typeName(typ))
	case typ != nil && !typ.Scalar() && typ.Size > 8:
		hint := "its members are set one by one: " + at.name + ".member=1"
		return s.failed(v.span, hint, "%s %s", at.name, typeName(typ))
	}
	n, ok := s.number(v, typ)
	if ok {
		at.put(n)
		at.mark()
	}
	return ok
}

// textual reports a pointer that may lead to a text: to characters, or to anything.
func textual(typ *types.Type) bool {
	elem := typ.Elem
	return elem == nil || elem.Kind == types.None || elem.Kind == types.Int && elem.Size == 1
}

func (s *scene) setText(at place, v value) bool {
	if len(v.text) > len(at.bytes) {
		return s.failed(v.span, "",
			"%s has room for %d bytes, and this is %d", at.name, len(at.bytes), len(v.text))
	}
	clear(at.bytes)
	copy(at.bytes, v.text)
	at.mark()
	return true
}

func (s *scene) setPointer(at place, text string, span diag.Span) bool {
	user := at.user || at.typ != nil && at.typ.User
	made := s.memory.text(text, "text", user)
	if made == nil {
		return s.failed(span, "", "there is no room for this text")
	}
	at.put(made.address)
	at.mark()
	return true
}

// number reads a value that is no text: a number, a word of the language, or a constant.
func (p *parser) number(v value, typ *types.Type) (uint64, bool) {
	text := v.text
	switch {
	case text == "true":
		return 1, true
	case text == "false" || text == "NULL":
		return 0, true
	case text == "" || text[0] == '-' && len(text) == 1:
		return 0, p.failed(v.span, "", "a number is missing here")
	case text[0] == '-' || text[0] >= '0' && text[0] <= '9':
		n, wrong, hint := lang.ParseInteger(strings.TrimPrefix(text, "-"))
		if wrong != "" {
			return 0, p.failed(v.span, hint, "%s", wrong)
		}
		if text[0] == '-' {
			n = -n
		}
		return n, p.fits(n, v, typ)
	}
	return p.constant(v, typ)
}

// fits reports a number that its place has too few bytes for.
func (p *parser) fits(n uint64, v value, typ *types.Type) bool {
	if typ == nil || typ.Size <= 0 || typ.Size >= 8 {
		return true
	}
	bits := 8 * typ.Size
	if high := int64(n) >> (bits - 1); high == 0 || high == -1 || n>>bits == 0 {
		return true
	}
	return p.failed(v.span, "", "%s does not fit in %d bytes, those of %s", v.text, typ.Size, typ)
}

func (p *parser) constant(v value, typ *types.Type) (uint64, bool) {
	if typ != nil {
		for _, known := range typ.Values {
			if known.Name == v.text {
				return uint64(known.Value), true
			}
		}
	}
	if n, _, known := p.script.Target.Constant(v.text); known {
		return uint64(n), true
	}
	hint := didYouMean(p.script.Target.NearestConstant(v.text))
	if typ != nil && typ.Kind == types.Pointer && textual(typ) {
		hint = fmt.Sprintf("a text has quotes: %q", v.text)
	}
	return 0, p.failed(v.span, hint,
		"%s is no number, and this kernel has no constant of the name", v.text)
}
