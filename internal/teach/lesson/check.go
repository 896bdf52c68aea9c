package lesson

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Verdict is what the check of an exercise has found.
type Verdict struct {
	Cases   int // how many there are
	Failure *Failure
}

// Passed reports whether the script does what the exercise asks for.
func (v *Verdict) Passed() bool { return v.Failure == nil }

// Failure is the first case in which a script does something else than the solution.
type Failure struct {
	Case      int    // from 1
	Sentence  string // that tells what is wrong
	Events    string // that happened
	Want, Got string // what the solution prints, and what the script
	// Unreached tells why the script did not see any event, "" where it did.
	Unreached string
}

// Examine runs a learner's script against the hidden events of the exercise. A script that
// does not compile gives its diag.Diagnostics.
func (l *Lesson) Examine(script *diag.Source, machine *target.Target) (*Verdict, error) {
	given, err := prepare(script, machine)
	if err != nil {
		return nil, err
	}
	solution, err := prepare(diag.NewSource(l.Folder+"/solution.pt", l.Solution), machine)
	if err != nil {
		return nil, fmt.Errorf("the solution of lesson %d: %w", l.Number, err)
	}
	head, cases := sections(l.Check)
	if len(cases) == 0 {
		return nil, fmt.Errorf("lesson %d has no exercise to check", l.Number)
	}
	verdict, anyName := &Verdict{Cases: len(cases)}, strings.TrimSpace(head) == "maps: any"
	for i, c := range cases {
		failure, err := examine(given, solution, c, anyName)
		if err != nil {
			return nil, err
		}
		if failure != nil {
			failure.Case, verdict.Failure = i+1, failure
			return verdict, nil
		}
	}
	return verdict, nil
}

// examine is nil where both scripts print the same.
func examine(given, solution *prepared, c section, anyName bool) (*Failure, error) {
	events := diag.NewSource("check", c.text)
	want, _, err := solution.observe(events)
	if err != nil {
		return nil, fmt.Errorf("the check does not run: %w", err)
	}
	got, reached, err := given.observe(events)
	if err != nil {
		return nil, err
	}
	f := &Failure{
		Sentence: c.title, Events: strings.TrimSpace(c.text),
		Want: want.compared(anyName), Got: got.compared(anyName),
	}
	if f.Want == f.Got {
		return nil, nil
	}
	if !reached {
		f.Unreached = unreached(given.probes(), solution.probes())
	}
	return f, nil
}

func unreached(probes, events []string) string {
	if len(probes) == 0 {
		return "Your script has no probe, so nothing runs at an event."
	}
	return fmt.Sprintf("None of the events reaches your script: it has %s, and they are of %s.",
		listed(probes), listed(events))
}

func listed(names []string) string {
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// mapName is the name of a map where its line begins.
var mapName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^@[a-zA-Z0-9_]*`) })

// compared is the output as the check compares it: blanks at ends of lines do not count,
// and where the maps may have any name, all have the same, and come in another order.
func (o output) compared(anyName bool) string {
	maps := slices.Clone(o.maps)
	text := o.text
	if anyName {
		text = mapName().ReplaceAllString(text, "@")
		for i := range maps {
			maps[i] = mapName().ReplaceAllString(maps[i], "@")
		}
		slices.Sort(maps)
	}
	return trimmed(text + strings.Join(maps, ""))
}

// trimmed has no blanks at ends of lines, and no empty lines around.
func trimmed(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}
