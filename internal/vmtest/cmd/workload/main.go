// Command workload makes loads of exactly known size, for tests that demand exact counts.
//
// Each subcommand does what its flags say and nothing else of the kind, then prints one
// line of JSON saying what it did. Three things make that harder than it sounds, and
// shape the program:
//
// Go's runtime makes system calls of its own: futex, nanosleep, epoll, madvise, mmap,
// clone, rt_sig*, sched_yield, tgkill, and while starting openat, read, fstat, prctl,
// sched_getaffinity. A load therefore uses calls from [calls], which the runtime never
// makes, by raw numbers. Those that the runtime does make are refused.
//
// A disk request of one size arrives at the driver as one request of that size only if
// nobody splits or merges it. So a block load is synchronous direct I/O, one at a time
// from one thread, from a page-aligned buffer, and each size is checked against the
// queue's limits first: max_sectors_kb, and max_segments of one page each, as the pages
// of a buffer may lie anywhere. A size that would be split is an error here, not a
// surprise there.
//
// Other processes make noise. --comm renames the whole process before the load starts,
// every thread of it, so that a predicate on comm isolates it; the JSON tells the process
// id for predicates on pid.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/alecthomas/kong"
)

type cli struct {
	Block    block    `cmd:"" help:"Direct I/O of known sizes to a disk."`
	Syscalls syscalls `cmd:"" help:"The same system call from many threads on all CPUs."`
	Read     read     `cmd:"" help:"Reads of a known size from a file."`
	Spin     spin     `cmd:"" help:"Use a CPU."`
	Sleep    sleep    `cmd:"" help:"Do nothing."`
	Noise    noise    `cmd:"" help:"Interrupt another program, a thousand times a second on each CPU."`
	Family   family   `cmd:"" help:"A process and its descendants, each of which makes the same calls."`
	Memory   memory   `cmd:"" help:"First touches of pages, and writes to a word that can be watched."`

	Comm string `help:"Rename this process first."`
}

func (c *cli) AfterApply() error {
	if c.Comm == "" {
		return nil
	}
	return rename(c.Comm)
}

// report prints what was done, with the process it was done by.
func report(did map[string]any) error {
	did["pid"] = os.Getpid()
	return json.NewEncoder(os.Stdout).Encode(did)
}

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("workload"), kong.Description("Makes loads of exactly known size."))
	if err := k.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "workload:", err)
		os.Exit(1)
	}
}

type sleep struct {
	Ms int `default:"1000" help:"Milliseconds."`
}

func (s *sleep) Run() error {
	time.Sleep(time.Duration(s.Ms) * time.Millisecond)
	return report(map[string]any{"load": "sleep", "ms": s.Ms})
}

type spin struct {
	Ms int `default:"1000" help:"Milliseconds."`
}

func (s *spin) Run() error {
	began := time.Now()
	loops := 0
	for time.Since(began) < time.Duration(s.Ms)*time.Millisecond {
		loops++
	}
	return report(map[string]any{"load": "spin", "ms": s.Ms, "loops": loops})
}
