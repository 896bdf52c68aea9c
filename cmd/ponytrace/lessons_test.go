package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/teach/lesson"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

// consoleWidth is that of the terminal on which lessons show what commands print: with the
// indent of a fence, they fit a terminal of 80 columns.
const consoleWidth = 76

// What a text shows in a fence "console" is what the command prints, on a terminal. A line
// "..." there stands for lines that are left out.
func TestConsoles(t *testing.T) {
	list, err := lesson.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range list {
		t.Run(l.Folder, func(t *testing.T) {
			t.Parallel()
			folder := copied(t, l)
			got := withConsoles(l.Text, func(command string) string { return printed(t, folder, command) })
			if got == l.Text {
				return
			}
			if *testkit.Update {
				path := filepath.Join("../../examples/lessons", l.Folder, "README.md")
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("commands print something else than the text shows; -update writes it:\n%s", got)
		})
	}
}

// copied puts the scripts of a lesson into a folder of their own.
func copied(t *testing.T, l *lesson.Lesson) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{"script.pt": l.Script, "events": l.Events, "solution.pt": l.Solution} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// withConsoles is a text with the output of each command of its consoles.
func withConsoles(text string, run func(command string) string) string {
	var out []string
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		out = append(out, lines[i])
		if lines[i] != "```console" {
			continue
		}
		for i++; i < len(lines) && strings.HasPrefix(lines[i], "$ "); {
			command := lines[i]
			end := i + 1
			for end < len(lines) && lines[end] != "```" && !strings.HasPrefix(lines[end], "$ ") {
				end++
			}
			out = append(out, command)
			out = append(out, agreed(lines[i+1:end], run(strings.TrimPrefix(command, "$ ")))...)
			i = end
		}
		i--
	}
	return strings.Join(out, "\n")
}

const leftOut = "..."

// agreed is what is shown where that agrees with the output, else the output.
func agreed(shown []string, output string) []string {
	got := strings.Split(strings.Trim(output, "\n"), "\n")
	for i := range got {
		got[i] = strings.TrimRight(got[i], " ")
	}
	rest, anywhere := got, false
	for _, part := range parts(shown) {
		at := position(rest, part)
		if at < 0 || at > 0 && !anywhere {
			return got
		}
		rest, anywhere = rest[at+len(part):], true
	}
	if len(rest) > 0 && (len(shown) == 0 || shown[len(shown)-1] != leftOut) {
		return got
	}
	return shown
}

// parts are the lines between those that stand for others.
func parts(lines []string) [][]string {
	list := [][]string{nil}
	for _, line := range lines {
		if line == leftOut {
			list = append(list, nil)
		} else {
			list[len(list)-1] = append(list[len(list)-1], line)
		}
	}
	return list
}

// position is where the part begins first in lines; -1 where it does not.
func position(lines, part []string) int {
	for at := 0; at+len(part) <= len(lines); at++ {
		if slices.Equal(lines[at:at+len(part)], part) {
			return at
		}
	}
	return -1
}

// printed is what a command prints on a terminal, errors included.
func printed(t *testing.T, folder, command string) string {
	t.Helper()
	person, terminal := openTerminal(t, consoleWidth)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := exec.Command("sh", "-c", strings.Replace(command, "ponytrace", "exec "+self, 1))
	run.Dir = folder
	run.Env = append(os.Environ(), asProgram+"=1", "NO_COLOR=1", "PAGER=", "TERM=xterm")
	run.Stdout, run.Stderr = terminal, terminal
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	output := make(chan string)
	go func() {
		var seen strings.Builder
		chunk := make([]byte, 4096)
		for {
			n, err := person.Read(chunk)
			seen.Write(chunk[:n])
			if err != nil {
				output <- seen.String() // EIO: the other end is closed
				return
			}
		}
	}()
	_ = run.Wait()
	return strings.ReplaceAll(<-output, "\r\n", "\n")
}
