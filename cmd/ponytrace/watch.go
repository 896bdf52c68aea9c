package main

import (
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/ponytrace/ponytrace/internal/teach/step"
	"golang.org/x/sys/unix"
)

// watched reports whether a person sits before a terminal that can be drawn on.
func watched() bool {
	kind := os.Getenv("TERM")
	return columns(unix.Stdin) >= 0 && columns(unix.Stdout) >= 0 && kind != "" && kind != "dumb"
}

// screen is the terminal, without echo and without lines, until leave is called.
type screen struct {
	before    *unix.Termios
	continued chan os.Signal // SIGCONT
}

// What terminals understand: the other screen and back, the cursor hidden and shown.
// https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	fromTop     = "\x1b[H"
	restOfLine  = "\x1b[K"
	restOfAll   = "\x1b[J"
)

func openScreen() (*screen, error) {
	before, err := unix.IoctlGetTermios(unix.Stdin, unix.TCGETS)
	if err != nil {
		return nil, plain(err)
	}
	s := &screen{before, make(chan os.Signal, 1)}
	signal.Notify(s.continued, syscall.SIGCONT)
	if err := s.enter(); err != nil {
		s.leave() // what was changed before that
		return nil, err
	}
	return s, nil
}

func (s *screen) enter() error {
	raw := *s.before
	raw.Iflag &^= unix.IXON | unix.ICRNL | unix.INLCR | unix.IGNCR | unix.ISTRIP
	raw.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(unix.Stdin, unix.TCSETS, &raw); err != nil {
		return plain(err)
	}
	_, err := os.Stdout.WriteString(enterScreen)
	return err
}

func (s *screen) leave() {
	os.Stdout.WriteString(leaveScreen)
	unix.IoctlSetTermios(unix.Stdin, unix.TCSETS, s.before)
}

// suspend stops the process as Ctrl-Z does, and returns when it goes on. The kernel stops
// the other threads first, and this one may run for a while.
func (s *screen) suspend() error {
	s.leave()
	select {
	case <-s.continued: // of an earlier stop
	default:
	}
	if err := unix.Kill(unix.Getpid(), unix.SIGSTOP); err != nil {
		return plain(err)
	}
	<-s.continued
	return s.enter()
}

func (s *screen) draw(viewer *step.Viewer, color bool) error {
	size, err := unix.IoctlGetWinsize(unix.Stdout, unix.TIOCGWINSZ)
	if err != nil {
		return plain(err)
	}
	width, height := int(size.Col), int(size.Row)
	if width == 0 || height == 0 {
		width, height = 80, 24
	}
	lines := viewer.Draw(width, height, color)
	picture := fromTop + strings.Join(lines, restOfLine+"\r\n") + restOfLine + restOfAll
	_, err = os.Stdout.WriteString(picture)
	return err
}

// watch shows a run until a person leaves it, or a signal ends the process. The terminal
// is what it was then, after a panic as well.
func watch(viewer *step.Viewer, color bool) error {
	s, err := openScreen()
	if err != nil {
		return err
	}
	defer s.leave()
	caught := make(chan os.Signal, 8)
	signal.Notify(caught, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT,
		syscall.SIGWINCH)
	typed := make(chan []byte)
	go readKeys(typed)
	var keys keyReader
	for {
		if err := s.draw(viewer, color); err != nil {
			return err
		}
		select {
		case sig := <-caught:
			if number := sig.(syscall.Signal); number != syscall.SIGWINCH {
				return exitError(128 + int(number))
			}
		case <-s.continued: // after a stop by another process
			if err := s.enter(); err != nil {
				return err
			}
		case chunk, open := <-typed:
			if !open {
				return nil
			}
			if quit, err := s.press(viewer, keys.add(chunk)); quit || err != nil {
				return err
			}
		case <-keys.pause():
			if keys.alone() && viewer.Press("escape") {
				return nil
			}
		}
	}
}

func (s *screen) press(viewer *step.Viewer, keys []string) (quit bool, err error) {
	for _, key := range keys {
		switch {
		case key == "suspend":
			if err := s.suspend(); err != nil {
				return false, err
			}
		case key == "interrupt" || viewer.Press(key):
			return true, nil
		}
	}
	return false, nil
}

func readKeys(typed chan<- []byte) {
	defer close(typed)
	for {
		chunk := make([]byte, 64)
		n, err := os.Stdin.Read(chunk)
		if n > 0 {
			typed <- chunk[:n]
		}
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

// keyReader finds keys in what a terminal sends. Rest is the beginning of a sequence of
// which more may come.
type keyReader struct{ rest []byte }

// sequences are those of keys that send more than a letter, behind ESC.
var sequences = [...]struct{ bytes, key string }{
	{"[A", "up"}, {"[B", "down"}, {"[C", "right"}, {"[D", "left"}, {"[H", "home"}, {"[F", "end"},
	{"OA", "up"}, {"OB", "down"}, {"OC", "right"}, {"OD", "left"}, {"OH", "home"}, {"OF", "end"},
	{"[1~", "home"}, {"[4~", "end"},
}

// maxSequence is more than a terminal sends at once.
const maxSequence = 4096

func (k *keyReader) add(chunk []byte) (keys []string) {
	if k.rest = append(k.rest, chunk...); len(k.rest) > maxSequence {
		k.rest = nil
	}
	for len(k.rest) > 0 {
		key, length := nextKey(k.rest)
		if length == 0 {
			break
		}
		if k.rest = k.rest[length:]; key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// nextKey returns the first key and how many bytes it has: 0 where more must come.
func nextKey(bytes []byte) (key string, length int) {
	switch bytes[0] {
	case 0x03, 0x04:
		return "interrupt", 1
	case 0x1a:
		return "suspend", 1
	case 0x7f, 0x08:
		return "backspace", 1
	case '\r', '\n':
		return "enter", 1
	case 0x0c: // Ctrl-L: every key draws anew
		return "", 1
	case 0x1b:
		return escaped(bytes)
	}
	return string(bytes[:1]), 1
}

// escaped reads what follows ESC: a sequence ends with a letter or ~. Those that are not
// known are skipped.
func escaped(bytes []byte) (key string, length int) {
	if len(bytes) == 1 {
		return "", 0
	}
	if bytes[1] != '[' && bytes[1] != 'O' {
		return "escape", 1
	}
	for i := 2; i < len(bytes); i++ {
		if c := bytes[i]; c < 0x40 || c > 0x7e {
			continue
		}
		for _, s := range sequences {
			if s.bytes == string(bytes[1:i+1]) {
				return s.key, i + 1
			}
		}
		return "", i + 1
	}
	return "", 0
}

// alone reports whether ESC was typed alone, and forgets what never became a key.
func (k *keyReader) alone() bool {
	only := len(k.rest) == 1
	k.rest = nil
	return only
}

// pause passes when nothing more comes of a sequence that has begun.
func (k *keyReader) pause() <-chan time.Time {
	if len(k.rest) == 0 {
		return nil
	}
	return time.After(50 * time.Millisecond)
}
