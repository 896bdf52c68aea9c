package binary

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

// fixture opens a program of testdata, which has the path /bin/NAME in the record.
func fixture(t testing.TB, path string) *File {
	t.Helper()
	place, err := filepath.Abs(filepath.Join("testdata", filepath.Base(path)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// The record that the compiler's tests use is what the files answer.
func TestRecord(t *testing.T) {
	const record = "../../compiler/target/frozen/binaries.txt"
	testkit.Lines(t, record, func(t *testing.T, line string) string {
		words := strings.SplitN(line, " ", 3)
		live, what := fixture(t, words[1]), words[2]
		text, answer, err := askRecorded(t, live, words[0], what)
		if err != nil {
			return "error\t" + err.Error() + "\n"
		}
		if *testkit.Update {
			return text
		}
		record, err := frozen.Binary(words[1])
		if err != nil {
			t.Fatal(err)
		}
		_, same, err := askRecorded(t, record, words[0], what)
		if err != nil || !reflect.DeepEqual(answer, same) {
			t.Errorf("the record has\n%v, %v, the file\n%v", same, err, answer)
		}
		return text
	})
}

// askRecorded asks one of the questions, and writes the answer as the record has it.
func askRecorded(t *testing.T, b target.Binary, question, what string) (
	text string, answer any, err error,
) {
	switch question {
	case "functions":
		list, err := b.Functions(what)
		return functionRows(list), list, err
	case "match":
		var list []target.BinaryFunction
		err := b.Match(what, func(f target.BinaryFunction) bool {
			list = append(list, f)
			return true
		})
		return functionRows(list), list, err
	case "frames":
		return askFrames(t, b, what)
	case "placement":
		return askPlacement(t, b, what)
	case "lines":
		return askLines(t, b, what)
	case "markers":
		list, err := b.Markers()
		var out strings.Builder
		for _, m := range list {
			fmt.Fprintf(&out, "%#x %#x %#x\t%s\t%s\t%s\n", m.Address, m.Offset, m.Semaphore,
				m.Provider, m.Name, m.Arguments)
		}
		return out.String(), list, err
	case "variables":
		list, err := b.Variables(what)
		var out strings.Builder
		for _, address := range list {
			fmt.Fprintf(&out, "%#x\n", address)
		}
		return out.String(), list, err
	case "code":
		code, err := b.Code(number(t, what), 64)
		return fmt.Sprintf("%x\n", code), code, err
	case "segments":
		return askSegments(t, b)
	case "facts":
		facts := b.Facts()
		return factsRow(facts), facts, nil
	case "signature":
		return askSignature(t, b, what)
	case "gofunction":
		g, _, err := b.GoFunction(number(t, what))
		return goFunctionRow(g), g, err
	case "goroutine":
		return askGoroutine(t, b, what)
	}
	t.Fatalf("the record asks for %s", question)
	return "", nil, nil
}

func askSignature(t *testing.T, b target.Binary, name string) (text string, answer any, err error) {
	t.Helper()
	functions, err := b.Functions(name)
	if err != nil || len(functions) != 1 {
		t.Fatalf("%v, %v", functions, err)
	}
	function, err := b.Signature(functions[0])
	if err != nil {
		return "", nil, err
	}
	text = frozen.RecordSignature(function)
	return text, text, nil
}

func number(t *testing.T, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func functionRows(list []target.BinaryFunction) string {
	var out strings.Builder
	for _, f := range list {
		fmt.Fprintf(&out, "%#x %#x %#x", f.Address, f.Offset, f.Size)
		out.WriteString(map[bool]string{true: " indirect"}[f.Indirect])
		out.WriteString(map[bool]string{true: " old"}[f.Old])
		texts := strings.Join([]string{f.Name, f.Source, f.Version, f.ChosenAs}, "\t")
		out.WriteString("\t" + strings.TrimRight(texts, "\t") + "\n")
	}
	return out.String()
}

func askFrames(t *testing.T, b target.Binary, offset string) (string, any, error) {
	list, err := b.Frames(number(t, offset))
	var out strings.Builder
	for _, f := range list {
		kind := map[bool]string{true: "inlined", false: "code"}[f.Inlined]
		fmt.Fprintf(&out, "%#x %d %s\t%s\t%s\n", f.Offset, f.Line, kind, f.Function, f.File)
	}
	return out.String(), list, err
}

func askPlacement(t *testing.T, b target.Binary, offset string) (string, any, error) {
	p, err := b.Placement(number(t, offset))
	var out strings.Builder
	mark := map[bool]string{p.Entry: " entry", p.Unchecked: " unchecked"}[true]
	if p.Uncalled {
		mark += " uncalled"
	}
	fmt.Fprintf(&out, "%#x %s%s%s\n", p.Offset, p.Class, mark, opening(p.Instruction))
	for _, i := range p.Next {
		fmt.Fprintf(&out, "%#x %s%s\n", i.Offset, i.Class, opening(i))
	}
	return out.String(), p, err
}

func opening(i target.Instruction) string {
	return map[bool]string{i.Opens: " opens", i.Lands: " lands"}[true]
}

func askLines(t *testing.T, b target.Binary, place string) (string, any, error) {
	file, line, _ := strings.Cut(place, ":")
	list, err := b.Lines(file, int(number(t, line)))
	var out strings.Builder
	for _, p := range list {
		row := fmt.Sprintf("%#x %#x\t%s\t%s\t%s", p.Address, p.Offset, p.Function, p.File, p.Source)
		fmt.Fprintln(&out, strings.TrimSuffix(row, "\t"))
	}
	return out.String(), list, err
}

// askSegments compares where bytes go: the record answers that by the segments.
func askSegments(t *testing.T, b target.Binary) (string, any, error) {
	if f, live := b.(*File); live {
		var out strings.Builder
		for _, s := range f.loads {
			fmt.Fprintf(&out, "%#x %#x %#x\n", s.offset, s.size, s.address)
		}
		return out.String(), moved(b), nil
	}
	return "", moved(b), nil
}

// moved is where some bytes go, and where they come from.
func moved(b target.Binary) (places [][2]uint64) {
	for n := uint64(0); n < 0x1000; n += 0x40 {
		address, inside := b.Address(n)
		offset, back := b.Offset(address)
		if inside && (!back || offset != n) {
			places = append(places, [2]uint64{^uint64(0)})
		}
		places = append(places, [2]uint64{address, offset})
	}
	return places
}

func factsRow(f target.BinaryFacts) string {
	var words []string
	for _, fact := range []struct {
		holds bool
		word  string
	}{{f.PIE, "pie"}, {f.Library, "library"}, {f.Static, "static"}, {f.DWARF, "dwarf"}, {f.Stripped, "stripped"}} {
		if fact.holds {
			words = append(words, fact.word)
		}
	}
	return strings.Join(words, " ") + "\t" + f.Arch + "\t" + f.BuildID + "\t" + f.Go + "\n"
}
