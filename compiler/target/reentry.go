package target

import (
	"path"
	"slices"
	"strings"
	"sync"
)

// A tracing program (fentry, fexit) or raw tracepoint that fires while another program,
// or the bpf system call, holds the lock of a map can wait for that lock on the CPU that
// holds it: for ever. The kernel keeps kprobes and perf events from running there by a
// counter for each CPU, bpf_prog_active; it keeps a tracing program only from running
// inside of itself. docs/safety.md has the whole reasoning.
//
// https://elixir.bootlin.com/linux/v6.12/source/kernel/trace/bpf_trace.c (trace_call_bpf,
// kprobe_multi_link_prog_run),
// https://elixir.bootlin.com/linux/v6.12/source/include/linux/bpf.h
// (bpf_disable_instrumentation),
// https://elixir.bootlin.com/linux/v6.12/source/kernel/bpf/trampoline.c
// (__bpf_prog_enter_recur)

// reentry is a group of functions that programs run through.
type reentry struct {
	why      string
	patterns []string // of package path
}

// reentries are the functions that a program may run through, directly or in what it
// interrupts, found in the sources named. What the table lacks, the guard of a run holds
// (compiler/internal/guard).
var reentries = []reentry{
	// https://elixir.bootlin.com/linux/v6.12/source/kernel/bpf/helpers.c, hashtab.c,
	// arraymap.c, bpf_lru_list.c, percpu_freelist.c, ringbuf.c, stackmap.c
	{"it is part of BPF's own helpers and maps", []string{
		"bpf_*", "__bpf_*", "___bpf_*", "____bpf_*", "*_map_lookup_elem*", "*_map_update_elem*", "*_map_delete_elem*",
		"*_map_lookup_percpu_elem", "*_map_lookup_and_delete_elem", "array_map_*", "htab_*", "__htab_*", "ringbuf_map_*",
		"stack_map_*", "*pcpu_freelist*", "__local_list_*", "alloc_htab_elem", "free_htab_elem", "lookup_*elem_raw",
		"prealloc_lru_pop", "pcpu_init_value", "pcpu_copy_value", "copy_map_value*", "check_and_*_map_value",
		"check_and_free_fields", "task_storage_*", "stack_trace_map*", "___bpf_prog_run*", "trace_call_bpf",
	}},
	// https://elixir.bootlin.com/linux/v6.12/source/kernel/locking/spinlock.c,
	// qspinlock.c
	{"maps hold locks in it", []string{
		"_raw_*", "__raw_*", "*queued_spin_*", "*queued_read_*", "*queued_write_*", "pv_*", "__pv_*", "do_raw_*",
		"rt_spin_*", "rt_read_*", "rt_write_*", "lock_acquire*", "lock_release*", "lock_is_held*", "lockdep_*", "*rqspinlock*",
		"resilient_*", "__lock_text_*", "in_lock_functions", "trace_contention_*", "__traceiter_contention_*",
	}},
	// https://elixir.bootlin.com/linux/v6.12/source/kernel/rcu/tree.c,
	// kernel/sched/core.c (migrate_disable)
	{"every program enters and leaves through it", []string{
		"migrate_*", "__migrate_*", "preempt_*", "__preempt_*", "*rcu_*", "*_rcu", "*srcu*", "kfree_rcu*",
		"*debug_smp_processor_id", "check_preemption_disabled", "__this_cpu_preempt_check", "*local_bh_*",
		"trace_hardirqs_*", "trace_preempt_*", "tracer_hardirqs_*", "tracer_preempt_*",
	}},
	// https://elixir.bootlin.com/linux/v6.12/source/kernel/bpf/memalloc.c, mm/slub.c,
	// mm/page_alloc.c, mm/percpu.c
	{"maps take memory through it", []string{
		"kmalloc*", "__kmalloc*", "__do_kmalloc*", "kfree*", "__kfree*", "ksize", "__ksize", "kmem_cache_*", "__kmem_cache_*",
		"slab_*", "__slab_*", "___slab_*", "do_slab_free", "new_slab", "allocate_slab", "discard_slab", "__unfreeze_partials",
		"*get_partial*", "*put_cpu_partial", "deactivate_slab", "setup_object*", "shuffle_freelist", "flush_slab",
		"memcg_slab_*", "__memcg_*", "memcg_*charge*", "*obj_cgroup_*", "obj_stock*", "drain_obj_stock", "refill_obj_stock",
		"get_mem_cgroup_*", "mod_objcg_*", "*mod_lruvec*", "*mod_memcg_*", "alloc_pages*", "__alloc_pages*",
		"__alloc_frozen_pages*", "get_page_from_freelist", "rmqueue*", "__rmqueue*", "__free_pages*", "free_unref_*",
		"free_frozen_*", "free_pcp*", "pcpu_*", "__alloc_percpu*", "free_percpu", "kasan_*", "__kasan_*", "kfence_*",
		"__kfence_*", "kmsan_*", "should_failslab", "__should_failslab", "should_fail_alloc_page", "mem_cgroup_from_*",
		"try_charge*", "alloc_slab_page", "prep_new_page", "post_alloc_hook", "clear_page*", "kvmalloc*", "kvfree*",
	}},
	// https://elixir.bootlin.com/linux/v6.12/source/mm/maccess.c,
	// lib/strncpy_from_user.c, arch/x86/mm/fault.c
	{"programs read memory through it", []string{
		"*_nofault", "*_nofault_*", "*strncpy_from_*", "strnlen_user*", "copy_user_*", "__copy_user_*", "*copy_from_user*",
		"*copy_to_user*", "raw_copy_*", "rep_movs_*", "__get_user_*", "__put_user_*", "*check_object_size*", "__check_heap_*",
		"__virt_addr_valid", "find_vmap_area*", "__find_vmap_area*", "fixup_exception", "ex_handler_*", "ex_get_fixup_type",
		"*search_*extable*", "search_exception_tables", "search_module_*", "search_bpf_*", "*page_fault*",
		"do_user_addr_fault", "do_kern_addr_fault", "*bad_area*", "kernelmode_fixup_or_oops", "spurious_kernel_fault*",
		"fault_in_kernel_space", "page_fault_oops", "no_context", "nmi_uaccess_okay", "__access_ok",
		"copy_from_kernel_*", "do_mem_abort", "do_translation_fault", "do_bad_area", "__do_kernel_fault",
	}},
	// https://elixir.bootlin.com/linux/v6.12/source/arch/x86/lib/memcpy_64.S,
	// lib/string.c
	{"programs copy and compare through it", []string{
		"mem[cms]*", "__mem[cms]*", "str*", "__str*", "jhash*", "sort", "bsearch", "bstr_printf", "vsnprintf", "snprintf",
		"number", "format_decode", "get_random_u32", "prandom_u32*", "from_kuid*", "from_kgid*", "map_id_*", "*task_pid_nr_ns",
		"task_active_pid_ns", "ns_match", "__get_task_comm", "cgroup_id*", "sized_strscpy",
	}},
	// https://elixir.bootlin.com/linux/v6.12/source/kernel/time/timekeeping.c,
	// kernel/sched/clock.c
	{"programs take the time through it", []string{
		"ktime_*", "__ktime_*", "sched_clock*", "local_clock*", "read_tsc", "kvm_clock_*", "pvclock_*", "*_sched_clock*",
		"read_hv_*", "hv_*clock*", "*get_jiffies_64", "arch_counter_*", "kvm_sched_clock_read", "__cpuid_*",
	}},
	// https://elixir.bootlin.com/linux/v6.12/source/kernel/events/callchain.c,
	// arch/x86/kernel/unwind_orc.c
	{"programs walk stacks through it", []string{
		"get_perf_callchain", "perf_callchain_*", "*callchain_*", "*unwind_*", "orc_*", "__orc_*", "*stack_walk*",
		"stack_trace_*", "get_stack_info*", "in_task_stack", "in_entry_stack", "in_irq_stack", "in_exception_stack*",
		"*kernel_text_address", "*module_text_address", "is_bpf_*", "init_kernel_text", "core_kernel_text", "stack_type_name",
		"user_access_*", "valid_user_frame", "profile_pc", "dump_backtrace", "*module_address",
	}},
	// https://elixir.bootlin.com/linux/v6.12/source/kernel/irq_work.c
	{"the ring buffer and maps defer work through it", []string{
		"*irq_work*", "__send_ipi*", "*send_IPI_*", "*_send_IPI", "native_apic_*", "x2apic_*", "native_x2apic_*", "apic_*",
		"default_send_*", "native_write_msr*", "do_trace_write_msr",
	}},
	// https://elixir.bootlin.com/linux/v6.12/source/kernel/trace/ftrace.c,
	// kernel/kprobes.c, kernel/events/core.c
	{"probes fire through it", []string{
		"*ftrace_*", "fprobe_*", "__fprobe_*", "*kprobe*", "*kretprobe*", "*rethook*", "perf_trace_*", "perf_tp_*",
		"perf_swevent_*", "__perf_sw*", "perf_syscall_*", "perf_call_bpf_*", "perf_event_*", "__perf_event_*", "perf_output_*",
		"perf_*sample*", "perf_prepare_*", "perf_ftrace_*", "perf_uprobe_*", "__traceiter_*", "__static_call_*",
		"text_poke*", "*poke_int3*", "function_trace_*", "graph_*", "trace_graph_*", "__mcount*", "opt_pre_handler",
		"optimized_callback", "trace_event_*", "ring_buffer_*", "rb_*", "__rb_*", "perf_aux_*", "perf_log_*",
		"*unused_callback*", "__bpf_trace_*",
	}},
	// https://elixir.bootlin.com/linux/v6.12/source/arch/x86/entry/common.c,
	// kernel/entry/common.c
	{"it is part of the kernel's entry code", []string{
		"exc_*", "__exc_*", "asm_*", "entry_*", "irqentry_*", "error_entry", "error_return", "paranoid_*", "enter_from_user_mode",
		"syscall_enter_from_user_mode_prepare", "sysvec_*", "__sysvec_*", "el[01]*", "fixup_bad_iret", "sync_regs",
		"arch_cpu_idle*", "default_idle*", "ct_*", "__ct_*", "context_tracking_*", "__context_tracking_*",
	}},
	// https://elixir.bootlin.com/linux/v6.12/source/arch/x86/kernel/nmi.c
	{"it runs in NMIs, which interrupt those who hold the locks of maps", []string{
		"*nmi*", "x86_pmu_*", "intel_pmu_*", "amd_pmu_*", "*_pmu_handle_irq", "armv8pmu_*", "do_machine_check", "*mce_*",
		"machine_check_*", "ghes_*", "sdei_*", "watchdog_overflow_callback", "watchdog_hardlockup_*",
	}},
}

// reentryIndex finds the patterns that may match a name by two bytes of it: those that a
// pattern begins with, or between its stars. A list has a hundred thousand names, and the
// table 300 patterns.
type reentryIndex struct {
	begins map[[2]byte][]int // patterns without a star before
	within map[[2]byte][]int // `*text*` and `*text`, by the first bytes of the text
	rest   []int             // what has less than two bytes that stand for themselves
	all    []reentryPattern  // in the order of the table
}

var byTwoBytes = sync.OnceValue(func() *reentryIndex {
	index := &reentryIndex{begins: map[[2]byte][]int{}, within: map[[2]byte][]int{}}
	for _, group := range reentries {
		for _, text := range group.patterns {
			index.add(newReentryPattern(text, group.why))
		}
	}
	return index
})

func (x *reentryIndex) add(p reentryPattern) {
	n := len(x.all)
	x.all = append(x.all, p)
	fixed := strings.TrimPrefix(p.text, "*")
	switch pair := [2]byte([]byte(fixed + "  ")); {
	case prefixLength(fixed) < 2:
		x.rest = append(x.rest, n)
	case fixed == p.text:
		x.begins[pair] = append(x.begins[pair], n)
	default:
		x.within[pair] = append(x.within[pair], n)
	}
}

// first is the first pattern of the table that matches.
func (x *reentryIndex) first(name string) (why string, yes bool) {
	best := len(x.all)
	try := func(candidates []int) {
		for _, n := range candidates {
			if n < best && x.all[n].matches(name) {
				best = n
			}
		}
	}
	try(x.rest)
	for i := range len(name) - 1 {
		pair := [2]byte{name[i], name[i+1]}
		if i == 0 {
			try(x.begins[pair])
		}
		try(x.within[pair])
	}
	if best == len(x.all) {
		return "", false
	}
	return x.all[best].why, true
}

// reentryPattern is a pattern of package path, taken apart.
type reentryPattern struct {
	text, why     string
	middle        string // without the stars at its ends
	before, after bool   // there is a star at the beginning, at the end
	inner         bool   // there is more than text between them
}

func newReentryPattern(text, why string) reentryPattern {
	middle := strings.Trim(text, "*")
	return reentryPattern{
		text: text, why: why, middle: middle,
		before: text[0] == '*', after: text[len(text)-1] == '*', inner: strings.ContainsAny(middle, "*?["),
	}
}

// matches is path.Match, without its search where stars stand at the ends only.
func (p *reentryPattern) matches(name string) bool {
	switch {
	case p.inner:
		matched, _ := path.Match(p.text, name)
		return matched
	case p.before && p.after:
		return strings.Contains(name, p.middle)
	case p.before:
		return strings.HasSuffix(name, p.middle)
	case p.after:
		return strings.HasPrefix(name, p.middle)
	}
	return name == p.middle
}

// Reentered reports that programs may run through the function, so that only a kprobe is
// safe there, and why.
func Reentered(function string) (why string, yes bool) { return byTwoBytes().first(function) }

// reenteredEvents are the tracepoints that fire inside of helpers and locks, or in NMIs:
// all of a category, or one.
var reenteredEvents = []string{
	"lock:*", "kmem:*", "percpu:*", "exceptions:*", "rcu:*", "preemptirq:*", "bpf_trace:*", "bpf_test_run:*", "ipi:*", "nmi:*",
	"msr:*", "mce:*", "ras:*", "tlb:*", "printk:*", "error_report:*", "context_tracking:*", "perf:*",
}

// ReenteredEvent is Reentered for a tracepoint.
func ReenteredEvent(category, name string) bool {
	return slices.ContainsFunc(reenteredEvents, func(text string) bool {
		pattern := newReentryPattern(text, "")
		return pattern.matches(category + ":" + name)
	})
}
