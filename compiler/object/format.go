package object

import (
	"fmt"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/types"
)

// Conversion is one `%...` of a printf or printa format. The compiler checks arguments
// against it, the runtime prints through it.
type Conversion struct {
	Text       string // as written: "%-16s"
	Start, End int    // where it stands in the format, in bytes
	Minus      bool   // left-justify
	Plus       bool   // always a sign
	Space      bool   // a blank in place of the plus sign
	Alternate  bool   // 0x before hexadecimal
	Zero       bool   // pad with zeroes
	Width      int    // 0 when absent
	Precision  int    // -1 when absent
	Verb       byte   // one of d i o u x X c s p r
	Value      bool   // `%@d` or `%8@d`: the value of printa's map
}

// maxFieldWidth bounds width and precision, so that no format asks for a gigabyte of
// blanks.
const maxFieldWidth = 4096

// ParseFormat returns the conversions of a format in order; `%%` is none. A *FormatError
// names the wrong one.
func ParseFormat(format string) ([]Conversion, error) {
	var list []Conversion
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			continue
		}
		if strings.HasPrefix(format[i:], "%%") {
			i++
			continue
		}
		conversion, err := parseConversion(format, i)
		if err != nil {
			return nil, err
		}
		list = append(list, conversion)
		i = conversion.End - 1
	}
	return list, nil
}

func parseConversion(format string, start int) (Conversion, error) {
	c := Conversion{Start: start, Precision: -1}
	at := start + 1
	at = c.flags(format, at)
	c.Width, at = number(format, at)
	if at < len(format) && format[at] == '.' {
		c.Precision, at = number(format, at+1)
	}
	at = c.lengths(format, at)
	if at == len(format) || strings.IndexByte("diouxXcspr", format[at]) < 0 {
		return c, unknownConversion(format, start, at)
	}
	if c.Width > maxFieldWidth || c.Precision > maxFieldWidth {
		return c, &FormatError{Message: fmt.Sprintf("%q is wider than %d columns", format[start:at+1], maxFieldWidth)}
	}
	c.Verb, c.End, c.Text = format[at], at+1, format[start:at+1]
	return c, nil
}

// FormatError says what is wrong with a format, and in Hint what to write instead.
type FormatError struct{ Message, Hint string }

func (e *FormatError) Error() string { return e.Message }

// unknownConversion explains the conversions of C and bpftrace that are not there.
func unknownConversion(format string, start, at int) *FormatError {
	text := format[start:min(at+1, len(format))]
	switch {
	case strings.HasPrefix(format[at:], "gr"):
		message := "\"%sr\", the names of allocation flags, is not there: " +
			"each kernel numbers them in its own way"
		return &FormatError{fmt.Sprintf(message, text), "%#x prints the number"}
	case at < len(format) && strings.IndexByte("aAeEfFgG", format[at]) >= 0:
		message := "%q prints floating point, which programs in the kernel do not have"
		return &FormatError{fmt.Sprintf(message, text),
			"print an integer by %d, or its parts: printf(\"%d.%03d\", n / 1000, n % 1000)"}
	case at < len(format) && format[at] == 'n':
		return &FormatError{Message: fmt.Sprintf("%q stores a number in C; here a format only prints", text)}
	}
	message := "%q is no conversion; there are %%d %%i %%u %%x %%X %%o %%c %%s %%p %%r and %%%%"
	return &FormatError{Message: fmt.Sprintf(message, text)}
}

func (c *Conversion) flags(format string, at int) int {
	for ; at < len(format); at++ {
		switch format[at] {
		case '-':
			c.Minus = true
		case '+':
			c.Plus = true
		case ' ':
			c.Space = true
		case '#':
			c.Alternate = true
		case '0':
			c.Zero = true
		case '@':
			c.Value = true
		default:
			return at
		}
	}
	return at
}

// lengths passes the letters of C for the size of an argument, which every argument knows
// by itself, and finds the `@` behind a width: `%8@d` is `%@8d`.
func (c *Conversion) lengths(format string, at int) int {
	for at < len(format) && strings.IndexByte("hlLjzt@", format[at]) >= 0 {
		c.Value = c.Value || format[at] == '@'
		at++
	}
	return at
}

func number(format string, at int) (n, end int) {
	for ; at < len(format) && format[at] >= '0' && format[at] <= '9'; at++ {
		n = min(n*10+int(format[at]-'0'), maxFieldWidth+1)
	}
	return n, at
}

// Accepts reports whether the conversion can print values of the type: %s prints all of
// them, %r the bytes of memory, and the others the number of what has one.
func (c Conversion) Accepts(t *types.Type) bool {
	switch {
	case t.Kind == types.None || t.Aggregation():
		return false
	case c.Verb == 's':
		return true
	case c.Verb == 'r':
		return t.Kind == types.Buffer && t.Elem == nil || t.Kind == types.String || t.ByteArray()
	}
	return t.Scalar() && t.Kind != types.ProbeName
}
