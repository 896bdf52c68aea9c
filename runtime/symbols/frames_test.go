package symbols

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/runtime/binary"
)

//go:noinline
func callers() []uintptr {
	list := make([]uintptr, 64)
	return list[:runtime.Callers(1, list)]
}

// inlinedCaller is inlined, and what it calls is not.
func inlinedCaller() []uintptr { return callers() }

// Our own stack, with what was inlined, is the one that Go's runtime prints.
func TestFramesOfGo(t *testing.T) {
	stack := inlinedCaller()
	for name, lines := range map[string]bool{"names": false, "lines": true} {
		t.Run(name, func(t *testing.T) {
			u := NewUser(true, 64<<20)
			if lines {
				u.ShowLines()
			}
			var list []Frame
			for len(list) < len(stack) { // package runtime has an address for each frame
				list = u.Frames(list, os.Getpid(), uint64(stack[len(list)]), true)
			}
			if got, want := textsOf(list), goFrames(stack, lines); !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
			if !slices.ContainsFunc(list, func(f Frame) bool { return f.Inlined && strings.HasSuffix(f.Name, ".inlinedCaller") }) {
				t.Errorf("nothing is inlined in %+v", list)
			}
		})
	}
}

func textsOf(list []Frame) (texts []string) {
	for _, f := range list {
		texts = append(texts, fmt.Sprintf("%s %v@%s:%d", f.Name, f.Inlined, f.File, f.Line))
	}
	return texts
}

// goFrames are the frames as package runtime has them: those that were inlined have no
// function.
func goFrames(stack []uintptr, lines bool) (texts []string) {
	frames := runtime.CallersFrames(stack)
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if !lines {
			f.File, f.Line = "", 0
		}
		texts = append(texts, fmt.Sprintf("%s %v@%s:%d", f.Function, f.Func == nil, f.File, f.Line))
	}
	return texts
}

// What calls return to may be the next function: that of a call which never returns. What
// has nothing before it is where a signal handler returns to.
func TestReturns(t *testing.T) {
	u := NewUser(true, 64<<20)
	start := uint64(functionStart(here()))
	for returns, want := range map[bool]bool{false: true, true: false} {
		list := u.Frames(nil, os.Getpid(), start, returns)
		if len(list) == 0 || (list[0].Offset == 0) != want {
			t.Errorf("%v: %+v", returns, list)
		}
	}
	m := u.processes[os.Getpid()].mappings.list[0]
	if list := u.Frames(nil, os.Getpid(), m.start, true); len(list) != 0 && list[len(list)-1].Offset != 0 {
		t.Errorf("before the code is %+v", list)
	}
}

func functionStart(pc uintptr) uintptr { return runtime.FuncForPC(pc).Entry() }

// Files are closed again, and what is known of them is bounded.
func TestSourcesAreBounded(t *testing.T) {
	u := NewUser(true, 1<<20)
	u.ShowLines()
	self, ok := u.find(os.Getpid(), uint64(here()))
	if !ok {
		t.Fatal("our own code is not mapped")
	}
	for i := range 3 * maxSources {
		m := self
		m.file.version.size += int64(i)
		if u.sourceFrames(os.Getpid(), m, uint64(here())-m.start+m.offset) == nil {
			t.Fatal("no frames")
		}
	}
	s := &u.sources
	for i := range uint64(2 * maxImages) {
		s.spent[fileID{inode: i}] = time.Second
	}
	if u.sourceFrames(os.Getpid(), self, 0); len(s.spent) > maxImages {
		t.Errorf("of %d files is known how long they took", len(s.spent))
	}
	if held := s.open[0].file.Held(); len(s.open) == 0 || len(s.open) > maxSources || held*(len(s.open)-1) > u.budget.most/share {
		t.Errorf("%d files are open, with %d bytes each", len(s.open), held)
	}
	for i := range uint64(100_000) {
		u.keepFrames(place{self.file, i}, []target.Frame{{Function: "f", File: fmt.Sprint(i)}})
		if s.bytes > u.budget.most/share+10*frameSize {
			t.Fatalf("%d bytes are kept", s.bytes)
		}
	}
}

// A file that takes too long is not asked any more.
func TestSlowSource(t *testing.T) {
	u := NewUser(true, 1<<20)
	u.ShowLines()
	address := uint64(here())
	m, _ := u.find(os.Getpid(), address)
	at := address - m.start + m.offset
	if u.sourceFrames(os.Getpid(), m, at) == nil {
		t.Fatal("no frames")
	}
	u.sources.spent[m.file.bare()] += 2 * sourceTime
	if frames := u.sourceFrames(os.Getpid(), m, at+1); frames != nil || u.SlowFile() != m.path {
		t.Errorf("%+v, %q", frames, u.SlowFile())
	}
	if u.sourceFrames(os.Getpid(), m, at) == nil {
		t.Error("what was known is forgotten")
	}
	if list := u.Frames(nil, os.Getpid(), address+1, false); len(list) != 1 || list[0].File != "" || list[0].Name == "" {
		t.Errorf("%+v", list)
	}
}

// The kernel's code in a process has names in stacks, and no lines.
func TestFramesOfVDSO(t *testing.T) {
	u := NewUser(true, 64<<20)
	u.ShowLines()
	if u.refresh(os.Getpid()) == nil {
		t.Fatal("no mappings")
	}
	table, err := readVDSO()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range u.processes[os.Getpid()].mappings.list {
		if m.path != vdso {
			continue
		}
		found := 0
		table.All(func(name []byte, address uint64) {
			list := u.Frames(nil, os.Getpid(), m.start+address+1, true)
			if want := (Frame{Symbol: Symbol{Name: string(name), Module: vdso, Offset: 1}}); len(list) == 1 && list[0] == want {
				found++
			}
		})
		if found < 3 {
			t.Errorf("%d functions have frames", found)
		}
		return
	}
	t.Error("there is no such code")
}

// A place in a file is its build ID, as the file itself tells it, and the offset that the
// mapping leads to. Data of no file and code of nobody have none.
func TestInFile(t *testing.T) {
	u, address := NewUser(true, 64<<20), uint64(here())
	file, err := binary.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	want, err := file.BuildID()
	if err != nil || want == "" {
		t.Fatalf("our own program has the build ID %q: %v", want, err)
	}
	m, _ := u.find(os.Getpid(), address)
	for range 2 {
		if id, offset := u.InFile(os.Getpid(), address); id != want || offset != address-m.start+m.offset {
			t.Errorf("%s %#x, want %s %#x", id, offset, want, address-m.start+m.offset)
		}
	}
	for _, address := range []uint64{4096, 0xffffffffff600000} {
		if id, offset := u.InFile(os.Getpid(), address); id != "" || offset != 0 {
			t.Errorf("%#x is %s %#x", address, id, offset)
		}
	}
}
