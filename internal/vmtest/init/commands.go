package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/ponytrace/ponytrace/internal/vmtest/wire"
)

func run(job wire.Job, out *wire.Writer) {
	var background sync.WaitGroup
	for i, command := range job.Commands {
		if command.Background {
			background.Go(func() { runOne(i, command, out) })
			continue
		}
		runOne(i, command, out)
	}
	background.Wait()
}

func runOne(index int, command wire.Command, out *wire.Writer) {
	cmd := exec.Command(command.Args[0], command.Args[1:]...)
	cmd.Stdout = out.Stream(wire.Stdout)
	cmd.Stderr = out.Stream(wire.Stderr)
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		fmt.Fprintf(cmd.Stderr, "%s: %v\n", command.Args[0], err)
	}
	status := exitStatus(cmd.ProcessState)
	status.Command = index
	out.SendJSON(wire.Exit, status)
}

// exitStatus follows the shell: 127 for a command that could not be started, 128 and the
// signal for one killed.
func exitStatus(state *os.ProcessState) wire.ExitStatus {
	if state == nil {
		return wire.ExitStatus{Code: 127}
	}
	wait := state.Sys().(syscall.WaitStatus)
	if wait.Signaled() {
		return wire.ExitStatus{Code: 128 + int(wait.Signal()), Signal: wait.Signal().String()}
	}
	return wire.ExitStatus{Code: state.ExitCode()}
}

func sendMatches(pattern string, out *wire.Writer) {
	paths, _ := filepath.Glob(pattern)
	if len(paths) == 0 {
		out.Send(wire.Note, fmt.Appendf(nil, "the guest has no %s", pattern))
	}
	for _, path := range paths {
		sendTree(path, out)
	}
}

func sendTree(root string, out *wire.Writer) {
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return sendFile(path, info, out)
	})
	if err != nil {
		out.Send(wire.Note, fmt.Appendf(nil, "cannot send %s: %v", root, err))
	}
}

func sendFile(path string, info os.FileInfo, out *wire.Writer) error {
	if !info.Mode().IsRegular() && !info.IsDir() {
		return nil
	}
	if err := out.SendJSON(wire.FileStart, wire.FileHeader{Path: path, Mode: info.Mode()}); err != nil || info.IsDir() {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyBuffer(out.Stream(wire.FileData), struct{ io.Reader }{f}, make([]byte, 1<<18))
	return err
}
