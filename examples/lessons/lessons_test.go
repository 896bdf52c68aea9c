package lessons

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ponytrace/ponytrace/internal/testkit"
)

// The compressed file has the folders' files, no other and no older ones. -update writes
// it.
func TestPacked(t *testing.T) {
	want := map[string]string{}
	for _, path := range testkit.Glob(t, "*/*") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want[filepath.ToSlash(path)] = string(text)
	}
	if *testkit.Update {
		pack(t, want)
		return
	}
	got, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range want {
		if got[path] != text {
			t.Errorf("%s is newer than lessons.gz: run go generate ./examples/lessons", path)
		}
	}
	if len(got) != len(want) {
		t.Errorf("lessons.gz has %d files, the folders have %d", len(got), len(want))
	}
}

func pack(t *testing.T, files map[string]string) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(w, header+"%s", path, len(files[path]), files[path])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("lessons.gz", b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
