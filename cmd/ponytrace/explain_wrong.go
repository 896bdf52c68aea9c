package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/internal/teach/jsontext"
	"github.com/ponytrace/ponytrace/internal/teach/refusal"
)

// refusals is the part of explain that is about programs that the verifier refuses: the
// gallery, and logs that somebody has.
func (c *explainCommand) refusals(names []string) error {
	flags := c.traced.flags
	flags.SetInterspersed(true) // names of programs have no parameters
	if err := flags.Parse(names); err != nil {
		return usageError{(&command{name: "explain", flags: flags}).explain(err)}
	}
	names = flags.Args()
	switch {
	case c.page.file != "":
		return usageError{errors.New("--html writes a page about a script, and takes neither --wrong nor --log")}
	case c.log == "" && len(c.traced.Texts) > 0:
		return usageError{errors.New("--wrong shows programs of its own, and takes no script")}
	case c.log == "":
		return c.showWrong(names)
	case c.wrong || len(names) > 0 || len(c.traced.Texts) > 0:
		return usageError{errors.New("--log explains a log, and takes neither a script nor --wrong")}
	}
	return c.showLog()
}

// showWrong lists programs that the verifier refuses, or shows those that are named.
func (c *explainCommand) showWrong(names []string) error {
	var shown []*refusal.Explained
	for _, name := range names {
		example, err := refusal.Find(name)
		if err != nil {
			return err
		}
		explained, err := example.Explain()
		if err != nil {
			return err
		}
		shown = append(shown, explained)
	}
	switch {
	case len(names) == 0:
		return c.listWrong()
	case c.traced.Format == "json":
		return printJSON(shown...)
	}
	var text strings.Builder
	for i, explained := range shown {
		if i > 0 {
			text.WriteString("\n")
		}
		explained.Print(&text, c.refusalLook())
	}
	return page(text.String())
}

func (c *explainCommand) listWrong() error {
	list, err := refusal.List()
	if err != nil {
		return err
	}
	if c.traced.Format == "json" {
		return printJSON(list...)
	}
	var text strings.Builder
	refusal.PrintList(&text, list, c.refusalLook())
	return page(text.String())
}

// showLog explains a verifier's log, of whatever program.
func (c *explainCommand) showLog() error {
	log, err := readLog(c.log)
	if err != nil {
		return fmt.Errorf("the log %s cannot be read: %w", c.log, plain(err))
	}
	if strings.TrimSpace(log) == "" {
		return fmt.Errorf("the log %s is empty", c.log)
	}
	verdict := refusal.ReadLog(log)
	if c.traced.Format == "json" {
		return printJSON(verdict)
	}
	var text strings.Builder
	refusal.PrintVerdict(&text, verdict, c.refusalLook())
	return page(text.String())
}

func (c *explainCommand) refusalLook() refusal.Look {
	width, color := c.screen()
	return refusal.Look{Width: width, Color: color}
}

// printJSON prints values, a line each.
func printJSON[T any](values ...T) error {
	for _, value := range values {
		if err := jsontext.Write(stdout, value); err != nil {
			return err
		}
	}
	return nil
}

// mostLog is how much of the end of a log is kept, and mostInput how much is read: the
// largest log of a verifier is 1 GB.
const (
	mostLog   = 1 << 20
	mostInput = 1 << 30
)

func readLog(name string) (string, error) {
	file := os.Stdin
	if name != "-" {
		var err error
		if file, err = os.Open(name); err != nil {
			return "", err
		}
		defer file.Close()
	}
	return lastOf(io.LimitReader(file, mostInput), mostLog)
}

// lastOf reads all and returns the end.
func lastOf(r io.Reader, most int) (string, error) {
	kept := make([]byte, 0, 2*most)
	for {
		n, err := r.Read(kept[len(kept):cap(kept)])
		kept = kept[:len(kept)+n]
		if len(kept) == cap(kept) {
			kept = slices.Delete(kept, 0, len(kept)-most)
		}
		if errors.Is(err, io.EOF) {
			return string(kept[max(0, len(kept)-most):]), nil
		}
		if err != nil {
			return "", err
		}
	}
}
