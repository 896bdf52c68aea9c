package verifierlog

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/lang/diag"
)

// value is what the kernel writes of the contents of a place.
type value struct {
	text string
	// words are the plain ones, but for addresses of maps, whose names the value may not
	// have.
	words string
	// id is that of an unknown number, which it shares with others that are the same.
	id string
	// reference is that of what must be given back.
	reference string
	null      bool // it may be null instead
	number    bool
	zero      bool
	// bytes are the letters of a stack slot, the lowest address first; empty where the
	// slot holds one value, which may leave letters for the upper bytes.
	bytes, upper string
	// mapped is an address in a map or that of a map.
	mapped *mapped
}

// mapped is an address that has to do with a map.
type mapped struct {
	name               string // newer kernels tell it
	keySize, valueSize int
	whole              bool // the map itself
	low, high          int  // the bytes of the value that it may be
	known              int  // what is certain of the offset:
	unknown            int  // the bits of known that are not
}

var nothing = &value{words: "nothing"}

// slotLetters are what the letters of a slot stand for.
var slotLetters = [...]struct {
	letter byte
	words  string
}{
	{'m', written}, {'0', "0"}, {'d', "part of a dynptr"}, {'i', "part of an iterator"},
	{'r', "a saved value"},
}

// newValue reads a value. Of what is unknown the kernel's words remain.
func newValue(text string, slot bool) *value {
	v := &value{text: text}
	if slot && isLetters(text) {
		v.bytes = reversed(text)
		return v
	}
	if slot {
		text, v.upper = withoutUpper(text)
	}
	name, list, _ := strings.Cut(text, "(")
	args := argumentsOf(strings.TrimSuffix(list, ")"))
	name = strings.TrimPrefix(name, "inv")
	if rest, precise := strings.CutPrefix(name, "P"); precise {
		name = rest
	}
	if name == "" || name == "scalar" {
		v.number, v.id = true, args.id()
		v.words = rangeOf(args).words()
		return v
	}
	if n, err := strconv.ParseInt(name, 0, 64); err == nil {
		v.constant(uint64(n))
		return v
	}
	if n, err := strconv.ParseUint(name, 0, 64); err == nil {
		v.constant(n)
		return v
	}
	v.pointer(name, args)
	return v
}

func (v *value) constant(n uint64) {
	v.number, v.zero, v.words = true, n == 0, numeral(int64(n))
}

func isLetters(text string) bool {
	return len(text) == slotSize && strings.Trim(text, "?mr0dif") == ""
}

// withoutUpper separates the letters of bytes above a short value: ????77 is 77 in the
// lower four.
func withoutUpper(text string) (value, letters string) {
	if strings.HasPrefix(text, "?") || strings.HasPrefix(text, "mm") {
		value = strings.TrimLeft(text, "?m")
		return value, reversed(text[:len(text)-len(value)])
	}
	return text, ""
}

func reversed(text string) string {
	out := []byte(text)
	for i, letter := range []byte(text) {
		out[len(out)-1-i] = letter
	}
	return string(out)
}

// pointer reads the types of addresses: flags come before the type's name, or_null after
// it, or before the name of a struct.
func (v *value) pointer(name string, args arguments) {
	if rest, frame := strings.CutPrefix(name, "fp"); frame {
		v.words = stackAddress(rest, args)
		return
	}
	name, v.null = withoutNull(name)
	if v.null {
		v.id = args.id()
	}
	flags, base := flagsOf(name)
	v.reference = args["ref_obj_id"]
	if flags["ringbuf"] && v.reference == "" {
		v.reference = args.id() // since 7.0
	}
	switch {
	case base == "map_ptr" || base == "map_value" || base == "map_key":
		v.mapped = mappedOf(args)
		v.mapped.whole = base == "map_ptr"
	case base == "ctx":
		v.words = "the context" + plus(args.offset())
	case strings.HasPrefix(base, "ptr_"):
		v.words = "pointer to " + diag.Printable(strings.TrimPrefix(base, "ptr_")) + plus(args.offset())
	case base == "mem" || base == "buf" || base == "alloc_mem":
		v.words = memory(flags, args)
	case base == "func":
		v.words = "address of a function"
	default:
		v.words = diag.Printable(name)
	}
	if flags["untrusted"] {
		v.words += ", unchecked"
	}
	if v.null && v.mapped == nil {
		v.words += ", or null"
	}
}

func withoutNull(name string) (string, bool) {
	if rest, may := strings.CutSuffix(name, "_or_null"); may {
		return rest, true
	}
	if before, after, may := strings.Cut(name, "ptr_or_null_"); may {
		return before + "ptr_" + after, true
	}
	return name, false
}

var pointerFlags = []string{
	"rdonly", "rdwr", "ringbuf", "user", "percpu", "untrusted", "trusted", "rcu", "non_own_ref",
}

func flagsOf(name string) (flags map[string]bool, base string) {
	for found := true; found; {
		found = false
		for _, flag := range pointerFlags {
			if rest, has := strings.CutPrefix(name, flag+"_"); has {
				if flags == nil {
					flags = map[string]bool{}
				}
				name, flags[flag], found = rest, true, true
			}
		}
	}
	return flags, name
}

// stackAddress is that of a byte of the stack: fp-16, or fp[0]-16 where it is the stack of
// a function that called.
func stackAddress(offset string, args arguments) string {
	whose, top := "stack", "the stack"
	if rest, other := strings.CutPrefix(offset, "["); other {
		_, offset, _ = strings.Cut(rest, "]")
		whose, top = "the caller's stack", "the caller's stack"
	}
	n, err := strconv.Atoi(offset)
	if offset == "" {
		n, err = args.offset(), nil
	}
	switch r := rangeOf(args); {
	case err != nil:
		return "address in the stack"
	case offset == "" && r.bounded():
		return fmt.Sprintf("address of %s, byte %s", top, bounds(n+int(r.umin), n+int(r.umax)))
	case n == 0:
		return "address of the end of " + top
	}
	return fmt.Sprintf("address of %s %d", whose, n)
}

// memory is a piece that is no map's: of the ring buffer, or behind a pointer.
func memory(flags map[string]bool, args arguments) string {
	words := "memory"
	size, known := args.number("sz", "mem_size")
	if flags["ringbuf"] || args["ref_obj_id"] != "" {
		words = "record in the ring buffer"
	}
	if known && size > 0 {
		words += fmt.Sprintf(" of %d bytes", size)
	}
	if at := args.offset(); at != 0 {
		words += fmt.Sprintf(", byte %d", at)
	}
	return words
}

func mappedOf(args arguments) *mapped {
	m := &mapped{name: args["map"]}
	m.keySize, _ = args.number("ks")
	m.valueSize, _ = args.number("vs")
	m.low, m.high = args.offset(), args.offset()
	m.known = m.low
	switch r := rangeOf(args); {
	case args["var_off"] == "" && !r.bounded():
	case r.bounded() && r.umax < 1<<31:
		m.low, m.high = m.low+int(r.umin), m.high+int(r.umax)
		m.known, m.unknown = m.known+int(r.bits), int(r.mask)
	default:
		m.high, m.unknown = m.valueSize, -1
	}
	return m
}

// words name a map and the byte of its value.
func (m *mapped) words(of *Map, null bool) string {
	words := "a map"
	if of != nil {
		words = "map " + of.Called
	}
	switch {
	case m.whole:
		return words
	case of != nil && len(of.Parts) > 0:
		words = of.part(m)
	default:
		words = "value of " + words + m.bytes()
	}
	if null {
		words += ", or null"
	}
	return words
}

func (m *mapped) bytes() string {
	switch {
	case m.low == 0 && m.high == 0:
		return ""
	case m.low == m.high:
		return fmt.Sprintf(", byte %d of %d", m.low, m.valueSize)
	}
	return fmt.Sprintf(", byte %s of %d", bounds(m.low, m.high), m.valueSize)
}

// part names the part of a value that an address lies in. The row may be unknown where
// each CPU has one.
func (m *Map) part(at *mapped) string {
	offset, certain := at.known, at.unknown == 0
	if m.Stride > 0 {
		certain = at.unknown%m.Stride == 0
		offset %= m.Stride
	}
	for _, part := range m.Parts {
		if certain && offset >= part.Offset && offset < part.Offset+part.Size {
			words := part.Called
			if inner := offset - part.Offset; inner > 0 {
				words += fmt.Sprintf(", byte %d of %d", inner, part.Size)
			}
			return words + " in map " + m.Called
		}
	}
	return "value of map " + m.Called + at.bytes()
}

func plus(offset int) string {
	if offset == 0 {
		return ""
	}
	return fmt.Sprintf(" %+d", offset)
}
