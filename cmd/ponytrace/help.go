package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/lang/diag"
)

func helpFlags() *command {
	f := newFlags("help")
	man := f.Bool("man", false, "Print the manual page, for man -l.")
	var shell string
	oneOfAny(f, &shell, "completion", "", "SHELL", "Print what completes command lines in a shell", shells...)
	return &command{
		name:      "help",
		arguments: []string{"[NAME...]"},
		summary:   "Describe a function, variable, probe or setting; list them all without a name.",
		flags:     f,
		run: func(names []string) error {
			switch {
			case *man:
				return printManual()
			case shell != "":
				return printCompletion(shell)
			}
			return describeAll(names)
		},
	}
}

// describeAll describes entries of the table, or lists it.
func describeAll(names []string) error {
	if len(names) == 0 {
		for _, section := range builtin.Sections() {
			list(section)
		}
		return nil
	}
	for _, name := range names {
		if err := describeNamed(name); err != nil {
			return err
		}
	}
	return nil
}

func describeNamed(name string) error {
	var names []string
	found := false
	for _, section := range builtin.Sections() {
		for _, entry := range section.Entries {
			names = append(names, entry.Name)
			if entry.Name == name {
				describe(section.Title, entry)
				found = true
			}
		}
	}
	if found {
		return nil
	}
	if near := diag.Nearest(name, slices.Values(names), 3); len(near) > 0 {
		return fmt.Errorf("nothing is named %s; did you mean %s?", name, strings.Join(near, ", "))
	}
	return fmt.Errorf("nothing is named %s; ponytrace help lists all", name)
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
