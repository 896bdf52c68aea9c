package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	noisePeriod = time.Millisecond
	noiseLength = 100 * time.Microsecond
	fifo        = 1 // SCHED_FIFO of include/uapi/linux/sched.h
)

// makeNoise preempts, on every CPU, whatever runs there, until the process ends.
func makeNoise() error {
	started := make(chan error)
	for cpu := range runtime.NumCPU() {
		go interrupt(cpu, started)
	}
	for range runtime.NumCPU() {
		if err := <-started; err != nil {
			return err
		}
	}
	return nil
}

func interrupt(cpu int, started chan<- error) {
	err := bind(cpu)
	if err == nil {
		attributes := &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: fifo, Priority: 10}
		if err = unix.SchedSetAttr(0, attributes, 0); err != nil {
			err = fmt.Errorf("schedule a thread as FIFO: %w", err)
		}
	}
	started <- err
	pause := unix.NsecToTimespec(noisePeriod.Nanoseconds())
	for err == nil {
		unix.Nanosleep(&pause, nil)
		for began := time.Now(); time.Since(began) < noiseLength; {
		}
	}
}

// noise interrupts another program.
type noise struct {
	Program []string `arg:"" help:"The program and its arguments, which end this one, too."`
}

func (n *noise) Run() error {
	if err := makeNoise(); err != nil {
		return err
	}
	program := exec.Command(n.Program[0], n.Program[1:]...)
	program.Stderr = os.Stderr
	if err := program.Run(); err != nil {
		return fmt.Errorf("%s: %w", program, err)
	}
	return report(map[string]any{"load": "noise", "name": n.Program[0]})
}
