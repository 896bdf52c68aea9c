package target

import (
	"fmt"
	"reflect"
	"strings"
)

// Features are the abilities of a kernel that change what the compiler emits. A field is true when the
// ability is there; the first version of Linux with it is named, but a version alone proves nothing:
// kernels are configured without, and distributions port back.
type Features struct {
	// Kprobe: probes on kernel functions by breakpoint or ftrace (CONFIG_KPROBES and CONFIG_KPROBE_EVENTS).
	Kprobe bool
	// KprobeMulti: one link for many functions, since 5.18 (CONFIG_FPROBE).
	// https://git.kernel.org/torvalds/c/0dcac272540613d41c05e89679e4ddb978b612f1
	KprobeMulti bool
	// Fentry: tracing programs at function entry and exit, since 5.5 (CONFIG_DEBUG_INFO_BTF and CONFIG_DYNAMIC_FTRACE).
	// https://git.kernel.org/torvalds/c/fec56f5890d93fc2ed74166c397dc186b1c25951
	Fentry bool
	// StructArguments: tracing programs on functions that take small structs by value, since 6.0.
	// https://git.kernel.org/torvalds/c/720e6a435194fb5237833a4a7ec6aa60a78964a8
	StructArguments bool
	// RawTracepoint: programs at tracepoints without perf's record, since 4.17.
	// https://git.kernel.org/torvalds/c/c4f6699dfcb8558d138fe838f741b2c10f416cf9
	RawTracepoint bool
	// TypedTracepoint: raw tracepoints whose arguments the verifier knows by type, since 5.5.
	// https://git.kernel.org/torvalds/c/9e15db66136a14cde3f35691f1d839d950118826
	TypedTracepoint bool
	// Tracefs: tracepoint formats can be read.
	Tracefs bool
	// PerfLink: perf events are attached through a link, since 5.15.
	// https://git.kernel.org/torvalds/c/b89fbfbb854c9afc3047e8273cc3a694650b802e
	PerfLink bool
	// AttachCookie: bpf_get_attach_cookie, since 5.15.
	// https://git.kernel.org/torvalds/c/7adfc6c9b315e174cf8743b21b7b691c8766791b
	AttachCookie bool
	// TracingCookie: bpf_get_attach_cookie in fentry, fexit and tp_btf programs, since 5.19.
	// https://git.kernel.org/torvalds/c/2fcc82411e74e5e6aba336561cf56fb899bfae4e
	TracingCookie bool
	// FunctionAddress: bpf_get_func_ip in kprobe and tracing programs, since 5.15.
	// https://git.kernel.org/torvalds/c/9b99edcae5c80c8fb9f8e7149bae528c9e610a72
	FunctionAddress bool
	// TaskPointer: bpf_get_current_task_btf, since 5.11.
	// https://git.kernel.org/torvalds/c/3ca1032ab7ab010eccb107aa515598788f7d93bb
	TaskPointer bool
	// RdonlyCast: the kfunc bpf_rdonly_cast, since 6.2.
	// https://git.kernel.org/torvalds/c/a35b9af4ec2c7f69286ef861fd2074a577e354cb
	RdonlyCast bool
	// RingBuffer: BPF_MAP_TYPE_RINGBUF, since 5.8.
	// https://git.kernel.org/torvalds/c/457f44363a8894135c85b7a9afd2bd8196db24ab
	RingBuffer bool
	// BootTime: bpf_ktime_get_boot_ns, since 5.8.
	// https://git.kernel.org/torvalds/c/71d19214776e61b33da48f7c1b46e522c7f78221
	BootTime bool
	// BoundedLoops: the verifier accepts loops that it can unroll, since 5.3.
	// https://git.kernel.org/torvalds/c/2589726d12a1b12eaaa93c7f1ea64287e383c7a5
	BoundedLoops bool
	// Loop: the helper bpf_loop, since 5.17.
	// https://git.kernel.org/torvalds/c/e6f2dd0f80674e9d5960337b3e9c2a242441b326
	Loop bool
	// Iterators: open-coded iterators (bpf_iter_num_new), since 6.4.
	// https://git.kernel.org/torvalds/c/6018e1f407cccf39b804d1f75ad4de7be4e6cc45
	Iterators bool
	// ForEachMapElement: bpf_for_each_map_elem, since 5.13.
	// https://git.kernel.org/torvalds/c/69c087ba6225b574afb6e505b72cb75242a3d844
	ForEachMapElement bool
	// TaskStorage: task local storage in tracing programs, since 5.11.
	// https://git.kernel.org/torvalds/c/4cf1bc1f10452065a29d576fc5693fc4fab5b919
	TaskStorage bool
	// Timers, KernelFunctions and the like are absent until something compiles to them.

	// MemoryCgroup: map memory is charged to the memory cgroup and not to RLIMIT_MEMLOCK, since 5.11.
	// https://git.kernel.org/torvalds/c/97306be45fbe7a02461c3c2a57e666cf662b1aaf
	MemoryCgroup bool
	// FineCapabilities: CAP_BPF and CAP_PERFMON in place of CAP_SYS_ADMIN, since 5.8.
	// https://git.kernel.org/torvalds/c/2c78ee898d8f10ae6fb2fa23a3fbaec96b1b7366
	FineCapabilities bool
	// LongJump: the instruction gotol, since 6.6.
	// https://git.kernel.org/torvalds/c/4cd58e9af8b9d9fff6b7145e742abbfcda0af4af
	LongJump bool
}

// ByVersion returns the features that every kernel of the version has, whatever its configuration,
// provided that BPF itself is there.
func ByVersion(v Version) Features {
	return Features{
		StructArguments:   v.AtLeast(6, 0),
		RawTracepoint:     v.AtLeast(4, 17),
		PerfLink:          v.AtLeast(5, 15),
		AttachCookie:      v.AtLeast(5, 15),
		TracingCookie:     v.AtLeast(5, 19),
		FunctionAddress:   v.AtLeast(5, 15),
		RingBuffer:        v.AtLeast(5, 8),
		BootTime:          v.AtLeast(5, 8),
		BoundedLoops:      v.AtLeast(5, 3),
		Loop:              v.AtLeast(5, 17),
		ForEachMapElement: v.AtLeast(5, 13),
		TaskStorage:       v.AtLeast(5, 11),
		MemoryCgroup:      v.AtLeast(5, 11),
		FineCapabilities:  v.AtLeast(5, 8),
		LongJump:          v.AtLeast(6, 6),
	}
}

// WithTypes adds the features that need the kernel's description of its types besides the version.
func (f Features) WithTypes(v Version) Features {
	f.TypedTracepoint = v.AtLeast(5, 5)
	f.TaskPointer = v.AtLeast(5, 11)
	f.RdonlyCast = v.AtLeast(6, 2)
	f.Iterators = v.AtLeast(6, 4)
	return f
}

// Add switches features on by name.
func (f *Features) Add(names ...string) error {
	fields := reflect.ValueOf(f).Elem()
	for _, name := range names {
		field := fields.FieldByName(name)
		if !field.IsValid() {
			return fmt.Errorf("no feature %q", name)
		}
		field.SetBool(true)
	}
	return nil
}

// String lists the features that are there, for --verbose and bug reports.
func (f Features) String() string {
	var names []string
	for field, value := range reflect.ValueOf(f).Fields() {
		if value.Bool() {
			names = append(names, field.Name)
		}
	}
	return strings.Join(names, " ")
}
