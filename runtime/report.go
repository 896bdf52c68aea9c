package runtime

import (
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// probes is to how many probes the script attaches.
func (s *Session) probes() int {
	n := 0
	for _, program := range s.object.Programs {
		for i := range program.Points {
			n += probesAt(program, i)
		}
	}
	return n
}

func probesAt(program *object.ProgramSpec, point int) int {
	return program.Points[point].Probes() * program.Clauses
}

// served is how many probes an attachment brings: one for system calls brings all points
// of its programs.
func (s *Session) served(program *object.ProgramSpec, attachment int) int {
	if len(program.Attachments()) > 1 {
		return probesAt(program, attachment)
	}
	n := 0
	for _, p := range s.servedBy(program) {
		for i := range p.Points {
			n += probesAt(p, i)
		}
	}
	return n
}

// announce reports that tracing has begun. Only the loop may use the sink, if there is
// one.
func (s *Session) announce(n int) {
	s.attached.Store(int64(n))
	switch {
	case s.records && s.reader == nil:
		s.tellAttached()
	case s.records:
		s.reader.Wake()
	case n == 1:
		s.notice("Attached 1 probe%s", s.hint())
	default:
		s.notice("Attached %d probes%s", n, s.hint())
	}
}

// hint tells a person who watches how to see the result, where the script waits for the
// end and prints then.
func (s *Session) hint() string {
	switch {
	case !s.options.Terminal.Hints, len(s.options.Command) > 0, !s.waits(), !s.printsAtEnd(),
		s.store.Load(object.DataStopped) != 0:
		return ""
	}
	return "; Ctrl-C shows the result"
}

func (s *Session) printsAtEnd() bool {
	if s.object.Settings.PrintMapsOnExit && len(s.object.Maps) > 0 {
		return true
	}
	for _, program := range s.object.Programs {
		for i := range program.Points {
			if program.Points[i].Runs(object.AtEnd) {
				return true
			}
		}
	}
	return false
}

// tellAttached prints what announce left for the loop, which alone prints if there is
// one.
func (s *Session) tellAttached() {
	if s.records && s.attached.Load() != notAttached && !s.told {
		s.told = true
		s.sink.Item(report.Attached{Probes: int(s.attached.Load())})
		s.flush()
	}
}

// notAttached stands for the number of probes before it is told.
const notAttached = -1
