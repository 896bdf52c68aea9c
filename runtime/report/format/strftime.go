package format

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The conversions are those of C's strftime in the C locale, with the flags, widths and
// modifiers of the GNU C library and of date(1):
// https://sourceware.org/glibc/manual/2.40/html_node/Formatting-Calendar-Time.html. %f
// and %L, the microseconds and milliseconds, come from bpftrace and others.

// timeConversion is one conversion of a format.
type timeConversion struct {
	text     string // as written
	flag     byte   // the last of _ - 0, or 0
	upper    bool   // ^
	opposite bool   // #
	width    int
	modifier byte // E, O or 0
	verb     byte // 0 where the format ends
}

// maxTimeWidth bounds widths, so that no format asks for a gigabyte of blanks.
const maxTimeWidth = 256

// composite are the conversions that stand for others, as in the C locale.
var composite = map[byte]string{
	'c': "%a %b %e %H:%M:%S %Y",
	'D': "%m/%d/%y",
	'F': "%Y-%m-%d",
	'R': "%H:%M",
	'r': "%I:%M:%S %p",
	'T': "%H:%M:%S",
	'x': "%m/%d/%y",
	'X': "%H:%M:%S",
}

// spelled are the conversions that package time knows.
var spelled = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'h': "Jan",
	'p': "PM", 'P': "pm", 'Z': "MST",
}

// literal are the conversions that stand for one character.
var literal = map[byte]byte{'n': '\n', 't': '\t', '%': '%'}

// unmodified are the conversions that a modifier makes invalid.
var unmodified = map[byte]string{
	'E': "aAbBdDeFfgGhHIjklLmMSUVwW%",
	'O': "aAcDFfLxXY%",
}

// AppendTime appends a moment by a strftime format. A conversion that does not exist
// prints as it stands.
func AppendTime(b []byte, format string, t time.Time) []byte {
	for {
		start := strings.IndexByte(format, '%')
		if start < 0 {
			return append(b, format...)
		}
		b = append(b, format[:start]...)
		c := parseTimeConversion(format[start:])
		b = c.append(b, t)
		format = format[start+len(c.text):]
	}
}

// parseTimeConversion reads the conversion that the format begins with.
func parseTimeConversion(format string) (c timeConversion) {
	at := 1
	for ; at < len(format) && strings.IndexByte("_-0^#", format[at]) >= 0; at++ {
		c.setFlag(format[at])
	}
	for ; at < len(format) && '0' <= format[at] && format[at] <= '9'; at++ {
		c.width = min(10*c.width+int(format[at]-'0'), maxTimeWidth)
	}
	if at < len(format) && (format[at] == 'E' || format[at] == 'O') {
		c.modifier = format[at]
		at++
	}
	if at < len(format) {
		c.verb = format[at]
		at++
	}
	c.text = format[:at]
	return c
}

func (c *timeConversion) setFlag(flag byte) {
	switch flag {
	case '^':
		c.upper = true
	case '#':
		c.opposite = true
	default:
		c.flag = flag
	}
}

func (c *timeConversion) append(b []byte, t time.Time) []byte {
	start := len(b)
	if strings.IndexByte(unmodified[c.modifier], c.verb) >= 0 {
		return append(b, c.text...)
	}
	if format, ok := composite[c.verb]; ok {
		return c.pad(c.capitals(AppendTime(b, format, t), start), start)
	}
	if layout, ok := spelled[c.verb]; ok {
		var space [64]byte // a name may come from a file of time zones
		b = AppendSafe(b, t.AppendFormat(space[:0], layout))
		return c.pad(c.capitals(b, start), start)
	}
	if char, ok := literal[c.verb]; ok {
		return c.pad(append(b, char), start)
	}
	if c.verb == 'z' {
		return c.appendOffset(b, t)
	}
	if n, width, ok := timeNumber(c.verb, t); ok {
		return appendFilled(b, n, c.numberWidth(width), c.fill())
	}
	return append(b, c.text...)
}

// capitals changes the case of what stands behind start, as the flags ask for.
func (c *timeConversion) capitals(b []byte, start int) []byte {
	switch {
	case c.opposite && (c.verb == 'p' || c.verb == 'Z'), c.verb == 'P':
		return append(b[:start], bytes.ToLower(b[start:])...)
	case c.upper, c.opposite && strings.IndexByte("aAbBh", c.verb) >= 0:
		return append(b[:start], bytes.ToUpper(b[start:])...)
	}
	return b
}

// pad fills the text behind start up to the width, on its left.
func (c *timeConversion) pad(b []byte, start int) []byte {
	missing := c.width - (len(b) - start)
	if missing <= 0 || c.flag == '-' {
		return b
	}
	fill := []byte{' '}
	if c.flag == '0' {
		fill[0] = '0'
	}
	return slices.Insert(b, start, bytes.Repeat(fill, missing)...)
}

// fill is what stands before the digits of a number.
func (c *timeConversion) fill() byte {
	blank := strings.IndexByte("ekl", c.verb) >= 0
	if c.flag == '_' || blank && c.flag != '0' {
		return ' '
	}
	return '0'
}

// numberWidth is the number of columns of a number that has some of its own.
func (c *timeConversion) numberWidth(width int) int {
	if c.flag == '-' {
		return 0
	}
	return max(width, c.width)
}

// appendOffset appends the distance from UTC, +hhmm. Blanks stand before the sign, zeros
// behind it.
func (c *timeConversion) appendOffset(b []byte, t time.Time) []byte {
	_, seconds := t.Zone()
	sign := byte('+')
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	number := int64(seconds/3600*100 + seconds/60%60)
	width := c.numberWidth(len("+hhmm"))
	if c.fill() == '0' {
		return appendFilled(append(b, sign), number, width-1, '0')
	}
	signed := strconv.AppendInt([]byte{sign}, number, 10)
	return append(repeat(b, ' ', width-len(signed)), signed...)
}

// timeNumber returns a number of the date with its width.
func timeNumber(verb byte, t time.Time) (n int64, width int, ok bool) {
	switch verb {
	case 's':
		return t.Unix(), 1, true
	case 'f':
		return int64(t.Nanosecond() / 1e3), 6, true
	case 'L':
		return int64(t.Nanosecond() / 1e6), 3, true
	case 'j':
		return int64(t.YearDay()), 3, true
	case 'u':
		return int64(mondays(t) + 1), 1, true
	case 'w':
		return int64(t.Weekday()), 1, true
	case 'Y':
		return int64(t.Year()), 1, true
	case 'G':
		year, _ := t.ISOWeek()
		return int64(year), 1, true
	case 'g':
		year, _ := t.ISOWeek()
		return int64(year % 100), 2, true
	case 'V':
		_, week := t.ISOWeek()
		return int64(week), 2, true
	}
	n, ok = twoDigits(verb, t)
	return n, 2, ok
}

// twoDigits returns the numbers below 100.
func twoDigits(verb byte, t time.Time) (n int64, ok bool) {
	value := 0
	switch verb {
	case 'C':
		value = t.Year() / 100
	case 'd', 'e':
		value = t.Day()
	case 'H', 'k':
		value = t.Hour()
	case 'I', 'l':
		value = (t.Hour()+11)%12 + 1
	case 'm':
		value = int(t.Month())
	case 'M':
		value = t.Minute()
	case 'S':
		value = t.Second()
	case 'U':
		value = (t.YearDay() + 6 - int(t.Weekday())) / 7
	case 'W':
		value = (t.YearDay() + 6 - mondays(t)) / 7
	case 'y':
		value = t.Year() % 100
	default:
		return 0, false
	}
	return int64(value), true
}

// mondays counts the days since Monday.
func mondays(t time.Time) int { return (int(t.Weekday()) + 6) % 7 }

func appendFilled(b []byte, n int64, width int, fill byte) []byte {
	var space [20]byte
	digits := strconv.AppendInt(space[:0], n, 10)
	return append(repeat(b, fill, width-len(digits)), digits...)
}
