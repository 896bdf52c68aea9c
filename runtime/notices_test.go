package runtime

import (
	"bytes"
	"io"
	"sync"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/report"
)

func TestNoticesPrint(t *testing.T) {
	place := diag.Span{Source: diag.NewSource("a.pt", "BEGIN { call() }"), Start: 8, End: 14}
	loss := report.Loss{Kind: report.FailedReads, Count: 2, Text: "2 reads failed", Place: place}
	for _, test := range []struct {
		notice report.Notice
		want   string
	}{
		{report.Notice{Text: "Attached 1 probe"}, "Attached 1 probe\n"},
		{report.Notice{Text: "it failed", Warning: true}, "WARNING: it failed\n"},
		{report.Notice{Text: "it failed", Warning: true, Place: place}, "a.pt:1:9-15: WARNING: it failed\n"},
		{loss.Notice(), "a.pt:1:9-15: WARNING: 2 reads failed\nBEGIN { call() }\n        ~~~~~~\n"},
	} {
		var out bytes.Buffer
		test.notice.Print(&out)
		if out.String() != test.want {
			t.Errorf("%q, want %q", out.String(), test.want)
		}
	}
}

// Whoever asks for the notices gets them as data, and standard error has none.
func TestNotify(t *testing.T) {
	var mutex sync.Mutex
	var got []report.Notice
	var notices bytes.Buffer
	o := lineObject(16)
	o.Programs = []*object.ProgramSpec{clause("begin", code(emit(0, 1)), at(object.AtBegin))}
	s := open(t, o, Options{Stdout: io.Discard, Stderr: &notices, Notify: func(n report.Notice) {
		mutex.Lock()
		defer mutex.Unlock()
		got = append(got, n)
	}})
	s.store.Set(object.DataDropped, 7)
	if _, err := s.Run(); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Text != "Attached 1 probe" || got[0].Warning || got[0].Loss != nil {
		t.Fatalf("%+v", got)
	}
	if loss := got[1].Loss; loss == nil || loss.Kind != report.LostEvents || loss.Count != 7 || !got[1].Warning {
		t.Errorf("%+v", got[1])
	}
	if notices.Len() > 0 {
		t.Errorf("standard error has %q", notices.String())
	}
}
