package runtime

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// family is a child of this process and all that descend from it. Each is held by a
// descriptor: its number may be that of another process as soon as it has ended.
type family struct {
	members map[int]int // number -> descriptor
}

func familyOf(pid int) *family {
	f := &family{members: map[int]int{}}
	f.add(pid, os.Getpid())
	f.grow()
	return f
}

// grow adds children until there are no more that are not known.
func (f *family) grow() {
	for grown := true; grown; {
		grown = false
		for pid, parent := range parents() {
			if _, ours := f.members[parent]; ours && f.add(pid, parent) {
				grown = true
			}
		}
	}
}

// add takes hold of a process. Only then it is certain that it is the child of its
// parent, and not one that has just got its number.
func (f *family) add(pid, parent int) bool {
	if _, known := f.members[pid]; known {
		return false
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	if now, ok := parentOf(pid); !ok || now != parent {
		unix.Close(fd)
		return false
	}
	f.members[pid] = fd
	return true
}

func (f *family) signal(signal unix.Signal) {
	for _, fd := range f.members {
		_ = unix.PidfdSendSignal(fd, signal, nil, 0)
	}
}

// await reports whether all end within a time.
func (f *family) await(patience time.Duration) bool {
	for end := time.Now().Add(patience); ; {
		poll := make([]unix.PollFd, 0, len(f.members))
		for _, fd := range f.members {
			poll = append(poll, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
		if n, _ := unix.Poll(poll, 0); n == len(poll) {
			return true
		}
		if time.Now().After(end) {
			return false
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (f *family) release() {
	for _, fd := range f.members {
		unix.Close(fd)
	}
}

// parents are those of all processes, nothing where /proc is not mounted.
func parents() map[int]int {
	list := map[int]int{}
	folder, err := os.Open("/proc")
	if err != nil {
		return list
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if parent, ok := parentOf(pid); ok {
			list[pid] = parent
		}
	}
	return list
}

// parentOf reads the field behind the name, which may hold anything, and the state.
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func parentOf(pid int) (int, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 2 {
		return 0, false
	}
	parent, err := strconv.Atoi(string(fields[1]))
	return parent, err == nil
}
