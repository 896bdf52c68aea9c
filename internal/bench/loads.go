package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// load makes events, and tells how long that took and how many they were, or counted where
// only the script knows.
type load func() (took time.Duration, events int, err error)

const counted = -1

const (
	perLoad  = 10_000
	spins    = 30_000_000
	pageSize = 4096
)

// reads are system calls.
func reads() (time.Duration, int, error) {
	fd, err := unix.Open("/dev/zero", unix.O_RDONLY, 0)
	if err != nil {
		return 0, 0, err
	}
	defer unix.Close(fd)
	var buffer [1]byte
	began := time.Now()
	for range perLoad {
		unix.Read(fd, buffer[:])
	}
	return time.Since(began), perLoad, nil
}

// touches are calls of a Go function.
func touches() (time.Duration, int, error) {
	began := time.Now()
	for n := range perLoad {
		touch(n)
	}
	return time.Since(began), perLoad, nil
}

// touch is for uprobes.
//
//go:noinline
func touch(n int) { touched.Store(int64(n)) }

var touched atomic.Int64

// passes are those of a place in the program calls.
func passes(place string) load {
	return func() (time.Duration, int, error) {
		program, err := os.Executable()
		if err != nil {
			return 0, 0, err
		}
		text, err := exec.Command(besides(program), place, fmt.Sprint(perLoad)).Output()
		if err != nil {
			return 0, 0, fmt.Errorf("%s %s: %w", besides(program), place, err)
		}
		nanoseconds, err := time.ParseDuration(strings.TrimSpace(string(text)) + "ns")
		return nanoseconds, perLoad, err
	}
}

// faults are writes to pages that the process has not got: the same few again and again,
// so that the kernel has them at hand.
func faults() (time.Duration, int, error) {
	const pages = 100
	const writable, private = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_PRIVATE | unix.MAP_ANON
	memory, err := unix.Mmap(-1, 0, pages*pageSize, writable, private)
	if err != nil {
		return 0, 0, err
	}
	defer unix.Munmap(memory)
	began := time.Now()
	for range perLoad / pages {
		for n := range pages {
			memory[n*pageSize] = 1
		}
		if err := unix.Madvise(memory, unix.MADV_DONTNEED); err != nil {
			return 0, 0, err
		}
	}
	return time.Since(began), perLoad, nil
}

// spin only computes.
func spin() (time.Duration, int, error) {
	sum, began := 0, time.Now()
	for n := range spins {
		sum += n ^ sum
	}
	touched.Store(int64(sum))
	return time.Since(began), counted, nil
}
