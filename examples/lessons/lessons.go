// Package lessons holds the lessons of ponytrace learn: a folder each, with a text
// (README.md), a script, the events that happen to it in the emulator, an exercise's
// solution and its check. Package internal/teach/lesson describes the files, and runs them.
//
// The command carries all of them in one compressed file, a third as long. After a change
// of a lesson, go generate makes it anew; a test compares.
package lessons

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"strings"
)

//go:generate go test -run TestPacked -update

//go:embed lessons.gz
var packed []byte

// Files returns the texts of all files, by their path: "01-what-a-probe-is/README.md".
func Files() (map[string]string, error) {
	text, err := unpack()
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for text != "" {
		var path string
		var size int
		if _, err := fmt.Sscanf(text, header, &path, &size); err != nil {
			return nil, fmt.Errorf("the lessons are packed wrongly: %w", err)
		}
		text = text[strings.IndexByte(text, '\n')+1:]
		files[path], text = text[:size], text[size:]
	}
	return files, nil
}

// header stands before each file.
const header = "%s %d\n"

func unpack() (string, error) {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(reader)
	return string(text), err
}
