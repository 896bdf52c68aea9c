package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/detect"
)

// info tells what this kernel and these privileges allow. It tries: each mechanism is
// attached for a moment with a program that does nothing, each kind of map is created,
// each entry of the language is compiled.
type info struct{ machine *ponytrace.Target }

func printInfo() error {
	machine, err := ponytrace.Detect()
	if err != nil {
		return err
	}
	i := &info{machine}
	i.row("ponytrace", versionText())
	i.row("kernel", fmt.Sprintf("Linux %s, %s, %d CPUs", machine.Release, machine.Arch, machine.CPUs))
	i.facts()
	lacking := ponytrace.Privilege(machine)
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
	var refused *ponytrace.RefusedError
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
	name, script, attach, want string
}

// itself is the mechanism of clauses that ponytrace runs.
const itself = "ponytrace itself"

var trials = []trial{
	{"fentry", "kprobe:vfs_read { @ = count() }", "fentry", "fentry"},
	{"fexit", "kretprobe:vfs_read { @ = count() }", "fentry", "fexit"},
	{"kprobe", "kprobe:vfs_read { @ = count() }", "kprobe", "kprobe"},
	{"kretprobe", "kretprobe:vfs_read { @ = count() }", "kprobe", "kretprobe"},
	{"kprobe_multi", "kprobe:vfs_rea* { @ = count() }", "", "kprobe_multi"},
	{"kretprobe_multi", "kretprobe:vfs_rea* { @ = count() }", "", "kretprobe_multi"},
	{"raw tracepoint", "tracepoint:sched:sched_switch { @ = count() }", "", "raw tracepoint"},
	{"typed raw tracepoint", "rawtracepoint:sched_switch { @[arg0] = count() }", "", "typed raw tracepoint"},
	{"perf tracepoint", "tracepoint:sched:sched_switch { @ = count() }", "tracepoint", "perf tracepoint"},
	{"iterator", "iter:task { @ = count() }", "", "iterator"},
	{"perf clock", "profile:hz:99 { @ = count() }", "", "perf clock"},
	{"ring buffer", `BEGIN { printf("x") }`, "", itself},
	{"hash", "let @ = hash(9); BEGIN { @[1] = 1 }", "", itself},
	{"per-CPU hash", "BEGIN { @[1] = count() }", "", itself},
	{"LRU hash", "let @ = lruhash(9); BEGIN { @[1] = 1 }", "", itself},
	{"per-CPU LRU hash", "let @ = percpulruhash(9); BEGIN { @[1] = count() }", "", itself},
}

// try attaches a script for a moment, and nothing instead.
func (i *info) try(t trial) error {
	script, err := ponytrace.Parse(ponytrace.NewSource("trial", t.script))
	if err != nil {
		return err
	}
	program, err := ponytrace.Compile(script, i.machine, ponytrace.Options{Attach: t.attach, DryRun: true})
	if err != nil {
		return err
	}
	_, err = program.Run(context.Background(), ponytrace.RunOptions{
		Quiet: true, Refused: func(*ponytrace.RefusedError) bool { return false },
	})
	if err != nil {
		return err
	}
	if got := program.Probes()[0].Mechanism; !sameKind(got, t.want) {
		return fmt.Errorf("this kernel does not offer it; %s serves instead", got)
	}
	return nil
}

// sameKind: a single return may be served by kretprobe_multi, where that has room for
// more.
func sameKind(got, want string) bool {
	return got == want || want == "kretprobe" && got == "kretprobe_multi"
}

func (i *info) helpers() error {
	if lacking := i.machine.LackingHelpers(); len(lacking) > 0 {
		return errors.New(strings.Join(lacking, ", ") + ": what needs them is below")
	}
	return nil
}

// language compiles the example of each entry, and lists those that this kernel does not
// allow.
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
	script, err := ponytrace.Parse(ponytrace.NewSource(entry.Name, entry.Example))
	if err != nil {
		return err
	}
	_, err = ponytrace.Compile(script, i.machine, ponytrace.Options{Unsafe: true})
	var usage *ponytrace.UsageError
	if errors.As(err, &usage) {
		return nil
	}
	return err
}
