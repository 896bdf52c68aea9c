package vmtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/ponytrace/ponytrace/internal/vmtest/kernel"
	"github.com/ponytrace/ponytrace/internal/vmtest/wire"
)

// Machine describes one run: what boots, what is inside, what it does and where its words
// go.
type Machine struct {
	Kernel   kernel.Kernel
	Commands []wire.Command
	Files    []File
	Get      []Fetched
	Env      []string

	CPUs     int
	MemoryMB int
	Icount   bool
	Tracefs  bool
	Timeout  time.Duration
	Once     bool // no second try when it dies while booting

	Stdout  io.Writer
	Stderr  io.Writer
	Console io.Writer // the kernel log, live; nil keeps it for errors only
	Log     io.Writer // what the host wants to say, such as that it started the machine again
}

// File is put into the guest: a file or a folder of the host, or the content given.
type File struct {
	Guest   string
	Host    string
	Content []byte
	Mode    os.FileMode // for Content
}

// Fetched is a file or folder of the guest copied to a place on the host after the last
// command. Guest may be a pattern; then Host is the place of its longest fixed folder.
type Fetched struct{ Guest, Host string }

func (f Fetched) fixed() string {
	dir := f.Guest
	for strings.ContainsAny(dir, "*?[") {
		dir = path.Dir(dir)
	}
	return dir
}

// Result is what became of a machine whose commands all ended.
type Result struct {
	Release string
	Exits   []wire.ExitStatus
	Boot    time.Duration // from starting QEMU until init was ready
	Run     time.Duration // from then on
	Boots   int           // more than 1 when it died early and was started again
}

// ExitCode is the first that is not zero.
func (r Result) ExitCode() int {
	for _, e := range r.Exits {
		if e.Code != 0 {
			return e.Code
		}
	}
	return 0
}

// Start boots the machine, runs its commands and waits for the end. A machine that dies
// while booting is started once more.
func (m Machine) Start(ctx context.Context) (Result, error) {
	m = m.withDefaults()
	image, err := m.initramfs()
	if err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, m.Timeout)
	defer cancel()
	result, err := m.once(ctx, image)
	var died *DiedError
	if errors.As(err, &died) && !died.Booted && !m.Once {
		fmt.Fprintf(m.Log, "%v\nstarting it again\n", err)
		result, err = m.once(ctx, image)
		result.Boots++
	}
	return result, err
}

func (m Machine) withDefaults() Machine {
	if m.CPUs == 0 {
		m.CPUs = 2
	}
	if m.Icount {
		m.CPUs = 1
	}
	if m.MemoryMB == 0 {
		m.MemoryMB = 1024
	}
	if m.Timeout == 0 {
		m.Timeout = 5 * time.Minute
	}
	for _, w := range []*io.Writer{&m.Stdout, &m.Stderr, &m.Console, &m.Log} {
		if *w == nil {
			*w = io.Discard
		}
	}
	return m
}

func (m Machine) once(ctx context.Context, image []byte) (Result, error) {
	console := &tail{also: m.Console}
	started := time.Now()
	q, err := startQEMU(ctx, m, image, console)
	if err != nil {
		return Result{}, err
	}
	s := session{machine: m, started: started, result: Result{Boots: 1}}
	err = s.listen(q.frames)
	complaint := q.stop()
	s.closeFile()
	if s.done {
		return s.result, nil
	}
	booted := s.result.Release != ""
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return s.result, &TimeoutError{m.Kernel.Name, m.Timeout, booted, console.String()}
	case ctx.Err() != nil:
		return s.result, ctx.Err()
	}
	return s.result, &DiedError{m.Kernel.Name, booted, console.String(), errors.Join(err, complaint)}
}
