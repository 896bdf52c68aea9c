package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/lang"
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
	if near := lang.Nearest(word, slices.Values(c.words), 1); len(near) > 0 {
		message += fmt.Sprintf("; did you mean %s?", near[0])
	}
	return errors.New(message)
}
