package binary

import (
	"bytes"
	"errors"
	"io"
	"slices"
)

const (
	// pageSize is how much is read at once, and keptPages how many of them stay.
	pageSize  = 64 << 10
	keptPages = 32
	// maxSteps bounds what one question costs: entries, attributes, rows and pages that
	// are read. A step takes 10 to 100 ns, a page counts as pageSteps.
	maxSteps  = 20_000_000
	pageSteps = 500
	stepBytes = 64 // of a text
)

var (
	errEnds  = errors.New("a part of the file ends too early")
	errSteps = errors.New("the file takes too long to read")
)

// pages are the parts of a file that were read last, the latest first. steps is what the
// question in hand may still cost; a program shares it with its debug file.
type pages struct {
	from  io.ReaderAt
	kept  []page
	steps *int
}

// page has fewer than pageSize bytes at the end of the file.
type page struct {
	number uint64
	text   []byte
}

// step enters work that is to be done, and fails when it is too much. Below zero steps is
// how often that was asked in vain.
func (p *pages) step(n int) error {
	if *p.steps < n {
		*p.steps = min(*p.steps, 0) - 1
		return errSteps
	}
	*p.steps -= n
	return nil
}

// page returns a page, which is never changed: cursors may hold on to it.
func (p *pages) page(number uint64) ([]byte, error) {
	if i := slices.IndexFunc(p.kept, func(k page) bool { return k.number == number }); i >= 0 {
		found := p.kept[i]
		copy(p.kept[1:i+1], p.kept[:i])
		p.kept[0] = found
		return found.text, p.step(1)
	}
	if err := p.step(pageSteps); err != nil {
		return nil, err
	}
	if number > 1<<46 {
		return nil, errEnds
	}
	text := make([]byte, pageSize)
	n, err := p.from.ReadAt(text, int64(number*pageSize))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	p.kept = slices.Insert(p.kept[:min(len(p.kept), keptPages-1)], 0, page{number, text[:n]})
	return text[:n], nil
}

// section is a part of a file: read through pages, or in memory where it was compressed.
type section struct {
	pages  *pages
	offset uint64
	size   uint64
	text   []byte
}

// chunk returns what is in memory of a section, or comes with one page, from an offset
// on.
func (s *section) chunk(at uint64) ([]byte, error) {
	if at >= s.size {
		return nil, errEnds
	}
	if s.text != nil {
		return s.text[at:], s.pages.step(1)
	}
	place := s.offset + at
	if place < at {
		return nil, errEnds
	}
	text, err := s.pages.page(place / pageSize)
	if err != nil {
		return nil, err
	}
	inside := place % pageSize
	if inside >= uint64(len(text)) {
		return nil, errEnds
	}
	text = text[inside:]
	return text[:min(uint64(len(text)), s.size-at)], nil
}

// from returns a cursor. One of a section that is absent (nil) is at its end.
func (s *section) from(at uint64) cursor {
	if s == nil {
		return cursor{err: errEnds}
	}
	return cursor{of: s, at: at}
}

// cursor reads numbers and texts one after the other. After an error it returns zeroes
// and empty texts, so that loops must ask for err.
type cursor struct {
	of   *section
	at   uint64 // where rest begins
	rest []byte // what is in memory from there on
	err  error
}

// fail keeps the first error and leaves nothing to read.
func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.rest = nil
}

// more counts one step of work, and reports whether reading may go on.
func (c *cursor) more() bool { return c.err == nil && c.of.pages.step(1) == nil }

// fill makes rest hold a byte at least.
func (c *cursor) fill() bool {
	if c.err != nil || len(c.rest) > 0 {
		return c.err == nil
	}
	chunk, err := c.of.chunk(c.at)
	if err != nil {
		c.fail(err)
		return false
	}
	c.rest = chunk
	return true
}

// number reads a little-endian number of up to 8 bytes.
//
//go:noinline
func (c *cursor) number(bytes int) (n uint64) {
	for i := range bytes {
		n |= uint64(c.u8()) << (8 * i)
	}
	return n
}

func (c *cursor) u8() uint8 {
	if len(c.rest) == 0 && !c.fill() {
		return 0
	}
	b := c.rest[0]
	c.rest, c.at = c.rest[1:], c.at+1
	return b
}

func (c *cursor) u16() uint16 { return uint16(c.number(2)) }
func (c *cursor) u32() uint32 { return uint32(c.number(4)) }
func (c *cursor) u64() uint64 { return c.number(8) }

// uleb reads a number in groups of 7 bits, of which the last has bit 7 clear.
func (c *cursor) uleb() (n uint64) {
	for shift := 0; shift < 70; shift += 7 {
		b := c.u8()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	c.fail(errEnds)
	return 0
}

// sleb reads the same with a sign: bit 6 of the last group.
func (c *cursor) sleb() (n int64) {
	for shift := 0; shift < 70; shift += 7 {
		b := c.u8()
		n |= int64(b&0x7f) << shift
		if b < 0x80 {
			if b&0x40 != 0 && shift < 57 {
				n |= -1 << (shift + 7)
			}
			return n
		}
	}
	c.fail(errEnds)
	return 0
}

// skip goes on behind so many bytes, which may lie beyond the end: the next read then
// fails.
func (c *cursor) skip(bytes uint64) {
	if c.err != nil {
		return
	}
	if bytes <= uint64(len(c.rest)) {
		c.rest, c.at = c.rest[bytes:], c.at+bytes
		return
	}
	if c.at+bytes < c.at {
		c.fail(errEnds)
		return
	}
	c.rest, c.at = nil, c.at+bytes
}

// text reads up to a zero byte, and keeps maxName bytes at most.
func (c *cursor) text() string { return string(c.bytes(maxName)) }

// bytes does so for another limit. That it looks at each byte counts as work.
func (c *cursor) bytes(most int) (kept []byte) {
	for c.fill() {
		end := bytes.IndexByte(c.rest, 0)
		part := c.rest
		if end >= 0 {
			part = c.rest[:end]
		}
		if err := c.of.pages.step(len(part) / stepBytes); err != nil {
			c.fail(err)
			return nil
		}
		kept = append(kept, part[:min(len(part), most-len(kept))]...)
		if end >= 0 {
			c.skip(uint64(end) + 1)
			return kept
		}
		c.skip(uint64(len(part)))
	}
	return nil
}

// view is bytes without a copy, where the text lies in one page.
func (c *cursor) view(most int) []byte {
	if !c.fill() {
		return nil
	}
	end := bytes.IndexByte(c.rest[:min(len(c.rest), most+1)], 0)
	if end < 0 {
		return c.bytes(most)
	}
	text := c.rest[:end:end]
	if err := c.of.pages.step(end / stepBytes); err != nil {
		c.fail(err)
		return nil
	}
	c.skip(uint64(end) + 1)
	return text
}

// is reports whether the text at the cursor is the name, without keeping it.
func (c *cursor) is(name string) bool {
	for i := range len(name) {
		if c.u8() != name[i] {
			return false
		}
	}
	return c.u8() == 0 && c.err == nil
}
