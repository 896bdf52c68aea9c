package binary

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/internal/vmtest/programs"
)

// The record of a program of Go, which is too large for testdata, is what a program
// answers that this Go makes. Another version of Go places code and data elsewhere, but
// declares the same functions.
func TestServerRecord(t *testing.T) {
	const record = "../../compiler/target/frozen/server.txt"
	live, err := Open(programs.Build(t, "go"))
	if err != nil {
		t.Fatal(err)
	}
	defer live.Close()
	text := recordServer(t, live)
	if *testkit.Update {
		if err := os.WriteFile(record, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	have := string(kept)
	if !strings.Contains(have, "\t"+runtime.Version()+"\n") {
		text, have = onlySignatures(text), onlySignatures(have)
	}
	if have != text {
		t.Errorf("the record differs from what the program answers; run with -update\n%s", text)
	}
}

func recordServer(t *testing.T, b *File) string {
	var out strings.Builder
	out.WriteString("// What internal/vmtest/programs/golang answers; binaries.go says how it is read.\n")
	question := func(kind, what string) {
		text, _, err := askRecorded(t, b, kind, what)
		text = strings.ReplaceAll(text, b.Facts().BuildID, "") // it depends on folders
		if err != nil {
			text = "error\t" + err.Error() + "\n"
		}
		fmt.Fprintf(&out, "%s /bin/server %s\n", kind, what)
		for line := range strings.Lines(text) {
			out.WriteString("\t" + line)
		}
	}
	question("facts", "all")
	question("goroutine", "main.total")
	for _, name := range []string{"main.total", "main.greet", "main.show", "main.(*Counter).Get", "fmt.Fprintln"} {
		question("functions", name)
		question("signature", name)
		list, err := b.Functions(name)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %v, %v", name, list, err)
		}
		g, made, err := b.GoFunction(list[0].Offset)
		if err != nil || !made {
			t.Fatalf("%s: %v, %v", name, made, err)
		}
		question("gofunction", fmt.Sprintf("%#x", list[0].Offset))
		for _, place := range append(g.Returns, g.Entry) {
			question("placement", fmt.Sprintf("%#x", place))
		}
	}
	return out.String()
}

func goFunctionRow(g target.GoFunction) string {
	words := fmt.Sprintf("%#x", g.Entry)
	for _, at := range g.Returns {
		words += fmt.Sprintf(" %#x", at)
	}
	return words + map[bool]string{true: " leaves"}[g.Leaves] + "\n"
}

func askGoroutine(t *testing.T, b target.Binary, name string) (string, any, error) {
	list, err := b.Functions(name)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	g, err := b.Goroutine([]uint64{list[0].Offset})
	return fmt.Sprintf("%d %d %d\n", g.Register, g.Thread, g.ID), g, err
}

// onlySignatures leaves out what another version of Go may change.
func onlySignatures(record string) string {
	var out strings.Builder
	inside := false
	for line := range strings.Lines(record) {
		if !strings.HasPrefix(line, "\t") {
			inside = strings.HasPrefix(line, "signature ")
		}
		if inside {
			out.WriteString(line)
		}
	}
	return out.String()
}

// Functions in assembly take the goroutine from the thread; those of C have none.
func TestGoroutine(t *testing.T) {
	for _, variant := range []string{"go", "go-stripped", "go-pie", "go-cgo"} {
		f, err := Open(programs.Build(t, variant))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for name, want := range map[string]target.Goroutine{
			"main.total":      {Register: target.RegistersOf("x86_64").Named["r14"], ID: 152},
			"runtime.memmove": {Register: -1, Thread: -8, ID: 152},
		} {
			if _, g, err := askGoroutine(t, f, name); g != want || err != nil {
				t.Errorf("%s: %s: %+v, %v; want %+v", variant, name, g, err, want)
			}
		}
		if _, err := f.Goroutine([]uint64{0}); err != target.ErrNotGo {
			t.Errorf("%s: %v", variant, err)
		}
	}
}
