package runtime

import (
	"slices"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// Addresses of a process can be named as long as somebody has looked at its memory map. Where they are kept in maps until the
// end, the process may be gone by then; so the scout looks while it runs.

const (
	firstLook = 2 * time.Millisecond   // after the start of the command of -c
	scoutRest = 250 * time.Millisecond // between two looks
	// scoutShare is the part of a CPU that looking into large maps may take.
	scoutShare = 20
	memoryAge  = time.Second
)

// startScout looks until stop is closed, if there is anything to look for.
func (s *Session) startScout(stop <-chan struct{}) {
	var maps []*events.Map
	for _, m := range s.object.Maps {
		if holdsProcess(m) {
			maps = append(maps, s.store.Map(m))
		}
	}
	if len(maps) > 0 {
		s.ticks.Go(func() { s.scout(maps, stop) })
	}
}

func holdsProcess(m *object.MapSpec) bool {
	return events.HoldsProcess(m.Value) ||
		m.Key != nil && slices.ContainsFunc(m.Key.Fields, func(f types.Field) bool { return events.HoldsProcess(f.Type) })
}

// scout looks more and more seldom: what has just begun may end soon.
func (s *Session) scout(maps []*events.Map, stop <-chan struct{}) {
	for rest := firstLook; ; rest = min(2*rest, scoutRest) {
		start := time.Now()
		s.look(maps)
		select {
		case <-stop:
			return
		case <-time.After(max(rest, scoutShare*time.Since(start))):
		}
	}
}

// look remembers the traced process, and those that have addresses in maps. A map that cannot be read says so when it is printed.
func (s *Session) look(maps []*events.Map) {
	if pid := s.traced.Load(); pid > 0 {
		s.user.Remember(int(pid), scoutRest)
	}
	for _, m := range maps {
		_ = m.Processes(func(pid int) { s.user.Remember(pid, memoryAge) })
	}
}
