package main

import (
	"os"
	"os/signal"
	"syscall"
)

// signals are those that end the tracing or ask for the maps. A session obeys them;
// before there is one, they end the process.
type signals struct {
	caught chan os.Signal
	handed chan struct{}
}

// catchSignals catches them until the process ends: one that comes after the session's
// end is the same wish, and must not change the exit code. SIGHUP stays ignored where
// nohup(1) has seen to that.
func catchSignals() *signals {
	s := &signals{caught: make(chan os.Signal, 16), handed: make(chan struct{})}
	signal.Notify(s.caught, os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(s.caught, syscall.SIGHUP)
	}
	catchBrokenPipe()
	s.takeBack()
	return s
}

// leaveBefore ends the process at a signal as long as nothing is traced, for there is
// nothing to print.
func (s *signals) leaveBefore() {
	for {
		select {
		case <-s.handed:
			return
		case caught := <-s.caught:
			if number, ok := caught.(syscall.Signal); ok && number != syscall.SIGUSR1 {
				os.Exit(128 + int(number))
			}
		}
	}
}

// handOver leaves the signals to a session. After it no signal ends the process.
func (s *signals) handOver() { s.handed <- struct{}{} }

// takeBack is for when the session could not begin, and another is tried.
func (s *signals) takeBack() { go s.leaveBefore() }

// catchBrokenPipe turns the end of a reader such as head into an error of writing, after
// which END runs. It does not ignore the signal: the command of -c would inherit that.
func catchBrokenPipe() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
