package main

import (
	"bufio"
	"strings"
	"testing"
)

// The names of a program's functions can be anything.
func TestListedNamesAreOneLine(t *testing.T) {
	var out strings.Builder
	l := &listing{out: bufio.NewWriter(&out), arguments: true}
	l.probe("uprobe:/app:a\nuprobe:/bin/sh:b\x1b[2J", func() []string { return []string{"int n\nint m"} })
	l.out.Flush()
	if got, want := out.String(), "uprobe:/app:a␊uprobe:/bin/sh:b␛[2J\n    int n␊int m\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
