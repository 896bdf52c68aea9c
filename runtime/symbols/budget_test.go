package symbols

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// grown returns by how many bytes what is in use has grown while f ran.
func grown(f func()) int {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int(after.HeapAlloc) - int(before.HeapAlloc)
}

// slack is for what is not counted: the maps of the caches and what the test itself uses.
const slack = 1 << 20

// However long the lists are of the code that processes made, they take no more memory
// than they may, all together.
func TestBudgetOfMadeCode(t *testing.T) {
	const budget, processes = 8 << 20, 30
	list := filepath.Join(os.TempDir(), fmt.Sprintf("perf-of-test-%d.map", os.Getpid()))
	var text bytes.Buffer
	for i := range 100_000 {
		fmt.Fprintf(&text, "%x 10 a_function_with_a_rather_long_name_%d\n", 0x1000+16*i, i)
	}
	if err := os.WriteFile(list, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(list)
	u := NewUser(true, budget)
	var pids []int
	for range processes {
		child := exec.Command("sleep", "1000")
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		defer child.Wait()
		defer child.Process.Kill()
		path := fmt.Sprintf("/tmp/perf-%d.map", child.Process.Pid)
		if err := os.Link(list, path); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(path)
		pids = append(pids, child.Process.Pid)
	}
	now := time.Now()
	if err := os.Chtimes(list, now, now); err != nil {
		t.Fatal(err)
	}
	named := 0
	size := grown(func() {
		for _, pid := range pids {
			u.Remember(pid, 0)
			if _, ok := u.lookupMade(pid, 0x1008); ok {
				named++
			}
		}
	})
	if size > budget+slack {
		t.Errorf("the names of %d processes take %d bytes, and %d is allowed", processes, size, budget)
	}
	if u.budget.used > budget || named == 0 || named == processes || !u.Refused() {
		t.Errorf("%d bytes are counted, %d of %d processes have names, refused: %v", u.budget.used, named, processes, u.Refused())
	}
	runtime.KeepAlive(u)
}

// The same of mappings, up to a share for each process.
func TestBudgetOfMappings(t *testing.T) {
	const budget = 8 << 20
	var text strings.Builder
	for i := range 65_000 {
		fmt.Fprintf(&text, "%x-%x r-xp 00000000 08:01 %d /%s%d\n", 0x1000*(2*i+1), 0x1000*(2*i+2), i+1, strings.Repeat("long/", 200), i)
	}
	var kept []mappings
	b := budgetOf(budget)
	size := grown(func() {
		for range 30 {
			m := parseMappings(strings.NewReader(text.String()), b.room(0))
			b.take(m.bytes)
			kept = append(kept, m)
		}
	})
	if size > budget+slack || b.used > budget {
		t.Errorf("the mappings of 30 processes take %d bytes, counted as %d, and %d is allowed", size, b.used, budget)
	}
	if first := kept[0]; !first.cut || len(first.list) < 1000 || first.bytes > budget/share {
		t.Errorf("of the first process %d mappings with %d bytes are kept", len(first.list), first.bytes)
	}
	runtime.KeepAlive(kept)
}

func budgetOf(bytes int) *budget { return &budget{most: bytes} }

// One library that is mapped in many pieces has its path once.
func TestPathsAreShared(t *testing.T) {
	text := "1000-2000 r-xp 0 08:01 1835 /usr/lib/a.so\n3000-4000 r-xp 0 08:01 1835 /usr/lib/a.so\n"
	m := parseMappings(strings.NewReader(text), 1<<20)
	if want := 2*mappingSize + len("/usr/lib/a.so"); len(m.list) != 2 || m.bytes != want || m.cut {
		t.Errorf("%d mappings take %d bytes, want %d", len(m.list), m.bytes, want)
	}
}
