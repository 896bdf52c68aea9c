package step

import (
	"testing"

	"github.com/ponytrace/ponytrace/internal/teach/event"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// BenchmarkEvents is what an event costs that is not recorded any more.
func BenchmarkEvents(b *testing.B) {
	script := compileFor(b, `kprobe:vfs_read { @[comm] = count() }`, "6.12")
	for b.Loop() {
		events, _ := event.Parse(diag.NewSource("events", "x10000"), script)
		if _, err := Record(script, events, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
