package detect

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/safeopen"
	"golang.org/x/sys/unix"
)

// A name of a script becomes files here:
//
//	/bin/bash, ./app    a path; with -p in the root folder of the process
//	/usr/lib/*/*.so     all files that the pattern matches
//	bash                what the shell would find (PATH)
//	libc, libc.so.6     what programs that are linked with it get: by /etc/ld.so.cache, which
//	                    ldconfig writes, and in the folders that are searched without it
//	libc with -p        what the process has mapped of the name, before all others
//	*, nothing          with -p all that the process has mapped, and its own program
//
// Paths in another mount namespace are opened from the root folder of the process, so that
// symbolic links cannot lead out of it (openat2 with RESOLVE_IN_ROOT, Linux 5.6).

const (
	// maxPrograms bounds the files that a pattern stands for.
	maxPrograms = 4096
	mapsLimit   = 16 << 20
	cacheLimit  = 16 << 20
)

// programs finds the files that a name stands for, in the root folder of a process or,
// where pid is 0, the own one.
func programs(name string, pid int) ([]target.Program, error) {
	switch {
	case (name == "" || name == "*") && pid == 0:
		return nil, errors.New("a probe names its program, unless -p PID says of which process it is")
	case name == "":
		return ownProgram(pid)
	case name == "*":
		return mapped(pid, func(string) bool { return true })
	case strings.Contains(name, "/"):
		return atPath(name, pid)
	}
	if pid != 0 {
		found, err := mapped(pid, func(path string) bool { return called(name, filepath.Base(path)) })
		if err != nil || len(found) > 0 {
			return found, err
		}
	}
	found := searched(name)
	if len(found) == 0 {
		return nil, &target.UnknownProgramError{Text: fmt.Sprintf("no program or library %s is found, and a file in this folder is ./%[1]s", name)}
	}
	return found, nil
}

// called reports whether a file is what a name means: libc is libc.so.6 and libc-2.31.so.
func called(name, file string) bool {
	rest, found := strings.CutPrefix(file, name)
	if !found {
		return false
	}
	return rest == "" || strings.HasPrefix(rest, ".so") ||
		strings.HasPrefix(rest, "-") && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9' && strings.HasSuffix(rest, ".so")
}

//go:noinline
func process(pid int, file string) string { return fmt.Sprintf("/proc/%d/%s", pid, file) }

func ownProgram(pid int) ([]target.Program, error) {
	path, err := os.Readlink(process(pid, "exe"))
	if err != nil {
		return nil, unknownProcess(pid, "the program of process %d is not known", err)
	}
	return []target.Program{{Path: path, Opens: process(pid, "exe")}}, nil
}

// unknownProcess is why a file of a process cannot be read. Threads of the kernel have no
// program.
func unknownProcess(pid int, what string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		if _, err := os.Stat(process(pid, "")); err != nil {
			return fmt.Errorf("there is no process %d", pid)
		}
		return fmt.Errorf("process %d has no program: it is a thread of the kernel, or has ended", pid)
	}
	return fmt.Errorf(what+": %w", pid, errnoOf(err))
}

func errnoOf(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// mapped are the files with code that a process has mapped. The paths are those of the
// process.
func mapped(pid int, wanted func(path string) bool) (list []target.Program, err error) {
	text, err := readFile(process(pid, "maps"), mapsLimit)
	if err != nil {
		return nil, unknownProcess(pid, "what process %d has mapped is not known", err)
	}
	known := map[string]bool{}
	for line := range bytes.Lines(text) {
		fields := strings.SplitN(strings.TrimSuffix(string(line), "\n"), " ", 6)
		if len(fields) < 6 || !strings.Contains(fields[1], "x") {
			continue
		}
		path := strings.TrimLeft(fields[5], " ")
		if !strings.HasPrefix(path, "/") || known[path] || !wanted(path) || len(list) == maxPrograms {
			continue
		}
		known[path] = true
		list = append(list, target.Program{Path: path, Opens: inProcess(pid, path)})
	}
	return list, nil
}

// rooted is a path that already tells in whose root folder it is to be found.
var rooted = regexp.MustCompile(`^/proc/\d+/root/`)

// inProcess leads to a file of another mount namespace.
func inProcess(pid int, path string) string {
	if pid == 0 || sameFiles(pid) || rooted.MatchString(path) {
		return path
	}
	root, err := unix.Open(process(pid, "root"), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return process(pid, "root") + path
	}
	defer unix.Close(root)
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT}
	file, err := unix.Openat2(root, path, &how)
	if err != nil {
		return process(pid, "root") + path
	}
	return "/proc/self/fd/" + strconv.Itoa(file)
}

// sameFiles reports whether paths of a process are those of this one.
func sameFiles(pid int) bool {
	theirs, err := os.Readlink(process(pid, "ns/mnt"))
	ours, own := os.Readlink("/proc/self/ns/mnt")
	if err != nil || own != nil || theirs != ours {
		return false
	}
	var root, rootOfProcess unix.Stat_t
	err = errors.Join(unix.Stat("/", &root), unix.Stat(process(pid, "root"), &rootOfProcess))
	return err == nil && root.Dev == rootOfProcess.Dev && root.Ino == rootOfProcess.Ino
}

func atPath(name string, pid int) ([]target.Program, error) {
	if strings.ContainsAny(name, "*?[") && !exists(name) {
		return matching(name, pid)
	}
	opens := name
	if pid != 0 && !sameFiles(pid) {
		absolute, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		opens = inProcess(pid, absolute)
	}
	if _, err := os.Stat(opens); errors.Is(err, fs.ErrNotExist) {
		return nil, &target.UnknownProgramError{Text: "there is no file " + name, Near: nearby(name, opens)}
	}
	return []target.Program{{Path: name, Opens: opens}}, nil
}

// nearby are paths of files in the same folder with similar names.
func nearby(name, opens string) []string {
	folder, err := os.Open(filepath.Dir(opens))
	if err != nil {
		return nil
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(10_000)
	near := diag.Nearest(filepath.Base(name), slices.Values(names), 3)
	for i := range near {
		near[i] = strings.TrimSuffix(name, filepath.Base(name)) + near[i]
	}
	return near
}

func matching(pattern string, pid int) (list []target.Program, err error) {
	root := ""
	if pid != 0 && !sameFiles(pid) {
		root = process(pid, "root")
		if pattern, err = filepath.Abs(pattern); err != nil {
			return nil, err
		}
	}
	paths, err := filepath.Glob(root + pattern)
	if err != nil {
		return nil, fmt.Errorf("the pattern %s has a [ that is never closed", pattern)
	}
	for _, path := range paths[:min(len(paths), maxPrograms)] {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			list = append(list, target.Program{Path: strings.TrimPrefix(path, root), Opens: path})
		}
	}
	if len(list) == 0 {
		return nil, &target.UnknownProgramError{Text: "no file matches " + pattern}
	}
	return list, nil
}

// searched finds a program as a shell does, or else a library.
func searched(name string) (list []target.Program) {
	for _, folder := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 && filepath.IsAbs(path) {
			return []target.Program{{Path: path, Opens: path}}
		}
	}
	for _, path := range libraries(name) {
		list = append(list, target.Program{Path: path, Opens: path})
	}
	return list
}

// libraryFolders are searched without a cache: those of Debian, of others, and of musl.
var libraryFolders = sync.OnceValue(func() []string {
	triple := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
	return []string{"/lib/" + triple, "/usr/lib/" + triple, "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"}
})

// libraries are all versions of a library that programs of this machine get.
func libraries(name string) (paths []string) {
	cache, _ := readFile("/etc/ld.so.cache", cacheLimit)
	known := map[string]bool{}
	for soname, path := range cached(cache) {
		if called(name, soname) && !known[path] && exists(path) {
			known[path] = true
			paths = append(paths, path)
		}
	}
	if len(paths) > 0 {
		return paths
	}
	for _, folder := range libraryFolders() {
		entries, _ := os.ReadDir(folder)
		for _, entry := range entries {
			if called(name, entry.Name()) {
				paths = append(paths, filepath.Join(folder, entry.Name()))
			}
		}
		if len(paths) > 0 {
			return paths
		}
	}
	return nil
}

// The cache begins with a header of 48 bytes: the magic, how many entries (32 bits at 20).
// An entry is 24 bytes: what the library is for, the places of its name and its path from
// the header on, and 12 of no use here. Older caches have this behind a table that is even
// older.
// https://sourceware.org/git/?p=glibc.git;a=blob;f=sysdeps/generic/dl-cache.h;hb=glibc-2.41
const (
	cacheMagic  = "glibc-ld.so.cache1.1"
	cacheHeader = 48
	cacheEntry  = 24
)

// cached visits the names and paths of libraries for this machine.
func cached(cache []byte) func(visit func(soname, path string) bool) {
	return func(visit func(soname, path string) bool) {
		start := bytes.Index(cache, []byte(cacheMagic))
		if start < 0 || len(cache)-start < cacheHeader {
			return
		}
		cache = cache[start:]
		count := int(binary.LittleEndian.Uint32(cache[20:]))
		for i := range min(count, (len(cache)-cacheHeader)/cacheEntry) {
			entry := cache[cacheHeader+i*cacheEntry:]
			if binary.LittleEndian.Uint32(entry)&0xff00 != machineLibraries() {
				continue
			}
			soname, path := cachedText(cache, entry[4:]), cachedText(cache, entry[8:])
			if soname != "" && path != "" && !visit(soname, path) {
				return
			}
		}
	}
}

// machineLibraries are FLAG_X8664_LIB64 and FLAG_AARCH64_LIB64.
// https://sourceware.org/git/?p=glibc.git;a=blob;f=sysdeps/generic/ldconfig.h;hb=glibc-2.41
func machineLibraries() uint32 {
	if runtime.GOARCH == "arm64" {
		return 0x0a00
	}
	return 0x0300
}

func cachedText(cache, place []byte) string {
	at := binary.LittleEndian.Uint32(place)
	if uint64(at) >= uint64(len(cache)) {
		return ""
	}
	text := cache[at:]
	end := bytes.IndexByte(text[:min(len(text), 4096)], 0)
	if end < 0 {
		return ""
	}
	return string(text[:end])
}

// notProgram says in the user's terms why a file is no program.
func notProgram(err error) error {
	var format *elf.FormatError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &format), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it is no program or library: not an ELF file, or a damaged one")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("it may not be read")
	}
	return errors.New(safeopen.Reason(err))
}
