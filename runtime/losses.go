package runtime

import (
	"fmt"
	"syscall"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/records"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/symbols"
)

// lossCounts is where losses are counted.
type lossCounts struct {
	object   *object.Object
	store    *events.Store
	tables   *records.Tables
	reads    *readCounts
	user     *symbols.User
	shell    *shell
	detacher *detacher
}

// list is what the report lacks: how much, and what helps.
func (l *lossCounts) list() (list []report.Loss) {
	add := func(kind report.LossKind, n uint64, format string, args ...any) {
		if n > 0 {
			text := fmt.Sprintf(format, append([]any{n}, args...)...)
			list = append(list, report.Loss{Kind: kind, Count: n, Text: text})
		}
	}
	settings := &l.object.Settings
	add(report.LostEvents, l.store.Load(object.DataDropped),
		"%d events were lost because the buffer was full; a larger one: perf_rb_pages = %d",
		4*settings.RingBufferPages)
	list = append(list, l.reads.failed(func(uint64) bool { return true })...)
	if f := l.object.Following; f != nil {
		add(report.LostProcesses, l.store.Load(f.Set.Full),
			"%d processes were not followed, because there were too many at once")
	}
	list = append(list, l.lossesOfMaps()...)
	add(report.LostRounds, l.store.Load(object.DataCut),
		"loops were cut off %d times, because they went on for longer than this kernel allows")
	if l.user.Refused() {
		list = append(list, refusedNames(settings.MaxSymbolBytes))
	}
	add(report.LostCommands, uint64(l.shell.skipped),
		"%d commands of system() did not run, because tracing was interrupted")
	add(report.MissedEvents, l.detacher.missed,
		"%d events were missed because the probe was busy on the same CPU")
	return list
}

func (l *lossCounts) lossesOfMaps() (list []report.Loss) {
	for _, m := range l.object.Maps {
		if m.Kernel == "" {
			continue
		}
		if n := l.store.Load(m.Full); n > 0 {
			list = append(list, l.fullMap(m, n))
		}
		list = append(list, l.droppedKeys(m)...)
	}
	return list
}

func refusedNames(most int) report.Loss {
	return report.Loss{Kind: report.LostNames, Text: fmt.Sprintf(
		"addresses of processes printed as numbers, because the names of functions took more "+
			"than %d MiB; more: max_symbol_bytes = %d",
		most>>20, 4*most)}
}

// moreRoom is what a script says to have four times the room.
func moreRoom(m *object.MapSpec) string {
	if m.Kind != "" {
		return fmt.Sprintf("let @%s = %s(%d)", m.Name, m.Kind, 4*m.MaxEntries)
	}
	return fmt.Sprintf("max_map_keys = %d", 4*m.MaxEntries)
}

// fullMap is the loss of n updates of a map, and why, as the last of them was refused: a
// map also refuses a key for which no memory is ready, or while an event on the same CPU
// interrupts the insertion of another.
func (l *lossCounts) fullMap(m *object.MapSpec, n uint64) report.Loss {
	loss := report.Loss{Kind: report.LostUpdates, Map: m, Count: n}
	refusal := syscall.Errno(-int32(l.store.Load(m.Refusal)))
	if refusal == syscall.E2BIG || m.Parts == 0 && l.tables.Of(m).Len() >= m.MaxEntries {
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
func (l *lossCounts) droppedKeys(m *object.MapSpec) []report.Loss {
	if m.Inserted == 0 {
		return nil
	}
	n, err := l.store.Map(m).Dropped(l.store.Load(m.Inserted))
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
