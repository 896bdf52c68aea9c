package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// memory touches pages for the first time, each once and in the function touch, and adds
// to a word at an address that is known beforehand, from threads that are there when the
// load begins and from others that it starts.
type memory struct {
	Pages   int    `help:"How many pages to touch."`
	Writes  int    `help:"How many times each thread adds to the word."`
	Threads int    `default:"1" help:"Threads that are there."`
	Later   int    `help:"Threads that come."`
	Gate    string `help:"First wait until this file exists."`
}

const (
	anonymous = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
	readWrite = unix.PROT_READ | unix.PROT_WRITE
)

// wordAddress is where nothing else is mapped.
const wordAddress = 0x7000000000

func (m *memory) Run() error {
	word, err := mapWord()
	if err != nil {
		return err
	}
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	ready.Add(m.Threads)
	for range m.Threads {
		done.Go(func() {
			runtime.LockOSThread()
			ready.Done()
			<-begin
			m.write(word)
		})
	}
	ready.Wait()
	awaitFile(m.Gate)
	close(begin)
	for range m.Later {
		done.Go(func() {
			runtime.LockOSThread()
			m.write(word)
		})
	}
	done.Wait()
	if err := touchPages(m.Pages); err != nil {
		return err
	}
	return report(map[string]any{"load": "memory", "pages": m.Pages, "word": *word})
}

// mapWord maps the page of the word, and has it in memory.
func mapWord() (*uint64, error) {
	const flags = anonymous | unix.MAP_FIXED_NOREPLACE | unix.MAP_POPULATE
	address, err := unix.MmapPtr(-1, 0, unsafe.Add(nil, wordAddress), 4096, readWrite, flags)
	if err != nil {
		return nil, fmt.Errorf("mapping the word: %w", err)
	}
	return (*uint64)(address), nil
}

// write is one access for each addition.
func (m *memory) write(word *uint64) {
	for range m.Writes {
		atomic.AddUint64(word, 1)
	}
}

func touchPages(n int) error {
	if n == 0 {
		return nil
	}
	size := os.Getpagesize()
	mapped, err := unix.Mmap(-1, 0, n*size, readWrite, anonymous)
	if err != nil {
		return err
	}
	// Kernels without huge pages do not know the advice.
	if err := unix.Madvise(mapped, unix.MADV_NOHUGEPAGE); err != nil && err != syscall.EINVAL {
		return err
	}
	touch(mapped, size)
	return nil
}

//go:noinline
func touch(mapped []byte, size int) {
	for i := 0; i < len(mapped); i += size {
		mapped[i] = 1
	}
}

// awaitFile waits until a file exists; "" waits for nothing.
func awaitFile(path string) {
	for path != "" {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
