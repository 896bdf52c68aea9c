package main

import (
	"os"

	"github.com/ponytrace/ponytrace"
	"golang.org/x/sys/unix"
)

// terminal describes what a person watches the output on. An output that -o names is
// none, and neither is a pipe.
func (t *traceCommand) terminal() ponytrace.Terminal {
	terminal := ponytrace.Terminal{Color: t.Color == "always"}
	if t.out != os.Stdout || columns(unix.Stdout) < 0 {
		return terminal
	}
	terminal.Width = func() int { return columns(unix.Stdout) }
	terminal.Hints = columns(unix.Stderr) >= 0
	terminal.Color = terminal.Color || t.Color == "auto" && wantsColor()
	return terminal
}

// columns is the width of a terminal: 0 where it does not know it, -1 where the file is
// none.
func columns(fd int) int {
	size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	if err != nil {
		return -1
	}
	return int(size.Col)
}

// wantsColor: https://no-color.org
func wantsColor() bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
