// Package testkit is what the tests of all parts share: how much a test does, the flag
// -update, and the named skip.
//
// # Three volumes
//
// Tests run in three places, and a test with a choice does as much as fits there:
//
//	make quick   go test -short: seconds, while one works
//	make test    everything that must hold, a fixed slice of what is random
//	make soak    SOAK=1: the same code with more of it, other seeds each time
//
// A slice asserts the same as the whole. What a random test does is decided by its seeds:
// [Seeds] gives the first ones outside of a soak, so that such a run is repeatable, and
// in a soak those that no earlier one had. The next seed of each test is noted in a file
// under .build/soak when the test has passed, so a slice that failed is repeated by the
// next one.
//
// # Skips
//
// A test that needs more than every user or machine has skips itself by [Need] or [Lack],
// with the name of what is missing. In CI (CI=true) such a skip is a failure, by
// internal/gotest.sh.
//
// The package imports nothing of the project, as tests inside of every package use it.
package testkit

import (
	"flag"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Update is set by -update: tests write their goldens instead of comparing them.
var Update = flag.Bool("update", false, "write the goldens anew")

// Soak reports whether this run is one of hours.
func Soak() bool { return os.Getenv("SOAK") != "" }

// Long skips a test that takes seconds when it was asked for a short run.
func Long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes seconds, and -short was asked for")
	}
}

// Golden compares a text with the file that holds what it must be.
func Golden(t testing.TB, path string, got []byte) {
	t.Helper()
	if *Update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(got) {
		t.Errorf("%s differs (go test -update rewrites it); got\n%s", path, got)
	}
}

// Glob lists the files that match, of which there must be some.
func Glob(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files match %s: %v", pattern, err)
	}
	return paths
}

// Need skips a test unless it has a capability, or whatever it names.
func Need(t testing.TB, name string, has bool) {
	t.Helper()
	if !has {
		Lack(t, name)
	}
}

// Lack skips a test that has found out that something is missing here.
func Lack(t testing.TB, name string) {
	t.Helper()
	t.Skip("missing: " + name)
}

// Choose returns what a test takes of one thing in each of the three places.
func Choose[T any](short, usual, soaked T) T {
	switch {
	case Soak():
		return soaked
	case testing.Short():
		return short
	}
	return usual
}

// Seeds are the numbers from 0 on outside of a soak, a tenth of them in a short run. In a
// soak they are as many as it says, from the one on that the last slice had reached.
func Seeds(t testing.TB, usual, soaked int) iter.Seq[uint64] {
	t.Helper()
	if !Soak() {
		return count(0, Choose((usual+9)/10, usual, 0))
	}
	note := noteOf(t)
	first := readNote(t, note)
	t.Logf("seeds from %d on: %d", first, soaked)
	t.Cleanup(func() {
		if !t.Failed() {
			writeNote(t, note, first+uint64(soaked))
		}
	})
	return count(first, soaked)
}

func count(first uint64, n int) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for seed := first; seed < first+uint64(n) && yield(seed); seed++ {
		}
	}
}

// noteOf is the file that holds the next seed of a test.
func noteOf(t testing.TB) string {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root := folder
	for !exists(filepath.Join(root, "go.mod")) {
		if root == filepath.Dir(root) {
			t.Fatalf("%s is in no module", folder)
		}
		root = filepath.Dir(root)
	}
	part, err := filepath.Rel(root, folder)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.ReplaceAll(filepath.Join(part, t.Name()), "/", ".")
	return filepath.Join(root, ".build", "soak", name)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func readNote(t testing.TB, path string) uint64 {
	t.Helper()
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return 0
	}
	seed, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return seed
}

func writeNote(t testing.TB, path string, seed uint64) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strconv.FormatUint(seed, 10)+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}
