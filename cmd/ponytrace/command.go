package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/spf13/pflag"
)

// command is what the first word on the command line chooses.
type command struct {
	name      string // "" for tracing, which needs no word
	arguments []string
	summary   string
	details   string
	flags     *pflag.FlagSet
	asksHelp  *bool // -h
	run       func(arguments []string) error
}

// commandWords choose the commands. Tracing, which comes first, has none.
var commandWords = [...]string{"", "check", "explain", "fmt", "help", "learn", "step"}

// commandOf makes the command of a word. A run makes only the one that it is: to make all
// takes 0.1 ms.
func commandOf(word string) (c *command) {
	switch word {
	case "check":
		c = checkFlags()
	case "explain":
		c = explainFlags()
	case "fmt":
		c = fmtFlags()
	case "help":
		c = helpFlags()
	case "learn":
		c = learnFlags()
	case "step":
		c = stepFlags()
	default:
		c = traceFlags()
	}
	c.asksHelp = c.flags.BoolP("help", "h", false, "Show this help.")
	return c
}

// commands makes them all.
//
//go:noinline
func commands() (all []*command) {
	for _, word := range commandWords {
		all = append(all, commandOf(word))
	}
	return all
}

func run(arguments []string) error {
	if len(arguments) > 0 && slices.Contains(commandWords[1:], arguments[0]) {
		return commandOf(arguments[0]).parse(arguments[1:])
	}
	return commandOf("").parse(arguments)
}

// newFlags returns a set that prints nothing by itself.
func newFlags(name string) *pflag.FlagSet {
	flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
	flags.SortFlags = false
	flags.Usage = func() {}
	return flags
}

func (c *command) parse(arguments []string) error {
	if err := c.flags.Parse(arguments); err != nil {
		return usageError{c.explain(err)}
	}
	if *c.asksHelp {
		fmt.Fprint(stdout, c.help())
		return nil
	}
	return c.run(c.flags.Args())
}

// explain words the errors of pflag, and leads from a flag that is not ours to one that
// is.
func (c *command) explain(err error) error {
	var unknown *pflag.NotExistError
	var lacking *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		return c.unknown(unknown)
	case errors.As(err, &lacking):
		return fmt.Errorf("%s needs a value: %s", spelling(lacking.GetFlag()), usageOf(lacking.GetFlag()))
	case errors.As(err, &invalid):
		return fmt.Errorf("%s: %w", spelling(invalid.GetFlag()), errors.Unwrap(invalid))
	}
	return err
}

func (c *command) unknown(err *pflag.NotExistError) error {
	name := "--" + err.GetSpecifiedName()
	if err.GetSpecifiedShortnames() != "" {
		name = "-" + err.GetSpecifiedName()[:1]
	}
	if instead := foreignFlags[name]; instead != "" && (c.name == "" || c.name == "help") {
		return fmt.Errorf("%s: %s", name, instead)
	}
	message := "unknown flag " + name
	if near := diag.Nearest(strings.TrimLeft(name, "-"), slices.Values(c.flagNames()), 1); len(near) > 0 && len(name) > 2 {
		message += "; did you mean --" + near[0] + "?"
	}
	return errors.New(message)
}

func (c *command) flagNames() (names []string) {
	c.flags.VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	return names
}

// spelling returns "-o, --output", or the one that there is.
func spelling(flag *pflag.Flag) string {
	switch {
	case flag.Shorthand == "":
		return "--" + flag.Name
	case len(flag.Name) == 1:
		return "-" + flag.Shorthand
	}
	return "-" + flag.Shorthand + ", --" + flag.Name
}

// usageOf returns what a flag is for, without the marks of its placeholder.
func usageOf(flag *pflag.Flag) string {
	_, usage := pflag.UnquoteUsage(flag)
	return usage
}

// placeholder names a flag's value; "" for one without.
func placeholder(flag *pflag.Flag) string {
	name, _ := pflag.UnquoteUsage(flag)
	if flag.Value.Type() == "bool" {
		return ""
	}
	return name
}

func (c *command) synopsis() string {
	return strings.Join(append([]string{strings.TrimSpace("ponytrace " + c.name), "[flags]"}, c.arguments...), " ")
}

func (c *command) help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s\n\n%s\n\nFlags:\n", c.synopsis(), c.summary)
	c.flags.VisitAll(func(flag *pflag.Flag) { b.WriteString(flagHelp(flag)) })
	if c.details != "" {
		fmt.Fprintf(&b, "\n%s\n", c.details)
	}
	return b.String()
}

const (
	helpColumn = 26 // where the texts of flags begin
	helpWidth  = 100
)

// flagHelp is a flag's part of -h:
//
//	-o, --output FILE       Write what the script prints to a new file.
func flagHelp(flag *pflag.Flag) string {
	head := "      " + spelling(flag)
	if flag.Shorthand != "" {
		head = "  " + spelling(flag)
	}
	head = strings.TrimRight(head+" "+placeholder(flag), " ")
	if len(head) >= helpColumn-1 {
		head += "\n" + strings.Repeat(" ", helpColumn)
	} else {
		head += strings.Repeat(" ", helpColumn-len(head))
	}
	return head + strings.Join(wrap(usageOf(flag), helpWidth-helpColumn), "\n"+strings.Repeat(" ", helpColumn)) + "\n"
}

// wrap breaks a text at blanks.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimLeft(line+" "+word, " ")
	}
	return append(lines, line)
}
