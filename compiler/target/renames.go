package target

import (
	"slices"
	"strings"
)

// Rename is a function that left the kernel, with the one that does its work now.
type Rename struct {
	Old, New string
	// Since is the first version without Old, or "" when a compiler's choice and not a
	// version decides.
	Since string
	// Arguments maps the arguments of Old to those of New that mean the same. What is
	// missing has no counterpart.
	Arguments map[int]int
	// Return tells that the returned value means the same.
	Return bool
	Source string
}

// first means: the leading n arguments are the same.
func first(n int) map[int]int {
	arguments := map[int]int{}
	for i := range n {
		arguments[i] = i
	}
	return arguments
}

const (
	elixir = "https://elixir.bootlin.com/linux/"
	commit = "https://git.kernel.org/torvalds/c/"
)

// renames is ordered: of several successors of a function the first that the kernel has
// is taken. A successor must see every call that the old function saw, and no others but
// those that users would count too.
//
// Rejected: blk_account_io_start -> blk_mq_start_request, which fires when a request is
// issued and not when it is queued; see tracepointFor. do_nanosleep -> hrtimer_nanosleep,
// because both are still there.
var renames = []Rename{
	{"blk_start_request", "blk_mq_start_request", "5.0", first(1), true, elixir + "v4.20/source/block/blk-core.c"},
	{"blk_complete_request", "blk_mq_complete_request", "5.0", first(1), false, elixir + "v4.20/source/block/blk-softirq.c"},
	{"__blk_complete_request", "blk_mq_complete_request", "5.9", first(1), false, elixir + "v5.7/source/block/blk-softirq.c"},
	{"blk_account_io_completion", "blk_update_request", "5.8", map[int]int{0: 0, 1: 2}, false, elixir + "v5.8/source/block/blk-core.c"},
	{"blk_account_io_start", "__blk_account_io_start", "5.16", first(1), true, elixir + "v5.16/source/block/blk.h"},
	{"blk_account_io_done", "__blk_account_io_done", "5.16", first(2), true, elixir + "v5.16/source/block/blk.h"},
	{"blk_queue_bio", "blk_mq_make_request", "5.0", first(2), true, elixir + "v4.20/source/block/blk-core.c"},
	{"blk_queue_bio", "blk_mq_submit_bio", "5.0", map[int]int{1: 0}, false, elixir + "v4.20/source/block/blk-core.c"},
	{"blk_mq_sched_insert_request", "blk_mq_insert_request", "6.4", first(1), false, elixir + "v6.4/source/block/blk-mq.c"},
	{"blk_mq_make_request", "blk_mq_submit_bio", "5.9", map[int]int{1: 0}, false, elixir + "v5.8/source/block/blk-mq.c"},
	{"generic_make_request", "submit_bio_noacct", "5.9", first(1), false, elixir + "v5.8/source/block/blk-core.c"},

	{"do_sys_open", "do_sys_openat2", "5.6", first(2), true, elixir + "v5.6/source/fs/open.c"},
	{"do_filp_open", "do_file_open", "later than 6.12", first(3), true, elixir + "v6.12/source/fs/namei.c"},
	{"do_unlinkat", "filename_unlinkat", "later than 6.12", first(2), true, elixir + "v6.12/source/fs/namei.c"},
	{"do_renameat2", "filename_renameat2", "later than 6.12", first(5), true, elixir + "v6.12/source/fs/namei.c"},
	{"do_mkdirat", "filename_mkdirat", "later than 6.12", first(3), true, elixir + "v6.12/source/fs/namei.c"},
	{"do_rmdir", "filename_rmdir", "later than 6.12", first(2), true, elixir + "v6.12/source/fs/namei.c"},
	{"do_linkat", "filename_linkat", "later than 6.12", first(5), true, elixir + "v6.12/source/fs/namei.c"},
	{"do_symlinkat", "filename_symlinkat", "later than 6.12", first(3), true, elixir + "v6.12/source/fs/namei.c"},
	{"user_path_at_empty", "user_path_at", "6.11", first(4), true, elixir + "v6.11/source/fs/namei.c"},
	{"__vfs_read", "vfs_read", "5.8", first(4), true, elixir + "v5.7/source/fs/read_write.c"},
	{"__vfs_write", "vfs_write", "5.8", first(4), true, elixir + "v5.7/source/fs/read_write.c"},
	{"generic_file_splice_read", "filemap_splice_read", "6.5", first(5), true, elixir + "v6.4/source/fs/splice.c"},

	{"_do_fork", "kernel_clone", "5.10", first(1), true, elixir + "v5.9/source/kernel/fork.c"},
	{"do_fork", "kernel_clone", "4.2", nil, true, elixir + "v4.1/source/kernel/fork.c"},
	{"ttwu_do_wakeup", "ttwu_do_activate", "6.3", first(3), false, elixir + "v6.2/source/kernel/sched/core.c"},

	{"scheduler_tick", "sched_tick", "6.10", nil, false, commit + "86dd6c04ef9f"},
	{"load_balance", "sched_balance_rq", "6.10", first(5), true, elixir + "v6.10/source/kernel/sched/fair.c"},
	{"tick_sched_timer", "tick_nohz_handler", "6.9", first(1), true, elixir + "v6.9/source/kernel/time/tick-sched.c"},
	{"send_signal", "send_signal_locked", "5.19", first(4), true, elixir + "v5.19/source/kernel/signal.c"},
	{"cgroup_exit", "cgroup_task_exit", "later than 6.12", first(1), false, elixir + "v6.12/source/kernel/cgroup/cgroup.c"},
	{"printk", "_printk", "5.15", first(1), true, elixir + "v5.15/source/kernel/printk/printk.c"},

	{"alloc_pages_current", "alloc_pages", "5.13", first(2), true, elixir + "v5.13/source/mm/mempolicy.c"},
	{"alloc_pages_current", "alloc_pages_noprof", "5.13", first(2), true, elixir + "v6.10/source/mm/mempolicy.c"},
	{"alloc_pages", "alloc_pages_noprof", "6.10", first(2), true, elixir + "v6.10/source/mm/mempolicy.c"},
	{"__kmalloc", "__kmalloc_noprof", "6.10", first(2), true, elixir + "v6.10/source/mm/slub.c"},
	{"kmem_cache_alloc_node", "kmem_cache_alloc_node_noprof", "6.10", first(3), true, elixir + "v6.10/source/mm/slub.c"},
	{"kmem_cache_alloc_trace", "kmalloc_trace", "6.1", first(3), true, elixir + "v6.1/source/mm/slab_common.c"},
	{"kmem_cache_alloc_trace", "__kmalloc_cache_noprof", "6.1", first(3), true, elixir + "v6.11/source/mm/slub.c"},
	{"kmalloc_trace", "__kmalloc_cache_noprof", "6.10", first(3), true, elixir + "v6.11/source/mm/slub.c"},
	{"krealloc", "krealloc_noprof", "6.10", first(3), true, elixir + "v6.10/source/mm/slab_common.c"},
	{"krealloc", "krealloc_node_align_noprof", "6.10", map[int]int{0: 0, 1: 1, 2: 3}, true, elixir + "v6.10/source/mm/slab_common.c"},
	{"vmalloc", "vmalloc_noprof", "6.10", first(1), true, elixir + "v6.10/source/mm/vmalloc.c"},
	{"__vmalloc_node_range", "__vmalloc_node_range_noprof", "6.10", first(5), true, elixir + "v6.10/source/mm/vmalloc.c"},
	{"lru_cache_add", "folio_add_lru", "later than 6.1", first(1), false, elixir + "v6.1/source/mm/folio-compat.c"},
	{"__add_to_page_cache_locked", "__filemap_add_folio", "5.16", map[int]int{0: 1, 1: 0, 2: 2, 3: 3, 4: 4}, true, elixir + "v5.16/source/mm/filemap.c"},
	{"delete_from_page_cache", "filemap_remove_folio", "later than 6.1", first(1), false, elixir + "v6.1/source/mm/folio-compat.c"},
	{"__set_page_dirty", "__folio_mark_dirty", "5.16", first(3), false, elixir + "v5.16/source/mm/page-writeback.c"},
	{"__set_page_dirty_buffers", "block_dirty_folio", "5.18", map[int]int{0: 1}, true, elixir + "v5.18/source/fs/buffer.c"},
	{"__set_page_dirty_nobuffers", "filemap_dirty_folio", "later than 6.1", map[int]int{0: 1}, true, elixir + "v6.1/source/mm/folio-compat.c"},
	{"test_clear_page_writeback", "__folio_end_writeback", "5.16", first(1), true, elixir + "v5.16/source/mm/page-writeback.c"},
	{"wait_on_page_bit", "folio_wait_bit", "5.16", first(2), false, elixir + "v5.16/source/mm/filemap.c"},
	{"__lock_page", "__folio_lock", "5.16", first(1), false, elixir + "v5.16/source/mm/filemap.c"},
	{"__page_cache_alloc", "filemap_alloc_folio", "5.16", first(1), true, elixir + "v5.16/source/mm/filemap.c"},
	{"__page_cache_alloc", "filemap_alloc_folio_noprof", "5.16", first(1), true, elixir + "v6.10/source/mm/filemap.c"},
	{"__put_page", "__folio_put", "6.0", first(1), false, elixir + "v6.0/source/mm/swap.c"},
	{"mem_cgroup_charge", "__mem_cgroup_charge", "5.15", first(3), true, elixir + "v5.15/source/mm/memcontrol.c"},
	{"swap_readpage", "swap_read_folio", "later than 6.1", nil, false, elixir + "v6.12/source/mm/page_io.c"},
	{"register_shrinker", "shrinker_register", "6.7", first(1), false, elixir + "v6.7/source/mm/shrinker.c"},
	{"__alloc_pages_nodemask", "__alloc_pages", "5.13", first(4), true, elixir + "v5.12/source/mm/page_alloc.c"},
	{"__alloc_pages_nodemask", "__alloc_pages_noprof", "5.13", first(4), true, elixir + "v5.12/source/mm/page_alloc.c"},
	{"__alloc_pages", "__alloc_pages_noprof", "6.10", first(4), true, commit + "b951aaff5035"},
	{"kmem_cache_alloc", "kmem_cache_alloc_noprof", "6.10", first(2), true, elixir + "v6.10/source/mm/slub.c"},
	{"__do_page_cache_readahead", "do_page_cache_ra", "5.10", map[int]int{3: 1, 4: 2}, false, commit + "8238287eadb2"},
	{"__do_page_cache_readahead", "page_cache_ra_unbounded", "5.10", map[int]int{3: 1, 4: 2}, false, commit + "8238287eadb2"},
	{"do_mmap_pgoff", "do_mmap", "5.9", first(5), true, elixir + "v5.8/source/mm/mmap.c"},
	{"__do_munmap", "do_vmi_munmap", "6.3", map[int]int{0: 1, 1: 2, 2: 3, 3: 4}, true, elixir + "v5.10/source/mm/mmap.c"},

	{"dev_queue_xmit", "__dev_queue_xmit", "5.19", first(1), true, commit + "c526fd8f9f4f"},
	{"kfree_skb", "kfree_skb_reason", "5.17", first(1), true, elixir + "v5.17/source/include/linux/skbuff.h"},
	{"kfree_skb", "sk_skb_reason_drop", "5.17", map[int]int{0: 1}, true, commit + "ba8de796baf4"},
	{"kfree_skb_reason", "sk_skb_reason_drop", "6.11", map[int]int{0: 1, 1: 2}, true, commit + "ba8de796baf4"},
	{"__napi_alloc_skb", "napi_alloc_skb", "6.10", first(2), true, elixir + "v6.10/source/net/core/skbuff.c"},
	{"napi_gro_receive", "gro_receive_skb", "later than 6.12", map[int]int{1: 1}, true, elixir + "v6.12/source/net/core/gro.c"},
	{"icmp_send", "__icmp_send", "5.1", first(4), false, elixir + "v5.1/source/include/net/icmp.h"},
	{"skb_copy_datagram_iovec", "skb_copy_datagram_iter", "3.19", map[int]int{0: 0, 1: 1, 3: 3}, true, elixir + "v3.19/source/net/core/datagram.c"},
	{"tcp_drop", "tcp_drop_reason", "5.18", first(2), true, elixir + "v5.17/source/net/ipv4/tcp_input.c"},
}

// tracepointFor names, for functions without a successor, the tracepoints that fire where
// they were called.
var tracepointFor = map[string][]string{
	"blk_account_io_start":      {"block:block_io_start", "block:block_bio_queue"},
	"__blk_account_io_start":    {"block:block_io_start", "block:block_bio_queue"},
	"blk_account_io_done":       {"block:block_io_done", "block:block_rq_complete"},
	"__blk_account_io_done":     {"block:block_io_done", "block:block_rq_complete"},
	"blk_account_io_completion": {"block:block_rq_complete"},
	"finish_task_switch":        {"sched:sched_switch"},
	"account_page_dirtied":      {"writeback:writeback_dirty_folio"},
	"tcp_drop":                  {"skb:kfree_skb"},
	"do_execve":                 {"sched:sched_process_exec"},
	"exec_binprm":               {"sched:sched_process_exec"},
	"search_binary_handler":     {"sched:sched_process_exec"},
	"__schedule":                {"sched:sched_switch"},
	"do_IRQ":                    {"irq:irq_handler_entry"},
	"common_interrupt":          {"irq:irq_handler_entry"},
	"do_page_fault":             {"exceptions:page_fault_user"},
	"__do_page_fault":           {"exceptions:page_fault_user"},
	"do_user_addr_fault":        {"exceptions:page_fault_user"},
	"exc_page_fault":            {"exceptions:page_fault_user"},
	"rmqueue":                   {"kmem:mm_page_alloc"},
	"blk_finish_request":        {"block:block_rq_complete"},
	"blk_peek_request":          {"block:block_rq_issue"},
	"elv_add_request":           {"block:block_rq_insert"},
	"elv_next_request":          {"block:block_rq_issue"},
	"scsi_dispatch_cmd":         {"scsi:scsi_dispatch_cmd_start"},
}

// Successor returns the function that took over from a name, when the name cannot be
// traced here and the other can.
func (t *Target) Successor(name string) (Rename, bool) {
	if t.Traceable(name) {
		return Rename{}, false
	}
	for _, rename := range renames {
		if rename.Old == name && t.Traceable(rename.New) {
			return rename, true
		}
	}
	if rename, ok := t.systemCall(name); ok {
		return rename, true
	}
	return t.optimised(name)
}

// systemCall leads from sys_read and SyS_read to the entry that takes its arguments in a
// struct pt_regs.
func (t *Target) systemCall(name string) (Rename, bool) {
	call, ok := strings.CutPrefix(name, "sys_")
	if !ok {
		call, ok = strings.CutPrefix(name, "SyS_")
	}
	entry := map[string]string{"x86_64": "__x64_sys_", "arm64": "__arm64_sys_"}[t.Arch] + call
	if !ok || !t.Traceable(entry) {
		return Rename{}, false
	}
	source := elixir + "v4.17/source/arch/x86/include/asm/syscall_wrapper.h"
	if t.Arch == "arm64" {
		source = elixir + "v4.19/source/arch/arm64/include/asm/syscall_wrapper.h"
	}
	return Rename{Old: name, New: entry, Since: "4.17", Return: true, Source: source}, true
}

// optimised finds the copy that the compiler made of a function in its place (GCC:
// -fipa-sra, -fipa-cp). It may have dropped or changed arguments, so none is known. A
// .part of a function sees only some calls.
func (t *Target) optimised(name string) (Rename, bool) {
	names := t.functionList().names
	start, _ := slices.BinarySearch(names, name+".")
	for _, candidate := range names[start:] {
		suffix, ok := strings.CutPrefix(candidate, name)
		if !ok {
			break
		}
		if strings.HasPrefix(suffix, ".isra.") || strings.HasPrefix(suffix, ".constprop.") {
			return Rename{Old: name, New: candidate, Source: "https://gcc.gnu.org/onlinedocs/gcc-14.1.0/gcc/Optimize-Options.html"}, true
		}
	}
	return Rename{}, false
}

// PartOf returns what the compiler left of a function that it inlined: a function of its
// own for some of the ways through it (GCC: -fpartial-inlining, -freorder-functions).
func (t *Target) PartOf(name string) (part string, left bool) {
	names := t.functionList().names
	start, _ := slices.BinarySearch(names, name+".")
	if start == len(names) || !strings.HasPrefix(names[start], name+".") {
		return "", false
	}
	return names[start], true
}

// TracepointFor returns the tracepoint, as "category:name", to use in place of a function
// that has no successor here.
func (t *Target) TracepointFor(function string) (string, bool) {
	for _, name := range tracepointFor[function] {
		if _, found := slices.BinarySearch(t.tracepoints(), name); found {
			return name, true
		}
	}
	return "", false
}

// moved reports whether the tables know the function: it was then part of vmlinux, and
// may be there inlined.
func moved(function string) bool {
	isOld := func(r Rename) bool { return r.Old == function }
	return tracepointFor[function] != nil || slices.ContainsFunc(renames, isOld)
}
