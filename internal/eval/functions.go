package eval

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// rules computes the builtins. What has none here has no value that can be foretold: it
// reads a clock, the kernel or a file.
var rules map[string]func(p *program, e lang.Expr, arguments []lang.Expr) Value

// resultTypes are those that no signature tells.
var resultTypes map[string]func(p *program, arguments []lang.Expr) *types.Type

func init() {
	resultTypes = map[string]func(p *program, arguments []lang.Expr) *types.Type{
		"comm":       func(*program, []lang.Expr) *types.Type { return types.NewString(16) },
		"sizeof":     func(*program, []lang.Expr) *types.Type { return types.Uint64 },
		"offsetof":   func(*program, []lang.Expr) *types.Type { return types.Uint64 },
		"str":        (*program).strType,
		"str_concat": (*program).concatType,
		"bswap":      (*program).swappedType,
		"buf":        func(*program, []lang.Expr) *types.Type { return bytesType },
		"uptr":       (*program).pointerType,
		"kptr":       (*program).pointerType,
	}
	rules = map[string]func(p *program, e lang.Expr, arguments []lang.Expr) Value{
		"comm":        func(p *program, _ lang.Expr, _ []lang.Expr) Value { return text(p.environment.Comm) },
		"exit":        (*program).exit,
		"delete":      (*program).remove,
		"has_key":     (*program).hasKey,
		"len":         (*program).length,
		"clear":       (*program).aboutMap,
		"zero":        (*program).aboutMap,
		"print":       (*program).print,
		"printf":      (*program).printf,
		"printa":      (*program).printa,
		"time":        (*program).printf,
		"str":         (*program).str,
		"buf":         (*program).buf,
		"strlen":      (*program).stringLength,
		"strcontains": (*program).contains,
		"is_err": func(p *program, _ lang.Expr, arguments []lang.Expr) Value {
			return boolean(p.value(arguments[0]).Number > ^uint64(4095))
		},
		"strncmp":    (*program).compareTexts,
		"strstr":     (*program).position,
		"str_concat": (*program).concatenate,
		"sizeof":     (*program).sizeOf,
		"offsetof":   (*program).offsetOf,
		"bswap":      (*program).swapBytes,
		"uptr":       (*program).pointer,
		"kptr":       (*program).pointer,
	}
}

// Known reports whether the value of a builtin can be foretold.
func Known(name string) bool { return rules[name] != nil }

func (p *program) builtin(name string, e lang.Expr, arguments []lang.Expr) Value {
	name = strings.TrimPrefix(name, "__builtin_")
	if rule := rules[name]; rule != nil {
		return rule(p, e, arguments)
	}
	if n, ok := p.environment.Numbers[name]; ok {
		return number(p.typeOf(e), n)
	}
	fail(e.Range(), "no rule for this builtin")
	return Value{}
}

func (p *program) event(format string, arguments ...any) {
	p.events = append(p.events, fmt.Sprintf(format, arguments...))
}

// nothing is the value of what has none.
var nothing = Value{Type: types.NoValue}

func (p *program) exit(_ lang.Expr, arguments []lang.Expr) Value {
	p.stopped = true
	p.event("exit%s", p.texts(arguments))
	panic(jump{exit: true})
}

// texts evaluates the fields of an event.
func (p *program) texts(arguments []lang.Expr) string {
	var b strings.Builder
	for _, argument := range arguments {
		b.WriteString(" " + p.value(argument).String())
	}
	return b.String()
}

func (p *program) printf(e lang.Expr, arguments []lang.Expr) Value {
	format := `"%H:%M:%S\n"`
	if len(arguments) > 0 {
		format = p.value(arguments[0]).String()
		arguments = arguments[1:]
	}
	p.event("%s %s%s", e.(*lang.Call).Name, format, p.texts(arguments))
	return nothing
}

func (p *program) printa(_ lang.Expr, arguments []lang.Expr) Value {
	names := ""
	for _, argument := range arguments[1:] {
		names += " @" + argument.(*lang.Map).Name
	}
	p.event("printa %s%s", p.value(arguments[0]), names)
	return nothing
}

func (p *program) print(e lang.Expr, arguments []lang.Expr) Value {
	m, ok := lang.Unparen(arguments[0]).(*lang.Map)
	switch {
	case ok && len(m.Keys) == 0:
		return p.aboutMap(e, arguments)
	case ok && p.mapNamed(m.Name).value.Composite():
		p.event("print key @%s[%s]", m.Name, KeyText(p.key(p.mapNamed(m.Name), m.Keys)))
	default:
		p.event("print%s", p.texts(arguments))
	}
	return nothing
}

// aboutMap is what the runtime does with a map when the event reaches it.
func (p *program) aboutMap(e lang.Expr, arguments []lang.Expr) Value {
	p.event("%s @%s", e.(*lang.Call).Name, lang.Unparen(arguments[0]).(*lang.Map).Name)
	return nothing
}

// keyArgument is the key in f(@m[key]) and f(@m, key), where a key of several parts may
// be a tuple.
func (p *program) keyArgument(arguments []lang.Expr) (*mapping, string) {
	e := lang.Unparen(arguments[0]).(*lang.Map)
	m, keys := p.mapNamed(e.Name), e.Keys
	if len(arguments) > 1 {
		keys = arguments[1:]
	}
	return m, KeyText(p.key(m, keys))
}

func (p *program) remove(_ lang.Expr, arguments []lang.Expr) Value {
	m, key := p.keyArgument(arguments)
	found := m.entries[key] != nil
	delete(m.entries, key)
	return boolean(found)
}

func (p *program) hasKey(_ lang.Expr, arguments []lang.Expr) Value {
	m, key := p.keyArgument(arguments)
	return boolean(m.entries[key] != nil)
}

func (p *program) length(e lang.Expr, arguments []lang.Expr) Value {
	m, ok := lang.Unparen(arguments[0]).(*lang.Map)
	if !ok {
		fail(e.Range(), "len of a stack")
	}
	return number(types.Int64, uint64(len(p.mapNamed(m.Name).entries)))
}

// strType is the type of its argument where that is a text already.
func (p *program) strType(arguments []lang.Expr) *types.Type {
	if t := p.typeOf(arguments[0]); t != nil && t.Kind == types.String {
		return t
	}
	return types.NewString(p.stringSize())
}

const defaultStringSize = 1024

// stringSize is the setting max_strlen.
func (p *program) stringSize() int {
	for _, setting := range p.script.Settings {
		if n, ok := setting.Value.(*lang.Integer); ok && setting.Name == "max_strlen" {
			return int(n.Value)
		}
	}
	return defaultStringSize
}

// str reads up to the first zero; str(p, n) at most n bytes, with one for the ending
// zero. What max_strlen cuts keeps a byte in the place of the zero. A positional
// parameter is text, whatever it looks like.
func (p *program) str(_ lang.Expr, arguments []lang.Expr) Value {
	if parameter, ok := lang.Unparen(arguments[0]).(*lang.Positional); ok && len(arguments) == 1 {
		if parameter.Index > len(p.environment.Args) {
			return text("")
		}
		return text(p.environment.Args[parameter.Index-1])
	}
	if sum, ok := lang.Unparen(arguments[0]).(*lang.Binary); ok && len(arguments) == 1 && sum.Op == "+" {
		if parameter, ok := sum.X.(*lang.Positional); ok && p.parameter(parameter.Index).Type.Kind == types.String {
			whole := p.parameter(parameter.Index).Text
			return text(whole[min(p.value(sum.Y).Number, uint64(len(whole))):])
		}
	}
	x := p.value(arguments[0])
	if x.Type.Kind == types.String && len(arguments) == 1 {
		return text(x.Text)
	}
	most := uint64(p.stringSize())
	if len(arguments) > 1 {
		switch n := p.value(arguments[1]); {
		case n.Type.Signed && int64(n.Number) < 0:
			most = 0
		case n.Number < most:
			most = max(n.Number, 1) - 1
		}
	}
	if x.Type.Kind == types.String {
		return text(x.Text[:min(most, uint64(len(x.Text)))])
	}
	return text(p.textAt(x.Number, most))
}

// asText is the text that a value is or leads to.
func (p *program) asText(e lang.Expr) string {
	v := p.value(e)
	switch v.Type.Kind {
	case types.Pointer:
		return p.textAt(v.Number, uint64(p.stringSize()))
	case types.Array:
		found, _, _ := strings.Cut(string(encode(v)), "\x00")
		return found
	}
	return v.Text
}

// concatType holds all texts, up to max_strlen.
func (p *program) concatType(arguments []lang.Expr) *types.Type {
	size := 1
	for _, argument := range arguments {
		switch t := p.typeOf(argument); {
		case t == nil && !p.guessing:
			return nil
		case t == nil || t.Kind == types.Pointer:
			return types.NewString(p.stringSize())
		default:
			size += t.Size - 1
		}
	}
	if p.round > 10 {
		size = p.stringSize() // of a text that is a part of itself
	}
	return types.NewString(min(size, p.stringSize()))
}

func (p *program) textAt(address, most uint64) string {
	for start, bytes := range p.environment.Memory {
		if address >= start && address-start < uint64(len(bytes)) {
			found, _, _ := strings.Cut(string(bytes[address-start:]), "\x00")
			return found[:min(uint64(len(found)), most)]
		}
	}
	return ""
}

// bytesType is that of all buffers: their sizes are the compiler's business.
var bytesType = &types.Type{Kind: types.Buffer}

func (p *program) buf(e lang.Expr, arguments []lang.Expr) Value {
	if len(arguments) < 2 {
		fail(e.Range(), "no rule for a buf of unknown length")
	}
	size := 0
	if n := p.value(arguments[1]); !n.Type.Signed || int64(n.Number) >= 0 {
		size = int(n.Number)
	}
	from := p.value(arguments[0])
	if from.Type.Kind == types.String {
		return Value{Type: bytesType, Text: from.Text[:min(size, len(from.Text))]}
	}
	bytes := p.load(from.Number, &types.Type{Kind: types.Struct, Size: size})
	return Value{Type: bytesType, Text: string(bytes.Raw)}
}

func (p *program) stringLength(_ lang.Expr, arguments []lang.Expr) Value {
	return number(types.Uint64, uint64(len(p.asText(arguments[0]))))
}

func (p *program) contains(_ lang.Expr, arguments []lang.Expr) Value {
	return boolean(strings.Contains(p.asText(arguments[0]), p.asText(arguments[1])))
}

func (p *program) compareTexts(_ lang.Expr, arguments []lang.Expr) Value {
	x, y, n := p.asText(arguments[0]), p.asText(arguments[1]), p.value(arguments[2]).Number
	x, y = x[:min(uint64(len(x)), n)], y[:min(uint64(len(y)), n)]
	return number(types.Int64, boolean(x != y).Number)
}

func (p *program) position(_ lang.Expr, arguments []lang.Expr) Value {
	return number(types.Int64, uint64(strings.Index(p.asText(arguments[0]), p.asText(arguments[1]))))
}

func (p *program) concatenate(_ lang.Expr, arguments []lang.Expr) Value {
	var b strings.Builder
	for _, argument := range arguments {
		b.WriteString(p.asText(argument))
	}
	return text(b.String()[:min(b.Len(), p.stringSize())])
}

func (p *program) sizeOf(_ lang.Expr, arguments []lang.Expr) Value {
	size, _ := inC(p.argumentType(arguments[0]))
	return number(types.Uint64, uint64(size))
}

// inC is the size and alignment of a type where every part of a tuple lies as a member of
// a struct does in C.
func inC(t *types.Type) (size, alignment int) {
	if t.Kind != types.Tuple && t.Kind != types.Record {
		return t.Size, t.Align()
	}
	alignment = 1
	for _, field := range t.Fields {
		part, aligned := inC(field.Type)
		size = (size+aligned-1)/aligned*aligned + part
		alignment = max(alignment, aligned)
	}
	return (size + alignment - 1) / alignment * alignment, alignment
}

// offsetOf adds up the offsets of the members named.
func (p *program) offsetOf(e lang.Expr, arguments []lang.Expr) Value {
	t := p.argumentType(arguments[0])
	offset := 0
	for _, argument := range arguments[1:] {
		name, ok := argument.(*lang.Name)
		if !ok {
			fail(e.Range(), "no rule for such a member")
		}
		found, _ := search(t, name.Name)
		offset, t = offset+found.Offset, found.Type
	}
	return number(types.Uint64, uint64(offset))
}

// pointerType: uptr and kptr say where a pointer leads, and change nothing.
func (p *program) pointerType(arguments []lang.Expr) *types.Type { return p.typeOf(arguments[0]) }

func (p *program) pointer(_ lang.Expr, arguments []lang.Expr) Value { return p.value(arguments[0]) }

func (p *program) swappedType(arguments []lang.Expr) *types.Type {
	if t := p.typeOf(arguments[0]); t != nil {
		return types.NewInt(t.Size, false)
	}
	return nil
}

// swapBytes turns the bytes of a number around, as many as its type has.
func (p *program) swapBytes(e lang.Expr, arguments []lang.Expr) Value {
	x := p.value(arguments[0])
	return number(p.typeOf(e), bits.ReverseBytes64(x.Number)>>(64-8*x.Type.Size))
}

// matches holds a text against a pattern with * ? [sets] and backslashes, one byte after
// the other.
func matches(text, pattern string) bool {
	if pattern == "" {
		return text == ""
	}
	switch pattern[0] {
	case '*':
		return matches(text, pattern[1:]) || text != "" && matches(text[1:], pattern)
	case '?':
		return text != "" && matches(text[1:], pattern[1:])
	case '[':
		if text == "" {
			return false
		}
		in, rest := inSet(text[0], pattern[1:])
		return in && matches(text[1:], rest)
	case '\\':
		pattern = pattern[1:]
	}
	return text != "" && text[0] == pattern[0] && matches(text[1:], pattern[1:])
}

// inSet reads a set up to its bracket and returns what stands behind.
func inSet(c byte, set string) (in bool, rest string) {
	not := set[0] == '!' || set[0] == '^'
	if not {
		set = set[1:]
	}
	for first := true; first || set[0] != ']'; first = false {
		low, after := setByte(set)
		high := low
		if after[0] == '-' && after[1] != ']' {
			high, after = setByte(after[1:])
		}
		in = in || c >= low && c <= high
		set = after
	}
	return in != not, set[1:]
}

func setByte(set string) (c byte, rest string) {
	if set[0] == '\\' {
		set = set[1:]
	}
	return set[0], set[1:]
}
