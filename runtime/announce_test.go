package runtime

import (
	"bytes"
	"testing"

	"github.com/ponytrace/ponytrace/runtime/records"
)

// A notice counts the probes, with what the session has to add.
func TestAnnouncement(t *testing.T) {
	for n, want := range map[int]string{1: "Attached 1 probe, so\n", 7: "Attached 7 probes, so\n"} {
		var text bytes.Buffer
		a := &announcement{
			printer: &records.Printer{}, notices: &notices{to: &text}, hint: func() string { return ", so" },
		}
		a.begin()
		a.announce(n)
		a.tell() // there is no record to leave
		if text.String() != want {
			t.Errorf("%q, want %q", text.String(), want)
		}
	}
}
