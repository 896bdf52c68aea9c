package lang

import (
	"fmt"
	"maps"
	"math/bits"
	"strconv"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// units are the suffixes of integers and what they multiply by; time is in nanoseconds.
var units = map[string]uint64{
	"": 1, "u": 1, "l": 1, "ll": 1, "ul": 1, "ull": 1, "lu": 1, "llu": 1,
	"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9, "d": 86400e9,
}

func (p *parser) integer(token *lexer.Token) Expr {
	value, unsigned, problem := parseInteger(token.Value)
	if problem != nil {
		p.fail(p.tokenSpan(token), problem.message, problem.hint)
	}
	p.next()
	return &Integer{Value: value, Unsigned: unsigned, Span: p.tokenSpan(token)}
}

// decimal takes 99.9 where it is the whole of an argument; nil where something else
// stands there.
func (p *parser) decimal() Expr {
	start := p.lex.MakeCheckpoint()
	whole, point, fraction := p.next(), p.next(), p.next()
	span := p.tokenSpan(whole).To(p.tokenSpan(fraction))
	text := whole.Value + point.Value + fraction.Value
	if whole.Type == integerToken && point.Value == "." && fraction.Type == integerToken &&
		digitsOnly(whole.Value) && digitsOnly(fraction.Value) && span.Text() == text &&
		(p.at(")") || p.lex.Peek().Type == commaToken) {
		return &Decimal{Text: text, Span: span}
	}
	p.lex.LoadCheckpoint(start)
	return nil
}

func digitsOnly(text string) bool { return strings.Trim(text, "0123456789") == "" }

// problem is what is wrong with a literal.
type problem struct{ message, hint string }

func parseInteger(text string) (value uint64, unsigned bool, wrong *problem) {
	digits, base, rest := splitInteger(text)
	exponent, suffix := splitExponent(rest, base)
	if wrong := checkInteger(text, digits, suffix, base); wrong != nil {
		return 0, false, wrong
	}
	suffix = strings.ToLower(suffix)
	value, err := strconv.ParseUint(strings.ReplaceAll(digits, "_", ""), base, 64)
	scale, fits := power10(exponent, value)
	high, value := bits.Mul64(value, scale)
	overflow, value := bits.Mul64(value, units[suffix])
	if err != nil || !fits || high != 0 || overflow != 0 {
		return 0, false, &problem{text + " does not fit in 64 bits", "the largest integer is 0xffffffffffffffff"}
	}
	unsigned = strings.Contains(suffix, "u") && suffix != "us"
	return value, unsigned, nil
}

// ParseInteger reads an integer as scripts write it, with its unit. Where it is none,
// wrong says why, and hint what may be meant.
func ParseInteger(text string) (value uint64, wrong, hint string) {
	value, _, problem := parseInteger(text)
	if problem != nil {
		return 0, problem.message, problem.hint
	}
	return value, "", ""
}

// ParseString resolves the escapes of a quoted text as scripts write it. Where one is
// wrong, it starts at a byte of the text; wrong says why, and hint what may be meant.
func ParseString(quoted string) (value string, at int, wrong, hint string) {
	value, at, problem := unescape(quoted)
	if problem != nil {
		return "", at, problem.message, problem.hint
	}
	return value, 0, "", ""
}

func checkInteger(text, digits, suffix string, base int) *problem {
	_, known := units[strings.ToLower(suffix)]
	switch {
	case digits == "" || strings.HasSuffix(digits, "_"):
		return &problem{text + " is not a number", ""}
	case known:
		return nil
	case isDigit(suffix[0]):
		return &problem{fmt.Sprintf("%s has a digit that base %d does not have", text, base), "0 at the beginning means octal, 0x hexadecimal, 0b binary"}
	}
	if suffix == "e" || suffix == "E" {
		return &problem{NoFloating, FloatHint}
	}
	return &problem{fmt.Sprintf("%s is not a unit", quote(suffix)), nearestUnit(suffix)}
}

func nearestUnit(suffix string) string {
	for _, near := range diag.Nearest(strings.ToLower(suffix), maps.Keys(units), 1) {
		if near != "" {
			return didYouMean(near)
		}
	}
	return "units of time are ns, us, ms, s, m, h and d"
}

// splitInteger separates the digits, in the base that the prefix says, from what follows
// them.
func splitInteger(text string) (digits string, base int, rest string) {
	base, set := 10, "0123456789_"
	switch {
	case hasPrefixFold(text, "0x"):
		base, set, text = 16, "0123456789abcdefABCDEF_", text[2:]
	case hasPrefixFold(text, "0b"):
		base, set, text = 2, "01_", text[2:]
	case len(text) > 1 && text[0] == '0' && (isDigit(text[1]) || text[1] == '_'):
		base, set = 8, "01234567_"
	}
	rest = strings.TrimLeft(text, set)
	return text[:len(text)-len(rest)], base, rest
}

func hasPrefixFold(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}

// splitExponent separates the exponent's digits of 15e3 from the suffix.
func splitExponent(rest string, base int) (exponent, suffix string) {
	if base != 10 || len(rest) < 2 || rest[0]|0x20 != 'e' || !isDigit(rest[1]) {
		return "", rest
	}
	suffix = strings.TrimLeft(rest[1:], "0123456789")
	return rest[1 : len(rest)-len(suffix)], suffix
}

// power10 returns 10 to the exponent; 0 stays 0 at any power.
func power10(exponent string, value uint64) (power uint64, fits bool) {
	if exponent == "" || value == 0 {
		return 1, true
	}
	n, err := strconv.Atoi(exponent)
	if err != nil || n > 19 {
		return 0, false
	}
	power = 1
	for range n {
		power *= 10
	}
	return power, true
}

func (p *parser) stringLiteral(token *lexer.Token) Expr {
	value := p.unescape(token.Pos.Offset, token.Value)
	p.next()
	return &String{Value: value, Span: p.tokenSpan(token)}
}

// unescape resolves the escapes of quoted text that stands at an offset of the script.
func (p *parser) unescape(offset int, quoted string) string {
	value, at, wrong := unescape(quoted)
	if wrong != nil {
		_, length, _ := unescapeOne(quoted[at:])
		start := offset + at
		p.fail(diag.Span{Source: p.source, Start: start, End: start + length}, wrong.message, wrong.hint)
	}
	return value
}

// unescape also returns where the first wrong escape starts.
func unescape(quoted string) (value string, at int, wrong *problem) {
	end := len(quoted) - 1
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1:end], 0, nil
	}
	var b strings.Builder
	for i := 1; i < end; {
		if quoted[i] != '\\' {
			b.WriteByte(quoted[i])
			i++
			continue
		}
		if i+1 == end {
			return "", i, &problem{`\ is not an escape`, `write \\ for a backslash`}
		}
		c, length, wrong := unescapeOne(quoted[i:end])
		if wrong != nil {
			return "", i, wrong
		}
		b.WriteByte(c)
		i += length
	}
	return b.String(), 0, nil
}

var escapes = map[byte]byte{
	'n': '\n', 't': '\t', 'r': '\r', 'a': '\a', 'b': '\b', 'f': '\f', 'v': '\v',
	'"': '"', '\\': '\\', '\'': '\'', '?': '?',
}

// unescapeOne reads the escape at the start of text and returns how many bytes it takes.
func unescapeOne(text string) (c byte, length int, wrong *problem) {
	if c, simple := escapes[text[1]]; simple {
		return c, 2, nil
	}
	switch {
	case text[1] == 'x' || text[1] == 'X':
		return escapedByte(text, 2, 16, "0123456789abcdefABCDEF", 2)
	case '0' <= text[1] && text[1] <= '7':
		return escapedByte(text, 1, 8, "01234567", 3)
	}
	return 0, 2, &problem{fmt.Sprintf("%s is not an escape", text[:2]), `write \\ for a backslash`}
}

func escapedByte(text string, start, base int, set string, most int) (c byte, length int, wrong *problem) {
	end := start
	for end < len(text) && end < start+most && strings.IndexByte(set, text[end]) >= 0 {
		end++
	}
	value, err := strconv.ParseUint(text[start:end], base, 8)
	if err != nil {
		return 0, end, &problem{fmt.Sprintf("%s is not a byte", text[:end]), `a byte is written as \x00 to \xff, or \000 to \377`}
	}
	return byte(value), end, nil
}

// unquotePart resolves the quoted sections of a probe's part.
func (p *parser) unquotePart(token *lexer.Token) string {
	text := token.Value
	if strings.IndexByte(text, '"') < 0 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '"' {
			b.WriteByte(text[i])
			continue
		}
		end := stringEnd(text, i)
		b.WriteString(p.unescape(token.Pos.Offset+i, text[i:end]))
		i = end - 1
	}
	return b.String()
}
