package binary

import (
	"debug/elf"
	"hash/crc32"
	"path"
)

// debugFolder is where distributions install debug files.
const debugFolder = "/usr/lib/debug"

// debugFile returns the file that holds the debug information: this one, or one that its
// build ID or its debug link leads to. Without any it is this one, too.
func (f *File) debugFile() *File {
	if f.debug != nil {
		return f.debug
	}
	f.debug = f
	if f.elf.Section(".debug_info") != nil {
		return f.debug
	}
	id, link := f.buildID(), f.debugLink()
	for _, candidate := range f.debugPaths(id, link.name) {
		if file := f.openDebug(candidate, id, link); file != nil {
			file.debugs, f.debug = f, file
			break
		}
	}
	return f.debug
}

// debugLink is the section .gnu_debuglink: the name of a file and a sum of all its bytes.
type debugLink struct {
	name string
	sum  uint32
}

func (f *File) debugLink() (link debugLink) {
	s, err := f.section(".gnu_debuglink")
	if s == nil || err != nil {
		return link
	}
	c := s.from(0)
	name := c.text()
	c.skip((4 - c.at%4) % 4)
	link.sum = c.u32()
	if c.err == nil && name == path.Base(name) && name != "." && name != ".." && name != "/" {
		link.name = name
	}
	return link
}

// debugPaths lists where the debug file may be, in the order of gdb.
func (f *File) debugPaths(id, link string) (paths []string) {
	if id != "" {
		paths = append(paths, path.Join(debugFolder, ".build-id", id[:2], id[2:]+".debug"))
	}
	if folder := path.Dir(f.path); link != "" && path.IsAbs(f.path) {
		places := []string{folder, path.Join(folder, ".debug"), path.Join(debugFolder, folder)}
		for _, place := range places {
			paths = append(paths, path.Join(place, link))
		}
	}
	return paths
}

// openDebug opens a debug file if it belongs to the program: it has the same build ID, or
// if it has none, the sum of the link.
func (f *File) openDebug(candidate, id string, link debugLink) *File {
	for _, root := range f.trees() {
		file, err := openLinked(root, candidate)
		if err != nil {
			continue
		}
		file.pages.steps = f.pages.steps
		own := file.buildID()
		belongs := own != "" && own == id || own == "" && link.name != "" && file.sums(link.sum)
		if belongs && file.describes() && f.alike(file) {
			return file
		}
		file.Close()
	}
	return nil
}

// trees are those in which debug files are looked for: the program's, and if that is a
// container's also ours, where one installs what containers lack.
func (f *File) trees() []string {
	if f.root == "" {
		return []string{""}
	}
	return []string{f.root, ""}
}

// alike reports whether two files are for one kind of machine: what registers are is told
// by that.
func (f *File) alike(other *File) bool {
	return f.elf.Machine == other.elf.Machine && f.elf.Class == other.elf.Class
}

// describes reports whether a file has what a program may lack.
func (f *File) describes() bool {
	return f.elf.Section(".debug_info") != nil || f.elf.SectionByType(elf.SHT_SYMTAB) != nil
}

// sums reports whether all bytes of the file have the sum. It reads each page once.
func (f *File) sums(want uint32) bool {
	sum := uint32(0)
	for number := uint64(0); ; number++ {
		text, err := f.pages.page(number)
		if err != nil {
			return false
		}
		sum = crc32.Update(sum, crc32.IEEETable, text)
		if len(text) < pageSize {
			return sum == want
		}
	}
}
