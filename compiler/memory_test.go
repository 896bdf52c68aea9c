package compiler_test

import (
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
)

// TestWhoseMemory: a script reads from the memory that the address leads to, however it is
// made. Each letter is a call in the order of the instructions: u reads memory of the
// process, s a text there, k reads memory of the kernel (or makes a number of a pointer that
// the verifier follows), t a text there.
func TestWhoseMemory(t *testing.T) {
	for _, test := range []struct{ script, want string }{
		// Numbers in probes on programs, whatever is computed of them.
		{"u:/bin/bash:readline { @ = *(uint64 *)*(uint64 *)(arg0 + 8) }", "uu"},
		{"u:/bin/bash:readline { @ = *(uint64 *)(*(uint64 *)(*(uint64 *)arg0 + 16) + 8) }", "uuu"},
		{"u:/bin/bash:readline { @ = **(uint64 *)arg0 }", "uu"},
		{"u:/bin/bash:readline { @ = **(uint64 **)arg0 }", "uu"},
		{"u:/bin/bash:readline { @ = *(uint32 *)(uint64)*(uint64 *)arg0 }", "uu"},
		{"u:/bin/bash:readline { @ = *(uint8 *)((int64)arg0 & ~7) }", "u"},
		{"u:/bin/bash:readline { @ = *(uint64 *)(arg0 * 2) }", "u"},
		{"u:/bin/bash:readline { @ = *(uint64 *)(arg0 << 4 >> 4) }", "u"},
		{"u:/bin/bash:readline { @ = ((uint64 *)arg0)[2] }", "u"},
		{"u:/bin/bash:readline { @ = ((uint64 *)((uint64 *)arg0)[2])[arg1] }", "uu"},
		{"u:/bin/bash:readline { @ = ((uint64 **)arg0)[1][arg1] }", "uu"},
		{"u:/bin/bash:readline { @ = *(uint64 *)0x601000 }", "u"},
		{"u:/bin/bash:readline { @ = *(uint64 *)reg(\"di\") }", "u"},
		{"u:/bin/bash:readline { @ = *(uint64 *)(reg(\"sp\") + 8) }", "u"},
		{"ur:/bin/bash:readline { @ = *(uint64 *)*(uint64 *)retval }", "uu"},
		{"ur:/bin/bash:readline { @ = *(uint64 *)(retval ? retval + 8 : 0) }", "u"},
		// Variables, maps, tuples and functions keep it.
		{"u:/bin/bash:readline { $x = *(uint64 *)(arg0 + 8); @ = *(uint64 *)$x }", "uu"},
		{"u:/bin/bash:readline { $x = arg0; $x += 8; @ = *(uint64 *)$x }", "u"},
		{"u:/bin/bash:readline { let $x : uint64 = arg0; @ = *(uint64 *)$x }", "u"},
		{"u:/bin/bash:readline { $x = (uint64)0; if (arg1) { $x = arg0 } @ = *(uint64 *)$x }", "u"},
		{"u:/bin/bash:readline { $x = (struct list_head *)0; if (arg1) { $x = (struct list_head *)arg0 } @ = $x->next }", "u"},
		{"u:/bin/bash:readline { $t = (1, arg0); @ = *(uint64 *)$t.1 }", "u"},
		{"u:/bin/bash:readline { @p[tid] = arg0; @ = *(uint64 *)@p[tid] }", "u"},
		{"u:/bin/bash:readline { @p[tid] = (struct list_head *)arg0; @ = @p[tid]->next }", "u"},
		{"fn f($p : uint64) : uint64 { return *(uint64 *)$p } u:/bin/bash:readline { @ = f(arg0) }", "u"},
		{"fn f($p : struct list_head *) : struct list_head * { return $p->next } u:/bin/bash:readline { @ = f((struct list_head *)arg0)->prev }", "uu"},
		{"macro f(p) { *(uint64 *)p } u:/bin/bash:readline { @ = f(f(arg0)) }", "uu"},
		{"u:/bin/bash:readline { @ = arg1 ? *(uint64 *)arg0 : *(uint64 *)(arg0 + 8) }", "uu"},
		// Markers, functions of Go, and memory of a process that is watched.
		{"usdt:/bin/usdt:app:request { @ = *(uint64 *)*(uint64 *)(arg1 + 8) }", "uuuuu"},
		{"u:/bin/server:main.total { @ = *(uint64 *)*(uint64 *)args.list.ptr }", "uu"},
		{"u:/bin/demo:compute { @ = *(uint64 *)*(uint64 *)((uint64)args.where + 8) }", "uu"},
		{"u:/bin/demo:compute { $p = args.where; $p++; @ = $p->y }", "u"},
		{"watchpoint:0x601000:8:w { @ = *(uint64 *)*(uint64 *)0x601000 }", "uu"},
		{"watchpoint:jiffies_64:8:w { @ = *(uint64 *)*(uint64 *)kptr(reg(\"sp\")) }", "kk"},
		// What is declared in the script, and members of members.
		{"struct n { struct n *next; uint64 at[4]; struct n *all[2]; } u:/bin/bash:readline { @ = ((struct n *)arg0)->next->next->at[3] }", "uuu"},
		{"struct n { struct n *next; uint64 at[4]; struct n *all[2]; } u:/bin/bash:readline { @ = *(uint64 *)((struct n *)arg0)->at[1] }", "uu"},
		{"struct n { struct n *next; uint64 at[4]; struct n *all[2]; } u:/bin/bash:readline { @ = ((struct n *)arg0)->all[arg1]->at[0] }", "uu"},
		{"struct n { struct n *next; uint64 at[4]; struct n *all[2]; } u:/bin/bash:readline { @ = *&((struct n *)arg0)->at[2] }", "u"},
		{"struct n { struct n *next; uint64 at; } u:/bin/bash:readline { $n = *(struct n *)arg0; @ = $n.next->at }", "uu"},
		{"struct n { struct n *next; uint64 at; } u:/bin/bash:readline { $n = *(struct n *)arg0; @ = *(uint64 *)$n.at }", "uu"},
		{"struct n { struct n *next; uint64 at; } u:/bin/bash:readline { @ = container_of(arg0, struct n, at)->next }", "u"},
		// Texts and bytes, which are waited for first: the address, and a byte at either end.
		{"u:/bin/bash:readline { @ = str(*(uint64 *)(arg0 + 8), 8) }", "uuuus"},
		{"u:/bin/bash:readline { @ = buf(*(uint64 *)(arg0 + 8), 8) }", "uuuuu"},
		// The kernel's memory stays the kernel's in probes on programs.
		{"u:/bin/bash:readline { @ = *kaddr(\"jiffies\") }", "k"},
		{"u:/bin/bash:readline { @ = *(uint64 *)*(uint64 *)(kaddr(\"jiffies\") + 8 * arg0) }", "kk"},
		{"u:/bin/bash:readline { @ = *(uint64 *)(kaddr(\"jiffies\") + arg0) }", "k"},
		{"u:/bin/bash:readline { $t = (uint64)curtask; @ = *(uint64 *)($t + 8) }", "kk"},
		{"u:/bin/bash:readline { $t = (struct task_struct *)(uint64)curtask; @ = $t->pid }", "kk"},
		{"u:/bin/bash:readline { $t = (struct task_struct *)0; if (arg0) { $t = curtask } @ = $t->pid }", "kk"},
		{"u:/bin/bash:readline { let $t : struct task_struct * = curtask; @ = $t->pid }", "kk"},
		{"u:/bin/bash:readline { @ = ((struct task_struct *)kptr(arg0))->mm->flags }", "kk"},
		{"u:/bin/bash:readline { @ = *(uint64 *)kptr(*(uint64 *)arg0) }", "uk"},
		{"u:/bin/bash:readline { @ = *(uint64 *)uptr(curtask->mm->arg_start) }", "u"},
		// From clause to clause.
		{"kprobe:vfs_read { @f = arg0 } u:/bin/bash:readline { @ = @f->f_flags }", "k"},
		{"u:/bin/bash:readline { @p = arg0 } kprobe:vfs_read { @ = *(uint64 *)@p }", "u"},
		{"BEGIN { @p = (struct list_head *)0 } u:/bin/bash:readline { @p = (struct list_head *)arg0 } kprobe:vfs_read { @ = @p->next }", "u"},
		{"BEGIN { @j = kaddr(\"jiffies\") } u:/bin/bash:readline { @ = *(uint64 *)@j }", "k"},
		// Of both, each probe reads its own.
		{"kprobe:vfs_read { @p = (uint64)arg0; @ = *(uint32 *)@p } u:/bin/bash:readline { @p = arg0; @ = *(uint32 *)@p }", "kku"},
		// Probes in the kernel.
		{"kprobe:vfs_read { @ = *(uint64 *)*(uint64 *)((uint64)arg0 + 8) }", "kkk"},
		{"kprobe:vfs_read { @ = *(uint8 *)arg1 }", "k"},
		{"kprobe:vfs_read { @ = *(uint64 *)*(uint64 *)uptr(arg1) }", "uu"},
		{"kprobe:vfs_read { $x = *(uint64 *)uptr(arg1); @ = *(uint64 *)($x + 8) }", "uu"},
		{"kprobe:vfs_read { $x = (uint64)uptr(arg1) & ~7; @ = *(uint64 *)$x }", "u"},
		{"kprobe:vfs_read { $x = *(struct iovec *)uptr(arg1); @ = *(uint64 *)$x.iov_base }", "uu"},
		{"kprobe:vfs_read { @ = *(uint64 *)0x601000 }", "k"},
		// Programs that interrupt the kernel and processes see by the address what it is.
		{"profile:hz:9 { @ = *(uint64 *)reg(\"sp\") }", "ku"},
		{"profile:hz:9 { $l = *(struct list_head *)reg(\"sp\"); @ = $l.next }", "ku"},
		{"profile:hz:9 { $p = &((struct list_head *)reg(\"sp\"))->prev; @ = *$p }", "ku"},
		{"profile:hz:9 { @ = ((struct task_struct *)kptr(reg(\"bx\")))->pid }", "k"},
		{"profile:hz:9 { @ = *(uint64 *)kaddr(\"jiffies\") + *(uint64 *)uptr(reg(\"sp\")) }", "ku"},
		{"profile:hz:9 { @ = curtask->pid }", ""},
		// System calls, whose arguments are the process's.
		{"tracepoint:syscalls:sys_enter_openat { @ = *(uint8 *)args.filename }", "u"},
		{"tracepoint:syscalls:sys_enter_openat { @ = *(uint64 *)*(uint64 *)args.filename }", "uu"},
		{"tracepoint:syscalls:sys_enter_openat { $p = (uint64)args.filename + 8; @ = *(uint64 *)$p }", "u"},
		{"tracepoint:syscalls:sys_enter_openat { @ = *(uint64 *)(args.filename + 8) }", "u"},
		{"tracepoint:raw_syscalls:sys_enter { @ = *(uint8 *)args.args[1] }", "u"},
		{"tracepoint:syscalls:sys_enter_openat { @p[tid] = args.filename } tracepoint:syscalls:sys_exit_openat { @ = *(uint8 *)@p[tid] }", "u"},
	} {
		result, err := compileText(test.script, frozen.Target("6.12"), compiler.Options{Processes: compiler.Processes{IDs: []int{7}}})
		if err != nil {
			t.Errorf("%s: %v", test.script, err)
			continue
		}
		if got := reads(result); got != test.want {
			t.Errorf("%s reads %s, not %s", test.script, got, test.want)
		}
	}
}

// reads are the calls that read memory.
func reads(o *object.Object) string {
	letters := map[int64]string{
		int64(asm.FnProbeReadUser): "u", int64(asm.FnProbeReadKernel): "k",
		int64(asm.FnProbeReadUserStr): "s", int64(asm.FnProbeReadKernelStr): "t",
	}
	var all strings.Builder
	for _, program := range o.Programs {
		for _, instruction := range program.Instructions {
			if instruction.IsBuiltinCall() {
				all.WriteString(letters[instruction.Constant])
			}
		}
	}
	return all.String()
}
