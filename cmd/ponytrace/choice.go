package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/spf13/pflag"
)

// choice is a flag that takes one of a few words.
type choice struct {
	to    *string
	words []string
	// foreign leads from words of other tracers to ours.
	foreign map[string]string
}

// oneOf declares a choice whose default is the first word.
func oneOf(f *pflag.FlagSet, to *string, name, short, placeholder, usage string, words ...string) {
	*to = words[0]
	oneOfAny(f, to, name, short, placeholder, usage+" ("+words[0]+" unless given)", words...)
}

// oneOfAny declares a choice without a default.
func oneOfAny(f *pflag.FlagSet, to *string, name, short, placeholder, usage string, words ...string) *choice {
	text := fmt.Sprintf("%s: `%s` is %s.", usage, placeholder, alternatives(words))
	c := &choice{to: to, words: words}
	f.VarP(c, name, short, text)
	return c
}

// alternatives joins words as in "a, b or c".
func alternatives(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func (c *choice) String() string { return *c.to }
func (c *choice) Type() string   { return "choice" }

func (c *choice) Set(word string) error {
	if slices.Contains(c.words, word) {
		*c.to = word
		return nil
	}
	message := fmt.Sprintf("%q is not %s", word, alternatives(c.words))
	if ours := c.foreign[word]; ours != "" {
		return fmt.Errorf("%s; here it is %s", message, ours)
	}
	if near := diag.Nearest(word, slices.Values(c.words), 1); len(near) > 0 {
		message += fmt.Sprintf("; did you mean %s?", near[0])
	}
	return errors.New(message)
}

// processNumbers is a flag for numbers of processes, joined by commas, or given several
// times.
type processNumbers struct{ to *[]int }

func (n *processNumbers) String() string { return strings.Trim(fmt.Sprint(*n.to), "[]") }
func (n *processNumbers) Type() string   { return "numbers" }

func (n *processNumbers) Set(text string) error {
	for word := range strings.SplitSeq(text, ",") {
		number, err := strconv.Atoi(word)
		if err != nil || number < 1 || number > maxProcess {
			return fmt.Errorf("%q is not the number of a process", word)
		}
		*n.to = append(*n.to, number)
	}
	if len(*n.to) > maxNumbers {
		return fmt.Errorf("more than %d processes; a condition in the script, as in /comm == \"name\"/, takes any number", maxNumbers)
	}
	return nil
}

const (
	maxProcess = 1 << 22 // PID_MAX_LIMIT of include/linux/threads.h
	maxNumbers = 100     // each is an instruction of every clause
)

// cgroups is a flag for control groups, one each time that it is given; find leads from
// what the user writes to the folder.
type cgroups struct {
	to   *[]string
	find func(name string) (folder string, err error)
}

func (c *cgroups) String() string { return strings.Join(*c.to, " ") }
func (c *cgroups) Type() string   { return "group" }

func (c *cgroups) Set(text string) error {
	folder, err := c.find(text)
	if err != nil {
		return err
	}
	if *c.to = append(*c.to, folder); len(*c.to) > maxNumbers {
		return fmt.Errorf("more than %d control groups", maxNumbers)
	}
	return nil
}

// pattern is a flag that takes a regular expression.
type pattern struct{ to **regexp.Regexp }

func (p *pattern) Type() string { return "regex" }

func (p *pattern) String() string {
	if *p.to == nil {
		return ""
	}
	return (*p.to).String()
}

func (p *pattern) Set(text string) (err error) {
	if *p.to, err = regexp.Compile(text); err != nil {
		return fmt.Errorf("%q is no regular expression: %w", text, err)
	}
	return nil
}
