package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestFramesArriveAsSent(t *testing.T) {
	var line bytes.Buffer
	w := NewWriter(&line)
	fmt.Fprint(w.Stream(Stdout), "hello")
	w.Send(Done, nil)
	for _, want := range []string{"o hello", "q "} {
		kind, payload, err := Read(&line)
		if got := fmt.Sprintf("%c %s", kind, payload); got != want || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	if _, _, err := Read(&line); err != io.EOF {
		t.Errorf("after the last frame: %v", err)
	}
}

func TestAFrameCutShortIsNoEnd(t *testing.T) {
	var line bytes.Buffer
	NewWriter(&line).Send(Stdout, []byte("hello"))
	for cut := 1; cut < line.Len(); cut++ {
		if _, _, err := Read(bytes.NewReader(line.Bytes()[:cut])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d bytes: %v", cut, err)
		}
	}
}

func TestWhatIsNoFrameIsRefused(t *testing.T) {
	if _, _, err := Read(bytes.NewReader([]byte("[    0.000000] Linux"))); err == nil {
		t.Error("a kernel log was taken for a frame")
	}
}
