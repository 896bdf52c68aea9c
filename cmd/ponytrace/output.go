package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/outfile"
	"golang.org/x/sys/unix"
)

// stdout is where commands print what was asked for. What a script prints goes to the
// file itself: a session accounts for it.
var stdout = &checked{to: os.Stdout}

// checked remembers the first write that failed, and drops what follows. The exit code
// tells of it.
type checked struct {
	to  io.Writer
	err error
}

func (c *checked) Write(text []byte) (int, error) {
	if c.err == nil {
		_, c.err = c.to.Write(text)
	}
	return len(text), nil
}

// exitCode is 1 where the code would tell of success, though something could not be
// printed.
func exitCode(code int) int {
	if stdout.err == nil {
		return code
	}
	fmt.Fprintf(os.Stderr, "ERROR: standard output cannot be written: %s\n", plain(stdout.err))
	return max(code, 1)
}

// openOutput opens what the script prints to, once it is sure that it has no errors: a
// file that is there is emptied.
func (t *traceCommand) openOutput() (err error) {
	switch {
	case t.out != nil:
		return nil
	case t.Output == "" || t.Output == "-" || t.DryRun:
		t.out = os.Stdout
		return nil
	}
	t.out, err = createOutput(t.Output)
	return err
}

func createOutput(name string) (*os.File, error) {
	file, err := outfile.Create(name)
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("there is no such folder")
	}
	if err != nil {
		return nil, fmt.Errorf("the output file %s cannot be created: %w", name, plain(err))
	}
	return file, nil
}

// closeOutput tells of what could not be written after all, which some file systems
// report only then.
func closeOutput(file *os.File, result error) error {
	err := file.Close()
	if err == nil {
		return result
	}
	fmt.Fprintf(os.Stderr, "ERROR: %s could not be written: %s\n", diag.Printable(file.Name()), plain(err))
	if result == nil {
		return exitError(1)
	}
	return result
}

var errStdoutClosed = errors.New("standard output is closed, so that what the script prints would be lost: name a file with -o FILE")

// needsStdout refuses to trace into nothing.
func (t *traceCommand) needsStdout(machine *ponytrace.Target) error {
	if slices.Contains([]string{"", "-", "/dev/stdout"}, t.Output) && !t.DryRun && mayBeClosed() && openedHere(machine) {
		return errStdoutClosed
	}
	return nil
}

// mayBeClosed: for a closed standard output the runtime of Go opens /dev/null for reading
// and writing. Others may have opened it so on purpose.
func mayBeClosed() bool {
	var info unix.Stat_t
	mode, err := unix.FcntlInt(1, unix.F_GETFL, 0)
	return err == nil && mode&unix.O_ACCMODE == unix.O_RDWR && unix.Fstat(1, &info) == nil && info.Rdev == unix.Mkdev(1, 3)
}

// ownFile ends with 1 if it was this process that opened its standard output: a process
// gets new credentials when its program starts, and a file keeps those that it was opened
// with. https://elixir.bootlin.com/linux/v6.12/source/include/linux/fs.h (struct file),
// fs/exec.c (prepare_bprm_creds)
const ownFile = `BEGIN { if (curtask->files->fdt->fd[1]->f_cred == curtask->cred) { exit(1) } else { exit(0) } }`

// openedHere asks the kernel, for nobody else knows. Where it cannot be asked, standard
// output is what it seems to be.
func openedHere(machine *ponytrace.Target) bool {
	script, err := ponytrace.Parse(ponytrace.NewSource("stdout", ownFile))
	if err != nil {
		return false
	}
	program, err := ponytrace.Compile(script, machine, ponytrace.Options{})
	if err != nil {
		return false
	}
	code, err := program.Run(context.Background(), ponytrace.RunOptions{})
	return code == 1 && err == nil
}
