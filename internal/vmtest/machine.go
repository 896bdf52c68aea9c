package vmtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/ponytrace/ponytrace/internal/vmtest/kernel"
	"github.com/ponytrace/ponytrace/internal/vmtest/wire"
)

// Machine describes one run: what boots, what is inside, what it does and where its words go.
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

// Fetched is a file or folder of the guest copied to a place on the host after the last command. Guest may be
// a pattern; then Host is the place of its longest fixed folder.
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

// DiedError tells of a machine that stopped before it was done.
type DiedError struct {
	Kernel  string
	Booted  bool
	Console string
	Cause   error
}

func (e *DiedError) Error() string {
	when := "while booting"
	if e.Booted {
		when = "while its commands ran"
	}
	text := fmt.Sprintf("the machine with kernel %s died %s", e.Kernel, when)
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text + consoleText(e.Console)
}

func (e *DiedError) Unwrap() error { return e.Cause }

// TimeoutError tells of a machine that was killed because its time was over.
type TimeoutError struct {
	Kernel  string
	After   time.Duration
	Booted  bool
	Console string
}

func (e *TimeoutError) Error() string {
	what := "was still booting"
	if e.Booted {
		what = "was still running its commands"
	}
	return fmt.Sprintf("the machine with kernel %s %s after %s", e.Kernel, what, e.After) + consoleText(e.Console)
}

func consoleText(console string) string {
	return "\n--- the end of its console ---\n" + console
}

// Start boots the machine, runs its commands and waits for the end. A machine that dies while booting is started once more.
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

// session is what the host knows while it listens to one machine.
type session struct {
	machine Machine
	started time.Time
	ready   time.Time
	result  Result
	file    *os.File
	done    bool
}

func (s *session) listen(frames io.Reader) error {
	for {
		kind, payload, err := wire.Read(frames)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.take(kind, payload); err != nil {
			return err
		}
		if s.done {
			return nil
		}
	}
}

func (s *session) take(kind wire.Kind, payload []byte) (err error) {
	switch kind {
	case wire.Ready:
		s.ready = time.Now()
		s.result.Boot = s.ready.Sub(s.started)
		s.result.Release = string(payload)
	case wire.Stdout:
		_, err = s.machine.Stdout.Write(payload)
	case wire.Stderr:
		_, err = s.machine.Stderr.Write(payload)
	case wire.Exit:
		var status wire.ExitStatus
		err = json.Unmarshal(payload, &status)
		s.result.Exits = append(s.result.Exits, status)
	case wire.FileStart:
		err = s.openFile(payload)
	case wire.FileData:
		_, err = s.file.Write(payload)
	case wire.Note:
		fmt.Fprintf(s.machine.Log, "%s\n", payload)
	case wire.Done:
		s.result.Run = time.Since(s.ready)
		s.done = true
	default:
		err = fmt.Errorf("the guest sent a frame of unknown kind %q", kind)
	}
	return err
}

func (s *session) openFile(payload []byte) error {
	s.closeFile()
	var header wire.FileHeader
	if err := json.Unmarshal(payload, &header); err != nil {
		return err
	}
	host, err := s.hostPath(header.Path)
	if err != nil {
		return err
	}
	if header.Mode.IsDir() {
		return os.MkdirAll(host, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(host), 0o755); err != nil {
		return err
	}
	s.file, err = os.OpenFile(host, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644|header.Mode.Perm()&0o111)
	return err
}

func (s *session) hostPath(guest string) (string, error) {
	for _, f := range s.machine.Get {
		rest, err := filepath.Rel(f.fixed(), guest)
		if err == nil && filepath.IsLocal(rest) {
			return filepath.Join(f.Host, rest), nil
		}
	}
	return "", fmt.Errorf("the guest sent %s, which nobody asked for", guest)
}

func (s *session) closeFile() {
	if s.file != nil {
		s.file.Close()
	}
}

// tail keeps the last of what is written and passes everything on.
type tail struct {
	also io.Writer
	kept []byte
}

const tailSize = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if len(t.kept) > 2*tailSize {
		t.kept = bytes.Clone(t.kept[len(t.kept)-tailSize:])
	}
	return t.also.Write(p)
}

func (t *tail) String() string { return string(bytes.ReplaceAll(t.kept, []byte("\r"), nil)) }
