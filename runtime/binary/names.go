package binary

import (
	"bytes"
	"debug/elf"
	"strings"

	"github.com/ianlancetaylor/demangle"

	"github.com/ponytrace/ponytrace/compiler/target"
)

const (
	// maxMangled bounds the names that are taken for mangled ones.
	maxMangled = 1 << 10
	// longestDecoded, a power of two, bounds what a name decodes to.
	longestDecoded = 12
	// decodeSteps is what it costs to decode a name, besides its length.
	decodeSteps = 50
)

// Mangled reports whether a name may be one of C++ or Rust.
func Mangled(name []byte) bool {
	marked := bytes.HasPrefix(name, []byte("_Z")) || bytes.HasPrefix(name, []byte("_R"))
	return marked && len(name) <= maxMangled
}

// Decode returns a name of C++ or Rust as its source has it, with parameters; others as
// they are.
func Decode(name string) string { return decode(name) }

func decode(name string, options ...demangle.Option) string {
	if copied([]byte(name)) > maxCopied {
		return name
	}
	text, err := demangle.ToString(name, append(options, demangle.MaxLength(longestDecoded))...)
	if err != nil {
		return name
	}
	return text
}

// rank prefers read to __read, and what is visible outside to what is not.
func rank(name []byte, bind elf.SymBind) uint8 {
	underscores := len(name) - len(bytes.TrimLeft(name, "_"))
	if Mangled(name) {
		underscores = 0
	}
	r := uint8(2 * min(underscores, 100))
	if bind == elf.STB_LOCAL {
		r++
	}
	return r
}

// naming tells which names are meant: one, or those that a pattern matches.
type naming struct {
	exact   string
	pattern *target.Pattern
	source  string          // exact, as squeeze has it
	squeeze *target.Pattern // pattern for texts of squeeze
	// Which of a name's forms are compared: with parameters, and without arguments of
	// templates.
	parameters, plain bool
	linker            bool   // names of C++ and Rust are compared as the linker has them, too
	part              string // of the name; a mangled one without it is not decoded

	pages *pages // what is decoded counts as work
	err   error  // there is no more time for it
}

// named means one name.
func (f *File) named(name string) *naming {
	n := &naming{exact: name, source: squeeze(name), linker: true, pages: f.pages}
	n.compare(name)
	n.part = longestPart([]string{name})
	return n
}

// like means those of a pattern.
func (f *File) like(text string) (n *naming, err error) {
	all := strings.Trim(text, "*") == ""
	n = &naming{linker: all || strings.HasPrefix(text, "_"), pages: f.pages}
	if n.pattern, err = target.ParsePattern(text); err != nil {
		return nil, err
	}
	if n.squeeze, err = target.ParsePattern(squeeze(text)); err != nil {
		return nil, err
	}
	n.compare(text)
	n.part = longestPart(literals(n.pattern))
	return n, nil
}

func (n *naming) compare(text string) {
	n.parameters = strings.Contains(text, "(")
	n.plain = !strings.Contains(text, "<")
}

// squeeze takes the blanks out of a name: f(int, char) is f(int,char).
func squeeze(name string) string { return strings.ReplaceAll(name, " ", "") }

// byLinker reports whether the linker's name is meant. The cold part of a function, which
// the compiler puts elsewhere, is none that a pattern is for.
func (n *naming) byLinker(name []byte) bool {
	if n.pattern == nil {
		return string(name) == n.exact
	}
	return !bytes.HasSuffix(name, []byte(".cold")) && (n.linker || !Mangled(name)) && n.pattern.Matches(string(name))
}

// bySource reports whether the name is meant that a mangled one stands for, or one of Go
// without the arguments of its types. Parts that the compiler split off from a function
// are not the function.
func (n *naming) bySource(name []byte) bool {
	if n.pattern == nil && n.instance(name) {
		return true
	}
	if !Mangled(name) || !bytes.Contains(name, []byte(n.part)) || cloned(string(name)) {
		return false
	}
	if n.err = n.pages.step(decodeSteps + len(name) + copied(name)/stepBytes); n.err != nil {
		return false
	}
	text := string(name)
	switch {
	case n.fits(decode(text, demangle.NoParams)):
		return true
	case n.plain && n.fits(decode(text, demangle.NoParams, demangle.NoTemplateParams)):
		return true
	}
	return n.parameters && n.fits(decode(text))
}

// instance reports whether a name of Go is the one that is meant but for the types that a
// generic function was made for: [...] in their place, as Go's own reports print it, or
// nothing.
func (n *naming) instance(name []byte) bool {
	before, rest, found := bytes.Cut(name, []byte("["))
	last := bytes.LastIndexByte(rest, ']')
	if !found || last < 0 {
		return false
	}
	after, matched := strings.CutPrefix(n.exact, string(before))
	return matched && strings.TrimPrefix(after, "[...]") == string(rest[last+1:])
}

func (n *naming) fits(text string) bool {
	text = squeeze(text)
	if n.pattern == nil {
		return text == n.source
	}
	return n.squeeze.Matches(text)
}

// literals returns the texts that stand for themselves in a pattern.
func literals(p *target.Pattern) (texts []string) {
	for _, segment := range p.Segments {
		text := ""
		for _, e := range segment {
			if e.Literal {
				text += string(rune(e.Byte))
				continue
			}
			texts, text = append(texts, text), ""
		}
		texts = append(texts, text)
	}
	return texts
}

// leastPart is the length of a word that few names have.
const leastPart = 3

// longestPart returns the longest word of the texts that a mangled name must contain if
// it stands for a name with them: no number, nor a word that only decoding brings.
func longestPart(texts []string) (longest string) {
	for _, text := range texts {
		for word := range strings.FieldsFuncSeq(text, notOfWords) {
			known := word[0] >= '0' && word[0] <= '9' || strings.Contains(decoderWords, word)
			if !known && len(word) >= leastPart && len(word) > len(longest) {
				longest = word
			}
		}
	}
	return longest
}

func notOfWords(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_'
	return !letter
}

// decoderWords are those that mangled names have abbreviations for, or that decoding adds.
const decoderWords = `Class TLS Ua9enable_ifI VTT _Accum _BitInt _Complex _Float _Fract
_GLOBAL_ _Imaginary _Sat __alignof__ __alloc_token_ __float128 __ibm128 __int128 __uuidof
__vector _block_invoke abi alias alignof allocator anonymous argument array auto
basic_iostream basic_istream basic_ostream basic_string bfloat16_t block bool cast char
char16_t char32_t char8_t char_traits class clone closure co_await complex const const_cast
consteval constexpr construction constructors covariant cxx11 decimal128 decimal32 decimal64
decltype default delete destructors double dyn dynamic_cast enable_if enum expansion extended
extern f128 f16 f32 f64 false float for friend function global guard half hidden i128 i16 i32
i64 imaginary impl implicit init initialization initializer int invocation iostream isize
istream java keyed lambda literal local long module mut name namespace new noexcept non
noreturn nullptr nullptr_t object operator ostream pack parameter parm pointer reference
reinterpret_cast requires resource restrict return shim short signed size_t sizeof
static_cast std str string struct template template_template temporary this thread throw
thunk to transaction transaction_safe true typeid typeinfo typename u128 u16 u32 u64 union
unnamed unsafe unsigned usize variable vector vendor virtual void volatile vtable wchar_t
wrapper wrapped`
