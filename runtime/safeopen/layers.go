package safeopen

import (
	"encoding/binary"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A file of overlayfs, which containers have, lies in a layer below it, and that in turn
// may lie below several: two containers of one image are two devices, so that one program
// has two identities.
//
//	/merged1/bin/sh   device 0x2d, inode 7  \
//	                                         page cache of /image/bin/sh, device 0xfd00
//	/merged2/bin/sh   device 0x2e, inode 7  /
//
// What is one is the file's memory: overlayfs maps pages of the layer's file. So where two
// files have the same page of memory at their beginnings they are one file, however many
// layers are between, whoever mounted them, and whatever the paths in the mount's options
// lead to by now.

// Layered reports whether the file lies in a file system whose files are those of others.
func (f *File) Layered() bool {
	var info unix.Statfs_t
	return unix.Fstatfs(f.descriptor, &info) == nil && info.Type == unix.OVERLAYFS_SUPER_MAGIC
}

// Same reports whether two files are one. Without CAP_SYS_ADMIN the kernel does not tell
// where pages are, and they count as two.
func Same(a, b *File) bool {
	same, err := Within(Patience, func() (same bool, err error) {
		pagemap, err := os.Open("/proc/self/pagemap")
		if err != nil {
			return false, err
		}
		defer pagemap.Close()
		for sure, look := false, 0; !sure && look < looks; look++ {
			same, sure = samePage(pagemap, a, b)
		}
		return same, nil
	})
	return same && err == nil
}

// looks is how often it is tried to see both pages at one time: the kernel may move a page
// or take it away.
const looks = 3

// samePage keeps both pages mapped while it looks. It is sure where the first page has not
// moved when the second is found.
func samePage(pagemap *os.File, a, b *File) (same, sure bool) {
	one, two := a.firstPage(), b.firstPage()
	defer unix.Munmap(one)
	defer unix.Munmap(two)
	before, other, after := frame(pagemap, one), frame(pagemap, two), frame(pagemap, one)
	sure = before == after && before != 0 && other != 0
	return sure && before == other, sure
}

// firstPage maps the beginning of the file. The kernel brings the page, as to touch it
// would end the process if somebody cut the file meanwhile.
func (f *File) firstPage() []byte {
	page, err := f.mapPage(unix.MAP_SHARED | unix.MAP_POPULATE)
	if err != nil {
		return nil
	}
	return page
}

func (f *File) mapPage(flags int) ([]byte, error) {
	return unix.Mmap(f.descriptor, 0, os.Getpagesize(), unix.PROT_READ, flags)
}

// WhileMapped calls a function while the beginning of the file is mapped at an address.
func (f *File) WhileMapped(look func(at uint64) error) error {
	page, err := f.mapPage(unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	defer unix.Munmap(page)
	return look(uint64(address(page)))
}

const (
	frameMask = 1<<55 - 1
	present   = 1 << 63
)

// frame is the number of the page in memory, 0 where it is not known.
// https://docs.kernel.org/admin-guide/mm/pagemap.html
func frame(pagemap *os.File, page []byte) uint64 {
	var entry [8]byte
	if page == nil {
		return 0
	}
	if _, err := pagemap.ReadAt(entry[:], address(page)/int64(len(page))*int64(len(entry))); err != nil {
		return 0
	}
	found := binary.NativeEndian.Uint64(entry[:])
	if found&present == 0 {
		return 0
	}
	return found & frameMask
}

// address is where in this process's memory a page is.
func address(page []byte) int64 { return int64(uintptr(unsafe.Pointer(unsafe.SliceData(page)))) }
