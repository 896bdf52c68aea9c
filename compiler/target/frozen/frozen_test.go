package frozen_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	_ "github.com/ponytrace/ponytrace/compiler/target/frozen/arm64"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

// TestGolden shows what a script would find on each frozen kernel.
func TestGolden(t *testing.T) {
	for _, name := range frozen.Names() {
		t.Run(name, func(t *testing.T) {
			got := describe(frozen.Target(name))
			path := filepath.Join("testdata", name+".txt")
			if *testkit.Update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs; -update shows how:\n%s", path, got)
			}
		})
	}
}

func describe(t *target.Target) []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, t.Arch, t.Version, t.CPUs, "CPUs,", len(match(t, "*")), "functions")
	fmt.Fprintln(&b, t.Features)
	fmt.Fprintln(&b)
	for _, name := range []string{"blk_mq_start_request", "vfs_read", "do_sys_openat2", "hrtimer_nanosleep", "tcp_sendmsg", "__alloc_pages"} {
		function(&b, t, name)
	}
	fmt.Fprintln(&b, "modules:", t.Modules(), t.Module("null_map_queues"), t.Module("vfs_read"), t.Module("none"))
	function(&b, t, "null_map_queues")
	function(&b, t, "null_add_dev")
	fmt.Fprintln(&b)
	for _, path := range []string{
		"nullb.dev", "nullb_device.blocksize",
		"request.__data_len", "request.q", "request.rq_disk", "request.part", "task_struct.pid", "task_struct.comm", "task_struct.real_parent", "task_struct.in_iowait",
		"task_struct.__state", "mm_struct.arg_start", "cred.uid", "dentry.d_name", "qstr.name", "qstr.len", "inode.i_ino", "inode.i_nlink", "sock.__sk_common", "sock_common.skc_dport",
		"sk_buff.len", "sk_buff.ip_summed", "file.f_mode", "file.f_path", "path.dentry", "bio.bi_opf", "sock.sk_state_change", "in6_addr.in6_u",
	} {
		member(&b, t, path)
	}
	fmt.Fprintln(&b)
	for _, name := range []string{"sched:sched_switch", "sched:sched_process_exec", "block:block_rq_issue", "syscalls:sys_enter_openat", "raw_syscalls:sys_enter"} {
		tracepoint(&b, t, name)
	}
	fmt.Fprintln(&b)
	for _, name := range []string{"blk_start_request", "finish_task_switch", "generic_make_request", "kmem_cache_alloc", "kfree_skb", "blk_account_io_start", "sys_read", "vfs_raed"} {
		successor(&b, t, name)
	}
	fmt.Fprintln(&b)
	for _, name := range []string{"EAGAIN", "TCP_ESTABLISHED", "O_DIRECT", "REQ_OP_WRITE", "BPF_MAP_TYPE_HASH"} {
		value, typ, ok := t.Constant(name)
		fmt.Fprintln(&b, name, "=", value, typ, ok)
	}
	return b.Bytes()
}

func match(t *target.Target, pattern string) []string {
	names, err := t.MatchFunctions(pattern)
	if err != nil {
		panic(err)
	}
	return names
}

func function(b *bytes.Buffer, t *target.Target, name string) {
	f, ok := t.Function(name)
	if !ok {
		fmt.Fprintln(b, name, "- no prototype, traceable:", t.Traceable(name))
		return
	}
	var params []string
	for _, p := range f.Params {
		params = append(params, fmt.Sprintf("%s %s@%d/%d", p.Type, p.Name, p.Register, p.Slot))
	}
	fmt.Fprintf(b, "%s(%s) %s, traceable: %v\n", f.Name, strings.Join(params, ", "), typeName(f.Return), t.Traceable(name))
}

func typeName(t *types.Type) string {
	if t == nil {
		return "void"
	}
	return t.String()
}

func member(b *bytes.Buffer, t *target.Target, path string) {
	structure, name, _ := strings.Cut(path, ".")
	of, ok := t.Struct("struct", structure)
	if !ok {
		fmt.Fprintln(b, "no struct", structure)
		return
	}
	m, ok := t.Member(of, name)
	if !ok {
		fmt.Fprintln(b, path, "-")
		return
	}
	fmt.Fprintf(b, "%s %s at %d", path, m.Type, m.Offset)
	if m.BitSize > 0 {
		fmt.Fprintf(b, ", bits %d+%d", m.BitOffset, m.BitSize)
	}
	fmt.Fprintln(b)
}

func tracepoint(b *bytes.Buffer, t *target.Target, name string) {
	category, event, _ := strings.Cut(name, ":")
	point, err := t.Tracepoint(category, event)
	if err != nil {
		fmt.Fprintln(b, name, err)
		return
	}
	fmt.Fprint(b, name)
	for _, f := range point.Fields() {
		location := ""
		if f.DataLocation {
			location = " elsewhere"
		}
		fmt.Fprintf(b, ", %s %s@%d%s", f.Type, f.Name, f.Offset, location)
	}
	fmt.Fprint(b, "\n  raw:")
	params, _ := t.RawTracepoint(event)
	for _, p := range params {
		fmt.Fprintf(b, " %s %s/%d", p.Type, p.Name, p.Slot)
	}
	fmt.Fprintln(b)
}

func successor(b *bytes.Buffer, t *target.Target, name string) {
	switch rename, ok := t.Successor(name); {
	case ok:
		fmt.Fprintln(b, name, "->", rename.New, rename.Arguments)
	case t.Traceable(name):
		fmt.Fprintln(b, name, "is here")
	default:
		fmt.Fprintln(b, name, "?", t.Nearest(name))
	}
}

// Functions that left the kernel between the frozen ones lead to what took over, and each
// argument that is said to mean the same is passed as the same.
func TestSuccessors(t *testing.T) {
	kernels := []string{"5.10", "6.1", "6.12", "7.x"}
	for name, checked := range map[string]int{
		"blk_mq_sched_insert_request": 1, "do_mkdirat": 3, "do_rmdir": 2, "do_linkat": 5, "do_symlinkat": 3,
		"user_path_at_empty": 4, "scheduler_tick": 0, "load_balance": 5, "tick_sched_timer": 1, "send_signal": 4,
		"cgroup_exit": 1, "alloc_pages_current": 2, "__kmalloc": 2, "kmem_cache_alloc_node": 3,
		"kmem_cache_alloc_trace": 3, "krealloc": 3, "vmalloc": 1, "__vmalloc_node_range": 5, "lru_cache_add": 1,
		"__add_to_page_cache_locked": 5, "delete_from_page_cache": 1, "__set_page_dirty": 3,
		"__set_page_dirty_buffers": 1, "__set_page_dirty_nobuffers": 1, "test_clear_page_writeback": 1,
		"wait_on_page_bit": 2, "__lock_page": 1, "__page_cache_alloc": 1, "__put_page": 1, "mem_cgroup_charge": 3,
		"swap_readpage": 0, "register_shrinker": 1, "__napi_alloc_skb": 2, "napi_gro_receive": 1,
	} {
		var last *target.Function // as the last kernel that has it passes its arguments
		left := false
		for _, kernel := range kernels {
			machine := frozen.Target(kernel)
			if found, ok := machine.Function(name); ok && machine.Traceable(name) {
				last = found
				continue
			}
			rename, ok := machine.Successor(name)
			if !ok || last == nil || len(rename.Arguments) != checked {
				t.Errorf("%s: %s leads to %+v, %t", kernel, name, rename, ok)
				continue
			}
			left = true
			successor, _ := machine.Function(rename.New)
			for from, to := range rename.Arguments {
				old, now := last.Params[from].Type, successor.Params[to].Type
				if same := strings.ReplaceAll(now.String(), "folio", "page"); old.Size != now.Size || old.Kind != now.Kind ||
					old.Kind == types.Pointer && same != old.String() && !strings.Contains(old.String(), "char") {
					t.Errorf("%s: argument %d of %s, %s, is argument %d of %s, %s", kernel, from, name, old, to, rename.New, now)
				}
			}
		}
		if !left {
			t.Errorf("%s is in every kernel", name)
		}
	}
}
