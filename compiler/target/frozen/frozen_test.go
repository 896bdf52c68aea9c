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
