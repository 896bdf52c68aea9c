package binary

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

var _ target.Binary = (*File)(nil)

// defaultPatience is for how long a question may wait for the disk or server that has the
// file.
const defaultPatience = 5 * time.Second

// ask answers one question. A file that kept one waiting is not asked again: the thread
// that waits still uses it.
func ask[T any](f *File, question func() (T, error)) (T, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.slow {
		return *new(T), safeopen.ErrSlow
	}
	answer, err := safeopen.Within(f.patience, func() (T, error) {
		*f.pages.steps = f.most
		return question()
	})
	f.slow = errors.Is(err, safeopen.ErrSlow)
	return answer, err
}

// cloned reports whether GCC made the function of another one, for callers that it knows.
// Its debug information still has the arguments that it no longer takes.
func cloned(name string) bool {
	marks := []string{".constprop.", ".isra.", ".part.", ".cold"}
	return slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(name, mark) })
}

// Frames returns the functions that a byte of the file belongs to, the innermost first:
// by Go's table, by the debug information, or by the symbols alone. Damaged tables are
// passed over. The address of a call is needed: what a stack has is the one behind it.
func (f *File) Frames(offset uint64) ([]target.Frame, error) {
	return ask(f, func() ([]target.Frame, error) {
		address, ok := f.address(offset)
		if !ok {
			return nil, nil
		}
		if table, err := f.goTable(); err == nil && table != nil {
			if frames := table.frames(address); len(frames) > 0 {
				return frames, nil
			}
		}
		if info, err := f.debugFile().debugInfo(); err == nil {
			if frames, err := info.frames(address); err == nil && len(frames) > 0 {
				return frames, nil
			}
		}
		return f.symbolFrame(offset)
	})
}

// maxTable bounds the functions that are read for one frame without debug information.
const maxTable = 64 << 20

func (f *File) symbolFrame(offset uint64) ([]target.Frame, error) {
	if f.table == nil {
		table, err := f.wholeTable(maxTable)
		if err != nil {
			return nil, err
		}
		f.table = table
	}
	name, distance, ok := f.table.Lookup(offset)
	if !ok {
		return nil, nil
	}
	return []target.Frame{{Function: string(name), Offset: distance}}, nil
}
