package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"
)

// usualPager keeps colours, and ends at once where all fits on the screen after all. A less
// that PAGER names gets its options by LESS: without R it shows colours as ESC[1m.
const (
	usualPager   = "less -" + usualOptions
	usualOptions = "FRX"
)

// page prints a text. On a terminal that is too short for it, $PAGER shows it, or less
// where there is one.
func page(text string) error {
	if pager := pagerFor(text); pager != "" && runPager(pager, text) {
		return nil
	}
	fmt.Fprint(stdout, text)
	return nil
}

// pagerFor is the command that shows the text; "" for none.
func pagerFor(text string) string {
	size, err := unix.IoctlGetWinsize(unix.Stdout, unix.TIOCGWINSZ)
	if err != nil || size.Row == 0 || strings.Count(text, "\n") < int(size.Row) {
		return ""
	}
	if pager, chosen := os.LookupEnv("PAGER"); chosen {
		return strings.TrimSpace(pager)
	}
	if _, err := exec.LookPath("less"); err != nil {
		return ""
	}
	return usualPager
}

// runPager reports whether the pager has shown the text. A shell ends with 126 or 127 for
// a command that it cannot run. Ctrl-C is for the pager, which must not be left alone with
// the terminal.
func runPager(pager, text string) bool {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	command := exec.Command("/bin/sh", "-c", pager)
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(text), os.Stdout, os.Stderr
	if os.Getenv("LESS") == "" {
		command.Env = append(os.Environ(), "LESS="+usualOptions)
	}
	_ = command.Run()
	if command.ProcessState == nil {
		return false // no shell ran
	}
	code := command.ProcessState.ExitCode()
	return code != 126 && code != 127
}
