package symbols

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"

	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

// dump is the other list that a runtime may keep of the code that it makes, with the code
// itself: jit-PID.dump, with the process ID that it sees itself. The runtime maps a page of
// the file as code, so that the file is found among its mappings, wherever it is. All
// numbers are those of the machine, of 32 bits unless said otherwise:
//
//	header  magic, version 1, bytes of the header, machine, nothing, process, 64 bits of
//	        time, 64 of flags
//	record  kind, bytes of the record, 64 bits of time, then
//	load    process, thread; 64 bits each: an address of no use here, where the code runs,
//	        its bytes, its number; the name up to a zero, the code
//	move    process, thread; 64 bits each: an address of no use here, where the code ran,
//	        where it runs, its bytes, its number
//	lines   64 bits each: where the code of the next load runs, how many entries; and those
//
// https://elixir.bootlin.com/linux/v6.12/source/tools/perf/Documentation/jitdump-specification.txt
type dump struct {
	jit
	codeLines
	file fileID
	read int64 // up to where it is read
}

func (d *dump) bytesUsed() int { return d.jit.bytesUsed() + d.codeLines.bytes }

const (
	dumpMagic   = 0x4A695444
	dumpVersion = 1
	dumpHeader  = 40
	dumpRecord  = 16
	dumpLoad    = 0
	dumpMove    = 1
	dumpLines   = 2
	dumpName    = 56 // where a load has it
	dumpMoved   = 64 // bytes of a move
	dumpWindow  = 64 << 10
	dumpRecords = 100_000 // that are read at once; the next second goes on
)

var errDump = errors.New("not a list of code that a process made")

// dumpOf returns the mapping of a process's list.
func (m mappings) dumpOf(pid int) (mapping, bool) {
	i := slices.IndexFunc(m.list, func(one mapping) bool { return path.Ext(one.path) == ".dump" })
	if i < 0 {
		return mapping{}, false
	}
	name := fmt.Sprintf("jit-%d.dump", innerPid(pid))
	i = slices.IndexFunc(m.list, func(one mapping) bool { return path.Base(one.path) == name && one.file.inode != 0 })
	if i < 0 {
		return mapping{}, false
	}
	return m.list[i], true
}

// refresh reads what was added to the list, with or without lines, as far as there is room.
// As it is mapped, so is the file: it cannot be exchanged.
func (d dump) refresh(pid int, m mapping, lines bool, room int) dump {
	if d.file != m.file.bare() {
		d = dump{file: m.file.bare(), codeLines: codeLines{wanted: lines}}
	}
	fresh, err := safeopen.WithinFor(pid, safeopen.Patience, func() (dump, error) {
		file, err := openMapped(pid, m)
		if err != nil {
			return d, err
		}
		defer file.Close()
		if !ownedBy(file, pid) {
			return d, errDump
		}
		size, _, err := file.Stat()
		if err != nil || size == d.read {
			return d, err
		}
		return d.parse(file, size, room)
	})
	if err != nil {
		return d
	}
	return fresh
}

// parse reads on from where the last reading ended. A record that is being written is left
// for the next time, also where there are zeroes as yet.
func (d dump) parse(from io.ReaderAt, size int64, room int) (dump, error) {
	w := &window{from: from}
	if d.read == 0 {
		head := w.bytes(0, dumpHeader)
		if len(head) < dumpHeader || word(head, 0) != dumpMagic || word(head, 4) != dumpVersion {
			return d, errDump
		}
		d.read, d.shift = max(dumpHeader, int64(word(head, 8))), shiftOf(head)
	}
	begin := d.read
	list := moves{jit: jit{entries: slices.Clone(d.entries), names: slices.Clone(d.names)}, lines: d.codeLines.clone()}
	for range dumpRecords {
		head := w.bytes(d.read, dumpName+maxName)
		if len(head) < dumpRecord {
			break
		}
		long := int64(word(head, 4))
		if long < dumpRecord && d.read == begin {
			return d, errDump
		}
		if long < dumpRecord || long > size-d.read {
			break
		}
		record := head[:min(long, int64(len(head)))]
		if list.lines.wanted && word(head, 0) == dumpLines {
			record = w.whole(d.read, long)
		}
		if len(record) < dumpRecord || !list.take(record, room) {
			break
		}
		d.read += long
	}
	d.jit, d.codeLines = list.jit, list.lines
	d.order()
	return d, nil
}

// moves is a list to which records are added.
type moves struct {
	jit
	lines  codeLines
	places map[uint64]int // of entries, by where they start; made when code moves
}

// take adds what a record tells, and reports false when there is no room for it.
func (m *moves) take(record []byte, room int) bool {
	switch kind := word(record, 0); {
	case kind == dumpLoad && len(record) >= dumpName:
		name, _, _ := bytes.Cut(record[dumpName:], []byte{0})
		m.lines.loaded(quad(record, 32))
		return m.put(jitEntry{start: quad(record, 32), size: quad(record, 40)}, name, room)
	case kind == dumpMove && len(record) >= dumpMoved:
		return m.move(quad(record, 32), quad(record, 40), quad(record, 48), room)
	case kind == dumpLines && m.lines.wanted:
		m.lines.read(record, min(room/2, room-m.jit.bytesUsed()))
	}
	return true
}

func (m *moves) put(e jitEntry, name []byte, room int) bool {
	if !m.add(e, name, room-m.lines.bytes) {
		return false
	}
	if m.places != nil {
		m.places[e.start] = len(m.entries) - 1
	}
	return true
}

// move enters code under the address that it has now. What was at the old one has no size
// any more.
func (m *moves) move(from, to, size uint64, room int) bool {
	if m.places == nil {
		m.places = map[uint64]int{}
		for i, e := range m.entries {
			m.places[e.start] = i
		}
	}
	i, known := m.places[from]
	if !known {
		return true
	}
	name := m.names[m.entries[i].name:][:m.entries[i].long]
	m.entries[i].size = 0
	m.lines.moved(from, to)
	return m.put(jitEntry{start: to, size: size}, name, room)
}

// window is a part of a file, so that small records take few reads.
type window struct {
	from io.ReaderAt
	at   int64
	text []byte
}

// bytes returns so many bytes from a place on, or those that there are.
func (w *window) bytes(at int64, n int) []byte {
	if at < w.at || int64(n) > w.at+int64(len(w.text))-at {
		if w.text == nil {
			w.text = make([]byte, dumpWindow)
		}
		read, _ := w.from.ReadAt(w.text[:dumpWindow], at)
		w.at, w.text = at, w.text[:read]
	}
	part := w.text[at-w.at:]
	return part[:min(n, len(part))]
}

// whole returns a record that may be larger than the window; of one that is too large the
// beginning.
func (w *window) whole(at, size int64) []byte {
	switch {
	case size > maxLines:
		return w.bytes(at, dumpRecord)
	case size <= dumpWindow:
		return w.bytes(at, int(size))
	}
	record := make([]byte, size)
	n, _ := w.from.ReadAt(record, at)
	return record[:n]
}

func word(b []byte, at int) uint32 { return binary.NativeEndian.Uint32(b[at:]) }
func quad(b []byte, at int) uint64 { return binary.NativeEndian.Uint64(b[at:]) }
