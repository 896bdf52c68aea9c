package step

import (
	"bytes"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/teach/event"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/simulate"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestAgrees: the scripts of the compiler's goldens do the same whether they are recorded
// or not: what they print, what is in their maps, how many instructions it takes.
func TestAgrees(t *testing.T) {
	paths, err := filepath.Glob("../../../compiler/testdata/*.txtar")
	if err != nil || len(paths) < 30 {
		t.Fatal(len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { agrees(t, golden(t, path)) })
	}
}

// golden compiles the script of a golden for the kernel that its input names.
func golden(t *testing.T, path string) event.Script {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text, kernel := "", "6.12"
	for _, f := range archive.Files {
		switch f.Name {
		case "script":
			text = string(f.Data)
		case "input":
			if _, after, found := strings.Cut(string(f.Data), "kernel "); found {
				kernel = strings.Fields(after)[0]
			}
		}
	}
	return compileFor(t, text, kernel)
}

func compileFor(t testing.TB, text, kernel string) event.Script {
	t.Helper()
	parsed, problems := lang.Parse(diag.NewSource("script", text))
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	stages := &stage.Stages{}
	built, err := compiler.Compile(parsed, frozen.Target(kernel), compiler.Options{Stages: stages})
	if err != nil {
		t.Fatal(err)
	}
	return event.Script{Object: built, Stages: stages, Target: frozen.Target(kernel)}
}

func agrees(t *testing.T, script event.Script) {
	events := event.Default(script)
	r, err := newRecorder(script, Limits{Steps: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.play(events); err != nil {
		t.Fatal(err)
	}
	text, maps, counts := plainly(t, script, events)
	recorded := ""
	for i, e := range r.run.Events {
		recorded += e.Output
		steps := 0
		for _, s := range e.Steps {
			if !s.Enters {
				steps++
			}
		}
		if e.Error != "" || e.Executed != counts[i] || steps != counts[i] || e.Cut > 0 {
			t.Errorf("event %d: %s, %d executed, %d recorded, %d without recording", i, e.Error, e.Executed, steps, counts[i])
		}
	}
	if recorded += r.run.Output; recorded != diag.Printable(text) {
		t.Errorf("recorded\n%s\nwithout\n%s", recorded, text)
	}
	if len(counts) != len(r.run.Events) || r.run.Left > 0 {
		t.Errorf("%d events, recorded %d and %d", len(counts), len(r.run.Events), r.run.Left)
	}
	for name, m := range maps {
		if !reflect.DeepEqual(m.Values, r.ran.Maps[name].Values) {
			t.Errorf("map %s differs", name)
		}
	}
}

// plainly runs the events without recording.
func plainly(t *testing.T, script event.Script, events event.Events) (text string, maps map[string]*emu.Map, counts []int) {
	t.Helper()
	var out bytes.Buffer
	session, err := simulate.New(script.Object, simulate.Options{
		Stdout: &out,
		Before: func(_ *object.ProgramSpec, e *emu.Environment) { maps = e.Maps },
		After:  func(_ *object.ProgramSpec, result emu.Result) { counts = append(counts, result.Executed) },
	})
	if err == nil {
		err = session.Begin()
	}
	for e := range events.All() {
		if err == nil && !session.Over() {
			err = session.Fire(*e)
		}
	}
	if err == nil {
		_, err = session.End()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), maps, counts
}
