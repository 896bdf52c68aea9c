package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/lang"
)

// help shows the flags of tracing where no command is named: they are what people look for.
func help(options kong.HelpOptions, context *kong.Context) error {
	if context.Selected() != nil {
		return kong.DefaultHelpPrinter(options, context)
	}
	trace, err := kong.Trace(context.Kong, []string{"trace"})
	if err != nil {
		return err
	}
	return kong.DefaultHelpPrinter(options, trace)
}

type helpCommand struct {
	Name string `arg:"" optional:"" help:"What to describe; everything in short when empty."`
}

// Run describes an entry of the table, or lists it.
func (h *helpCommand) Run() error {
	found := false
	var names []string
	for _, section := range builtin.Sections() {
		if h.Name == "" {
			list(section)
			found = true
			continue
		}
		for _, entry := range section.Entries {
			names = append(names, entry.Name)
			if entry.Name == h.Name {
				describe(section.Title, entry)
				found = true
			}
		}
	}
	if found {
		return nil
	}
	if near := lang.Nearest(h.Name, slices.Values(names), 3); len(near) > 0 {
		return fmt.Errorf("nothing is named %s; did you mean %s?", h.Name, strings.Join(near, ", "))
	}
	return fmt.Errorf("nothing is named %s; ponytrace help lists all", h.Name)
}

func list(section builtin.Section) {
	fmt.Fprintf(stdout, "%s\n", section.Title)
	for _, entry := range section.Entries {
		summary, _, _ := strings.Cut(entry.Doc, ". ")
		fmt.Fprintf(stdout, "  %-20s %s\n", entry.Name, strings.TrimSuffix(summary, "."))
	}
	fmt.Fprintln(stdout)
}

func describe(title string, entry *builtin.Info) {
	fmt.Fprintf(stdout, "%s  (%s)\n\n  %s\n\n  Example: %s\n", entry.Signature, strings.ToLower(title), entry.Doc, entry.Example)
	if entry.Since != "" {
		fmt.Fprintf(stdout, "  Since Linux %s\n", entry.Since)
	}
}
