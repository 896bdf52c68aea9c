package runtime

import "github.com/ponytrace/ponytrace/runtime/records"

// mapRequests are the signals that ask for the maps while the tracing goes on (SIGUSR1).
type mapRequests struct {
	printer *records.Printer
	pump    *pump
	ending  func() bool   // the end was asked for
	asked   chan struct{} // has room for one
}

// ask has whoever prints print all maps.
func (r *mapRequests) ask() {
	if r.ending() {
		return // they are printed anyway
	}
	select {
	case r.asked <- struct{}{}:
	default:
	}
	r.pump.wake()
}

// answer is called by the loop, between two records.
func (r *mapRequests) answer() {
	if len(r.asked) > 0 {
		<-r.asked
		r.print()
	}
}

// unattended are the requests that no loop answers, because there is no ring buffer; nil
// where there is one.
func (r *mapRequests) unattended() <-chan struct{} {
	if r.pump.reader != nil {
		return nil
	}
	return r.asked
}

func (r *mapRequests) print() { r.printer.PrintTables() }
