package api

import (
	"strings"

	"github.com/ponytrace/ponytrace/internal/teach/lesson"
	"github.com/ponytrace/ponytrace/internal/teach/markdown"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Title is a lesson in the list of all.
type Title struct {
	Number int    `json:"number"`
	Title  string `json:"title"`
	Group  string `json:"group"`
}

// Lesson is one to read and to work through.
type Lesson struct {
	Title
	Blocks   []markdown.Block `json:"blocks"`
	Script   string           `json:"script"`
	Events   string           `json:"events"`
	Solution string           `json:"solution"`
}

// Verdict is what the check of an exercise says.
type Verdict struct {
	Passed bool `json:"passed"`
	Cases  int  `json:"cases"`
	// Of the first case in which the script is wrong.
	Case     int    `json:"case,omitempty"`
	Sentence string `json:"sentence,omitempty"`
	Events   string `json:"events,omitempty"`
	Want     string `json:"want,omitempty"`
	Got      string `json:"got,omitempty"`
}

func titleOf(l *lesson.Lesson) Title { return Title{l.Number, l.Title, l.Group} }

func titles() (list []Title, err error) {
	all, err := lesson.All()
	for _, l := range all {
		list = append(list, titleOf(l))
	}
	return list, err
}

func (a *Answer) lesson(q *Question) {
	l, err := lesson.Find(q.Lesson)
	if err != nil {
		a.Problems = problemsOf(err)
		return
	}
	a.Lesson = &Lesson{
		Title: titleOf(l), Blocks: l.Blocks(), Script: l.Script, Events: l.Events, Solution: l.Solution,
	}
}

func (a *Answer) check(q *Question) {
	l, err := lesson.Find(q.Lesson)
	if err != nil {
		a.Problems = problemsOf(err)
		return
	}
	found, err := l.Examine(diag.NewSource(scriptName, q.Script), lesson.Machine())
	if err != nil {
		a.Problems = problemsOf(err)
		return
	}
	a.Verdict = &Verdict{Passed: found.Passed(), Cases: found.Cases}
	if f := found.Failure; f != nil {
		a.Verdict.Case, a.Verdict.Events, a.Verdict.Want, a.Verdict.Got = f.Case, f.Events, f.Want, f.Got
		a.Verdict.Sentence = strings.TrimSpace(f.Sentence + " " + f.Unreached)
	}
}
