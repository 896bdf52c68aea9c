package simulate_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/simulate"
)

func compile(t *testing.T, script string, machine *target.Target) *object.Object {
	t.Helper()
	parsed, diagnostics := lang.Parse(diag.NewSource("script", script))
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	o, err := compiler.Compile(parsed, machine, compiler.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// played is what a session prints.
type played struct {
	out, notices bytes.Buffer
	code         int
}

// play runs a script over events.
func play(t *testing.T, o *object.Object, options simulate.Options, list ...simulate.Event) *played {
	t.Helper()
	p := &played{}
	options.Stdout, options.Stderr = &p.out, &p.notices
	s, err := simulate.New(o, options)
	if err == nil {
		err = s.Begin()
	}
	for _, e := range list {
		if err == nil {
			err = s.Fire(e)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if p.code, err = s.End(); err != nil {
		t.Fatal(err)
	}
	return p
}

// words is a context of 64-bit words.
func words(list ...uint64) (context []byte) {
	for _, word := range list {
		context = binary.LittleEndian.AppendUint64(context, word)
	}
	return context
}

var (
	dd   = simulate.Task{Comm: "dd", PID: 12, TID: 13, UID: 1000, GID: 1000}
	bash = simulate.Task{Comm: "bash", PID: 7, TID: 7}
)

// function is an event at the entry of a function with arguments, by whatever mechanism.
func function(o *object.Object, program int, task simulate.Task, arguments ...uint64) simulate.Event {
	e := simulate.Event{Program: o.Programs[program], Task: task}
	e.Context = words(arguments...)
	if e.Program.Points[0].Mechanism.Registers() {
		registers := [21]uint64{} // struct pt_regs of x86_64
		for i, n := range arguments {
			registers[[]int{14, 13, 12, 11, 9, 8}[i]] = n
		}
		e.Context = words(registers[:]...)
	}
	return e
}

// TestEndless: a loop that goes on is ended, in words without the emulator's notation.
func TestEndless(t *testing.T) {
	o := compile(t, `BEGIN { while (true) { @[rand] = 1; printf("%d\n", pid) } }`, frozen.Target("6.12"))
	s, err := simulate.New(o, simulate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err = s.Begin(); err == nil || err.Error() != "begin: more than 20000000 instructions" {
		t.Errorf("got %v", err)
	}
}

// TestManyTicks: time that passes in one leap does not keep the session for minutes.
func TestManyTicks(t *testing.T) {
	o := compile(t, `interval:ms:1 { } kprobe:vfs_read { @ = count() }`, frozen.Target("6.12"))
	s, err := simulate.New(o, simulate.Options{})
	if err == nil {
		err = s.Begin()
	}
	if err != nil {
		t.Fatal(err)
	}
	e := function(o, 1, dd)
	e.Time = 100_000e9
	if err = s.Fire(e); err == nil || !strings.Contains(err.Error(), "interval clauses come up more than 1000000 times") {
		t.Errorf("got %v", err)
	}
}

func TestSession(t *testing.T) {
	tests := map[string]struct {
		script string
		events func(o *object.Object) []simulate.Event
		want   string
		code   int
	}{
		"begin and end": {script: `BEGIN { printf("%s %d\n", comm, pid) } END { printf("bye\n") }`,
			want: "ponytrace 100\nbye\n\n\n"},
		"exit": {script: `BEGIN { @ = 1; exit(3); } END { print("end") }`, want: "end\n\n\n@: 1\n", code: 3},
		"keys": {script: `kprobe:vfs_read { @[comm] = count(); @bytes = sum(arg2) }`,
			events: func(o *object.Object) (list []simulate.Event) {
				for i := range uint64(3) {
					list = append(list, function(o, 0, dd, 1, 2, 100*i))
				}
				return append(list, function(o, 0, bash, 1, 2, 5))
			},
			want: "\n\n@[bash]: 1\n@[dd]: 3\n@bytes: 305\n"},
		"CPUs": {script: `kprobe:vfs_read { @ = count(); @c[cpu] = count() }`,
			events: func(o *object.Object) (list []simulate.Event) {
				for i := range 6 {
					e := function(o, 0, dd, 1, 2, 3)
					e.CPU = i % 4
					list = append(list, e)
				}
				return list
			},
			want: "\n\n@: 6\n@c[2]: 1\n@c[3]: 1\n@c[0]: 2\n@c[1]: 2\n"},
		"intervals": {script: `kprobe:vfs_read { @ = count() } interval:s:1 { time("%H:%M:%S "); print(@); clear(@) }
			interval:s:3 { exit() }`,
			events: func(o *object.Object) (list []simulate.Event) {
				for i := range uint64(20) {
					e := function(o, 0, dd, 1, 2, 3)
					e.Time = 1e9 + i*2e8
					list = append(list, e)
				}
				return list
			},
			want: "00:00:02 @: 5\n00:00:03 @: 5\n00:00:04 @: 5\n\n\n"},
		"stacks": {script: `kprobe:vfs_read { @[kstack] = count(); printf("%s%s\n", ustack, kstack(2)) }`,
			events: func(o *object.Object) []simulate.Event {
				e := function(o, 0, dd, 1, 2, 3)
				e.Kernel = []report.Frame{{Function: "vfs_read"}, {Function: "ksys_read", Offset: 15}, {Function: "do_syscall_64", Offset: 99}}
				e.User = []report.Frame{{Function: "main", Module: "dd", Offset: 4}}
				return []simulate.Event{e}
			},
			want: "\n        main+4\n\n        vfs_read+0\n        ksys_read+15\n\n\n\n@[\n        vfs_read+0\n        ksys_read+15\n        do_syscall_64+99\n]: 1\n"},
	}
	for name, test := range tests {
		for _, kernel := range []string{"5.10", "6.12", "7.x"} {
			t.Run(name+" "+kernel, func(t *testing.T) {
				o := compile(t, test.script, frozen.Target(kernel))
				var list []simulate.Event
				if test.events != nil {
					list = test.events(o)
				}
				p := play(t, o, simulate.Options{}, list...)
				if p.out.String() != test.want || p.code != test.code {
					t.Errorf("printed %q, exit code %d; want %q, %d", p.out.String(), p.code, test.want, test.code)
				}
				if !strings.HasPrefix(p.notices.String(), "Attached ") {
					t.Errorf("told %q", p.notices.String())
				}
			})
		}
	}
}
