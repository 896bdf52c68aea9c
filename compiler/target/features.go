package target

import (
	"fmt"
	"reflect"
	"strings"
)

// Features are the abilities of a kernel that change what the compiler emits. A field is
// true when the ability is there; the first version of Linux with it is named, but a
// version alone proves nothing: kernels are configured without, and distributions port
// back. Of a single helper, Target.Helper knows more.
type Features struct {
	// Kprobe: probes on kernel functions by breakpoint or ftrace (CONFIG_KPROBES and
	// CONFIG_KPROBE_EVENTS).
	Kprobe bool
	// KprobeMulti: one link for many functions, since 5.18 (CONFIG_FPROBE).
	// https://elixir.bootlin.com/linux/v5.18/source/kernel/trace/fprobe.c
	KprobeMulti bool
	// ReturnStack: kprobe_multi keeps the calls that have not returned on a stack of each
	// thread, so that none is too many, since 6.14; a kretprobe has room for two a CPU or
	// ten, and leaves out those beyond.
	// https://elixir.bootlin.com/linux/v6.14/source/kernel/trace/fprobe.c (fprobe_return)
	ReturnStack bool
	// UnlockedReturns: the kernel holds no lock while the program of a kretprobe runs, since
	// 5.11. Before, two CPUs wait for each other for ever where one holds that lock and its
	// program waits for a lock of a map, and the other holds the map's and calls a function
	// with a kretprobe.
	// https://elixir.bootlin.com/linux/v5.10/source/kernel/kprobes.c
	// (__kretprobe_trampoline_handler)
	UnlockedReturns bool
	// Fentry: tracing programs at function entry and exit, since 5.5
	// (CONFIG_DEBUG_INFO_BTF and CONFIG_DYNAMIC_FTRACE).
	// https://elixir.bootlin.com/linux/v5.5/source/kernel/bpf/trampoline.c
	Fentry bool
	// TracingGuard: the kernel runs no tracing program inside of itself, since 5.12.
	// https://elixir.bootlin.com/linux/v5.12/source/kernel/bpf/trampoline.c
	// (__bpf_prog_enter)
	TracingGuard bool
	// Preemptible: what the kernel runs with preemption on may be preempted, wherever it is:
	// PREEMPT, PREEMPT_RT, PREEMPT_DYNAMIC in the modes full and lazy, and all since 7.0.
	Preemptible bool
	// PreemptGuard: the kfuncs bpf_preempt_disable and bpf_preempt_enable, since 6.10.
	// https://elixir.bootlin.com/linux/v6.10/source/kernel/bpf/helpers.c
	// (bpf_preempt_disable)
	PreemptGuard bool
	// UnpreemptedParts: with preemption off, a program may call its global functions, since
	// 6.15. https://elixir.bootlin.com/linux/v6.15/source/kernel/bpf/verifier.c
	// (check_func_call)
	UnpreemptedParts bool
	// PrivateStack: a program whose frame has 49 bytes or more has it in memory of the CPU,
	// not on the stack of the task that runs it, since 6.13. A tracing program that comes to
	// the same CPU meanwhile is left out; one of a uprobe writes over the frame.
	// https://elixir.bootlin.com/linux/v6.13/source/kernel/bpf/verifier.c
	// (bpf_enable_priv_stack, BPF_PRIV_STACK_MIN_SIZE)
	PrivateStack bool
	// PreemptedTracing: a tracing program may be preempted, and then the events of other
	// threads on that CPU are left out.
	PreemptedTracing bool
	// RawTracepointGuard: the same of raw tracepoint programs, since 6.2; before, some
	// stable kernels have it.
	// https://elixir.bootlin.com/linux/v6.2/source/kernel/trace/bpf_trace.c
	// (__bpf_trace_run)
	RawTracepointGuard bool
	// StructArguments: tracing programs on functions that take small structs by value,
	// since 6.1. https://elixir.bootlin.com/linux/v6.1/source/kernel/bpf/btf.c
	// (btf_distill_func_proto)
	StructArguments bool
	// RawTracepoint: programs at tracepoints without perf's record, since 4.17.
	// https://elixir.bootlin.com/linux/v4.17/source/kernel/bpf/syscall.c
	// (bpf_raw_tracepoint_open)
	RawTracepoint bool
	// PreemptedTracepoint: a program at a raw tracepoint may be preempted, and then the
	// events of other threads on that CPU are left out until it goes on, since 7.0. Perf
	// tracepoints disable preemption.
	PreemptedTracepoint bool
	// TypedTracepoint: raw tracepoints whose arguments the verifier knows by type, since
	// 5.5. https://elixir.bootlin.com/linux/v5.5/source/kernel/bpf/verifier.c
	// (check_attach_btf_id)
	TypedTracepoint bool
	// Tracefs: tracepoint formats can be read.
	Tracefs bool
	// PerfLink: perf events are attached through a link, since 5.15.
	// https://elixir.bootlin.com/linux/v5.15/source/kernel/bpf/syscall.c
	// (bpf_perf_link_attach)
	PerfLink bool
	// AttachCookie: bpf_get_attach_cookie, since 5.15.
	// https://elixir.bootlin.com/linux/v5.15/source/kernel/trace/bpf_trace.c
	// (bpf_get_attach_cookie_proto_trace)
	AttachCookie bool
	// TracingCookie: bpf_get_attach_cookie in fentry, fexit and tp_btf programs, since
	// 5.19. https://elixir.bootlin.com/linux/v5.19/source/kernel/trace/bpf_trace.c
	// (bpf_get_attach_cookie_proto_tracing)
	TracingCookie bool
	// FunctionAddress: bpf_get_func_ip in kprobe and tracing programs, since 5.15.
	// https://elixir.bootlin.com/linux/v5.15/source/kernel/trace/bpf_trace.c
	// (bpf_get_func_ip_proto_kprobe)
	FunctionAddress bool
	// TaskPointer: bpf_get_current_task_btf, since 5.11.
	// https://elixir.bootlin.com/linux/v5.11/source/kernel/trace/bpf_trace.c
	// (bpf_get_current_task_btf)
	TaskPointer bool
	// RdonlyCast: the kfunc bpf_rdonly_cast, since 6.2.
	// https://elixir.bootlin.com/linux/v6.2/source/kernel/bpf/helpers.c (bpf_rdonly_cast)
	RdonlyCast bool
	// Uprobe: probes on places in programs (CONFIG_UPROBE_EVENTS).
	Uprobe bool
	// UprobeMulti: one link for many places in a program, since 6.6.
	// https://elixir.bootlin.com/linux/v6.6/source/kernel/trace/bpf_trace.c
	// (bpf_uprobe_multi_link_attach)
	UprobeMulti bool
	// UprobeMultiPid: such a link for one process sees all of its threads, since 6.10;
	// before, only the one whose number is that of the process.
	// https://git.kernel.org/linus/46ba0e49b642
	UprobeMultiPid bool
	// SleepableUprobe: programs at places of programs may wait for memory that is not
	// there, since 6.0, through uprobe_multi from its beginning.
	// https://elixir.bootlin.com/linux/v6.0/source/kernel/trace/trace_uprobe.c
	// (__uprobe_perf_func)
	SleepableUprobe bool
	// OpenedWalk: a walk of a process's stack from a uprobe on push %rbp, where a function
	// makes its frame, has the caller in, since 6.11 on x86_64. Some stable kernels before
	// have it; [Target.OpenedWalk] tells.
	// https://elixir.bootlin.com/linux/v6.11/source/arch/x86/events/core.c
	// (is_uprobe_at_func_entry)
	OpenedWalk bool
	// RingBuffer: BPF_MAP_TYPE_RINGBUF, since 5.8.
	// https://elixir.bootlin.com/linux/v5.8/source/kernel/bpf/ringbuf.c
	RingBuffer bool
	// BootTime: bpf_ktime_get_boot_ns, since 5.8.
	// https://elixir.bootlin.com/linux/v5.8/source/kernel/bpf/helpers.c
	// (bpf_ktime_get_boot_ns)
	BootTime bool
	// BoundedLoops: the verifier accepts loops that it can unroll, since 5.3.
	// https://elixir.bootlin.com/linux/v5.3/source/kernel/bpf/verifier.c
	// (states_maybe_looping)
	BoundedLoops bool
	// FetchingAtomics: atomic instructions that return what was there before (xchg,
	// cmpxchg, fetch and add), and atomic and, or, xor, since 5.12 on x86_64 and 5.18 on
	// arm64. https://elixir.bootlin.com/linux/v5.12/source/include/uapi/linux/bpf.h
	// (BPF_FETCH),
	// https://elixir.bootlin.com/linux/v5.18/source/arch/arm64/net/bpf_jit_comp.c
	// (emit_lse_atomic)
	FetchingAtomics bool
	// Loop: the helper bpf_loop, since 5.17.
	// https://elixir.bootlin.com/linux/v5.17/source/kernel/bpf/bpf_iter.c (bpf_loop)
	Loop bool
	// Iterators: open-coded iterators (bpf_iter_num_new), since 6.4.
	// https://elixir.bootlin.com/linux/v6.4/source/kernel/bpf/bpf_iter.c
	// (bpf_iter_num_new)
	Iterators bool
	// ForEachMapElement: bpf_for_each_map_elem, since 5.13.
	// https://elixir.bootlin.com/linux/v5.13/source/kernel/bpf/bpf_iter.c
	// (bpf_for_each_map_elem)
	ForEachMapElement bool
	// TaskStorage: task local storage in tracing programs, since 5.11.
	// https://elixir.bootlin.com/linux/v5.11/source/kernel/bpf/bpf_task_storage.c
	TaskStorage bool
	// MemoryCgroup: map memory is charged to the memory cgroup and not to RLIMIT_MEMLOCK,
	// since 5.11. https://elixir.bootlin.com/linux/v5.11/source/kernel/bpf/syscall.c
	// (bpf_map_save_memcg)
	MemoryCgroup bool
	// FineCapabilities: CAP_BPF and CAP_PERFMON in place of CAP_SYS_ADMIN, since 5.8.
	// https://elixir.bootlin.com/linux/v5.8/source/include/uapi/linux/capability.h
	FineCapabilities bool
	// IteratorPaths: bpf_d_path in programs of iterators, since 5.12.
	// https://elixir.bootlin.com/linux/v5.12/source/kernel/trace/bpf_trace.c
	// (bpf_d_path_allowed)
	IteratorPaths bool
	// IteratorProcess: iterators that go through what one process has, since 6.1.
	// https://elixir.bootlin.com/linux/v6.1/source/kernel/bpf/task_iter.c
	// (bpf_iter_attach_task)
	IteratorProcess bool
	// LongJump: the instruction gotol, since 6.6.
	// https://elixir.bootlin.com/linux/v6.6/source/kernel/bpf/core.c (JMP32_JA)
	LongJump bool
	// Nop5Call: a probe on a nop of 5 bytes becomes a call, which takes half the time of a
	// breakpoint, since 6.18 on x86_64; the call puts two words where a function without a
	// frame may have variables. 7.3 no longer does.
	// https://elixir.bootlin.com/linux/v6.18/source/arch/x86/kernel/uprobes.c
	// (arch_uprobe_optimize)
	Nop5Call bool
	// Nop10Call: so does one on a nop of 10 bytes, which then leaves room for those
	// variables; before, the kernel takes no probe there, and attaching does not tell.
	Nop10Call bool
}

// ByVersion returns the features that every kernel of the version has on an architecture,
// whatever its configuration, provided that BPF itself is there.
func ByVersion(arch string, v Version) Features {
	return Features{
		FetchingAtomics:     v.AtLeast(5, 12) && arch != "arm64" || v.AtLeast(5, 18),
		StructArguments:     v.AtLeast(6, 1),
		TracingGuard:        v.AtLeast(5, 12),
		RawTracepointGuard:  v.AtLeast(6, 2),
		ReturnStack:         v.AtLeast(6, 14),
		UnlockedReturns:     v.AtLeast(5, 11),
		RawTracepoint:       v.AtLeast(4, 17),
		PreemptedTracepoint: v.AtLeast(7, 0),
		Preemptible:         v.AtLeast(7, 0),
		UnpreemptedParts:    v.AtLeast(6, 15),
		PrivateStack:        v.AtLeast(6, 13),
		PerfLink:            v.AtLeast(5, 15),
		AttachCookie:        v.AtLeast(5, 15),
		TracingCookie:       v.AtLeast(5, 19),
		FunctionAddress:     v.AtLeast(5, 15),
		UprobeMultiPid:      v.AtLeast(6, 10),
		SleepableUprobe:     v.AtLeast(6, 0),
		OpenedWalk:          arch == "x86_64" && v.AtLeast(6, 11),
		RingBuffer:          v.AtLeast(5, 8),
		BootTime:            v.AtLeast(5, 8),
		BoundedLoops:        v.AtLeast(5, 3),
		Loop:                v.AtLeast(5, 17),
		ForEachMapElement:   v.AtLeast(5, 13),
		TaskStorage:         v.AtLeast(5, 11),
		MemoryCgroup:        v.AtLeast(5, 11),
		FineCapabilities:    v.AtLeast(5, 8),
		IteratorPaths:       v.AtLeast(5, 12),
		IteratorProcess:     v.AtLeast(6, 1),
		LongJump:            v.AtLeast(6, 6),
		Nop5Call:            arch == "x86_64" && v.AtLeast(6, 18) && !v.AtLeast(7, 3),
		Nop10Call:           arch == "x86_64" && v.AtLeast(7, 3),
	}
}

// OpenedWalk reports whether the kernel has the feature of that name. Before 6.11 its types
// tell, which are opened only when a script needs to know: a kernel that has it notes in
// uprobe_task which place fired.
func (t *Target) OpenedWalk() bool {
	t = t.kernel()
	return t.Features.OpenedWalk || t.Arch == "x86_64" && t.openedWalk.get(func() bool {
		task, known := t.Struct("struct", "uprobe_task")
		if !known {
			return false
		}
		_, notes := t.Member(task, "auprobe")
		return notes
	})
}

// Typed reports whether the kernel describes its types (BTF).
func (t *Target) Typed() bool { return t.Features.TypedTracepoint }

// WithTypes adds the features that need the kernel's description of its types besides the
// version.
func (f Features) WithTypes(v Version) Features {
	f.TypedTracepoint = v.AtLeast(5, 5)
	f.TaskPointer = v.AtLeast(5, 11)
	f.RdonlyCast = v.AtLeast(6, 2)
	f.Iterators = v.AtLeast(6, 4)
	f.PreemptGuard = v.AtLeast(6, 10)
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
