package runtime

import (
	"fmt"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/lang/diag"
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
	cpus     *laterCPUs
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
	list = append(list, records.LostEvents(l.object, l.store)...)
	list = append(list, l.reads.failed(func(uint64) bool { return true })...)
	if f := l.object.Following; f != nil {
		add(report.LostProcesses, l.store.Load(f.Set.Full),
			"%d processes were not followed, because there were too many at once")
	}
	list = append(list, l.tables.Losses(l.object)...)
	list = append(list, records.LostRounds(l.store)...)
	add(report.LostNames, l.user.Lost(),
		"%d memory mappings of processes were not noted, because too many came at once: their "+
			"addresses may print as numbers")
	if l.user.Refused() {
		list = append(list, refusedNames(settings.MaxSymbolBytes))
	}
	if file := l.user.SlowFile(); file != "" {
		list = append(list, report.Loss{Kind: report.LostNames, Text: fmt.Sprintf(
			"stacks lack lines and inlined functions of %s, which took too long to read",
			diag.Printable(file))})
	}
	add(report.LostCommands, uint64(l.shell.skipped),
		"%d commands of system() did not run, because tracing was interrupted")
	add(report.MissedEvents, l.detacher.missed,
		"%d events were missed because the probe was busy on the same CPU")
	if loss, any := l.cpus.loss(); any {
		list = append(list, loss)
	}
	return list
}

func refusedNames(most int) report.Loss {
	return report.Loss{Kind: report.LostNames, Text: fmt.Sprintf(
		"addresses of processes printed as numbers, because the names of functions took more "+
			"than %d MiB; more: max_symbol_bytes = %d",
		most>>20, 4*most)}
}
