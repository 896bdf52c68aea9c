package compiler_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/object"
)

// plans are scripts with the programs that they become: by which mechanism, how many
// clauses, at what.
var plans = []struct{ script, want string }{
	{`kprobe:vfs_read { @a++ } kprobe:vfs_write { @b++ } kprobe:vfs_read { @c++ }`, `
		fentry 2 vfs_read
		fentry 1 vfs_write`},
	{`kprobe:vfs_read { @a++ } kretprobe:vfs_read { @b++ }`, `
		fentry 1 vfs_read
		fexit 1 vfs_read`},
	{`kprobe:vfs_read { @a++ } kprobe:vfs_read { @b = reg("ip") }`, `
		kprobe 2 vfs_read`},
	{`kprobe:vfs_read { @b = reg("ip") } kprobe:vfs_read { @a = arg2 } kprobe:vfs_write { @a = arg2 }`, `
		kprobe 2 vfs_read
		fentry 1 vfs_write`},
	{`kprobe:vfs_r*dlink { @a++ } kprobe:vfs_rmdir { @b++ }`, `
		fentry 1 vfs_readlink
		fentry 1 vfs_rmdir`},
	{`kprobe:vfs_rea* { @a++ } kprobe:vfs_readlink { @b++ }`, `
		kprobe_multi 1 vfs_read vfs_readv
		kprobe 2 vfs_readlink`},
	{`kprobe:vfs_readlink { @b++ } kprobe:vfs_rea* { @a++ }`, `
		kprobe 2 vfs_readlink
		kprobe_multi 1 vfs_read vfs_readv`},
	{`kprobe:vfs_rea* { @a++ } kprobe:vfs_r* { @b++ } kprobe:vfs_re* { @c++ }`, `
		kprobe_multi 3 vfs_read vfs_readlink vfs_readv
		kprobe_multi 2 vfs_remove_acl vfs_removexattr vfs_rename
		kprobe_multi 1 vfs_rmdir`},
	{`kprobe:vfs_read, kprobe:vfs_read { @a++ }`, `
		fentry 2 vfs_read`},
	{`kprobe:vfs_read+4 { @a++ } kprobe:vfs_read { @b++ }`, `
		kprobe 1 vfs_read
		fentry 1 vfs_read`},
	{`tracepoint:sched:sched_switch { @a++ } tracepoint:sched:sched_switch { @b = args.next_pid }`, `
		perf tracepoint 2 sched_switch`},
	{`tracepoint:sched:sched_switch { @a++ } tracepoint:sched:sched_switch { @b++ }`, `
		raw tracepoint 2 sched_switch`},
	{`profile:hz:99 { @a++ } profile:hz:50 { @b++ } profile:hz:99 { @c++ }`, `
		perf clock 2
		perf clock 1`},
	{`interval:s:1 { @a++ } interval:s:1 { @b++ } BEGIN { @c = 1 } BEGIN { @d = 1 }`, `
		ponytrace itself 1
		ponytrace itself 1
		ponytrace itself 1
		ponytrace itself 1`},
	{`kprobe:security_file_open { @a[path(arg0->f_path)]++ } kprobe:security_file_open { @b = reg("ip") }`, `
		fentry 1 security_file_open
		kprobe 1 security_file_open`},
}

func TestClausesOfOneProbeShareAProgram(t *testing.T) {
	for _, test := range plans {
		var got strings.Builder
		for _, program := range mustCompile(t, test.script, compiler.Options{}).Programs {
			fmt.Fprintf(&got, "\n\t\t%s", described(program))
		}
		if got.String() != test.want {
			t.Errorf("%s\ngot%s\nwant%s", test.script, got.String(), test.want)
		}
	}
}

func described(program *object.ProgramSpec) string {
	text := fmt.Sprint(program.Points[0].Mechanism, " ", program.Clauses)
	for _, point := range program.Points {
		switch at := point.At.(type) {
		case object.TracepointPoint:
			text += " " + at.Name
		case object.SyscallPoint:
			text += " " + at.Name
		}
		for _, function := range point.Functions() {
			text += " " + function
		}
	}
	return text
}

// Clauses that are too long for one program have one each.
func TestLongClausesAreSeparate(t *testing.T) {
	clause := "kprobe:vfs_read {" + strings.Repeat(" @a[pid, comm] = count();", 150) + " }\n"
	for clauses, want := range map[int]int{2: 1, 9: 9} {
		if got := len(mustCompile(t, strings.Repeat(clause, clauses), compiler.Options{}).Programs); got != want {
			t.Errorf("%d clauses become %d programs, want %d", clauses, got, want)
		}
	}
}
