package symbols

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// lined is a record of lines with these entries.
func lined(start uint64, entries ...[]byte) []byte {
	return record(dumpLines, start, uint64(len(entries)), bytes.Join(entries, nil))
}

func at(address uint64, line uint32, file string) []byte {
	entry := binary.NativeEndian.AppendUint64(nil, address)
	entry = binary.NativeEndian.AppendUint32(entry, line)
	entry = binary.NativeEndian.AppendUint32(entry, 7)
	return append(append(entry, file...), 0)
}

func places(t *testing.T, d *dump, addresses ...uint64) (list []string) {
	t.Helper()
	for _, address := range addresses {
		symbol, _ := d.lookup(address)
		f := d.frame(symbol, address)
		list = append(list, fmt.Sprintf("%s:%d", f.File, f.Line))
	}
	return list
}

// Lines belong to the code that is loaded next, move with it, and end when other code takes
// its place. A record may be larger than the window, and come long before its code.
func TestDumpLines(t *testing.T) {
	var many [][]byte
	for i := range uint32(10_000) {
		many = append(many, at(0x9000+uint64(i), i, "many.js"))
	}
	text := bytes.Join([][]byte{
		dumpHead(),
		lined(0x1000, at(0x1010, 12, "loop.js"), at(0x1000, 10, "\xff"), at(0x1020, 3, "other.js"), at(0x1028, 4, "\xff")),
		loaded("first", 0x1000, 64), loaded("bare", 0x3000, 64),
		lined(0x5000, at(0x5000, 1, "x")), loaded("elsewhere", 0x6000, 64), loaded("late", 0x5000, 64),
		lined(0x9000, many...), loaded("many", 0x9000, 20_000),
	}, nil)
	lines := codeLines{wanted: true}
	d, err := dump{codeLines: lines}.parse(bytes.NewReader(text), int64(len(text)), 1<<20)
	if err != nil || d.read != int64(len(text)) {
		t.Fatalf("%d of %d bytes are read, %v", d.read, len(text), err)
	}
	got := places(t, &d, 0x1000, 0x100f, 0x1010, 0x1027, 0x103f, 0x3000, 0x6000, 0x5000, 0x9001, 0x9000+9_999)
	want := []string{"loop.js:10", "loop.js:10", "loop.js:12", "other.js:3", "other.js:4", ":0", ":0", ":0", "many.js:1", "many.js:9999"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	more := bytes.Join([][]byte{moved(0x1000, 0x2000, 64), loaded("new", 0x1000, 64), lined(0x3000, at(0x3000, 5, "late.js"))}, nil)
	text = append(text, more...)
	if d, err = d.parse(bytes.NewReader(text), int64(len(text)), 1<<20); err != nil {
		t.Fatal(err)
	}
	text = append(text, loaded("bare", 0x3000, 64)...)
	if d, err = d.parse(bytes.NewReader(text), int64(len(text)), 1<<20); err != nil {
		t.Fatal(err)
	}
	if got, want := places(t, &d, 0x1010, 0x2010, 0x3001), []string{":0", "loop.js:12", "late.js:5"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// The addresses of V8 count from the header of an ELF file.
func TestDumpLinesOfV8(t *testing.T) {
	head := dumpHead()
	binary.NativeEndian.PutUint32(head[16:], ofV8)
	text := bytes.Join([][]byte{head, lined(0x1000, at(0x1044, 9, "a.js")), loaded("JS:*a", 0x1000, 64)}, nil)
	d, err := dump{codeLines: codeLines{wanted: true}}.parse(bytes.NewReader(text), int64(len(text)), 1<<20)
	if got, want := places(t, &d, 0x1003, 0x1004), []string{":0", "a.js:9"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, want %q, %v", got, want, err)
	}
}

// A record that makes no sense, or finds no room, leaves the code without lines.
func TestBadDumpLines(t *testing.T) {
	lying := lined(0x1000, at(0x1000, 1, "a"))
	binary.NativeEndian.PutUint64(lying[24:], 1<<60)
	unended := lined(0x1000, at(0x1000, 1, "abc"))
	unended[len(unended)-1] = 'd'
	for name, record := range map[string][]byte{
		"short": record(dumpLines, uint64(0x1000)), "lying": lying, "unended": unended,
		"before": lined(0x1000, at(0xfff, 1, "a")), "far": lined(0x1000, at(1<<40, 1, "a")),
		"large":   lined(0x1000, at(0x1000, 1, strings.Repeat("a", maxLines))),
		"no room": lined(0x1000, slices.Repeat([][]byte{at(0x1000, 1, "a")}, 500)...),
	} {
		text := bytes.Join([][]byte{dumpHead(), record, loaded("code", 0x1000, 64)}, nil)
		d, err := dump{codeLines: codeLines{wanted: true}}.parse(bytes.NewReader(text), int64(len(text)), 10_000)
		if symbol, ok := d.lookup(0x1004); err != nil || !ok || d.frame(symbol, 0x1004).Line != 0 || d.bytesUsed() > 1000 {
			t.Errorf("%s: %+v, %d bytes, %v", name, d.frame(symbol, 0x1004), d.bytesUsed(), err)
		}
	}
}
