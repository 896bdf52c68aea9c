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
		words := strings.Split(line, " ")
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

// askRecorded asks one of the three questions, and writes the answer as the record has
// it.
func askRecorded(t *testing.T, b target.Binary, question, what string) (
	text string, answer any, err error,
) {
	var out strings.Builder
	switch question {
	case "functions":
		list, err := b.Functions(what)
		for _, f := range list {
			indirect := map[bool]string{true: " indirect"}[f.Indirect]
			fmt.Fprintf(&out, "%#x %#x %#x%s\t%s\n", f.Address, f.Offset, f.Size, indirect, f.Name)
		}
		return out.String(), list, err
	case "arguments":
		functions, err := b.Functions(what)
		if err != nil || len(functions) != 1 {
			t.Fatalf("%v, %v", functions, err)
		}
		list, err := b.Arguments(functions[0])
		for _, a := range list {
			fmt.Fprintf(&out, "%d %s\t%s\t%s\n", a.Size, a.Kind, a.Name, a.Type)
		}
		return out.String(), list, err
	}
	offset, err := strconv.ParseUint(what, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	list, err := b.Frames(offset)
	for _, f := range list {
		kind := map[bool]string{true: "inlined", false: "code"}[f.Inlined]
		fmt.Fprintf(&out, "%#x %d %s\t%s\t%s\n", f.Offset, f.Line, kind, f.Function, f.File)
	}
	return out.String(), list, err
}
