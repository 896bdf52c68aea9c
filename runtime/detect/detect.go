// Package detect makes the Target of the running kernel, and says what the process lacks
// to trace it.
//
// # Model
//
// Detect looks only at what is cheap: uname, a few files of sysfs, two requests to bpf(2)
// that are refused in microseconds. What is dear (types, lists of functions and
// tracepoints, formats) becomes the Target's sources, which read when first asked. A
// script without kernel types so costs some 0.2 ms here.
//
// # How each thing is found
//
//	types        /sys/kernel/btf/vmlinux, through the one Types cache that the loader shares
//	functions    tracefs available_filter_functions; where that cannot be read, the functions that the types
//	             describe; without types, the text symbols of /proc/kallsyms
//	formats      tracefs events/CATEGORY/NAME/format
//	programs     runtime/binary, from the file that a path leads to
//	tracefs      where it is mounted; else mounted by us, detached: fsopen(2) and fsmount(2) give a file
//	             descriptor to a mount that no path leads to and that goes with the process (Linux 5.2)
//	kprobes      the perf event source "kprobe"
//	helpers      a program that calls one, loaded when a script needs it
//	fentry       /proc/sys/kernel/ftrace_enabled, and that bpf(2) does not answer EPERM to a tracing program
//	uprobes      the perf event source "uprobe"
//	kprobe_multi, uprobe_multi
//	             a link request that is wrong on purpose; see probe.go
//	preemption   uname, and debugfs sched/preempt where that says PREEMPT_DYNAMIC; see preempt.go
//
// # Invariants
//
//   - Nothing is left behind: no mount, no file, no kernel object.
//   - Files are read up to a limit, whatever they claim to be.
//   - Detect succeeds without any privilege, so that compiling and help work for everyone. Privilege tells
//     separately what attaching would need.
//
// # Sources
//
//   - capabilities: https://man7.org/linux/man-pages/man7/capabilities.7.html,
//     https://elixir.bootlin.com/linux/v5.8/source/include/uapi/linux/capability.h
//   - detached mounts: https://man7.org/linux/man-pages/man2/fsmount.2.html
//   - perf event sources: https://elixir.bootlin.com/linux/v6.12/source/Documentation/ABI/testing/sysfs-bus-event_source-devices
//
// Described makes the Target of a kernel that does not run here.
//
// Rejected: reading /proc/config.gz or /boot/config: neither is there on every machine,
// and the second may belong to another kernel. Mounting tracefs for good: a tracer should
// not change the machine.
package detect

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/target"
	"golang.org/x/sys/unix"
)

// Types is the index of kernel types. There is one in the process: the Target and the
// loader (ebpf.CollectionOptions.Cache) must share it, for each costs 20 ms and several
// megabytes.
var Types = btf.NewCache()

// Detect describes the running kernel.
func Detect() (*target.Target, error) {
	t := &target.Target{Arch: arch(), PageSize: os.Getpagesize(), Sources: sources()}
	if t.Arch == "" {
		return nil, fmt.Errorf("ponytrace runs on x86_64 and arm64, and this is %s", runtime.GOARCH)
	}
	var err error
	if t.Release, err = release(); err != nil {
		return nil, err
	}
	if t.Version, err = target.ParseVersion(t.Release); err != nil {
		return nil, err
	}
	t.Nested = !InitialProcesses()
	if t.CPUs, err = ebpf.PossibleCPU(); err != nil {
		return nil, numberOfCPUs(err)
	}
	t.Features = abilities(t)
	return t, nil
}

func numberOfCPUs(err error) error {
	if !exists("/sys/devices") {
		return errors.New("/sys is not mounted, and without it the kernel does not tell what it offers (mount -t sysfs none /sys)")
	}
	if TooManyFiles(err) {
		return FilesNeeded(FewFiles)
	}
	return fmt.Errorf("number of CPUs: %w", err)
}

func arch() string {
	return map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
}

func release() (string, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "", fmt.Errorf("uname: %w", err)
	}
	return unix.ByteSliceToString(name.Release[:]), nil
}

const kernelTypes = "/sys/kernel/btf/vmlinux"

func abilities(t *target.Target) target.Features {
	f := target.ByVersion(t.Arch, t.Version)
	typed := exists(kernelTypes)
	if typed {
		f = f.WithTypes(t.Version)
	}
	f.Tracefs = exists(traceFolder)
	f.Kprobe = exists("/sys/bus/event_source/devices/kprobe")
	f.KprobeMulti = f.Kprobe && t.Version.AtLeast(5, 18) && kprobeMulti()
	f.Uprobe = exists("/sys/bus/event_source/devices/uprobe")
	f.UprobeMulti = f.Uprobe && t.Version.AtLeast(6, 6) && uprobeMulti()
	f.Fentry = typed && trampolines(t) && exists("/proc/sys/kernel/ftrace_enabled") && !fentryRefused(t)
	f.Preemptible, f.PreemptedTracing = preemption(t)
	return f
}

// trampolines reports whether the architecture can call BPF from the entry of a function:
// x86_64 since 5.5, arm64 since 6.4, which brought ftrace direct calls to it.
// https://elixir.bootlin.com/linux/v6.4/source/arch/arm64/Kconfig
// (HAVE_DYNAMIC_FTRACE_WITH_DIRECT_CALLS)
func trampolines(t *target.Target) bool {
	if t.Arch == "arm64" {
		return t.Version.AtLeast(6, 4)
	}
	return t.Version.AtLeast(5, 5)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
