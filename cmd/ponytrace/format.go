package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/ponytrace/ponytrace"
	"github.com/rogpeppe/go-internal/diff"
)

type fmtCommand struct{ List, Write, Diff bool }

func fmtFlags() *command {
	c, f := &fmtCommand{}, newFlags("fmt")
	f.BoolVarP(&c.List, "list", "l", false, "List the files that are not in the style.")
	f.BoolVarP(&c.Write, "write", "w", false, "Write the files back instead of printing them.")
	f.BoolVarP(&c.Diff, "diff", "d", false, "Print what would change, and end with 1 if anything would.")
	return &command{
		name:      "fmt",
		arguments: []string{"[FILE...]"},
		summary:   "Write scripts in the one style; standard input for - or none.",
		flags:     f,
		run:       c.run,
	}
}

// run formats scripts. Like gofmt, it goes on after a script with errors.
func (f *fmtCommand) run(files []string) error {
	if len(files) == 0 {
		files = []string{"-"}
	}
	if f.Write && slices.Contains(files, "-") {
		return errors.New("standard input cannot be written back: -w needs the names of files")
	}
	return each(files, f.file)
}

// each does something to every file and reports each failure; the exit code tells of any.
func each(files []string, do func(name string) error) (failure error) {
	for _, name := range files {
		if err := do(name); err != nil {
			failure = exitError(codeOf(err))
		}
	}
	return failure
}

func (f *fmtCommand) file(name string) error {
	source, err := ponytrace.ReadSource(name)
	if err != nil {
		return err
	}
	text, err := ponytrace.Format(source)
	if err != nil {
		return say(err)
	}
	if !f.List && !f.Write && !f.Diff {
		fmt.Fprint(stdout, text)
		return nil
	}
	if text == source.Text {
		return nil
	}
	return f.changed(source, text)
}

// changed is for a file whose text is not in the style.
func (f *fmtCommand) changed(source *ponytrace.Source, text string) error {
	if f.List {
		fmt.Fprintln(stdout, source.Name)
	}
	if f.Write {
		if err := rewrite(source, text); err != nil {
			return err
		}
	}
	if f.Diff {
		stdout.Write(diff.Diff(source.Name+".orig", []byte(source.Text), source.Name, []byte(text)))
		return exitError(1)
	}
	return nil
}

// rewrite writes in place, so that links, owner and mode stay, and puts the old text back
// where that fails midway.
func rewrite(source *ponytrace.Source, text string) error {
	err := os.WriteFile(source.Name, []byte(text), 0o644)
	if err == nil {
		return nil
	}
	var path *os.PathError
	if errors.As(err, &path) && path.Op == "write" {
		os.WriteFile(source.Name, []byte(source.Text), 0o644)
	}
	return fmt.Errorf("the script %s cannot be written: %w", source.Name, plain(err))
}
