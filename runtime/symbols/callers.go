package symbols

import (
	"bytes"
	"errors"
	"io"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/binary"
	"github.com/ponytrace/ponytrace/runtime/binary/cfi"
	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

// Range is a part of the code of a process, from Start to End. Its rows lie in one shard
// and count places from Base.
type Range struct {
	Start, End, Base   uint64
	Shard, First, Rows int
}

// Callers keeps the tables by which stacks are walked: those of each file once, in shards.
type Callers struct {
	// store writes rows into a shard, from the number first on.
	store    func(shard, first int, rows []cfi.Row) error
	images   map[fileID][]piece
	versions versions
	shard    int // that has room, from next on
	next     int
	// Full: a table found no room. Cut: a process has more code than is looked through.
	Full, Cut bool
}

// piece is a part of a file's table that lies in one shard: the rows of the places from
// start to end.
type piece struct {
	start, end         uint64
	shard, first, rows int
}

// NewCallers returns an empty set of tables.
func NewCallers(store func(shard, first int, rows []cfi.Row) error) *Callers {
	return &Callers{store: store, images: map[fileID][]piece{}, versions: versions{}}
}

// maxMappings bounds what is known of the mappings of a process, in bytes.
const maxMappings = 1 << 20

// Ranges returns the code of a process by address, as much as a program can look through.
func (f *Callers) Ranges(pid int) ([]Range, error) {
	if aboutToExecute(pid) {
		return nil, nil
	}
	mapped, err := readMappings(pid, maxMappings)
	if err != nil {
		return nil, err
	}
	f.Cut = f.Cut || mapped.cut
	var list []Range
	for _, m := range mapped.list {
		for _, p := range f.image(pid, m) {
			r, ok := m.covers(p)
			switch {
			case ok && len(list) == object.MaxRanges-1:
				f.Cut = true
			case ok:
				list = append(list, r)
			}
		}
	}
	return list, nil
}

// covers returns the range that a piece of the file has in the mapping.
func (m mapping) covers(p piece) (Range, bool) {
	base := m.start - m.offset
	r := Range{
		Start: max(m.start, base+p.start), End: min(m.end, base+p.end), Base: base,
		Shard: p.shard, First: p.first, Rows: p.rows,
	}
	return r, r.Start < r.End && p.end > m.offset && p.start < m.offset+m.end-m.start
}

// image returns the pieces of a file's table; none where it has no table, or no room.
func (f *Callers) image(pid int, m mapping) []piece {
	m, identified := f.identify(pid, m)
	if !identified {
		return nil
	}
	pieces, known := f.images[m.file]
	if known || len(f.images) == maxImages {
		return pieces
	}
	rows, err := readCallers(pid, m)
	if passing(pid, err) {
		return nil
	}
	f.Full = f.Full || errors.Is(err, cfi.ErrRows)
	if err == nil {
		pieces = f.place(rows)
	}
	f.images[m.file] = pieces
	return pieces
}

// identify adds the version to the file of a mapping, if it has one and that is known.
func (f *Callers) identify(pid int, m mapping) (identified mapping, ok bool) {
	switch {
	case m.path == vdso:
		m.file = fileID{device: vdso}
		return m, true
	case m.file.inode == 0:
		return m, false
	}
	m.file.version, ok = f.versions.of(pid, m)
	return m, ok
}

// readCallers reads the table of a file that a process has mapped.
func readCallers(pid int, m mapping) ([]cfi.Row, error) {
	if m.path == vdso {
		text, err := vdsoText()
		if err != nil {
			return nil, err
		}
		return rowsOf(bytes.NewReader(text))
	}
	return safeopen.WithinFor(pid, loadPatience, func() ([]cfi.Row, error) {
		from, err := openMapped(pid, m)
		if err != nil {
			return nil, err
		}
		defer from.Close()
		return rowsOf(from)
	})
}

func rowsOf(from io.ReaderAt) ([]cfi.Row, error) {
	file, err := binary.New(from)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return file.CallFrames(object.MaxShards * object.ShardRows)
}

// place writes a table behind those that are there. One that needs more than the rest of
// the shard goes on in the next.
func (f *Callers) place(rows []cfi.Row) (pieces []piece) {
	left := (object.MaxShards-f.shard)*object.ShardRows - f.next
	if len(rows) > left {
		f.Full = true
		return nil
	}
	for len(rows) > 0 {
		n := min(len(rows), object.ShardRows-f.next)
		if err := f.store(f.shard, f.next, rows[:n]); err != nil {
			f.Full = true
			return nil
		}
		p := piece{start: uint64(rows[0].Place), end: 1 << 32, shard: f.shard, first: f.next, rows: n}
		if n < len(rows) {
			p.end = uint64(rows[n].Place)
		}
		pieces, rows = append(pieces, p), rows[n:]
		if f.next += n; f.next == object.ShardRows {
			f.shard, f.next = f.shard+1, 0
		}
	}
	return pieces
}
