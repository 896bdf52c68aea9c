package binary

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang/order"
)

const (
	// maxSources is how many files one name may stand for before the rest is not counted.
	maxSources = 16
	// maxPlaces bounds the addresses of one line.
	maxPlaces = 1 << 12
)

// lineSearch collects the addresses of a line from the units that have its file.
type lineSearch struct {
	file    string
	line    int64
	sources []*source
}

// source is a file of the name that is looked for.
type source struct {
	path          string
	begins        []uint64 // where code of the line begins
	before, after int64    // the nearest lines with code; 0 for none
}

// Lines returns the places where the code of a line begins.
func (f *File) Lines(file string, line int) ([]target.BinaryPlace, error) {
	return ask(f, func() ([]target.BinaryPlace, error) {
		search := &lineSearch{file: path.Clean(file), line: int64(line)}
		if err := search.all(f); err != nil {
			return nil, err
		}
		found, err := search.answer()
		if err != nil {
			return nil, err
		}
		return f.places(found, line), nil
	})
}

// all looks through the line tables of all units, or through that of Go. What was not
// looked at for want of time must not be missing in the answer.
func (s *lineSearch) all(f *File) error {
	info, err := f.debugFile().debugInfo()
	if err == nil {
		err = info.eachUnit(func(u *unit) { s.unit(f, u) })
	} else if table, none := f.goTable(); none == nil && table != nil {
		err = s.golang(table)
	}
	if err != nil {
		return err
	}
	return f.pages.step(1)
}

// eachUnit visits the units that can be read.
func (d *debugInfo) eachUnit(visit func(*unit)) error {
	for at := uint64(0); at < d.info.size; {
		u, err := d.unitAt(at)
		switch {
		case err == nil:
			visit(u)
		case errors.Is(err, errSteps):
			return err
		default:
			if u, err = d.header(at); err != nil {
				return err
			}
		}
		at = u.end
	}
	return nil
}

// unit looks for the file among those of a unit, and for its lines if it is there.
func (s *lineSearch) unit(f *File, u *unit) {
	l := u.lines()
	if !l.ok {
		return
	}
	files, base := map[uint64]*source{}, path.Base(s.file)
	l.eachFile(func(number uint64, name string) {
		if path.Base(name) != base || len(files) >= maxSources {
			return
		}
		full := l.name(number)
		if full == s.file || strings.HasSuffix(full, "/"+s.file) {
			files[number] = s.source(full)
		}
	})
	if len(files) > 0 {
		l.collect(files, s.line, f.isCode)
	}
}

func (s *lineSearch) source(name string) *source {
	for _, known := range s.sources {
		if known.path == name {
			return known
		}
	}
	if len(s.sources) >= maxSources {
		return nil
	}
	s.sources = append(s.sources, &source{path: name})
	return s.sources[len(s.sources)-1]
}

// collect runs the program. Where code that the linker left out would be is not code.
func (l *lines) collect(files map[uint64]*source, line int64, isCode func(uint64) bool) {
	var last row
	inside, code := false, false
	for c, now := l.line.from(l.program), firstRow(l); c.at < l.end && c.more(); {
		if !l.step(&c, &now) {
			continue
		}
		if !inside {
			code = isCode(now.address)
		}
		if found := files[now.file]; found != nil && code && now.statement && !now.ends {
			continues := inside && last.file == now.file && last.line == now.line
			found.row(now, line, continues)
		}
		last, inside = now, !now.ends
		if now.ends {
			now = firstRow(l)
		}
	}
}

// row takes a row of the file.
func (s *source) row(r row, line int64, continues bool) {
	switch {
	case r.line == line && !continues && len(s.begins) < maxPlaces:
		s.begins = append(s.begins, r.address)
	case r.line > 0 && r.line < line:
		s.before = max(s.before, r.line)
	case r.line > line && (s.after == 0 || r.line < s.after):
		s.after = r.line
	}
}

// answer chooses the one file that has code.
func (s *lineSearch) answer() (*source, error) {
	var found []*source
	for _, known := range s.sources {
		if len(known.begins) > 0 || known.before != 0 || known.after != 0 {
			found = append(found, known)
		}
	}
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("no code comes from a file %s", s.file)
	case len(found) > 1:
		return nil, ambiguous(s.file, found)
	case len(found[0].begins) == 0:
		return nil, noCode(found[0], s.line)
	}
	return found[0], nil
}

func ambiguous(file string, found []*source) error {
	var names []string
	for _, known := range found {
		names = append(names, known.path)
	}
	slices.Sort(names)
	return fmt.Errorf("%s may be any of %s", file, strings.Join(names, ", "))
}

func noCode(s *source, line int64) error {
	near := ""
	switch {
	case s.before != 0 && s.after != 0:
		near = fmt.Sprintf("the nearest lines that have are %d and %d", s.before, s.after)
	case s.before != 0:
		near = fmt.Sprintf("the last line that has is %d", s.before)
	default:
		near = fmt.Sprintf("the first line that has is %d", s.after)
	}
	return fmt.Errorf("line %d of %s has no code: %s", line, path.Base(s.path), near)
}

// places makes out what is at the addresses of a line.
func (f *File) places(s *source, line int) (list []target.BinaryPlace) {
	slices.Sort(s.begins)
	for _, address := range slices.Compact(s.begins) {
		offset, inside := f.offset(address)
		if !inside {
			continue
		}
		place := target.BinaryPlace{Address: address, Offset: offset, File: s.path, Line: line}
		if frames, err := f.symbolFrame(offset); err == nil && len(frames) > 0 {
			place.Function = frames[0].Function
			place.Source = sourceOf([]byte(place.Function))
		}
		list = append(list, place)
	}
	order.Stable(list, func(a, b target.BinaryPlace) int { return cmp.Compare(a.Address, b.Address) })
	return list
}

// eachFile visits the names of the files that the rows of a table may come from, as they
// are in the table: their folders are looked up for few.
func (l *lines) eachFile(visit func(number uint64, name string)) {
	c := l.line.from(l.folders)
	if l.version >= 5 {
		l.list(&c, nil)
		l.list(&c, func(i uint64, text string, _ uint64) bool {
			visit(i, text)
			return true
		})
		return
	}
	for c.more() && c.text() != "" {
	}
	for number := uint64(1); c.more(); number++ {
		name := c.text()
		if name == "" {
			return
		}
		c.uleb()
		c.uleb()
		c.uleb()
		visit(number, name)
	}
}
