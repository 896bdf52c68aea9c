package compiler_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Places of programs: each once for a clause, one link for those of a file, the clauses of
// one place in one program.
func TestUserPlaces(t *testing.T) {
	for _, test := range []struct{ kernel, script, want string }{
		{"6.12", "u:/bin/bash:readline { @ = count() }",
			"uprobe_multi 1 /bin/bash:readline+0x340"},
		{"6.12", "u:/bin/bash:readline, u:/bin/bash:read*, u:bash:readline { @ = count() }",
			"uprobe_multi 1 /bin/bash:readline+0x340; uprobe_multi 1 /bin/bash:readline_internal+0x350"},
		{"6.12", "u:/bin/bash:readline { @ = count() } u:/bin/bash:read* { @b = count() }",
			"uprobe_multi 2 /bin/bash:readline+0x340; uprobe_multi 1 /bin/bash:readline_internal+0x350"},
		{"6.12", "u:/bin/bash:readline { @ = count() } ur:/bin/bash:readline { @b = count() }",
			"uprobe_multi 1 /bin/bash:readline+0x340; uretprobe_multi 1 /bin/bash:readline+0x340"},
		{"6.12", "u:libc:puts, u:/bin/bash:0x350 { @ = count() }",
			"uprobe_multi 1 /lib/x86_64-linux-gnu/libc.so.6:puts+0x2f0; uprobe_multi 1 /bin/bash:0x350+0x350"},
		{"6.12", `u:/bin/names-rs:"<[u32; 3] as names::inner::Sum>::sum" { @ = count() }`, // no set of characters
			`uprobe_multi 1 /bin/names-rs:"<[u32; 3] as names::inner::Sum>::sum"+0x230`},
		{"6.12", `u:/bin/names-cc:names.cc:7 { @ = count() }`,
			`uprobe_multi 1 /bin/names-cc:"long outer::shape::grow<long>(long)@names.cc:7"+0x148`},
		{"6.12", `u:/bin/names-cc:"outer::shape::grow<long>@names.cc":7 { @ = count() }`,
			`uprobe_multi 1 /bin/names-cc:"long outer::shape::grow<long>(long)@names.cc:7"+0x148`},
		{"5.10", "u:/bin/bash:read* { @ = count() }",
			"uprobe 1 /bin/bash:readline+0x340 /bin/bash:readline_internal+0x350"},
		{"5.10", "u:/bin/bash:read* { @[probe] = count() }",
			"uprobe 1 /bin/bash:readline+0x340; uprobe 1 /bin/bash:readline_internal+0x350"},
	} {
		result, err := compileText(test.script, frozen.Target(test.kernel), compiler.Options{})
		if err != nil {
			t.Fatal(test.script, err)
		}
		var programs []string
		for _, program := range result.Programs {
			text := fmt.Sprint(program.Points[0].Mechanism, " ", program.Clauses)
			for _, point := range program.Points {
				for _, place := range point.At.(object.UserPoint).Places {
					text += fmt.Sprintf(" %s+%#x", place.Name, place.Offset)
				}
			}
			programs = append(programs, text)
		}
		if got := strings.Join(programs, "; "); got != test.want {
			t.Errorf("%s on %s\ngot  %s\nwant %s", test.script, test.kernel, got, test.want)
		}
	}
}

// With -p, the kernel is asked for the events of the process alone, of two processes for
// all, and the program filters.
func TestUserProcesses(t *testing.T) {
	for _, test := range []struct {
		processes []int
		children  bool
		want      int
	}{{[]int{7}, false, 7}, {[]int{7, 8}, false, 0}, {[]int{7}, true, 0}} {
		processes := compiler.Processes{IDs: test.processes, Children: test.children}
		result, err := compileText("u:/bin/demo:compute { @ = count() }", frozen.Target("6.12"), compiler.Options{Processes: processes})
		if err != nil {
			t.Fatal(err)
		}
		last := result.Programs[len(result.Programs)-1]
		if at := last.Points[0].At.(object.UserPoint); at.Pid != test.want {
			t.Errorf("%+v: %+v", test, at)
		}
	}
	result, err := compileText("u:compute { @ = count() }", frozen.Target("6.12"), compiler.Options{Processes: compiler.Processes{IDs: []int{7}}})
	if err != nil || result.Programs[0].Points[0].Probe != "uprobe:/bin/demo:compute" {
		t.Errorf("the program of a process: %v", err)
	}
}

func TestNoUprobes(t *testing.T) {
	machine := without("6.12", func(f *target.Features) { f.Uprobe, f.UprobeMulti = false, false })
	var diagnostics diag.Diagnostics
	_, err := compileText("u:/bin/bash:readline { @ = count() }", machine, compiler.Options{})
	if !errors.As(err, &diagnostics) || diagnostics[0].Message != "this kernel is built without uprobes (CONFIG_UPROBE_EVENTS)" {
		t.Errorf("%v", err)
	}
}

// TestWaitingForOthers: a program waits for memory only of processes that its clauses see,
// and where a simple predicate holds. One that reads memory itself waits first.
func TestWaitingForOthers(t *testing.T) {
	own, others := compiler.Processes{IDs: []int{1234}}, compiler.Processes{IDs: []int{7}}
	for _, c := range []struct {
		predicate string
		processes compiler.Processes
		waits     bool
	}{
		{"", compiler.Processes{}, true},
		{"", own, true},
		{"", others, false},
		{"/1 == 1/", others, false},
		{"/pid == 1234/", own, true},
		{"/pid == 7/", compiler.Processes{}, false},
		{"/pid == 1234 && !(tid == 7)/", compiler.Processes{}, true},
		{`/str(arg0, 16) == "x"/`, compiler.Processes{}, true},
		{`/str(arg0, 16) == "x"/`, others, false},
		{`/@never/`, compiler.Processes{}, true},
	} {
		script := "uprobe:/bin/bash:readline " + c.predicate + " { @[str(arg0, 16)] = count(); @never = 0 }"
		o, err := compileText(script, frozen.Target("6.12"), compiler.Options{Processes: c.processes})
		if err != nil {
			t.Fatalf("%s: %v", script, err)
		}
		machine, waited := emulator(o), false
		machine.Values[asm.FnGetCurrentPidTgid] = 1234<<32 | 1234
		machine.Trace = func(step *emu.Step) {
			waited = waited || step.Call != nil && step.Call.Helper == asm.FnCopyFromUser
		}
		if err := runAll(o, machine); err != nil || waited != c.waits {
			t.Errorf("%s, %+v: waited %t, %v", script, c.processes, waited, err)
		}
	}
}

// A number added to an address of the process is one, too.
func TestUserAddresses(t *testing.T) {
	for _, address := range []string{"arg0", "arg0 + 8", "8 + arg0", "arg0 - 8", "arg0 + tid", "arg0 + arg1", "arg0 + 2 * arg1"} {
		script := fmt.Sprintf("u:/bin/bash:readline { @ = *(uint64 *)(%s); }", address)
		result, err := compileText(script, frozen.Target("6.12"), compiler.Options{})
		if err != nil {
			t.Fatal(script, err)
		}
		read := slices.ContainsFunc(result.Programs[0].Instructions, func(i asm.Instruction) bool {
			return i.IsBuiltinCall() && i.Constant == int64(asm.FnProbeReadUser)
		})
		if !read {
			t.Errorf("%s reads memory of the kernel", script)
		}
	}
}

// The kernel's probe on a return stands in the way of exceptions and panics, which C does
// not have.
func TestReturnsOfWhatUnwinds(t *testing.T) {
	for script, want := range map[string]int{
		`ur:/bin/names-rs:"<[u32; 3] as names::inner::Sum>::sum" { @ = count() }`: 1,
		`u:/bin/names-rs:"<[u32; 3] as names::inner::Sum>::sum" { @ = count() }`:  0,
		`ur:/bin/bash:readline { @ = count() }`:                                   0,
	} {
		o, err := compileText(script, frozen.Target("6.12"), compiler.Options{})
		if err != nil {
			t.Fatal(script, err)
		}
		said := slices.DeleteFunc(slices.Clone(o.Notices), func(notice string) bool {
			return !strings.Contains(notice, "an exception or panic that leaves the function ends the program")
		})
		if len(said) != want || len(o.Notices) != want {
			t.Errorf("%s: %q", script, o.Notices)
		}
	}
}
