package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime"
	"github.com/ponytrace/ponytrace/runtime/attach"
	"github.com/ponytrace/ponytrace/runtime/detect"
)

// info tells what this kernel and these privileges allow. It tries: each mechanism is
// attached for a moment with a program that does nothing, each kind of map is created, each
// entry of the language is compiled.
type info struct{ machine *target.Target }

func printInfo() error {
	machine, err := detect.Detect()
	if err != nil {
		return err
	}
	i := &info{machine}
	i.row("ponytrace", versionText())
	i.row("kernel", fmt.Sprintf("Linux %s, %s, %d CPUs", machine.Release, machine.Arch, machine.CPUs))
	i.facts()
	lacking := detect.Privilege(machine)
	i.row("privileges", outcome(lacking))
	if lacking == nil {
		i.title("Mechanisms")
		for _, trial := range trials {
			i.row(trial.name, outcome(i.try(trial)))
		}
	}
	i.title("Helpers of the kernel")
	i.row("all that are used", outcome(i.helpers()))
	i.title("Language")
	i.language()
	return nil
}

func (i *info) title(text string) { fmt.Fprintf(stdout, "\n%s\n", text) }

func (i *info) row(name, text string) {
	fmt.Fprintf(stdout, "%-22s %s\n", name, diag.Printable(text))
}

// outcome is yes, or no and the first line of the reason.
func outcome(err error) string {
	if err == nil {
		return "yes"
	}
	var diagnostics diag.Diagnostics
	var refused *attach.RefusedError
	reason := err.Error()
	if errors.As(err, &refused) && refused.Loading {
		reason = "the kernel refuses the program: " + refused.Kernel
	}
	if errors.As(err, &diagnostics) && len(diagnostics) > 0 {
		reason = diagnostics[0].Message
		if diagnostics[0].Hint != "" {
			reason += " (" + diagnostics[0].Hint + ")"
		}
	}
	reason, _, _ = strings.Cut(reason, "\n")
	return "no: " + reason
}

func (i *info) facts() {
	btf := errors.New("there is no /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF)")
	if _, err := i.machine.Sources.RawBTF(); err == nil {
		btf = nil
	}
	i.row("types (BTF)", outcome(btf))
	var hidden error
	if detect.AddressesHidden() {
		hidden = errors.New("the kernel shows zeroes for its addresses (sysctl kernel.kptr_restrict, or privileges)")
	}
	i.row("addresses of symbols", outcome(hidden))
	_, err := i.machine.Sources.Tracepoints()
	i.row("tracefs", outcome(err))
}

// trial is a script, and the way in which it is to be attached.
type trial struct {
	name, script, attach string
	want                 object.Mechanism
}

var trials = []trial{
	{"fentry", "kprobe:vfs_read { @ = count() }", "fentry", object.Fentry},
	{"fexit", "kretprobe:vfs_read { @ = count() }", "fentry", object.Fexit},
	{"kprobe", "kprobe:vfs_read { @ = count() }", "kprobe", object.Kprobe},
	{"kretprobe", "kretprobe:vfs_read { @ = count() }", "kprobe", object.Kretprobe},
	{"kprobe_multi", "kprobe:vfs_rea* { @ = count() }", "", object.KprobeMulti},
	{"kretprobe_multi", "kretprobe:vfs_rea* { @ = count() }", "", object.KretprobeMulti},
	{"raw tracepoint", "tracepoint:sched:sched_switch { @ = count() }", "", object.RawTracepoint},
	{"perf tracepoint", "tracepoint:sched:sched_switch { @ = count() }", "tracepoint", object.Tracepoint},
	{"perf clock", "profile:hz:99 { @ = count() }", "", object.Profile},
	{"ring buffer", `BEGIN { printf("x") }`, "", object.Run},
	{"hash", "let @ = hash(9); BEGIN { @[1] = 1 }", "", object.Run},
	{"per-CPU hash", "BEGIN { @[1] = count() }", "", object.Run},
	{"LRU hash", "let @ = lruhash(9); BEGIN { @[1] = 1 }", "", object.Run},
	{"per-CPU LRU hash", "let @ = percpulruhash(9); BEGIN { @[1] = count() }", "", object.Run},
}

// try attaches a script for a moment.
func (i *info) try(t trial) error {
	script, diagnostics := lang.Parse(diag.NewSource("trial", t.script))
	if diagnostics.HasErrors() {
		return diagnostics
	}
	built, err := compiler.Compile(script, i.machine, compiler.Options{Attach: t.attach, DryRun: true})
	if err != nil {
		return err
	}
	session, err := runtime.Load(built, i.machine, runtime.Options{Stdout: io.Discard, Stderr: io.Discard, Quiet: true})
	if err != nil {
		return err
	}
	defer session.Close()
	if err := session.DryRun(); err != nil {
		return err
	}
	if point := built.Programs[0].Points[0]; !sameKind(point.Mechanism, t.want) {
		return fmt.Errorf("this kernel does not offer it; %s serves instead", point.Mechanism)
	}
	return nil
}

// sameKind: a single return may be served by kretprobe_multi, where that has room for more.
func sameKind(got, want object.Mechanism) bool {
	return got == want || want == object.Kretprobe && got == object.KretprobeMulti
}

func (i *info) helpers() error {
	if lacking := i.machine.LackingHelpers(); len(lacking) > 0 {
		return errors.New(strings.Join(lacking, ", ") + ": what needs them is below")
	}
	return nil
}

// language compiles the example of each entry, and lists those that this kernel does not allow.
func (i *info) language() {
	works, all := 0, 0
	for _, section := range builtin.Sections() {
		for _, entry := range section.Entries {
			all++
			if err := i.compiles(entry); err != nil {
				i.row(entry.Name, outcome(err))
			} else {
				works++
			}
		}
	}
	i.row("in all", fmt.Sprintf("%d of %d entries work on this kernel", works, all))
}

func (i *info) compiles(entry *builtin.Info) error {
	script, diagnostics := lang.Parse(diag.NewSource(entry.Name, entry.Example))
	if diagnostics.HasErrors() {
		return diagnostics
	}
	_, err := compiler.Compile(script, i.machine, compiler.Options{Unsafe: true})
	var usage *compiler.UsageError
	if errors.As(err, &usage) {
		return nil
	}
	return err
}
