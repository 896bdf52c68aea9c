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
	{"blk_mq_make_request", "blk_mq_submit_bio", "5.9", map[int]int{1: 0}, false, elixir + "v5.8/source/block/blk-mq.c"},
	{"generic_make_request", "submit_bio_noacct", "5.9", first(1), false, elixir + "v5.8/source/block/blk-core.c"},

	{"do_sys_open", "do_sys_openat2", "5.6", first(2), true, elixir + "v5.6/source/fs/open.c"},
	{"do_filp_open", "do_file_open", "later than 6.12", first(3), true, elixir + "v6.12/source/fs/namei.c"},
	{"do_unlinkat", "filename_unlinkat", "later than 6.12", first(2), true, elixir + "v6.12/source/fs/namei.c"},
	{"do_renameat2", "filename_renameat2", "later than 6.12", first(5), true, elixir + "v6.12/source/fs/namei.c"},
	{"__vfs_read", "vfs_read", "5.8", first(4), true, elixir + "v5.7/source/fs/read_write.c"},
	{"__vfs_write", "vfs_write", "5.8", first(4), true, elixir + "v5.7/source/fs/read_write.c"},
	{"generic_file_splice_read", "filemap_splice_read", "6.5", first(5), true, elixir + "v6.4/source/fs/splice.c"},

	{"_do_fork", "kernel_clone", "5.10", first(1), true, elixir + "v5.9/source/kernel/fork.c"},
	{"do_fork", "kernel_clone", "4.2", nil, true, elixir + "v4.1/source/kernel/fork.c"},
	{"ttwu_do_wakeup", "ttwu_do_activate", "6.3", first(3), false, elixir + "v6.2/source/kernel/sched/core.c"},

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
