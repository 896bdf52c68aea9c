package symbols

import (
	"slices"
	"time"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/runtime/binary"
	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

// Frame is a function that an address of a process comes from, and the line there: that of
// the address, or of the call that was inlined there. File is empty where it is unknown or
// not wanted.
type Frame struct {
	Symbol  // without an offset where it was inlined
	File    string
	Line    int
	Inlined bool // into the next frame
}

// ShowLines makes Frames read debug information for the lines of the source and for
// inlined functions. Without it only Go's own table tells which were inlined.
func (u *User) ShowLines() { u.lines = true }

// SlowFile is a file whose lines took too long to read, or "".
func (u *User) SlowFile() string {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return u.sources.late
}

// Frames appends the functions that an address of a stack comes from, the innermost first;
// none where there is no name. Of an address that a call returns to, what is asked for is
// the call, which may be the last instruction of its function and of its line. But where
// nothing is before the address, no call was: the kernel has signal handlers return to
// such a function.
func (u *User) Frames(list []Frame, pid int, address uint64, returns bool) []Frame {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if !returns {
		return u.appendFrames(list, pid, address)
	}
	before := len(list)
	if list = u.appendFrames(list, pid, address-1); len(list) > before {
		list[len(list)-1].Offset++
		return list
	}
	return u.appendFrames(list, pid, address)
}

func (u *User) appendFrames(list []Frame, pid int, address uint64) []Frame {
	m, mapped := u.find(pid, address)
	if !mapped {
		return list
	}
	outer, found := u.lookup(pid, m, address)
	if m.made() && found {
		return append(list, u.processes[pid].dumped.frame(outer, address))
	}
	if m.file.inode == 0 || !u.lines && !u.image(pid, m).Inlines() {
		if !found {
			return list
		}
		return append(list, Frame{Symbol: outer})
	}
	frames := u.sourceFrames(pid, m, address-m.start+m.offset)
	for i, frame := range frames {
		if frame.Module = m.path; found && i == len(frames)-1 {
			frame.Symbol = outer
		}
		list = append(list, frame)
	}
	if len(frames) == 0 && found {
		list = append(list, Frame{Symbol: outer})
	}
	return list
}

const (
	// maxSources is how many files stay open for further questions.
	maxSources = 8
	// sourceTime is how long a file may take to tell lines, and sourceShare which part of
	// the time of the session in addition.
	sourceTime  = 5 * time.Second
	sourceShare = 20
	// frameSize is about what a known frame occupies.
	frameSize = 128
)

// sources read which lines and inlined functions the code of files comes from: when an
// address is to be printed, and once.
type sources struct {
	began time.Time
	open  []source // the latest first
	spent map[fileID]time.Duration
	known map[place][]Frame
	texts map[string]string // names of files, each once
	types map[goType]string // "" for one without a name
	ids   map[fileID]string // "" for a file without a build ID
	bytes int               // that all of them occupy
	late  string            // a file that took too long
}

type source struct {
	id   fileID
	file *binary.File // nil where it cannot be read
}

// place is a byte of a file.
type place struct {
	file   fileID
	offset uint64
}

// sourceFrames returns the frames at a byte of a mapped file.
func (u *User) sourceFrames(pid int, m mapping, offset uint64) []Frame {
	s, at := &u.sources, place{m.file, offset}
	if frames, known := s.known[at]; known {
		return frames
	}
	frames, asked := askFile(u, pid, m, func(file *binary.File) ([]target.Frame, error) {
		return file.Frames(offset)
	})
	if !asked {
		return nil
	}
	return u.keepFrames(at, frames)
}

// askFile asks the file of a mapping, unless it took too long before or cannot be read. An
// answer that is an error is empty.
func askFile[T any](
	u *User, pid int, m mapping, question func(*binary.File) (T, error),
) (answer T, asked bool) {
	s, start := &u.sources, time.Now()
	if s.began.IsZero() {
		s.began, s.spent = start, map[fileID]time.Duration{}
	}
	if s.spent[m.file.bare()] > sourceTime+start.Sub(s.began)/sourceShare {
		s.late = m.path
		return answer, false
	}
	file := u.source(pid, m)
	if file == nil {
		return answer, false
	}
	found, err := question(file)
	if len(s.spent) >= maxImages {
		clear(s.spent)
	}
	s.spent[m.file.bare()] += time.Since(start)
	s.shut(u.budget.most / share)
	if err == nil {
		answer = found
	}
	return answer, true
}

// source returns the open file of a mapping, or nil.
func (u *User) source(pid int, m mapping) *binary.File {
	s := &u.sources
	i := slices.IndexFunc(s.open, func(o source) bool { return o.id == m.file })
	found := source{id: m.file}
	switch {
	case i >= 0:
		found = s.open[i]
		s.open = slices.Delete(s.open, i, i+1)
	case u.lacks(pid, m):
		return nil
	default:
		var err error
		if found.file, err = openSource(pid, m); passing(pid, err) {
			u.gone.add(pid, m, err)
			return nil
		}
	}
	s.open = slices.Insert(s.open, 0, found)
	return found.file
}

func openSource(pid int, m mapping) (*binary.File, error) {
	return safeopen.WithinFor(pid, loadPatience, func() (*binary.File, error) {
		from, err := openMapped(pid, m)
		if err != nil {
			return nil, err
		}
		file, err := binary.New(from)
		if err != nil {
			from.Close()
			return nil, err
		}
		file.Locate(m.located(pid))
		file.Own(from)
		return file, nil
	})
}

// shut closes the files that were not needed for the longest time, until few are open
// and what is kept of them is not more than may be; but not the last.
func (s *sources) shut(most int) {
	held := 0
	for i, one := range s.open {
		if one.file != nil {
			held += one.file.Held()
		}
		if i == 0 || i < maxSources && held <= most {
			continue
		}
		for _, old := range s.open[i:] {
			if old.file != nil {
				old.file.Close()
			}
		}
		s.open = slices.Delete(s.open, i, len(s.open))
		return
	}
}

// keepFrames converts frames, and keeps them for the next time.
func (u *User) keepFrames(at place, found []target.Frame) []Frame {
	s := &u.sources
	u.shrinkSources()
	frames := make([]Frame, 0, len(found))
	for _, f := range found {
		frame := Frame{Symbol: Symbol{Name: u.decoded.text([]byte(f.Function)), Offset: f.Offset}, Inlined: f.Inlined}
		s.bytes += frameSize + len(frame.Name)
		if u.lines {
			frame.File, frame.Line = s.text(f.File), f.Line
		}
		frames = append(frames, frame)
	}
	s.bytes += frameSize
	s.known[at] = frames
	return frames
}

// shrinkSources forgets what is known where it is too much.
func (u *User) shrinkSources() {
	s := &u.sources
	if s.known == nil || s.bytes > u.budget.most/share {
		s.known, s.texts, s.types = map[place][]Frame{}, map[string]string{}, map[goType]string{}
		s.ids, s.bytes = map[fileID]string{}, 0
	}
}

// text returns the one copy of a file's name.
func (s *sources) text(name string) string {
	if one, known := s.texts[name]; known {
		return one
	}
	s.texts[name] = name
	s.bytes += 2*len(name) + frameSize
	return name
}
