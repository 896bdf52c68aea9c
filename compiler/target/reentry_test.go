package target_test

import (
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target"
)

func TestReentered(t *testing.T) {
	for name, want := range map[string]bool{
		// What programs run through.
		"bpf_map_update_elem": true, "____bpf_ringbuf_reserve": true, "htab_map_update_elem": true, "array_map_lookup_elem": true,
		"copy_from_kernel_nofault": true, "_raw_spin_lock_irqsave": true, "_raw_spin_unlock_irqrestore": true,
		"native_queued_spin_lock_slowpath": true, "migrate_disable": true, "__rcu_read_lock": true, "__call_rcu_common": true,
		"kmalloc_node_trace": true, "irq_work_queue": true, "memcpy": true, "exc_page_fault": true, "ktime_get_mono_fast_ns": true,
		"get_perf_callchain": true, "perf_trace_sched_switch": true, "default_do_nmi": true, "__pcpu_freelist_push": true,
		// What people trace.
		"vfs_read": false, "blk_mq_start_request": false, "tcp_sendmsg": false, "finish_task_switch": false, "do_sys_openat2": false,
		"try_to_wake_up": false, "ksys_read": false, "__x64_sys_getppid": false, "ext4_file_write_iter": false, "do_nanosleep": false,
		"tcp_v4_connect": false, "security_file_open": false, "do_exit": false, "wake_up_new_task": false, "submit_bio": false,
	} {
		if why, got := target.Reentered(name); got != want || got != (why != "") {
			t.Errorf("%s: %v %q, want %v", name, got, why, want)
		}
	}
}

func TestReenteredEvent(t *testing.T) {
	for _, want := range []struct {
		category, name string
		yes            bool
	}{
		{"lock", "contention_begin", true}, {"kmem", "kmalloc", true}, {"exceptions", "page_fault_kernel", true}, {"nmi", "nmi_handler", true},
		{"irq_vectors", "local_timer_entry", false}, {"sched", "sched_switch", false}, {"raw_syscalls", "sys_enter", false}, {"block", "block_rq_issue", false},
	} {
		if got := target.ReenteredEvent(want.category, want.name); got != want.yes {
			t.Errorf("%s:%s: %v", want.category, want.name, got)
		}
	}
}
