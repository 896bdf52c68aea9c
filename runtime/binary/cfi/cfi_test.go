package cfi

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/internal/testkit"
)

const most = 1 << 22

// frameText returns .eh_frame of a program and its address.
func frameText(t testing.TB, path string) ([]byte, uint64) {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	section := file.Section(".eh_frame")
	if section == nil {
		t.Fatalf("%s has no .eh_frame", path)
	}
	text, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	return text, section.Addr
}

func same(address uint64) (uint64, bool) { return address, true }

// libraries are large files of the machine that have all rules there are.
func libraries(t testing.TB) []string {
	var found []string
	for _, name := range []string{"libc.so.6", "libcrypto.so.3", "libstdc++.so.6"} {
		paths, _ := filepath.Glob("/lib/x86_64-linux-gnu/" + name)
		found = append(found, paths...)
	}
	testkit.Need(t, "libc of x86_64", len(found) > 0)
	return found
}

// readelf shows the same rules at the beginning of each of its rows.
func TestOracle(t *testing.T) {
	_, err := exec.LookPath("readelf")
	testkit.Need(t, "readelf", err == nil)
	for _, path := range libraries(t) {
		text, address := frameText(t, path)
		start := time.Now()
		rows, err := Parse(text, address, most, same)
		if err != nil {
			t.Fatal(path, err)
		}
		took := time.Since(start)
		places := interpreted(t, path)
		if len(places) < 10_000 {
			t.Errorf("%s: only %d places to compare", path, len(places))
		}
		for _, want := range places {
			if got := describe(at(rows, want.place)); want.rule != expression && got != want.rule {
				t.Errorf("%s: at %x is %s, want %s", path, want.place, got, want.rule)
				break
			}
		}
		t.Logf("%s: %d places, %d rows of %d bytes in %v", path, len(places), len(rows), RowSize*len(rows), took)
	}
}

// expression is what readelf shows of one; TestRules has those that rows can say.
const expression = "exp"

func at(rows []Row, place uint64) Rule {
	i, found := slices.BinarySearchFunc(rows, place, func(r Row, place uint64) int {
		return int(int64(r.Place) - int64(place))
	})
	if !found {
		i--
	}
	return rows[i].Rule
}

// place is a row that readelf shows: the CFA, and where RBP is.
type place struct {
	place uint64
	rule  string
}

// describe is the rule as readelf would show it.
func describe(r Rule) string {
	cfa := map[Kind]string{Stack: "rsp", Frame: "rbp"}[r.Kind]
	switch {
	case r.Kind == End:
		return "end"
	case cfa == "" || r.RBP == AtFrame:
		return expression
	}
	back := "u"
	if r.RBP != Unchanged {
		back = fmt.Sprintf("c%d", 8*int(r.RBP))
	}
	return fmt.Sprintf("%s%+d %s", cfa, 8*int(r.CFA), back)
}

var (
	tableRow   = regexp.MustCompile(`^([0-9a-f]{16}) (\S+)\s+(.*)$`)
	secondName = regexp.MustCompile(` \(\w+\)`) // of a register
)

// interpreted are the rows of all functions that readelf shows.
func interpreted(t *testing.T, path string) (list []place) {
	text, err := exec.Command("readelf", "-wF", path).Output()
	if err != nil && len(text) == 0 {
		t.Fatal(err)
	}
	var columns []string
	inFunction := false
	lines := bufio.NewScanner(bytes.NewReader(secondName.ReplaceAll(text, nil)))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		switch m := tableRow.FindStringSubmatch(line); {
		case strings.Contains(line, " CIE "), strings.Contains(line, " FDE "):
			inFunction = strings.Contains(line, " FDE ")
		case strings.HasPrefix(line, "LOC"):
			columns = strings.Fields(line)[2:]
		case inFunction && m != nil:
			address, _ := strconv.ParseUint(m[1], 16, 64)
			list = append(list, place{address, ruleOf(m[2], column(columns, m[3], "rbp"), column(columns, m[3], "ra"))})
		}
	}
	return list
}

// ruleOf is what a row says, in the words of describe.
func ruleOf(cfa, frame, back string) string {
	known := strings.HasPrefix(cfa, "rsp") || strings.HasPrefix(cfa, "rbp")
	switch {
	case cfa == expression || back == expression || frame == expression:
		return expression
	case back != "c-8" || !known || frame != "u" && !strings.HasPrefix(frame, "c-"):
		return "end"
	}
	return cfa + " " + frame
}

// column is what a row shows for a register.
func column(columns []string, row, name string) string {
	fields := strings.Fields(row)
	if i := slices.Index(columns, name); i >= 0 && i < len(fields) {
		return fields[i]
	}
	return "u"
}

// Each kind of rule, in entries of our own.
func TestRules(t *testing.T) {
	for name, test := range map[string]struct {
		program []byte
		want    Rule
	}{
		"entry":           {nil, Rule{CFA: 1, Kind: Stack}},
		"pushed":          {[]byte{0x0e, 16, 0x86, 2}, Rule{CFA: 2, RBP: -2, Kind: Stack}},
		"frame":           {[]byte{0x0e, 24, 0x86, 3, 0x0d, 6}, Rule{CFA: 3, RBP: -3, Kind: Frame}},
		"other register":  {[]byte{0x0d, 10}, Rule{}},
		"odd distance":    {[]byte{0x0e, 13}, Rule{}},
		"far":             {[]byte{0x0e, 0x80, 0x80, 0x40}, Rule{}},
		"no caller":       {[]byte{0x07, 16}, Rule{}},
		"aligned":         {[]byte{0x10, 6, 2, 0x76, 0, 0x0f, 3, 0x76, 0x78, 0x06}, Rule{CFA: -1, RBP: AtFrame, Kind: FrameMemory}},
		"saved stack":     {[]byte{0x0f, 3, 0x77, 16, 0x06}, Rule{CFA: 2, Kind: StackMemory}},
		"linkage":         {append([]byte{0x0f, 11}, linkageFrom(11)...), Rule{CFA: 11, Kind: Linkage}},
		"other linkage":   {append([]byte{0x0f, 11}, linkageFrom(31)...), Rule{}},
		"expression":      {[]byte{0x0f, 1, 0x96}, Rule{}},
		"restored":        {[]byte{0x0a, 0x0e, 64, 0x0b}, Rule{CFA: 1, Kind: Stack}},
		"none remembered": {[]byte{0x0b}, Rule{}},
		"unknown":         {[]byte{0x3f}, Rule{}},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := Parse(entries(test.program), 0, most, same)
			want := []Row{{0, ByFramePointer}, {0x1000, test.want}, {0x1010, ByFramePointer}}
			if err != nil || !slices.Equal(rows, want) {
				t.Errorf("got %v, %v, want %v", rows, err, want)
			}
			atEnd(t, test.program, test.want)
		})
	}
}

// atEnd asks for the rule of the last byte, of entries that are read one by one.
func atEnd(t *testing.T, program []byte, want Rule) {
	t.Helper()
	text := entries(program)
	own := int(text[0]) + 4
	at := func(place uint64) (Rule, bool) {
		return At(Entry{Text: text[4:own], Address: 4}, Entry{Text: text[own+4:], Address: uint64(own) + 4}, place, same)
	}
	if rule, known := at(0x100f); rule != want || !known && want != (Rule{}) {
		t.Errorf("at the end %v, %t, want %v", rule, known, want)
	}
	for _, outside := range []uint64{0, 0xfff, 0x1010} {
		if rule, known := at(outside); known {
			t.Errorf("%#x is of no function, and has %v", outside, rule)
		}
	}
}

func linkageFrom(n byte) []byte {
	text := bytes.Clone(linkage)
	text[linkageAt] += n
	return text
}

// entries is a section of one function, from 0x1000 to 0x1010.
func entries(program []byte) []byte {
	common := []byte{0, 0, 0, 0, 1, 0, 1, 0x78, 16, 0x0c, 7, 8, 0x90, 1}
	text := append([]byte{byte(len(common)), 0, 0, 0}, common...)
	at := len(text) + 4
	function := []byte{byte(at), 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0}
	function = append(function, program...)
	return append(append(text, byte(len(function)), 0, 0, 0), function...)
}

// A table with more rows than may be is refused, and one that ends too early.
func TestLimits(t *testing.T) {
	if _, err := Parse(entries(nil), 0, 2, same); err != ErrRows {
		t.Errorf("got %v, want %v", err, ErrRows)
	}
	text := entries(nil)
	if _, err := Parse(text[:len(text)-1], 0, most, same); err != errEnds {
		t.Errorf("got %v, want %v", err, errEnds)
	}
}

// FuzzParse holds that rows are in order, whatever the text.
func FuzzParse(f *testing.F) {
	for _, path := range libraries(f) {
		text, _ := frameText(f, path)
		f.Add(text[:2000])
	}
	f.Add(entries([]byte{0x0e, 16, 0x86, 2, 0x41, 0x0d, 6}))
	f.Add(entries(append([]byte{0x0f, 11}, linkage...)))
	f.Fuzz(func(t *testing.T, text []byte) {
		const few = 1000
		if _, known := At(Entry{Text: text}, Entry{Text: text[len(text)/2:], Address: 0x1000}, 0x1000, same); known && len(text) < 2*distanceSize {
			t.Error("a rule of no entry")
		}
		rows, err := Parse(text, 0x1000, few, same)
		if err != nil && rows != nil {
			t.Error("rows with an error")
		}
		if len(rows) > few {
			t.Errorf("%d rows", len(rows))
		}
		if !slices.IsSortedFunc(rows, func(a, b Row) int { return int(int64(a.Place) - int64(b.Place)) }) {
			t.Error("rows out of order")
		}
	})
}

func BenchmarkParse(b *testing.B) {
	path := os.Getenv("CFI_FILE")
	if path == "" {
		path = libraries(b)[0]
	}
	text, address := frameText(b, path)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Parse(text, address, most, same); err != nil {
			b.Fatal(err)
		}
	}
}

// sharing is a section of so many functions of one byte each, at a distance from one
// another, whose common entry has so many instructions that do nothing.
func sharing(functions, distance, instructions int) []byte {
	common := append([]byte{0, 0, 0, 0, 1, 0, 1, 0x78, 16, 0x0c, 7, 8, 0x90, 1}, make([]byte, instructions)...)
	text := append(binary.LittleEndian.AppendUint32(nil, uint32(len(common))), common...)
	for i := range functions {
		text = binary.LittleEndian.AppendUint32(text, 20)
		text = binary.LittleEndian.AppendUint32(text, uint32(len(text)))
		text = binary.LittleEndian.AppendUint64(text, uint64(0x1000+distance*i))
		text = binary.LittleEndian.AppendUint64(text, 1)
	}
	return text
}

// What functions share is run for each of them, but not without end, and no more of them
// are kept than may be, even if they have few rows together.
func TestHostileTables(t *testing.T) {
	common := []byte{9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0x78, 16}
	for name, test := range map[string]struct {
		text []byte
		want error
	}{
		"long programs": {sharing(40_000, 2, 800_000), errWork},
		"short ones":    {sharing(40_000, 2, 7), nil},
		"functions":     {sharing(100_001, 0, 7), ErrRows},
		"commons":       {bytes.Repeat(common, maxCommons+1), errCommons},
	} {
		if _, err := Parse(test.text, 0, 100_000, same); err != test.want {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}
