package runtime

import (
	"slices"
	"sync"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/symbols"
)

// Addresses of a process can be named as long as somebody has looked at its memory map.
// Where they are kept in maps until the end, the process may be gone by then; so they are
// looked at while it runs.

const (
	firstRefresh = 2 * time.Millisecond   // after the start of the command of -c
	refreshRest  = 250 * time.Millisecond // between two looks
	// refreshShare is the part of a CPU that looking into large maps may take.
	refreshShare = 20
	memoryAge    = time.Second
)

// mapRefresh remembers the memory maps of processes.
type mapRefresh struct {
	user   *symbols.User
	traced *tracees
	maps   []*events.Map // of the script, with addresses of processes
	// noted: the script has addresses of processes, so that mappings are noted.
	noted bool
}

func newMapRefresh(o *object.Object, store *events.Store, user *symbols.User, traced *tracees) *mapRefresh {
	r := &mapRefresh{user: user, traced: traced}
	for _, m := range o.Maps {
		if holdsProcess(m) {
			r.maps = append(r.maps, store.Map(m))
		}
	}
	r.noted = len(r.maps) > 0 || slices.ContainsFunc(o.Events, func(e *object.Event) bool {
		return slices.ContainsFunc(e.Layout.Fields, func(f types.Field) bool { return events.HoldsProcess(f.Type) })
	})
	return r
}

// notePeriod is how long notes wait where few come, in milliseconds.
const notePeriod = 100

// note has mappings noted until stop is closed. Where the kernel does not tell of them, as
// it does not without CAP_PERFMON, those are named that are read in time.
func (r *mapRefresh) note(ticks *sync.WaitGroup, stop <-chan struct{}) {
	if !r.noted || r.user.Note() != nil {
		return
	}
	ticks.Go(func() {
		<-stop
		r.user.Relax()
	})
	ticks.Go(func() {
		for {
			r.user.Await(notePeriod)
			select {
			case <-stop:
				return
			default:
			}
		}
	})
}

func holdsProcess(m *object.MapSpec) bool {
	return events.HoldsProcess(m.Value) ||
		m.Key != nil && slices.ContainsFunc(m.Key.Fields, func(f types.Field) bool { return events.HoldsProcess(f.Type) })
}

// start refreshes until stop is closed, if there is anything to look for.
func (r *mapRefresh) start(ticks *sync.WaitGroup, stop <-chan struct{}) {
	if len(r.maps) > 0 {
		ticks.Go(func() { r.repeat(stop) })
	}
}

// repeat looks more and more seldom: what has just begun may end soon.
func (r *mapRefresh) repeat(stop <-chan struct{}) {
	for rest := firstRefresh; ; rest = min(2*rest, refreshRest) {
		start := time.Now()
		r.refresh()
		select {
		case <-stop:
			return
		case <-time.After(max(rest, refreshShare*time.Since(start))):
		}
	}
}

// begin remembers what runs already: of that the kernel tells nothing, and it may end as
// soon as it has an event.
func (r *mapRefresh) begin(pid int) {
	if r.noted {
		r.user.Remember(pid, refreshRest)
	}
}

// refresh remembers the traced processes, and those that have addresses in maps. A map that
// cannot be read gives its error when it is printed.
func (r *mapRefresh) refresh() {
	for _, pid := range r.traced.known() {
		r.user.Remember(pid, refreshRest)
	}
	for _, m := range r.maps {
		_ = m.Processes(func(pid int) { r.user.Remember(pid, memoryAge) })
	}
}
