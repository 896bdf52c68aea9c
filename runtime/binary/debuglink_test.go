package binary

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

func TestBuildID(t *testing.T) {
	program, none := fixture(t, "demo-stripped"), fixture(t, "demo-sum")
	debug := fixture(t, "demo.debug")
	if id := program.buildID(); len(id) != 40 || id != debug.buildID() {
		t.Errorf("%q and %q", id, debug.buildID())
	}
	if id := none.buildID(); id != "" {
		t.Errorf("there is %q", id)
	}
}

// A link is the name of a file and nothing else.
func TestDebugLink(t *testing.T) {
	for text, want := range map[string]string{
		"a.debug\x00\x01\x02\x03\x04": "a.debug",
		"abc\x00\x01\x02\x03\x04":     "abc", "ab\x00": "",
		"../a\x00\x00\x00\x00\x01\x02\x03\x04": "",
		"..\x00\x00\x01\x02\x03\x04":           "",
		"/\x00\x00\x00\x01\x02\x03\x04":        "", "\x00\x00\x00\x00\x01\x02\x03\x04": "", "": "",
	} {
		f, err := New(bytes.NewReader(madeUp(part{".gnu_debuglink", []byte(text)})))
		if err != nil {
			t.Fatal(err)
		}
		link := f.debugLink()
		if link.name != want || want != "" && link.sum != 0x04030201 {
			t.Errorf("%q: %+v, want %q", text, link, want)
		}
	}
}

func TestDebugPaths(t *testing.T) {
	f := &File{path: "/bin/program"}
	got := f.debugPaths("abcdef", "a.debug")
	want := []string{
		"/usr/lib/debug/.build-id/ab/cdef.debug",
		"/bin/a.debug", "/bin/.debug/a.debug", "/usr/lib/debug/bin/a.debug",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := f.debugPaths("", ""); got != nil {
		t.Errorf("%q", got)
	}
}

// The debug file of another build is not taken, whichever way it would be found.
func TestOtherDebugFile(t *testing.T) {
	for _, test := range []struct{ program, debug, installed string }{
		{"demo-sum", "demo-sum.debug", "demo-sum.debug"}, {"demo-stripped", "demo.debug", "demo.debug"},
	} {
		for _, changed := range []bool{false, true} {
			folder := t.TempDir()
			text := fixtures(t)[test.debug]
			if changed {
				copyOfID := bytes.Index(text, []byte("GNU\x00"))
				text[max(copyOfID, 0)+8] ^= 1
			}
			if err := os.WriteFile(filepath.Join(folder, test.installed), text, 0o600); err != nil {
				t.Fatal(err)
			}
			program := filepath.Join(folder, "program")
			if err := os.WriteFile(program, fixtures(t)[test.program], 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := Open(program)
			if err != nil {
				t.Fatal(err)
			}
			function, err := f.Signature(target.BinaryFunction{Address: 0x400190})
			if changed != errors.Is(err, errNoDebug) || !changed && len(function.Params) != 10 {
				t.Errorf("%+v, changed %v: %v, %v", test, changed, function, err)
			}
			f.Close()
		}
	}
}

// openBeside opens a program that has another file beside it.
func openBeside(t *testing.T, program, other string, text []byte) *File {
	t.Helper()
	folder := t.TempDir()
	path := filepath.Join(folder, "program")
	for path, text := range map[string][]byte{path: fixtures(t)[program], filepath.Join(folder, other): text} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// A debug file of another kind of machine is none of the program's, even with its build ID:
// its registers would be taken for those of the program.
func TestDebugFileOfAnotherMachine(t *testing.T) {
	debug := fixtures(t)["demo.debug"]
	debug[18] = byte(elf.EM_AARCH64)
	f := openBeside(t, "demo-stripped", "demo.debug", debug)
	if _, err := f.Signature(target.BinaryFunction{Address: 0x400190}); !errors.Is(err, errNoDebug) {
		t.Errorf("%v, want %v", err, errNoDebug)
	}
}

// A program in the tree of a process has its debug file there.
func TestTree(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"program": "demo-stripped", "demo.debug": "demo.debug"} {
		if err := os.WriteFile(filepath.Join(folder, name), fixtures(t)[text], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Open("/proc/self/root" + filepath.Join(folder, "program"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list, err := f.Functions("compute")
	if err != nil || len(list) != 1 || list[0].Offset != 0x190 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestInTree(t *testing.T) {
	for path, want := range map[string][2]string{
		"/proc/12/root/bin/a": {"/proc/12/root", "/bin/a"}, "/proc/12/root": {"", "/proc/12/root"},
		"/bin/a": {"", "/bin/a"}, "proc/1/root/a": {"", "proc/1/root/a"}, "": {"", ""},
		"/proc/12/exe/a/b": {"", "/proc/12/exe/a/b"},
	} {
		if root, inside := inTree(path); root != want[0] || inside != want[1] {
			t.Errorf("%s: %q, %q, want %q", path, root, inside, want)
		}
	}
}

// Where a program leads to is opened only if it is stored somewhere, whatever it is named.
func TestLinkedToWhatIsMadeUp(t *testing.T) {
	folder := t.TempDir()
	link := filepath.Join(folder, "demo.debug")
	if err := os.Symlink("/proc/self/status", link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, "/proc/self/status"} {
		if _, err := openLinked("", path); !errors.Is(err, safeopen.ErrNotStored) {
			t.Errorf("%s: %v, want %v", path, err, safeopen.ErrNotStored)
		}
	}
}

// What debug files share is taken from the file with the right build ID alone.
func TestCommon(t *testing.T) {
	for _, changed := range []bool{false, true} {
		common := fixtures(t)["demo-dwz.common"]
		if changed {
			common[bytes.Index(common, []byte("GNU\x00"))+8] ^= 1
		}
		f := openBeside(t, "demo-dwz", "demo-dwz.common", common)
		function, err := f.Signature(target.BinaryFunction{Address: 0x400190})
		if err != nil || len(function.Params) != 10 || changed == (function.Params[2].Type != nil) {
			t.Errorf("changed %v: %+v, %v", changed, function, err)
		}
	}
}
