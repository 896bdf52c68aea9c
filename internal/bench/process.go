package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// tracer is a running ponytrace or bpftrace that has attached its probes.
type tracer struct {
	cmd      *exec.Cmd
	attached time.Duration // from its start
	drained  chan struct{}
	printed  bytes.Buffer // since it attached; only once it has stopped
}

// unattachedError is what a tracer printed that attached nothing.
type unattachedError struct {
	program, said string
	err           error
}

func (e *unattachedError) Error() string {
	return fmt.Sprintf("%s ended without attaching: %s: %v", e.program, strings.TrimSpace(e.said), e.err)
}

// attaching is how long a tracer may take that prints its notice before it attaches. A
// signal would be lost on it meanwhile.
const attaching = 300 * time.Millisecond

// start runs a tracer until it says that it has attached.
func start(program string, args ...string) (*tracer, error) {
	t := &tracer{cmd: exec.Command(program, args...), drained: make(chan struct{})}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	t.cmd.Stdout, t.cmd.Stderr = write, write
	began := time.Now()
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	write.Close()
	lines := bufio.NewReader(read)
	early, said := false, ""
	for {
		line, err := lines.ReadString('\n')
		said += line
		if err != nil {
			return nil, &unattachedError{program, said, t.cmd.Wait()}
		}
		if strings.HasPrefix(line, "Attach") {
			early = strings.HasPrefix(line, "Attaching")
			break
		}
	}
	t.attached = time.Since(began)
	if early {
		time.Sleep(attaching)
	}
	go func() {
		io.Copy(&t.printed, lines)
		close(t.drained)
	}()
	return t, nil
}

// stop ends the tracer, and returns how long that took and how much memory it had at
// most, in bytes.
func (t *tracer) stop() (gone time.Duration, memory float64, err error) {
	peak := t.peak()
	began := time.Now()
	if err := t.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return 0, 0, err
	}
	err = t.cmd.Wait()
	gone = time.Since(began)
	<-t.drained
	return gone, <-peak, err
}

// peak polls the most memory that the process ever had, in bytes, until it is gone. The
// maximum in its resource usage is no use: a child begins with that of its parent, and we
// are larger than what we measure.
func (t *tracer) peak() chan float64 {
	result := make(chan float64, 1)
	most, running := t.memory()
	go func() {
		for running {
			time.Sleep(time.Millisecond)
			var now float64
			now, running = t.memory()
			most = max(most, now)
		}
		result <- most
	}()
	return result
}

// memory reads the kernel's high-water mark.
func (t *tracer) memory() (bytes float64, running bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", t.cmd.Process.Pid))
	_, after, found := strings.Cut(string(text), "VmHWM:")
	if err != nil || !found {
		return 0, false
	}
	fmt.Sscan(after, &bytes)
	return bytes * 1024, true
}

// sample is a list of measurements of the same thing.
type sample []float64

func (s sample) String() string {
	return fmt.Sprintf("%8.1f [%.1f - %.1f]", s.median(), slices.Min(s), slices.Max(s))
}

func (s sample) median() float64 { return slices.Sorted(slices.Values(s))[len(s)/2] }

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
