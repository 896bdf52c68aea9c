package target

import (
	"errors"
	"fmt"
)

// Program is a program or library as probes find it.
type Program struct {
	Path string // as probes show it
	// Opens is the path that leads to the file: where it is in the root folder of a
	// process that is traced, through /proc/PID/root.
	Opens string
}

// UnknownProgramError means that nothing is there of the name, with names that are near
// it.
type UnknownProgramError struct {
	Text string
	Near []string
}

func (e *UnknownProgramError) Error() string { return e.Text }

// Programs returns the programs and libraries that a name of a script stands for, as
// Sources.Programs says.
func (t *Target) Programs(name string, pid int) ([]Program, error) {
	find := t.kernel().Sources.Programs
	if find == nil {
		return nil, errors.New("programs are found on the machine that is traced, and this is a description of a kernel")
	}
	return find(name, pid)
}

// Identity tells the file of a program from all others, by whichever path it was opened.
func Identity(b Binary, path string) string {
	if file, ok := b.(interface{ Identity() string }); ok {
		if identity := file.Identity(); identity != "" {
			return identity
		}
	}
	return fmt.Sprintf("%q", path)
}
