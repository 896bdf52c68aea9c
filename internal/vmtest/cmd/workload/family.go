package main

import (
	"fmt"
	"os/exec"
	"strconv"
	"sync"
)

// family is a process that makes calls and has children that do the same, and so on:
//
//	depth 0: the process itself; depth d: width^d processes
//
// An orphan's parent does not wait for it, so it may outlive it.
type family struct {
	Name    string `default:"dup" help:"Which system call."`
	N       int    `required:"" help:"How many times in each process, in two threads."`
	Depth   int    `default:"2" help:"Generations below this process."`
	Width   int    `default:"2" help:"Children of each process."`
	Orphans bool   `help:"Let parents end without waiting for their children."`
	Gate    string `help:"First wait until this file exists."`
}

func (f *family) Run() error {
	call, ok := calls[f.Name]
	if !ok {
		return fmt.Errorf("no load of %q", f.Name)
	}
	awaitFile(f.Gate)
	var group sync.WaitGroup
	for _, share := range []int{f.N / 2, f.N - f.N/2} {
		group.Go(func() {
			for range share {
				call()
			}
		})
	}
	group.Wait()
	return f.children()
}

func (f *family) children() error {
	if f.Depth == 0 {
		return nil
	}
	arguments := []string{"family", "--name", f.Name, "--n", strconv.Itoa(f.N), "--depth", strconv.Itoa(f.Depth - 1), "--width", strconv.Itoa(f.Width)}
	if f.Orphans {
		arguments = append(arguments, "--orphans")
	}
	var started []*exec.Cmd
	for range f.Width {
		child := exec.Command("/proc/self/exe", arguments...)
		if err := child.Start(); err != nil {
			return err
		}
		started = append(started, child)
	}
	if f.Orphans {
		return nil
	}
	for _, child := range started {
		if err := child.Wait(); err != nil {
			return err
		}
	}
	return nil
}
