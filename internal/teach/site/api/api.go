// Package api answers the questions of the page of package site: what a script becomes,
// what it does with events, and whether it solves an exercise.
//
//	answer := api.Ask(&api.Question{Ask: "run", Kernel: "6.12", Script: script, Events: "x3"})
//
// Answers are plain data that travels as JSON from the WebAssembly module to the page.
// Everything here is a function of the question: no machine, no file, no network. Kernels
// are those of compiler/target/frozen.
package api

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/teach/explain"
	"github.com/ponytrace/ponytrace/internal/teach/page"
	"github.com/ponytrace/ponytrace/internal/teach/step"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Question is what the page asks.
type Question struct {
	Ask    string // contents, run, lesson or check
	Kernel string
	Script string
	Events string // lines as package event has them
	Lesson string // its number
}

// Answer has what was asked for, the rest is empty.
type Answer struct {
	// Of "contents": what there is to choose from, and the words that the page explains.
	Kernels []string          `json:"kernels,omitempty"`
	Terms   map[string]string `json:"terms,omitempty"`
	Lessons []Title           `json:"lessons,omitempty"`
	// Of "lesson" and of "check".
	Lesson  *Lesson  `json:"lesson,omitempty"`
	Verdict *Verdict `json:"verdict,omitempty"`
	// Of "run": what the script becomes, and what it does.
	Problems      []Problem            `json:"problems,omitempty"` // of the script
	EventProblems []Problem            `json:"eventProblems,omitempty"`
	Made          bool                 `json:"made,omitempty"` // the events, from the types
	Explanation   *explain.Explanation `json:"explanation,omitempty"`
	Stages        *Stages              `json:"stages,omitempty"`
	Run           *step.Run            `json:"run,omitempty"`
	Output        string               `json:"output,omitempty"`
	Notices       string               `json:"notices,omitempty"` // what a terminal shows beside the output
	Failure       string               `json:"failure,omitempty"` // why the output ends early
}

// Ask answers a question. What is wrong in the question itself is a Problem without a
// place.
func Ask(q *Question) *Answer {
	a := &Answer{}
	a.fill(q)
	return a
}

func (a *Answer) fill(q *Question) {
	switch q.Ask {
	case "contents":
		a.contents()
	case "run":
		a.run(q)
	case "lesson":
		a.lesson(q)
	case "check":
		a.check(q)
	default:
		a.Problems = []Problem{{Message: fmt.Sprintf("nothing is known of %q", q.Ask)}}
	}
}

func (a *Answer) contents() {
	list, err := titles()
	a.Kernels, a.Terms, a.Lessons, a.Problems = frozen.Kept(), page.Terms(), list, problemsOf(err)
}

// work is a compiled script.
type work struct {
	object  *object.Object
	stages  *stage.Stages
	machine *target.Target
}

// targets are read once: that takes longer than most scripts.
var targets = struct {
	sync.Mutex
	known map[string]*target.Target
}{known: map[string]*target.Target{}}

func kernel(name string) (*target.Target, error) {
	targets.Lock()
	defer targets.Unlock()
	if targets.known[name] == nil {
		if !slices.Contains(frozen.Kept(), name) {
			return nil, fmt.Errorf("there is no kernel %q here", name)
		}
		targets.known[name] = frozen.Target(name)
	}
	return targets.known[name], nil
}

// scriptName is what messages call the script of the editor.
const scriptName = "script.pt"

func newWork(q *Question) (*work, error) {
	machine, err := kernel(q.Kernel)
	if err != nil {
		return nil, err
	}
	script, problems := lang.Parse(diag.NewSource(scriptName, q.Script))
	w := &work{machine: machine, stages: &stage.Stages{}}
	options := compiler.Options{Stages: w.stages}
	w.object, err = compiler.Compile(script, machine, options)
	if len(problems) > 0 {
		var more diag.Diagnostics
		errors.As(err, &more)
		err = append(problems, more...).Sorted()
	}
	return w, err
}

// compile returns nil for a script with errors.
func (a *Answer) compile(q *Question) *work {
	w, err := newWork(q)
	if a.Problems = problemsOf(err); err != nil {
		return nil
	}
	a.Explanation = explain.New(w.object, w.stages, w.machine)
	a.Stages = stagesOf(w)
	return w
}
