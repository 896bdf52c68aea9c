package compiler_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
)

// locking is a target on which functions can be traced that programs run through.
func locking(kernel string) *target.Target {
	frozen := frozen.Target(kernel)
	machine := &target.Target{Arch: frozen.Arch, Version: frozen.Version, CPUs: 4, PageSize: 4096, Features: frozen.Features, Sources: frozen.Sources}
	machine.Sources.Functions = func() ([]string, error) { return []string{"_raw_spin_lock", "vfs_read", "migrate_disable"}, nil }
	return machine
}

// Forced fentry is refused where it could hang the kernel, with the reason.
func TestFentryIsRefused(t *testing.T) {
	for script, want := range map[string]string{
		"kprobe:_raw_spin_lock { @ = count() }":     "_raw_spin_lock is not safe to trace by fentry: maps hold locks in it, and the kernel could hang",
		"kretprobe:migrate_disable { @ = count() }": "migrate_disable is not safe to trace by fexit: every program enters and leaves through it, and the kernel could hang",
	} {
		_, err := compileText(script, locking("6.12"), compiler.Options{Attach: "fentry"})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "a kprobe is safe there") {
			t.Errorf("%s: %v", script, err)
		}
	}
}

// Before 5.11 the kernel holds a lock at returns: functions that hold one of a map are
// refused there, and left out of patterns.
func TestLockedReturns(t *testing.T) {
	for _, test := range []struct{ script, kernel, want string }{
		{"kretprobe:_raw_spin_lock { @ = count() }", "5.10", "_raw_spin_lock is not safe to trace at its return on this kernel (Linux before 5.11)"},
		{"kretprobe:_raw* { @ = count() }", "5.10", "_raw_spin_lock is not safe to trace at its return on this kernel (Linux before 5.11)"},
		{"kprobe:_raw_spin_lock { @ = count() }", "5.10", ""},
		{"kretprobe:vfs_read { @ = count() }", "5.10", ""},
		{"kretprobe:_raw_spin_lock { @ = count() }", "6.1", ""},
	} {
		_, err := compileText(test.script, locking(test.kernel), compiler.Options{})
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s on %s: %v", test.script, test.kernel, err)
		}
	}
	built, err := compileText("kretprobe:* { @ = count() }", locking("5.10"), compiler.Options{})
	if err != nil {
		t.Fatal(err)
	}
	left := "kretprobe:*: 2 of 3 functions are left out, as _raw_spin_lock: programs run through them, and at their return this kernel could hang (Linux before 5.11)"
	if len(built.Notices) != 1 || built.Notices[0] != left || len(built.Programs[0].Points) != 1 {
		t.Errorf("%q, %v", built.Notices, built.Programs[0].Points)
	}
}

// untyped is a target whose kernel does not describe its types.
func untyped() *target.Target {
	machine := locking("6.12")
	machine.Features.TypedTracepoint, machine.Features.TaskPointer = false, false
	machine.Features.RdonlyCast, machine.Features.Iterators = false, false
	machine.Sources.BTF = func() (*btf.Spec, error) { return nil, fs.ErrNotExist }
	machine.Sources.RawBTF = func() ([]byte, error) { return nil, fs.ErrNotExist }
	return machine
}

// TestKernelWithoutTypes has the messages that lead to what can be written there.
func TestKernelWithoutTypes(t *testing.T) {
	for script, want := range map[string]string{
		"kprobe:vfs_read { print(args.count) }": "1:25-29: ERROR: this kernel does not describe its functions: it has no BTF (/sys/kernel/btf/vmlinux)",
		"iter:task { @ = count() }":             "1:1-10: ERROR: this kernel does not describe its iterators: it has no BTF",
		"BEGIN { print(curtask->pid) }":         "1:15-22: ERROR: what curtask points at is not known: this kernel does not describe its types",
		"rt:vmlinux:sched_switch { @ = 1 }":     "1:4-11: ERROR: this kernel does not tell which module sched_switch is part of",
		"BEGIN { print(ppid) }":                 "1:15-19: ERROR: ppid() needs the kernel's types, and this kernel does not describe them (CONFIG_DEBUG_INFO_BTF)",
	} {
		if _, err := compileText(script, untyped(), compiler.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", script, err)
		}
	}
}

// TestRawTracepointOfModule takes the module of a tracepoint from its types, or else from
// the function that calls its subscribers.
func TestRawTracepointOfModule(t *testing.T) {
	machine := untyped()
	machine.Sources.Functions = func() ([]string, error) {
		return []string{"__traceiter_sched_switch [scheduler]", "__traceiter_sched_waking"}, nil
	}
	for script, want := range map[string]string{
		"rt:scheduler:sched_switch { @ = count() }": "rawtracepoint:scheduler:sched_switch",
		"rt:sched*r:sched_* { @ = count() }":        "rawtracepoint:scheduler:sched_switch",
		"rt:vmlinux:sched_* { @ = count() }":        "rawtracepoint:vmlinux:sched_waking",
		"rt:sched_waking { @ = count() }":           "rawtracepoint:sched_waking",
	} {
		built, err := compileText(script, machine, compiler.Options{})
		if err != nil {
			t.Fatalf("%s: %v", script, err)
		}
		if points := built.Programs[0].Points; len(built.Programs) != 1 || points[0].Probe != want {
			t.Errorf("%s is attached to %v", script, points)
		}
	}
}
