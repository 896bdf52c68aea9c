package format

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// layout is a parsed format: text and conversions in turn.
type layout struct {
	pieces []piece
	tail   string
}

type piece struct {
	before string
	object.Conversion
	// bytes is the size that the length modifiers hh and h cut a number to; 8 without
	// them.
	bytes int
	// long is set by the length modifiers of 64 bits.
	long bool
	// raw is the x or h of %rx and %rh: no byte of a buffer prints as itself.
	raw byte
}

func (f *Formatter) ofEvent(event *object.Event) *layout {
	l := f.events[event]
	if l == nil {
		l = parse(event.Format)
		f.events[event] = l
	}
	return l
}

func (f *Formatter) ofText(text string) *layout {
	l := f.texts[text]
	if l == nil {
		l = parse(text)
		f.texts[text] = l
	}
	return l
}

// parse prepares a format. The compiler has checked it; what is wrong nevertheless prints
// as it stands.
func parse(text string) *layout {
	conversions, err := object.ParseFormat(text)
	if err != nil {
		return &layout{tail: text}
	}
	l, at := &layout{}, 0
	for _, c := range conversions {
		l.pieces = append(l.pieces, newPiece(text, at, &c))
		at = c.End
	}
	l.tail = percents(text[at:])
	return l
}

func newPiece(text string, start int, c *object.Conversion) piece {
	p := piece{before: percents(text[start:c.Start]), bytes: 8}
	p.long = strings.ContainsAny(c.Text, "ljztL")
	switch {
	case strings.Contains(c.Text, "hh"):
		p.bytes = 1
	case strings.Contains(c.Text, "h"):
		p.bytes = 2
	}
	if c.Verb == 'r' && c.End < len(text) && (text[c.End] == 'x' || text[c.End] == 'h') {
		p.raw = text[c.End]
		c.End++
	}
	p.Conversion = *c
	return p
}

func percents(text string) string { return strings.ReplaceAll(text, "%%", "%") }

// AppendLine appends an event's format over its arguments.
func (f *Formatter) AppendLine(b []byte, event *object.Event, args []events.Value) []byte {
	l := f.ofEvent(event)
	for i := range l.pieces {
		b = append(b, l.pieces[i].before...)
		if i < len(args) {
			b = f.appendConversion(b, &l.pieces[i], args[i])
		}
	}
	return append(b, l.tail...)
}

// Line returns an event's format over its arguments.
func (f *Formatter) Line(event *object.Event, args []events.Value) string {
	return string(f.AppendLine(nil, event, args))
}

func (f *Formatter) appendConversion(b []byte, c *piece, v events.Value) []byte {
	start := len(b)
	switch c.Verb {
	case 's':
		b = cut(f.appendText(b, v), start, c.Precision)
	case 'r':
		b = f.appendRaw(b, c, v)
	case 'c':
		b = appendSafeByte(b, byte(v.Number()))
	default:
		if Multiline(v.Type) {
			return f.AppendValue(b, report.Plain(v))
		}
		return appendInteger(b, c, v)
	}
	return pad(b, start, c)
}

// appendText appends a value; an array of bytes is the text that it begins with, as in C.
func (f *Formatter) appendText(b []byte, v events.Value) []byte {
	if !v.Type.ByteArray() {
		return f.AppendValue(b, report.Plain(v))
	}
	text, _, _ := bytes.Cut(v.Bytes(), []byte{0})
	return AppendSafe(b, text)
}

// cut shortens the text that begins at start to at most limit bytes, and no character in
// two.
func cut(b []byte, start, limit int) []byte {
	if limit < 0 || len(b)-start <= limit {
		return b
	}
	end := start + limit
	for end > start && !utf8.RuneStart(b[end]) {
		end--
	}
	return b[:end]
}

func (f *Formatter) appendRaw(b []byte, c *piece, v events.Value) []byte {
	if c.raw == 0 {
		return appendBuffer(b, v.Bytes())
	}
	for i, value := range v.Bytes() {
		switch {
		case c.raw == 'x':
			b = append(b, '\\', 'x')
		case i > 0:
			b = append(b, ' ')
		}
		b = append(b, hexDigits[value>>4], hexDigits[value&15])
	}
	return b
}

// pad fills what begins at start with blanks to the width.
//
//go:noinline
func pad(b []byte, start int, c *piece) []byte {
	missing := c.Width - (len(b) - start)
	if missing <= 0 {
		return b
	}
	b = repeat(b, ' ', missing)
	if !c.Minus {
		copy(b[start+missing:], b[start:len(b)-missing])
		for i := range missing {
			b[start+i] = ' '
		}
	}
	return b
}

//go:noinline
func repeat(b []byte, c byte, times int) []byte {
	for range times {
		b = append(b, c)
	}
	return b
}

// appendInteger appends a number as C's printf does: sign or base, zeroes, digits.
func appendInteger(b []byte, c *piece, v events.Value) []byte {
	var space [24]byte
	start := len(b)
	prefix, digits := c.digits(space[:0], v)
	zeroes := c.Precision - len(digits)
	if c.Zero && !c.Minus && c.Precision < 0 {
		zeroes = c.Width - len(prefix) - len(digits)
	}
	if c.Alternate && c.Verb == 'o' && zeroes <= 0 && (len(digits) == 0 || digits[0] != '0') {
		zeroes = 1
	}
	b = repeat(append(b, prefix...), '0', zeroes)
	return pad(append(b, digits...), start, c)
}

// digits returns what stands before the zeroes of a number and what stands behind them.
func (c *piece) digits(space []byte, v events.Value) (prefix string, digits []byte) {
	n := v.Number()
	if c.Verb == 'd' || c.Verb == 'i' {
		prefix, n = c.sign(c.extend(n))
	} else {
		n = c.narrow(n, v.Type)
		prefix = c.base(n)
	}
	if n == 0 && c.Precision == 0 {
		return prefix, nil
	}
	digits = strconv.AppendUint(space, n, c.radix())
	if c.Verb == 'X' {
		upper(digits)
	}
	return prefix, digits
}

func (c *piece) radix() int {
	switch c.Verb {
	case 'x', 'X', 'p':
		return 16
	case 'o':
		return 8
	}
	return 10
}

func upper(digits []byte) {
	for i, d := range digits {
		if d >= 'a' {
			digits[i] = d - 'a' + 'A'
		}
	}
}

// sign takes the sign off a number.
func (c *piece) sign(n int64) (string, uint64) {
	switch {
	case n < 0:
		return "-", -uint64(n)
	case c.Plus:
		return "+", uint64(n)
	case c.Space:
		return " ", uint64(n)
	}
	return "", uint64(n)
}

func (c *piece) base(n uint64) string {
	switch {
	case c.Verb == 'p', c.Verb == 'x' && c.Alternate && n != 0:
		return "0x"
	case c.Verb == 'X' && c.Alternate && n != 0:
		return "0X"
	}
	return ""
}

func (c *piece) extend(n uint64) int64 {
	unused := 64 - 8*c.bytes
	return int64(n<<unused) >> unused
}

// narrow undoes the sign extension of numbers smaller than 64 bits: %x of an int32 has at
// most 8 digits, %lx up to 16.
func (c *piece) narrow(n uint64, t *types.Type) uint64 {
	size := c.bytes
	if t.Scalar() && !c.long {
		size = min(size, sizeOf(n, t))
	}
	unused := 64 - 8*size
	return n << unused >> unused
}

// sizeOf is the size of a number's type: in a map that of what was stored, unless CPUs
// added up to more.
func sizeOf(n uint64, t *types.Type) int {
	if t.Exact == nil {
		return t.Size
	}
	unused := 64 - 8*t.Exact.Size
	held := n << unused >> unused
	if t.Exact.Signed {
		held = uint64(int64(n<<unused) >> unused)
	}
	if held != n {
		return t.Size
	}
	return t.Exact.Size
}
