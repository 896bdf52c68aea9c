package api

import (
	"strings"

	"github.com/ponytrace/ponytrace/internal/teach/event"
	"github.com/ponytrace/ponytrace/internal/teach/step"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/simulate"
)

// run compiles a script and lets events happen to it; without any, one of each probe. In a
// lesson the script may well have other probes than the events.
func (a *Answer) run(q *Question) {
	w := a.compile(q)
	if w == nil {
		return
	}
	script := event.Script{Object: w.object, Stages: w.stages, Target: w.machine, Others: q.Lesson != ""}
	events, problems := event.Parse(diag.NewSource("events", q.Events), script)
	a.EventProblems = problemsOf(errorOf(problems))
	if a.Made = events.Len() == 0 && len(problems) == 0; a.Made {
		events = event.Default(script)
	}
	a.play(w, events)
	run, err := step.Record(script, events, recorded)
	if run != nil && err == nil {
		a.Run = run
	}
}

// recorded is what one can step through: more would keep the page waiting.
var recorded = step.Limits{Events: 50, Steps: 2000}

// errorOf is nil for an empty list.
func errorOf(list diag.Diagnostics) error {
	if len(list) == 0 {
		return nil
	}
	return list
}

// play keeps what the script prints, and why it ended before its time.
func (a *Answer) play(w *work, events event.Events) {
	var out, notices limited
	if err := play(w, events, simulate.Options{Stdout: &out, Stderr: &notices}); err != nil {
		a.Failure = "The emulator cannot run this script: " + diag.Printable(err.Error())
	}
	a.Output, a.Notices = out.String(), notices.String()
}

func play(w *work, events event.Events, options simulate.Options) error {
	s, err := simulate.New(w.object, options)
	if err == nil {
		err = s.Begin()
	}
	if err != nil {
		return err
	}
	for e := range events.All() {
		if s.Over() {
			break
		}
		if err := s.Fire(*e); err != nil {
			return err
		}
	}
	_, err = s.End()
	return err
}

// limited keeps the beginning of what is written.
type limited struct{ strings.Builder }

const maxOutput = 256 << 10

func (l *limited) Write(text []byte) (int, error) {
	const more = "\n... what follows is not shown\n"
	switch room := maxOutput - l.Len(); {
	case room >= len(text):
		l.Builder.Write(text)
	case room > 0:
		l.Builder.Write(text[:room])
		l.WriteString(more)
	}
	return len(text), nil
}
