package render

import (
	"strconv"
	"time"
)

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
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'h': "Jan", 'p': "PM", 'z': "-0700", 'Z': "MST",
}

// appendTime appends a moment by a strftime format. A conversion that does not exist prints as it stands.
func appendTime(b []byte, format string, t time.Time) []byte {
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b = append(b, format[i])
			continue
		}
		i++
		b = appendTimePart(b, format[i], t)
	}
	return b
}

func appendTimePart(b []byte, verb byte, t time.Time) []byte {
	if format, ok := composite[verb]; ok {
		return appendTime(b, format, t)
	}
	if layout, ok := spelled[verb]; ok {
		return t.AppendFormat(b, layout)
	}
	switch verb {
	case '%':
		return append(b, '%')
	case 'n':
		return append(b, '\n')
	case 't':
		return append(b, '\t')
	}
	if n, width, fill, ok := timeNumber(verb, t); ok {
		return appendFilled(b, n, width, fill)
	}
	return append(b, '%', verb)
}

// timeNumber returns a number of the date with its width and what fills it.
func timeNumber(verb byte, t time.Time) (n int64, width int, fill byte, ok bool) {
	value, width, fill := 0, 2, byte('0')
	switch verb {
	case 'C':
		value = t.Year() / 100
	case 'd':
		value = t.Day()
	case 'e':
		value, fill = t.Day(), ' '
	case 'f':
		value, width = t.Nanosecond()/1000, 6
	case 'L':
		value, width = t.Nanosecond()/1e6, 3
	case 'H':
		value = t.Hour()
	case 'I':
		value = (t.Hour()+11)%12 + 1
	case 'j':
		value, width = t.YearDay(), 3
	case 'k':
		value, fill = t.Hour(), ' '
	case 'l':
		value, fill = (t.Hour()+11)%12+1, ' '
	case 'm':
		value = int(t.Month())
	case 'M':
		value = t.Minute()
	case 'S':
		value = t.Second()
	case 's':
		return t.Unix(), 0, fill, true
	case 'u':
		value, width = (int(t.Weekday())+6)%7+1, 1
	case 'w':
		value, width = int(t.Weekday()), 1
	case 'y':
		value = t.Year() % 100
	case 'Y':
		value, width = t.Year(), 0
	default:
		return 0, 0, 0, false
	}
	return int64(value), width, fill, true
}

func appendFilled(b []byte, n int64, width int, fill byte) []byte {
	var space [20]byte
	digits := strconv.AppendInt(space[:0], n, 10)
	return append(repeat(b, fill, width-len(digits)), digits...)
}
