package binary

import "github.com/ponytrace/ponytrace/runtime/safeopen"

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
	if file, ok := f.pages.from.(*safeopen.File); ok {
		return file.Identity()
	}
	return ""
}
