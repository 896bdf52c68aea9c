package binary

import (
	"slices"
	"sync"

	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

// Place is a path that leads to this very file as long as it is open, whatever its own path
// leads to by now; empty for one that was not opened by a path.
func (f *File) Place() string {
	if file, ok := f.pages.from.(*safeopen.File); ok {
		return file.Place()
	}
	return ""
}

// Identity tells a file from all others of the machine, by whichever path it was opened.
func (f *File) Identity() string {
	if file, ok := f.pages.from.(*safeopen.File); ok && f.identity == "" {
		return file.Identity()
	}
	return f.identity
}

// Opened are files that are told from each other through layers of file systems, too: a
// program of an image that several containers have is one.
type Opened struct {
	mutex sync.Mutex
	each  []openedFile
}

type openedFile struct {
	file     *safeopen.File
	identity string
	size     int64
	layered  bool
}

// Add gives a file the identity of the one that it is the same as.
func (o *Opened) Add(f *File) {
	file, ok := f.pages.from.(*safeopen.File)
	if !ok {
		return
	}
	size, _, err := file.Stat()
	if err != nil {
		return
	}
	added := openedFile{file, file.Identity(), size, file.Layered()}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	i := slices.IndexFunc(o.each, added.same)
	if i < 0 {
		i = len(o.each)
		o.each = append(o.each, added)
	}
	f.identity = o.each[i].identity
}

func (f openedFile) same(known openedFile) bool {
	return f.identity == known.identity ||
		(f.layered || known.layered) && f.size == known.size && safeopen.Same(f.file, known.file)
}
