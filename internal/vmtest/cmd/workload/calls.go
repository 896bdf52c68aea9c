package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// calls are the system calls on offer: quick, without effect, and never made by Go's
// runtime.
var calls = map[string]func(){
	"getppid":     func() { unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0) },
	"getuid":      func() { unix.RawSyscall(unix.SYS_GETUID, 0, 0, 0) },
	"getpgid":     func() { unix.RawSyscall(unix.SYS_GETPGID, 0, 0, 0) },
	"getpriority": func() { unix.RawSyscall(unix.SYS_GETPRIORITY, 0, 0, 0) },
	"umask":       func() { unix.RawSyscall(unix.SYS_UMASK, 0o22, 0, 0) },
	"close":       func() { unix.RawSyscall(unix.SYS_CLOSE, ^uintptr(0), 0, 0) },
	"dup":         func() { unix.RawSyscall(unix.SYS_DUP, ^uintptr(0), 0, 0) },
	"access":      func() { unix.Access(probePath, unix.F_OK) },
	"openat":      func() { unix.Open(probePath, unix.O_RDONLY, 0) },
	// ppoll waits for 20 ms.
	"ppoll": func() { unix.Ppoll(nil, &unix.Timespec{Nsec: 20e6}, nil) },
	// getppid32 is getppid for programs of 32 bits, whose number is that of semget for
	// others.
	"getppid32": func() { compatCall(64) },
}

// probePath does not exist, so that openat fails and leaves no descriptor; as a name it
// is easy to match.
const probePath = "/ponytrace-workload"

type syscalls struct {
	Name    string `default:"getppid" help:"Which one."`
	N       int    `required:"" help:"Calls in all."`
	Threads int    `default:"1" help:"Threads; the n-th is bound to the n-th CPU, and so round."`
	Noise   bool   `help:"Let a thread of the scheduling class FIFO interrupt them on each CPU, a thousand times a second."`
}

func (s *syscalls) Run() error {
	call, ok := calls[s.Name]
	if !ok {
		return fmt.Errorf("no load of %q; there are %s", s.Name, strings.Join(slices.Sorted(maps.Keys(calls)), ", "))
	}
	var group sync.WaitGroup
	start := make(chan struct{})
	bound := make(chan error, s.Threads)
	for i := range s.Threads {
		share := s.N / s.Threads
		if i < s.N%s.Threads {
			share++
		}
		group.Go(func() {
			bound <- bind(i)
			<-start
			for range share {
				call()
			}
		})
	}
	for range s.Threads {
		if err := <-bound; err != nil {
			return err
		}
	}
	if s.Noise {
		if err := makeNoise(); err != nil {
			return err
		}
	}
	close(start)
	group.Wait()
	return report(map[string]any{"load": "syscalls", "name": s.Name, "n": s.N, "threads": s.Threads})
}

// bind ties the calling goroutine to a thread of its own and the thread to a CPU.
func bind(i int) error {
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(i % runtime.NumCPU())
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("bind a thread to CPU %d: %w", i%runtime.NumCPU(), err)
	}
	return nil
}

type read struct {
	N    int    `required:"" help:"How many reads."`
	Size int    `default:"4096" help:"Bytes asked for in each."`
	File string `default:"/dev/zero" help:"What to read, always from its beginning if it is a file."`
}

func (r *read) Run() error {
	fd, err := unix.Open(r.File, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", r.File, err)
	}
	defer unix.Close(fd)
	buffer := make([]byte, r.Size)
	total := 0
	for range r.N {
		n, err := unix.Read(fd, buffer)
		if err != nil {
			return fmt.Errorf("read %s: %w", r.File, err)
		}
		total += n
		unix.Seek(fd, 0, 0)
	}
	return report(map[string]any{"load": "read", "file": r.File, "n": r.N, "size": r.Size, "bytes": total})
}

// rename gives every thread of this process the name; new ones inherit it. All is opened
// before anything is written, so that under the new name this process opens nothing but
// what its load does.
func rename(comm string) error {
	threads, err := filepath.Glob("/proc/self/task/*/comm")
	if err != nil {
		return err
	}
	var names []*os.File
	for _, path := range threads {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		names = append(names, f)
	}
	for _, f := range names {
		if _, err := f.WriteString(comm); err != nil {
			return err
		}
	}
	return nil
}
