package runtime

import (
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// announce reports that tracing has begun. Only the loop may use the sink, if there is
// one.
func (s *Session) announce(n int) {
	s.attached.Store(int64(n))
	switch {
	case s.printer.records && s.pump.reader == nil:
		s.tellAttached()
	case s.printer.records:
		s.pump.wake()
	case n == 1:
		s.notices.notice("Attached 1 probe%s", s.hint())
	default:
		s.notices.notice("Attached %d probes%s", n, s.hint())
	}
}

// hint tells a person who watches how to see the result, where the script waits for the
// end and prints then.
func (s *Session) hint() string {
	switch {
	case !s.options.Terminal.Hints, len(s.options.Command) > 0, !canFire(s.object), !printsAtEnd(s.object),
		s.store.Load(object.DataStopped) != 0:
		return ""
	}
	return "; Ctrl-C shows the result"
}

func printsAtEnd(o *object.Object) bool {
	if o.Settings.PrintMapsOnExit && len(o.Maps) > 0 {
		return true
	}
	for _, program := range o.Programs {
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
	if s.printer.records && s.attached.Load() != notAttached && !s.told {
		s.told = true
		s.printer.sink.Item(report.Attached{Probes: int(s.attached.Load())})
		s.printer.flush()
	}
}

// notAttached stands for the number of probes before it is told.
const notAttached = -1
