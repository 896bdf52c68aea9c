package binary

import (
	"debug/elf"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

const (
	// maxName bounds names of functions, types and files; longer ones are cut.
	maxName = 4 << 10
	// maxUnpacked bounds the sections that have to be decompressed into memory.
	maxUnpacked = 64 << 20
)

var (
	// ErrForeign means that the file is for a machine that is not traced.
	ErrForeign = errors.New("a program for another kind of machine")
	// ErrNoRoom means that the names of a file would take more memory than they may.
	ErrNoRoom = errors.New("no room for more names")

	errPacked = errors.New("its compressed sections take more than 64 MB: " +
		"objcopy --decompress-debug-sections makes a file that can be read")
)

// File is an ELF file. What is not yet read of it is read when a question needs it, so
// that it stays open until Close. Its questions (answers.go) may be asked at the same
// time; they are answered one after the other.
type File struct {
	mutex    sync.Mutex
	slow     bool // a question is still waiting
	patience time.Duration
	most     int // steps of a question
	elf      *elf.File
	root     string // of the tree that path is in; empty for our own
	path     string // empty where it has none
	identity string // of the file that it is the same as; empty where that was not asked
	pages    *pages
	loads    []segment
	shut     func() error
	unpack   map[*elf.Section]*section
	mini     *File // what is in .gnu_debugdata; f itself without that
	unpacked int   // bytes of the file itself, where that is in memory
	debug    *File // holds the debug information: f itself, or a file of its own
	common   *File // what a debug file shares with others; f itself without that
	debugs   *File // whose debug information it is, when it is in a file of its own
	info     *debugInfo
	types    map[namedType]*types.Type
	structs  knownStructs
	table    *Table
	starts   []extent
	module   *goModule // nil before anybody asked
}

// segment maps a part of the file to where in memory it goes, before it is moved
// anywhere.
type segment struct{ offset, size, address uint64 }

// Open opens the file of a path that others may control. One that leads through
// /proc/PID/root is in the tree of that process, with its debug file.
func Open(path string) (*File, error) {
	return safeopen.Within(defaultPatience, func() (*File, error) {
		root, path := inTree(path)
		file, err := openIn(root, path)
		if err != nil {
			return nil, err
		}
		return newFile(file, root, path)
	})
}

// inTree splits a path behind /proc/PID/root.
func inTree(path string) (root, inside string) {
	words := strings.SplitN(path, "/", 5)
	if len(words) == 5 && words[0] == "" && words[1] == "proc" && words[3] == "root" {
		return strings.Join(words[:4], "/"), "/" + words[4]
	}
	return "", path
}

func openIn(root, path string) (*safeopen.File, error) {
	if root == "" {
		return safeopen.Open(path)
	}
	return safeopen.OpenIn(root, path)
}

// openLinked opens a file that another one leads to, whoever made that.
func openLinked(root, path string) (*File, error) {
	file, err := safeopen.OpenStored(root, path)
	if err != nil {
		return nil, err
	}
	return newFile(file, root, path)
}

func newFile(file *safeopen.File, root, path string) (*File, error) {
	f, err := New(file)
	if err != nil {
		file.Close()
		return nil, err
	}
	f.root, f.path, f.shut = root, path, file.Close
	if real, err := file.Path(); err == nil && root == "" {
		f.path = real
	}
	return f, nil
}

// Locate tells the path of a file that New has read, for the sake of its debug file.
func (f *File) Locate(path string) { f.root, f.path = inTree(path) }

// New reads the headers of a file. It refuses those of machines that are not traced.
func New(from io.ReaderAt) (*File, error) {
	headers, names, err := readHeaders(from)
	if err != nil {
		return nil, err
	}
	steps := maxSteps
	f := &File{
		elf: headers, pages: &pages{from: from, steps: &steps}, unpack: map[*elf.Section]*section{},
		patience: defaultPatience, most: maxSteps,
	}
	for _, p := range headers.Progs {
		if p.Type == elf.PT_LOAD {
			f.loads = append(f.loads, segment{p.Off, p.Filesz, p.Vaddr})
		}
	}
	if len(f.loads) > maxLoads {
		return nil, errNoSegments
	}
	if err := f.nameSections(names); err != nil {
		return nil, err
	}
	return f, nil
}

// Own makes Close close what New has read as well.
func (f *File) Own(from io.Closer) { f.shut = from.Close }

// Held is about how many bytes are kept of the file and of those that it leads to.
func (f *File) Held() int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.slow {
		return 0
	}
	return f.held()
}

func (f *File) held() (bytes int) {
	bytes = pageSize * len(f.pages.kept)
	for _, s := range f.unpack {
		bytes += len(s.text)
	}
	if f.info != nil {
		bytes += spanSize * f.info.index.kept
	}
	bytes += f.unpacked + f.table.Bytes() + extentSize*len(f.starts)
	for _, other := range []*File{f.mini, f.debug, f.common} {
		if other != nil && other != f {
			bytes += other.held()
		}
	}
	return bytes
}

// Close closes the file and that of its debug information, unless a question still waits.
func (f *File) Close() error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.slow {
		return nil
	}
	for _, other := range []*File{f.debug, f.common} {
		if other != nil && other != f {
			other.Close()
		}
	}
	if f.shut == nil {
		return nil
	}
	return f.shut()
}

// arch is the name of the machine, as a target has it.
func (f *File) arch() string {
	if f.elf.Machine == elf.EM_AARCH64 {
		return "arm64"
	}
	return "x86_64"
}

// address returns where in memory a byte of the file goes.
func (f *File) address(offset uint64) (uint64, bool) { return addressOf(f.loads, offset) }

func addressOf(loads []segment, offset uint64) (uint64, bool) {
	for _, s := range loads {
		if offset >= s.offset && offset-s.offset < s.size {
			return offset - s.offset + s.address, true
		}
	}
	return 0, false
}

// offset is the reverse of address.
func (f *File) offset(address uint64) (uint64, bool) {
	for _, s := range f.loads {
		if address >= s.address && address-s.address < s.size {
			return address - s.address + s.offset, true
		}
	}
	return 0, false
}

// section returns a section by the first of the names that the file has, or nil.
func (f *File) section(names ...string) (*section, error) {
	for _, name := range names {
		if header := f.elf.Section(name); header != nil && header.Type != elf.SHT_NOBITS {
			return f.open(header)
		}
	}
	return nil, nil
}

// open makes a section readable. A compressed one is unpacked, once.
func (f *File) open(header *elf.Section) (*section, error) {
	if !compressed(header) {
		return &section{pages: f.pages, offset: header.Offset, size: header.FileSize}, nil
	}
	if known := f.unpack[header]; known != nil {
		return known, nil
	}
	unpacked := header.Size
	for _, known := range f.unpack {
		unpacked += known.size
	}
	if max(header.FileSize, header.Size, unpacked) > maxUnpacked {
		return nil, errPacked
	}
	if err := f.pages.step(int(header.Size) / stepBytes); err != nil {
		return nil, err
	}
	text, err := header.Data()
	if err != nil {
		return nil, err
	}
	s := &section{pages: f.pages, size: uint64(len(text)), text: text}
	f.unpack[header] = s
	return s, nil
}

func compressed(header *elf.Section) bool { return header.Flags&elf.SHF_COMPRESSED != 0 }

// codeSection returns the section of code that has an address, or nil.
func (f *File) codeSection(address uint64) *elf.Section {
	for _, s := range f.elf.Sections {
		code := s.Flags&elf.SHF_EXECINSTR != 0 && s.Type == elf.SHT_PROGBITS
		if code && address-s.Addr < s.Size {
			return s
		}
	}
	return nil
}
