package render

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
)

func TestTextLines(t *testing.T) {
	moment := time.Date(2015, 5, 14, 23, 3, 17, 0, time.UTC)
	check(t, textOf(object.Settings{}, func(r Renderer) {
		r.Attached(3)
		r.Text("\n\n")
		r.Time("%H:%M:%S\n", moment)
	}), "\n\n23:03:17\n")
}

func TestBufferIsWrittenWhenFull(t *testing.T) {
	var out bytes.Buffer
	r := NewText(&out, object.Settings{}, Names{})
	r.Text("a")
	if out.Len() != 0 {
		t.Error("written before Flush")
	}
	r.Text(strings.Repeat("b", fullBuffer))
	if out.Len() != fullBuffer+1 {
		t.Errorf("%d bytes written", out.Len())
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestFlushReturnsTheFirstError(t *testing.T) {
	r := NewJSON(broken{}, object.Settings{}, Names{})
	r.Attached(1)
	for range 2 {
		if err := r.Flush(); err == nil || err.Error() != "no space" {
			t.Errorf("got %v", err)
		}
	}
}
