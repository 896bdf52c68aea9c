package runtime

import (
	"sync/atomic"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/records"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// announcement tells to how many probes a session is attached: a record of the output, or
// a notice.
type announcement struct {
	printer  *records.Printer
	records  bool // report.Format.Records
	pump     *pump
	notices  *notices
	hint     func() string // what follows in the notice
	attached atomic.Int64  // how many probes
	told     bool          // and the sink has it; owned by the loop until it ends
}

// begin is called before anything is attached.
func (a *announcement) begin() { a.attached.Store(notAttached) }

// set leaves the number for the loop, without a notice.
func (a *announcement) set(n int) { a.attached.Store(int64(n)) }

// announce tells that tracing has begun. Only the loop may use the sink, if there is one.
func (a *announcement) announce(n int) {
	a.set(n)
	switch {
	case a.records && a.pump.reader == nil:
		a.tell()
	case a.records:
		a.pump.wake()
	default:
		a.notices.notice("%s%s", report.Attached{Probes: n}, a.hint())
	}
}

// tell prints what announce left for the loop, which alone prints if there is one.
func (a *announcement) tell() {
	if a.records && a.attached.Load() != notAttached && !a.told {
		a.told = true
		a.printer.Sink.Item(report.Attached{Probes: int(a.attached.Load())})
		a.printer.Flush()
	}
}

// notAttached stands for the number of probes before it is told.
const notAttached = -1

// hintOf tells a person who watches how to see the result, where the script waits for the
// end and prints then.
func hintOf(o *object.Object, store *events.Store, options *Options) string {
	switch {
	case !options.Terminal.Hints, len(options.Command) > 0, !canFire(o), !printsAtEnd(o),
		stopped(store):
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
