// Package lesson loads the lessons of examples/lessons, runs their scripts in the emulator,
// and checks what a learner writes.
//
// # The files of a lesson
//
// A folder NN-name holds
//
//	README.md    the text. It begins with "# N. Title". The first fence "ponytrace" is
//	             script.pt, the first fence "text" after it what that prints, a fence
//	             "console" what a command prints whose line begins with "$ ponytrace". Then
//	             come "## Exercise" and "## Hint", and last a line that leads on.
//	script.pt    the script of the lesson
//	events       what happens to it in the emulator, as package event has it
//	solution.pt  the exercise done
//	check        sections of events, each under the sentence that tells what is wrong when a
//	             script prints anything else there than the solution does:
//	                 == sentence
//	                 events
//	             A first line "maps: any" means that maps may have other names.
//	wrong        scripts that a beginner may write, each under a name and the words that the
//	             check has to say:
//	                 == name: words
//	                 script
//
// A test runs all of it for every lesson: what is shown is what comes out, the solution
// passes, and the wrong scripts do not.
//
// Everything is compiled for one frozen kernel and runs in the emulator, so it is the same
// on every machine, and in a browser.
package lesson

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/examples/lessons"
	"github.com/ponytrace/ponytrace/internal/teach/markdown"
)

// Kernel is the frozen kernel of the lessons.
const Kernel = "6.12"

// Machine is that kernel.
var Machine = sync.OnceValue(func() *target.Target { return frozen.Target(Kernel) })

// Lesson is one lesson with its files.
type Lesson struct {
	Number                                          int
	Folder                                          string // "01-what-a-probe-is"
	Title                                           string // without the number
	Group                                           string // of lessons, which it belongs to
	Text, Script, Events, Solution, Check, Mistakes string
}

// groups are the parts of the course, each with the number of its first lesson.
var groups = []struct {
	first int
	title string
}{
	{1, "First steps"},
	{5, "Values"},
	{9, "Time and place"},
	{12, "From the kernel to you"},
	{15, "Instructions and the verifier"},
	{21, "What programs can do"},
	{24, "Whole tools"},
}

// All are the lessons in their order.
var All = sync.OnceValues(func() ([]*Lesson, error) {
	files, err := lessons.Files()
	if err != nil {
		return nil, err
	}
	var list []*Lesson
	for path := range files {
		folder, isText := strings.CutSuffix(path, "/README.md")
		if !isText {
			continue
		}
		l, err := load(folder, files)
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b *Lesson) int { return a.Number - b.Number })
	return list, nil
})

// load makes a lesson of the files of a folder. Those that are not there are empty.
func load(folder string, files map[string]string) (*Lesson, error) {
	l := &Lesson{
		Folder: folder, Text: files[folder+"/README.md"],
		Script: files[folder+"/script.pt"], Events: files[folder+"/events"],
		Solution: files[folder+"/solution.pt"], Check: files[folder+"/check"],
		Mistakes: files[folder+"/wrong"],
	}
	head, _, _ := strings.Cut(l.Text, "\n")
	number, title, found := strings.Cut(strings.TrimPrefix(head, "# "), ". ")
	var err error
	if l.Number, err = strconv.Atoi(number); err != nil || !found {
		return nil, fmt.Errorf("the lesson %s begins with %q", folder, head)
	}
	l.Title = title
	for _, group := range groups {
		if group.first <= l.Number {
			l.Group = group.title
		}
	}
	return l, nil
}

// Find returns the lesson of a number, or the one whose title has a word.
func Find(word string) (*Lesson, error) {
	list, err := All()
	if err != nil {
		return nil, err
	}
	var found []*Lesson
	for _, l := range list {
		if strconv.Itoa(l.Number) == strings.TrimLeft(word, "0") {
			return l, nil
		}
		if strings.Contains(strings.ToLower(l.Title), strings.ToLower(word)) {
			found = append(found, l)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("there is no lesson %s; they are numbered from 1 to %d", word, list[len(list)-1].Number)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("several lessons have %q in their title: %d, %s, and %d, %s",
		word, found[0].Number, found[0].Title, found[1].Number, found[1].Title)
}

// Next is the lesson that follows; nil after the last one.
func (l *Lesson) Next() *Lesson {
	list, err := All()
	if at := slices.Index(list, l) + 1; err == nil && at > 0 && at < len(list) {
		return list[at]
	}
	return nil
}

// Blocks are the parts of the text.
func (l *Lesson) Blocks() []markdown.Block { return markdown.Parse(l.Text) }

// Prints is what the text says that the script prints; "" where it does not say so.
func (l *Lesson) Prints() string {
	script := false
	for _, block := range l.Blocks() {
		switch {
		case block.Kind == markdown.Heading && block.Level > 1:
			return ""
		case block.Kind == markdown.Fence && block.Language == "ponytrace":
			script = true
		case block.Kind == markdown.Fence && block.Language == "text" && script:
			return block.Text()
		}
	}
	return ""
}

// section is a part of a file under a line that begins with "== ".
type section struct {
	title, text string
	line        int // of the file on which the text begins, from 1
}

// sections parts a file; head is what stands before the first one.
func sections(text string) (head string, list []section) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		title, begins := strings.CutPrefix(line, "== ")
		switch {
		case begins:
			list = append(list, section{title: strings.TrimSpace(title), line: number + 1})
		case len(list) == 0:
			head += line
		default:
			list[len(list)-1].text += line
		}
	}
	return head, list
}
