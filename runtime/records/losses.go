package records

import (
	"fmt"
	"syscall"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// LostEvents is the loss of those that found the ring buffer full, if there are any.
func LostEvents(o *object.Object, store *events.Store) []report.Loss {
	return loss(report.LostEvents, store.Load(object.DataDropped),
		"%d events were lost because the buffer was full; a larger one: perf_rb_pages = %d",
		4*o.Settings.RingBufferPages)
}

// LostRounds is the loss of the rounds of loops that were cut off, if there are any.
func LostRounds(store *events.Store) []report.Loss {
	return loss(report.LostRounds, store.Load(object.DataCut),
		"loops were cut off %d times, because they went on for longer than this kernel allows")
}

func loss(kind report.LossKind, n uint64, format string, args ...any) []report.Loss {
	if n == 0 {
		return nil
	}
	text := fmt.Sprintf(format, append([]any{n}, args...)...)
	return []report.Loss{{Kind: kind, Count: n, Text: text}}
}

// Losses are what the maps of the object lack.
func (t *Tables) Losses(o *object.Object) (list []report.Loss) {
	for _, m := range o.Maps {
		if m.Kernel == "" {
			continue
		}
		if n := t.store.Load(m.Full); n > 0 {
			list = append(list, t.FullMap(m, n))
		}
		list = append(list, t.droppedKeys(m)...)
	}
	return list
}

// moreRoom is what a script says to have four times the room.
func moreRoom(m *object.MapSpec) string {
	if m.Kind != "" {
		return fmt.Sprintf("let @%s = %s(%d)", m.Name, m.Kind, 4*m.MaxEntries)
	}
	return fmt.Sprintf("max_map_keys = %d", 4*m.MaxEntries)
}

// FullMap is the loss of n updates of a map, and why, as the last of them was refused: a
// map also refuses a key for which no memory is ready, or while an event on the same CPU
// interrupts the insertion of another.
func (t *Tables) FullMap(m *object.MapSpec, n uint64) report.Loss {
	loss := report.Loss{Kind: report.LostUpdates, Map: m, Count: n}
	refusal := syscall.Errno(-int32(t.store.Load(m.Refusal)))
	if refusal == syscall.E2BIG || m.Parts == 0 && t.Of(m).Len() >= m.MaxEntries {
		loss.Text = fmt.Sprintf("the map @%s was full at %d keys: %d updates were lost; more room: %s",
			m.Name, m.MaxEntries, n, moreRoom(m))
		if m.Parts > 0 {
			loss.Text = fmt.Sprintf("the map @%s was full at %d rows, of which a key takes one for each power of two: "+
				"%d updates were lost, also of keys that are printed; more room: %s",
				m.Name, m.MaxEntries, n, moreRoom(m))
		}
		return loss
	}
	why := "it was in use on the same CPU"
	if m.Recent && refusal == 0 {
		why = "their keys were dropped at once for others"
	}
	if refusal == syscall.ENOMEM {
		why = "the kernel had no memory ready for as many new keys at once" + reserve(m)
	}
	loss.Text = fmt.Sprintf("%d updates of the map @%s were lost, because %s", n, m.Name, why)
	return loss
}

// droppedKeys is the loss of keys that the kernel has dropped from a map for others, and
// of what was counted of them since the last clear() with them.
func (t *Tables) droppedKeys(m *object.MapSpec) []report.Loss {
	if m.Inserted == 0 {
		return nil
	}
	n, err := t.store.Map(m).Dropped(t.store.Load(m.Inserted))
	if err != nil || n == 0 {
		return nil
	}
	return []report.Loss{{Kind: report.LostKeys, Map: m, Count: uint64(n), Text: fmt.Sprintf(
		"%d keys of the map @%s, which were not used for the longest time, were dropped for "+
			"new ones with what they held; more room: %s",
		n, m.Name, moreRoom(m))}}
}

// reserve is what a script says to have the memory of a per-CPU map before tracing
// starts.
func reserve(m *object.MapSpec) string {
	if m.Storage != object.CPUHash || m.Kind != "" {
		return ""
	}
	return fmt.Sprintf("; memory set aside for 4096: let @%s = percpuhash(4096)", m.Name)
}
