package runtime

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// family is a child of this process and all that descend from it. Each is held by a
// descriptor: its number may be that of another process as soon as it has ended.
type family struct {
	members map[int]int // number -> descriptor
}

// familyOf stops the child and all that descend from it (SIGSTOP): one that ran on could
// start another process after it was asked for its children, and end before that one was
// found.
func familyOf(pid int) *family {
	f := &family{members: map[int]int{}}
	f.add(pid, os.Getpid())
	f.stop()
	return f
}

// stop stops the members, and those that join them meanwhile.
func (f *family) stop() {
	for known := -1; known != len(f.members); {
		known = len(f.members)
		f.signal(unix.SIGSTOP)
		f.awaitStopped(stopPatience)
		f.grow()
	}
}

// stopPatience is how long a process that is in a call of the kernel may take to stop.
const stopPatience = 100 * time.Millisecond

// awaitStopped waits until all have left the call that they were in when the signal came:
// it may be the one that starts another process.
func (f *family) awaitStopped(patience time.Duration) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		running := 0
		for pid := range f.members {
			if state, _, ok := statOf(pid); ok && !strings.Contains("TtZX", state) {
				running++
			}
		}
		if running == 0 {
			return
		}
	}
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

func parentOf(pid int) (int, bool) {
	_, parent, ok := statOf(pid)
	return parent, ok
}

// statOf reads the two fields behind the name, which may hold anything.
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func statOf(pid int) (state string, parent int, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0, false
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 2 {
		return "", 0, false
	}
	parent, err = strconv.Atoi(string(fields[1]))
	return string(fields[0]), parent, err == nil
}
