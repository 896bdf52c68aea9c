package compiler_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	_ "github.com/ponytrace/ponytrace/compiler/target/frozen/arm64"
)

// without is a frozen target that lacks features.
func without(kernel string, change func(f *target.Features)) *target.Target {
	known := frozen.Target(kernel)
	machine := &target.Target{
		Arch: known.Arch, Version: known.Version, CPUs: 4, PageSize: 4096, Features: known.Features, Sources: known.Sources,
	}
	change(&machine.Features)
	return machine
}

func choices(t *testing.T, text string, machine *target.Target, options compiler.Options) string {
	t.Helper()
	built, err := compileText(text, machine, options)
	if err != nil {
		return err.Error()
	}
	var lines []string
	for _, program := range built.Programs {
		for _, point := range program.Points {
			lines = append(lines, point.Probe+": "+point.Choice())
		}
	}
	return strings.Join(lines, "\n")
}

// Every mechanism that would cost less is named, the cheapest first, with the reason.
func TestChoices(t *testing.T) {
	newest, old, preempting := frozen.Target("6.12"), frozen.Target("5.10"), frozen.Target("7.x")
	none := without("6.12", func(f *target.Features) { f.Fentry, f.KprobeMulti = false, false })
	preempted := without("7.x", func(f *target.Features) { f.PreemptedTracing = true })
	for _, test := range []struct {
		script  string
		machine *target.Target
		options compiler.Options
		want    string
	}{
		{"kprobe:vfs_read { @++ }", newest, compiler.Options{}, "kprobe:vfs_read: attached by fentry"},
		{"kprobe:vfs_read { @++ }", newest, compiler.Options{Attach: "kprobe"},
			"kprobe:vfs_read: attached by kprobe, because --attach kprobe excludes it"},
		{`kprobe:vfs_read { @ = reg("ip") }`, newest, compiler.Options{},
			"kprobe:vfs_read: attached by kprobe, because the clause needs what only kprobe gives"},
		{"kprobe:vfs_read { @++ }", newest, compiler.Options{Refused: map[string]bool{"kprobe:vfs_read": true}},
			"kprobe:vfs_read: attached by kprobe, because the kernel refused the cheaper program"},
		{"kprobe:vfs_read+4 { @++ }", newest, compiler.Options{},
			"kprobe:vfs_read+4: attached by kprobe, because only kprobes trace inside of a function"},
		{"kprobe:vfs_read { @++ }", old, compiler.Options{},
			"kprobe:vfs_read: attached by kprobe, because this kernel may run fentry inside of itself until its stack is gone (Linux before 5.12)"},
		{"kprobe:vfs_read { @++ }", preempted, compiler.Options{},
			"kprobe:vfs_read: attached by kprobe, because this kernel preempts the cheaper program, and leaves out what other threads do meanwhile"},
		{"kprobe:vfs_read* { @++ }", newest, compiler.Options{},
			"kprobe:vfs_read*: attached by kprobe_multi, because fentry takes a program for each of 3 functions"},
		{"kprobe:vfs_readv* { @++ }", none, compiler.Options{},
			"kprobe:vfs_readv: attached by kprobe, because this kernel has no fentry (Linux 5.5, CONFIG_DYNAMIC_FTRACE, BTF), or does not permit it"},
		{"kprobe:vfs_readl*,kprobe:vfs_readv* { @++ }", none, compiler.Options{Attach: "kprobe"}, `
kprobe:vfs_readlink: attached by kprobe, because --attach kprobe excludes it
kprobe:vfs_readv: attached by kprobe, because --attach kprobe excludes it`},
		{"kprobe:vfs_read* { @++ }", none, compiler.Options{}, many},
		{"tracepoint:sched:sched_switch { @++ }", newest, compiler.Options{}, "tracepoint:sched:sched_switch: attached by raw tracepoint"},
		{"tracepoint:sched:sched_switch { @ = args.next_pid }", newest, compiler.Options{},
			"tracepoint:sched:sched_switch: attached by perf tracepoint, because the clause reads fields of the record"},
		{"tracepoint:syscalls:sys_enter_openat { @++ }", preempting, compiler.Options{}, "tracepoint:syscalls:sys_enter_openat: " +
			"attached by perf tracepoint of all system calls, because this kernel preempts the cheaper program, and leaves out what other threads do meanwhile"},
		{"tracepoint:syscalls:sys_enter_openat { @++ }", newest, compiler.Options{Attach: "tracepoint"}, "tracepoint:syscalls:sys_enter_openat: " +
			"attached by perf tracepoint; not by raw tracepoint of all system calls, because --attach tracepoint excludes it; " +
			"not by perf tracepoint of all system calls, because --attach tracepoint excludes it"},
		{"rawtracepoint:sched_switch { @ = arg3 }", newest, compiler.Options{}, "rawtracepoint:sched_switch: attached by typed raw tracepoint"},
		{"rawtracepoint:sched_switch { @++ }", newest, compiler.Options{}, "rawtracepoint:sched_switch: attached by raw tracepoint"},
		{"rawtracepoint:sched_switch { @ = arg3 }", newest, compiler.Options{Refused: map[string]bool{"rawtracepoint:sched_switch": true}},
			"rawtracepoint:sched_switch: attached by raw tracepoint, because the kernel refused the cheaper program"},
	} {
		if got := choices(t, test.script, test.machine, test.options); got != strings.TrimPrefix(test.want, "\n") {
			t.Errorf("%s\ngot  %s\nwant %s", test.script, got, test.want)
		}
	}
}

// many has the functions of a pattern with a kprobe each.
var many = strings.NewReplacer("WHY", "attached by kprobe; "+
	"not by fentry, because this kernel has no fentry (Linux 5.5, CONFIG_DYNAMIC_FTRACE, BTF), or does not permit it; "+
	"not by kprobe_multi, because this kernel has no kprobe_multi (Linux 5.18, CONFIG_FPROBE)").Replace(`
kprobe:vfs_read: WHY
kprobe:vfs_readlink: WHY
kprobe:vfs_readv: WHY`)

// fentry, fexit and rawtracepoint are never attached in another way.
func TestNamedMechanisms(t *testing.T) {
	for _, test := range []struct{ script, want string }{
		{"fentry:vfs_read { @++ } fexit:vfs_read { @b[args.count] = sum(retval) }", "fentry fexit"},
		{"kfunc:vfs_read { @++ } kretfunc:vfs_read { @r++ }", "fentry fexit"},
		{"f:vfs_read { @++ } fr:vfs_read { @r++ }", "fentry fexit"},
		{"fentry:vfs_rea* { @++ }", "fentry fentry fentry"},
		{"fentry:vmlinux:vfs_read { @++ }", "fentry"},
		// Their clauses share no program with those of kprobes, whose name they do not
		// have.
		{"kprobe:vfs_read { @ = probe } fentry:vfs_read { @b = probe } fentry:vfs_read { @c = probe }", "fentry fentry"},
		{"rt:sched_switch { @[((struct task_struct *)arg2)->pid] = count() }", "typed raw tracepoint"},
		{"rt:sched_switch { @[arg2->pid, arg0] = count() }", "typed raw tracepoint"},
		{"rt:sched_switch { @++ } tracepoint:sched:sched_switch { @b++ }", "raw tracepoint raw tracepoint"},
	} {
		built, err := compileText(test.script, frozen.Target("6.12"), compiler.Options{})
		if err != nil {
			t.Errorf("%s: %v", test.script, err)
		} else if got := mechanisms(built); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.script, got, test.want)
		}
	}
}

// What cannot be attached in the way that is named is an error, with what serves.
func TestNamedMechanismsRefuse(t *testing.T) {
	noTypes := untyped()
	noTypes.Sources.Tracepoints = frozen.Target("6.12").Sources.Tracepoints
	for _, test := range []struct {
		script  string
		machine *target.Target
		want    []string
	}{
		{"fentry:_raw_spin_lock { @++ }", locking("6.12"), []string{"_raw_spin_lock is not safe to trace by fentry: maps hold locks in it", "write kprobe:_raw_spin_lock"}},
		{"fexit:migrate_* { @++ }", locking("6.12"), []string{"fexit can trace none of these functions: migrate_disable: every program enters and leaves through it"}},
		{"kprobe:_raw_spin_lock { @++ } fentry:vfs_read { @b++ }", locking("6.12"), []string{"1:31-46", "fentry:vfs_read is not safe beside a probe that fires in what programs run through"}},
		{"fentry:vfs_read { @++ }", noTypes, []string{"fentry cannot trace vfs_read: the kernel's BTF does not describe the function", "write kprobe:vfs_read"}},
		{"fexit:vfs_read { @++ }", without("6.12", func(f *target.Features) { f.Fentry = false }), []string{"this kernel has no fentry", "write kretprobe in the place of fexit"}},
		{"rt:sched_switch { @ = args.next->pid }", noTypes, []string{"1:23-27", "BTF does not describe the tracepoint", "use arg0, arg1, ... with a cast"}},
		{"rt:contention_begin { @++ }", contended(), []string{"contention_begin is not safe to trace by a raw tracepoint", "at tracepoint:lock:contention_begin"}},
	} {
		_, err := compileText(test.script, test.machine, compiler.Options{})
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s\ngot  %v\nwant %s", test.script, err, want)
			}
		}
	}
	if got := choices(t, "rt:sched_switch { @ = arg2 }", noTypes, compiler.Options{}); !strings.Contains(got, "attached by raw tracepoint, because") {
		t.Error("without types:", got)
	}
}

// contended is a target with a tracepoint that programs run through.
func contended() *target.Target {
	machine := locking("6.12")
	machine.Sources.Tracepoints = func() ([]string, error) { return []string{"lock:contention_begin"}, nil }
	return machine
}

// What a probe type chooses is among the mechanisms that it declares, the plainer ones of
// those included.
func TestProbeTypesDeclareTheirMechanisms(t *testing.T) {
	chosen := map[object.Mechanism]bool{}
	for _, kernel := range []string{"5.10", "6.1", "6.12", "7.x", "6.12-arm64"} {
		for _, attach := range []string{"", "kprobe", "fentry", "tracepoint"} {
			scripts := probeScripts
			for _, p := range builtin.ProbeTypes() {
				scripts = append(scripts, p.Example)
			}
			for _, script := range scripts {
				if o, err := compileText(script, frozen.Target(kernel), compiler.Options{Attach: attach}); err == nil {
					noteChoices(t, o, chosen)
				}
			}
		}
	}
	for _, kernel := range []string{"5.10", "6.12"} {
		machine := madeByGo(kernel, target.GoFunction{Returns: []uint64{0x170}})
		o, err := compileText(`uretprobe:/bin/demo:none { @ = count() }`, machine, compiler.Options{})
		if err != nil {
			t.Fatal(err)
		}
		noteChoices(t, o, chosen)
	}
	for _, m := range object.Mechanisms() {
		if !chosen[m] {
			t.Errorf("nothing chooses %s", m)
		}
	}
}

// probeScripts are attached in other ways than the examples.
var probeScripts = []string{
	`kprobe:vfs_rea* { @ = count() }`, `kretprobe:vfs_rea* { @ = count() }`, `kprobe:vfs_read { @ = reg("ip") }`,
	`tracepoint:sched:* { @ = count() }`, `tracepoint:syscalls:sys_* { @ = count() }`, `rt:sched_* { @ = count() }`,
	`rt:sched_* { @ = arg0 }`,
}

func noteChoices(t *testing.T, o *object.Object, chosen map[object.Mechanism]bool) {
	for _, program := range o.Programs {
		for _, point := range program.Points {
			chosen[point.Mechanism] = true
			name, _, _ := strings.Cut(point.Probe, ":")
			p := builtin.ProbeNamed(name)
			if !slices.Contains(p.Mechanisms, point.Mechanism) {
				t.Errorf("%s chooses %s, which it does not declare", point.Probe, point.Mechanism)
			}
			if text := fmt.Sprintf("%T", point.At); text == "<nil>" {
				t.Errorf("%s is attached to nothing", point.Probe)
			}
		}
	}
}

// TestModulesAreShown: probe has the module where the script does, whatever the mechanism.
func TestModulesAreShown(t *testing.T) {
	preempting := without("7.x", func(f *target.Features) { f.PreemptedTracing = true })
	for script, want := range map[string][]string{
		"kprobe:*:vfs_read":           {"kprobe:vmlinux:vfs_read"},
		"kretprobe:vmlinux:vfs_[or]*": {"kretprobe:vmlinux:vfs_open", "kretprobe:vmlinux:vfs_read"},
		"kretprobe:*:vfs_[or]*":       {"kretprobe:vmlinux:vfs_open", "kretprobe:vmlinux:vfs_read"},
		"kretprobe:*:vfs_read":        {"kretprobe:vmlinux:vfs_read"},
		"kretprobe:vfs_r*":            {"kretprobe:vfs_read"},
	} {
		for _, way := range []string{"auto", "kprobe", "kprobe_multi", "fentry"} {
			built, err := compileText(script+" { @[probe] = count() }", preempting, compiler.Options{Attach: way})
			if err != nil {
				t.Fatal(script, err)
			}
			for _, name := range want {
				if !slices.Contains(built.ProbeNames, name) {
					t.Errorf("%s by %s: %q is not among %q", script, way, name, built.ProbeNames)
				}
			}
		}
	}
}
