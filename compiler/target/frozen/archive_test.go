package frozen

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

func pack(t *testing.T, text string) []byte {
	t.Helper()
	var packed bytes.Buffer
	w, err := xz.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// TestArchive: what is packed comes out again, also empty files and those with empty lines.
func TestArchive(t *testing.T) {
	want := Files{"a/empty": nil, "a/text": []byte("\n\nx"), "b/text": []byte("3 b/text\n")}
	got, err := Unpack(pack(t, string(want.Unpacked())))
	if err != nil || !maps.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	for _, text := range []string{"", "1\n\n", "x a\n\n", "-1 a\n\n", "4 a\n\nabc", "1 a\n"} {
		if files, err := Unpack(pack(t, text)); err == nil {
			t.Errorf("%q: %q, want an error", text, files)
		}
	}
}

// TestKeptFiles: the archive holds what internal/trimbtf describes, and nothing else.
func TestKeptFiles(t *testing.T) {
	files, err := unpacked()
	if err != nil {
		t.Fatal(err)
	}
	for _, kernel := range Kept() {
		for _, file := range []string{"facts", "vmlinux.btf", "functions", "formats"} {
			if len(files[kernel+"/"+file]) == 0 {
				t.Errorf("%s has no %s", kernel, file)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if kernel, _, _ := strings.Cut(name, "/"); !slices.Contains(Kept(), kernel) {
			t.Errorf("%s is of no kernel", name)
		}
	}
}
