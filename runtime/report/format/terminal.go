package format

import (
	"unicode"
	"unicode/utf8"
)

// Colours, as terminals know them: ECMA-48, Select Graphic Rendition.
// https://ecma-international.org/publications-and-standards/standards/ecma-48/
const (
	noColor  = "\x1b[0m"
	barColor = "\x1b[36m" // cyan, legible on light and dark
	bold     = "\x1b[1m"
)

// start is what begins a colour.
func (f *Formatter) start(color string) string {
	if !f.Color {
		return ""
	}
	return color
}

// painted is a mark in the colour of bars.
func (f *Formatter) painted(mark string) string {
	return f.start(barColor) + mark + f.start(noColor)
}

// AppendTitle appends the name of a map.
func (f *Formatter) AppendTitle(b []byte, name string) []byte {
	b = append(append(append(b, f.start(bold)...), '@'), name...)
	return append(b, f.start(noColor)...)
}

// over is by how many columns a text is wider than its room.
func over(columns, room int) int { return max(0, columns-room) }

func digitsOf(n uint64) int { return len(AppendNumber(nil, n, false)) }

// left is what other columns leave of the width for a bar; usual is its width without a
// limit.
func (f *Formatter) left(others, usual int) int {
	if f.Width == 0 {
		return usual
	}
	return max(leastBar, f.Width-others)
}

// Columns is how many columns of a terminal a text takes.
func Columns(text []byte) int {
	n := 0
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		n += columnsOf(r)
		text = text[size:]
	}
	return n
}

// tabWidth is the width of a tab at the beginning of a line, where stacks have theirs.
const tabWidth = 8

func columnsOf(r rune) int {
	switch {
	case r == '\t':
		return tabWidth
	case r < unicode.MaxLatin1:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// wide has the blocks whose characters take two columns: East Asian Wide and Fullwidth.
// https://www.unicode.org/reports/tr11/
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1}, {Lo: 0x2e80, Hi: 0x303e, Stride: 1},
		{Lo: 0x3041, Hi: 0xa4cf, Stride: 1}, {Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1}, {Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff01, Hi: 0xff60, Stride: 1}, {Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1}, {Lo: 0x1f680, Hi: 0x1f6ff, Stride: 1},
		{Lo: 0x1f900, Hi: 0x1faff, Stride: 1}, {Lo: 0x20000, Hi: 0x3fffd, Stride: 1},
	},
}

// cutMark stands where a text was cut.
const cutMark = "…"

// AppendCut appends a text in so many columns: of one that is longer the middle is
// missing, since the ends of paths and names tell more.
func AppendCut(b, text []byte, columns int) []byte {
	if Columns(text) <= columns {
		return append(b, text...)
	}
	left := max(0, columns-1)
	start := head(text, left-left/2)
	end := tail(text, left/2)
	b = append(append(b, text[:start]...), cutMark...)
	return append(b, text[end:]...)
}

// head returns the length of the longest beginning that takes at most so many columns.
func head(text []byte, columns int) int {
	at := 0
	for at < len(text) {
		r, size := utf8.DecodeRune(text[at:])
		if columns -= columnsOf(r); columns < 0 {
			break
		}
		at += size
	}
	return at
}

// tail returns where the longest end that takes at most so many columns begins.
func tail(text []byte, columns int) int {
	at := len(text)
	for at > 0 {
		r, size := utf8.DecodeLastRune(text[:at])
		if columns -= columnsOf(r); columns < 0 {
			break
		}
		at -= size
	}
	return at
}
