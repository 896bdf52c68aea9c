package vmtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/ponytrace/ponytrace/internal/vmtest/wire"
)

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
