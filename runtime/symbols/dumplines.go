package symbols

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
)

// codeLines are the lines of the source that code in a list of a process (dump) comes from.
// An entry of the record is where the line's code begins and its number, of 64 and 32 bits,
// 32 bits of no use here, and the name of the file up to a zero; \xff for the one before.
//
// V8 writes addresses that are larger by the header of the ELF file that perf makes of each
// function. Its lists have a number of its own at a place of the header that is unused.
// https://github.com/v8/v8/blob/0a6c1a778a1d/src/diagnostics/perf-jit.cc (LogWriteHeader,
// LogWriteDebugInfo)
type codeLines struct {
	wanted bool
	shift  uint64
	of     map[uint64][]codeLine // by where code starts, in order
	next   []codeLine            // of the code at nextAt, which the next load brings
	nextAt uint64
	files  map[string]string // their names, each once
	bytes  int
}

// codeLine is a line from an offset in its code on.
type codeLine struct {
	offset, line uint32
	file         string
}

const (
	// maxLines is the largest record that is read.
	maxLines     = 1 << 20
	linesHead    = 32
	lineHead     = 16
	codeLineSize = 24
	ofV8         = 0xDEADBEEF
	elfHeader    = 64
)

// shiftOf tells by the header of a list by how much its addresses are larger.
func shiftOf(head []byte) uint64 {
	if word(head, 16) == ofV8 {
		return elfHeader
	}
	return 0
}

// clone leaves the lists of lines as they are, which are never changed.
func (l codeLines) clone() codeLines {
	l.of, l.files = maps.Clone(l.of), maps.Clone(l.files)
	return l
}

// read takes a record, unless there is no room for it or it makes no sense.
func (l *codeLines) read(record []byte, room int) {
	l.next = nil
	if len(record) < linesHead {
		return
	}
	l.nextAt = quad(record, 16)
	var file string
	for left, rest := quad(record, 24), record[linesHead:]; left > 0; left-- {
		if len(rest) <= lineHead {
			l.next = nil
			return
		}
		name, after, ended := bytes.Cut(rest[lineHead:], []byte{0})
		if !ended || l.bytes+codeLineSize*(len(l.next)+5)+len(name) > room {
			l.next = nil
			return
		}
		if string(name) != "\xff" {
			file = l.name(name[:min(len(name), maxName)])
		}
		if offset := quad(rest, 0) - l.shift - l.nextAt; offset < 1<<32 {
			l.next = append(l.next, codeLine{uint32(offset), word(rest, 8), file})
		}
		rest = after
	}
	slices.SortStableFunc(l.next, func(a, b codeLine) int { return cmp.Compare(a.offset, b.offset) })
}

// name returns the one copy of a file's name.
func (l *codeLines) name(name []byte) string {
	if known, ok := l.files[string(name)]; ok {
		return known
	}
	if l.files == nil {
		l.files = map[string]string{}
	}
	text := string(name)
	l.files[text] = text
	l.bytes += len(text) + 2*codeLineSize
	return text
}

// loaded gives code its lines. What was at that address before has none any more.
func (l *codeLines) loaded(start uint64) {
	list := l.next
	l.next = nil
	if l.nextAt != start {
		list = nil
	}
	l.put(start, list)
}

func (l *codeLines) put(start uint64, list []codeLine) {
	l.bytes -= linesSize(l.of[start])
	delete(l.of, start)
	if len(list) == 0 {
		return
	}
	if l.of == nil {
		l.of = map[uint64][]codeLine{}
	}
	l.of[start] = list
	l.bytes += linesSize(list)
}

func linesSize(list []codeLine) int {
	if list == nil {
		return 0
	}
	return codeLineSize * (len(list) + 2)
}

func (l *codeLines) moved(from, to uint64) {
	list := l.of[from]
	l.put(from, nil)
	l.put(to, list)
}

// frame is the one at an address of code, with its line if that is known.
func (d *dump) frame(symbol Symbol, address uint64) Frame {
	f := Frame{Symbol: symbol}
	list := d.of[address-symbol.Offset]
	after, _ := slices.BinarySearchFunc(list, symbol.Offset, func(l codeLine, offset uint64) int {
		if uint64(l.offset) <= offset {
			return -1
		}
		return 1
	})
	if after > 0 {
		f.File, f.Line = list[after-1].file, int(list[after-1].line)
	}
	return f
}
