package binary

import (
	"encoding/hex"
	"path"
)

// common returns the debug information that a debug file shares with others, or nil: dwz
// moves there what several files of a package have alike. The section .gnu_debugaltlink
// has a path and a build ID.
func (d *debugInfo) common() *debugInfo {
	f := d.holder
	if d.shared {
		return nil
	}
	if f.common == nil {
		f.common = f
		if other := f.openCommon(); other != nil {
			f.common = other
		}
	}
	if f.common == f {
		return nil
	}
	info, err := f.common.debugInfo()
	if err != nil {
		return nil
	}
	info.file, info.shared = d.file, true
	return info
}

func (f *File) openCommon() *File {
	link, err := f.section(".gnu_debugaltlink")
	if link == nil || err != nil {
		return nil
	}
	c := link.from(0)
	name := c.text()
	var text []byte
	for c.at < link.size && len(text) < maxBuildID && c.err == nil {
		text = append(text, c.u8())
	}
	id := hex.EncodeToString(text)
	if c.err != nil || len(text) < 2 {
		return nil
	}
	if !path.IsAbs(name) {
		name = path.Join(path.Dir(f.path), name)
	}
	installed := path.Join(debugFolder, ".build-id", id[:2], id[2:]+".debug")
	for _, root := range f.trees() {
		for _, candidate := range []string{name, installed} {
			if file := f.openOf(root, candidate, id); file != nil {
				return file
			}
		}
	}
	return nil
}

// openOf opens a file if it has the build ID.
func (f *File) openOf(root, candidate, id string) *File {
	file, err := openLinked(root, candidate)
	if err != nil {
		return nil
	}
	if file.pages.steps = f.pages.steps; f.alike(file) && file.buildID() == id {
		return file
	}
	file.Close()
	return nil
}
