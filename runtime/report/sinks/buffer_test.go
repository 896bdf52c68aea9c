package sinks

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/report"
)

func TestTextLines(t *testing.T) {
	moment := time.Date(2015, 5, 14, 23, 3, 17, 0, time.UTC)
	check(t, textOf(object.Settings{}, func(r *printer) {
		r.Item(report.Attached{Probes: 3})
		r.Item(report.FinalMaps{})
		r.Item(report.Moment{Format: "%H:%M:%S\n", Time: moment})
	}), "\n\n23:03:17\n")
}

func TestBufferIsWrittenWhenFull(t *testing.T) {
	var out bytes.Buffer
	r := newPrinter(t, "text", &out, object.Settings{}, report.Names{})
	r.text("a")
	if out.Len() != 0 {
		t.Error("written before Flush")
	}
	r.text(strings.Repeat("b", 64<<10))
	if out.Len() != 64<<10+1 {
		t.Errorf("%d bytes written", out.Len())
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestFlushReturnsTheFirstError(t *testing.T) {
	r := newPrinter(t, "json", broken{}, object.Settings{}, report.Names{})
	r.Item(report.Attached{Probes: 1})
	for range 2 {
		if err := r.Flush(); err == nil || err.Error() != "no space" {
			t.Errorf("got %v", err)
		}
	}
}
