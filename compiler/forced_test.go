package compiler_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
)

// What --attach forces is taken, or the message gives the place and the reason.
func TestForcedMechanisms(t *testing.T) {
	for _, test := range []struct{ attach, script, want string }{
		{"fentry", `kprobe:vfs_read { @++ } kretprobe:vfs_read { @r++ }`, "fentry fexit"},
		{"fentry", `kprobe:vfs_rea* { @++ }`, "fentry fentry fentry"},
		{"kprobe", `kprobe:vfs_read { @++ } kretprobe:vfs_read { @r++ }`, "kprobe kretprobe"},
		{"kprobe", `kprobe:vfs_readl* { @++ } kprobe:vfs_read { @b++ }`, "kprobe kprobe"},
		{"fentry", `kprobe:vfs_read+4 { @++ }`,
			"1:8-18: ERROR: --attach fentry cannot serve kprobe:vfs_read+4: only kprobes trace inside of a function"},
		{"fentry", `BEGIN { } kprobe:vfs_read { @ = reg("ip") }`,
			"1:11-26: ERROR: --attach fentry cannot serve kprobe:vfs_read: the clause needs the registers of the CPU, which only kprobes give"},
		{"kprobe", `kprobe:security_file_open { @[path(arg0->f_path)]++ }`,
			"1:1-26: ERROR: --attach kprobe cannot serve kprobe:security_file_open: the clause needs arguments that the verifier knows by their types, which only fentry gives"},
		{"kprobe_multi", `kprobe:vfs_read { @ = sum(args.count) } kretprobe:vfs_read { @r = sum(retval) }`, "kprobe_multi kretprobe_multi"},
		{"kprobe_multi", `kprobe:vfs_rea* { @ = sum(arg2) }`, "kprobe_multi"},
		{"kprobe_multi", `kprobe:vfs_read+4 { @++ }`,
			"1:8-18: ERROR: --attach kprobe_multi cannot serve kprobe:vfs_read+4: only kprobes trace inside of a function"},
		{"kprobe_multi", `kprobe:vfs_read { @ = reg("ip") }`,
			"1:1-16: ERROR: --attach kprobe_multi cannot serve kprobe:vfs_read: the clause needs the registers of the CPU, which only kprobes give"},
		{"rawtracepoint", `tracepoint:sched:sched_switch { @++ } tracepoint:syscalls:sys_enter_read { @a = args.count }`, "raw tracepoint raw tracepoint of all system calls"},
		{"rawtracepoint", `tracepoint:sched:sched_switch { @[args.next_comm]++ }`,
			"1:1-30: ERROR: --attach rawtracepoint cannot serve tracepoint:sched:sched_switch: the clause reads fields of the record"},
		{"uprobe", `uprobe:/bin/bash:readline { @++ } uretprobe:/bin/bash:readline { @r++ }`, "uprobe uretprobe"},
		{"uprobe_multi", `uprobe:/bin/bash:readline { @++ } uretprobe:/bin/bash:readline { @r++ }`, "uprobe_multi uretprobe_multi"},
	} {
		if got := forced(t, test.attach, test.script); got != test.want {
			t.Errorf("%s %s\ngot  %s\nwant %s", test.attach, test.script, got, test.want)
		}
	}
}

func forced(t *testing.T, attach, text string) string {
	t.Helper()
	o, err := compileText(text, frozen.Target("6.12"), compiler.Options{Attach: attach})
	if err != nil {
		line, _, _ := strings.Cut(err.Error(), "\n")
		return strings.TrimPrefix(line, "script:")
	}
	return mechanisms(o)
}

func mechanisms(o *object.Object) string {
	var list []string
	for _, program := range o.Programs {
		list = append(list, fmt.Sprint(program.Points[0].Mechanism))
	}
	return strings.Join(list, " ")
}
