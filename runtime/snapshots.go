package runtime

import (
	"fmt"
	"sync"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/snapshot"
)

// snapshots are what others than the loop read of the maps. They may ask at any time,
// from any goroutine, so the names that they need are looked up apart from those that the
// loop prints.
type snapshots struct {
	mutex sync.Mutex
	maps  []*object.MapSpec
	live  func(m *object.MapSpec) *events.Map
	names func() *report.Names
	order *object.Settings
}

func newSnapshots(o *object.Object, store *events.Store, names func() *report.Names) *snapshots {
	return &snapshots{maps: o.Maps, live: store.Map, names: sync.OnceValue(names), order: &o.Settings}
}

// of copies a map by its name, without the at sign. What normalize() asks for changes
// what is printed, not what is copied.
func (s *snapshots) of(name string) (*snapshot.Table, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, m := range s.maps {
		if m.Name != name {
			continue
		}
		table, err := s.live(m).Peek()
		if err != nil {
			return nil, fmt.Errorf("reading the map @%s: %w", name, err)
		}
		return snapshot.Of(report.NewTable(s.order, table, 0, 0), s.names()), nil
	}
	return nil, fmt.Errorf("the script has no map @%s", name)
}

// Snapshot copies a map by its name, without the at sign. It may be called at any time
// between Load and Close, by any goroutine.
func (s *Session) Snapshot(name string) (*snapshot.Table, error) { return s.snapshots.of(name) }
