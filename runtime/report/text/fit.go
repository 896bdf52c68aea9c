package text

import (
	"bytes"

	"github.com/ponytrace/ponytrace/runtime/report/format"
)

// The widths that tables are drawn for: a narrower terminal has no room for a bar, and
// across a wider one no eye follows a line.
const (
	leastWidth = 40
	mostWidth  = 200
	// leastKey is what is left of a key at least, however wide its value is.
	leastKey = 8
)

// fit asks the terminal for its width: a person may change it at any time.
func (s *sink) fit() {
	if s.width == nil {
		return
	}
	s.format.Width = 0
	if width := s.width(); width > 0 {
		s.format.Width = min(max(width, leastWidth), mostWidth)
	}
}

// cutKey cuts the lines of the key between start and end so that those of the row fit. A
// name of so many columns stands before it.
func (s *sink) cutKey(b []byte, start, end, name int) []byte {
	value := b[end:]
	rest := value[:bytes.IndexByte(value, '\n')]
	if name+len(b[start:end])+len(rest) <= s.format.Width {
		return b
	}
	lines := bytes.Split(bytes.Clone(b[start:end]), []byte{'\n'})
	value, last := bytes.Clone(value), format.Columns(rest)
	b = b[:start]
	for i, line := range lines {
		room := s.format.Width
		if i == 0 {
			room -= name
		} else {
			b = append(b, '\n')
		}
		if i == len(lines)-1 {
			room -= last
		}
		b = format.AppendCut(b, line, max(leastKey, room))
	}
	return append(b, value...)
}
