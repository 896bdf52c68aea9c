package main

import (
	"fmt"
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
