package builtin

import (
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// Numbers that stand for names: they stay numbers in the kernel, in keys and in events,
// and become text when they print.
var nameFunctions = []*Function{
	{
		Info: Info{Name: "strerror", Signature: "error text strerror(int error)",
			Doc:     "An error number as text: strerror(2) is No such file or directory. The sign does not matter.",
			Example: `kretprobe:vfs_read /retval < 0/ { @[strerror(-retval)] = count() }`},
		MinArgs: 1, MaxArgs: 1, Check: numbered(types.ErrorNumber), Lower: firstArgument,
	},
	{
		Info: Info{Name: "signal_name", Signature: "signal name signal_name(int signal)",
			Doc:     "A signal's number as its name: signal_name(9) is SIGKILL.",
			Example: `tracepoint:signal:signal_generate { @[signal_name(args.sig)] = count() }`},
		MinArgs: 1, MaxArgs: 1, Check: numbered(types.SignalNumber), Lower: firstArgument,
	},
	{
		Info: Info{Name: "syscall_name", Signature: "syscall name syscall_name(int number)",
			Doc:     "A system call's number, as this machine's own programs use it, as its name.",
			Example: `tracepoint:raw_syscalls:sys_enter { @[syscall_name(args.id)] = count() }`},
		MinArgs: 1, MaxArgs: 1, Check: numbered(types.SyscallID), Lower: firstArgument,
	},
	{
		Info: Info{Name: "ksym", Signature: "ksym ksym(uint64 address)",
			Doc:     "An address as the name of the kernel's function or variable that it lies in.",
			Example: `tracepoint:timer:hrtimer_start { @[ksym(args.function)] = count() }`},
		MinArgs: 1, MaxArgs: 1,
		Check: func(c Checker, call *lang.Call) *types.Type {
			if !wantAddress(c, call, 0) {
				return types.NoValue
			}
			return types.Symbol
		},
		Lower: firstArgument,
	},
	{
		Info: Info{Name: "kaddr", Signature: "uint64 kaddr(string name)",
			Doc:     "The address of a symbol of the kernel, looked up when tracing starts.",
			Example: `BEGIN { printf("%s has %d bytes a page\n", str(kaddr("linux_banner")), PAGE_SIZE) }`},
		MinArgs: 1, MaxArgs: 1, Check: checkSymbolName, Lower: lowerSymbolAddress,
	},
	// The kernel keeps the offset of each CPU in an array, as its per_cpu_ptr reads it.
	// https://elixir.bootlin.com/linux/v6.12/source/include/asm-generic/percpu.h
	//
	// Rejected: bpf_per_cpu_ptr, which finds only the variables that BTF describes.
	{
		Info: Info{Name: "percpu_kaddr", Signature: "uint64 percpu_kaddr(string name [, uint32 cpu])",
			Doc:     "The address of a variable of which the kernel has one for each CPU, on this CPU or the one given; 0 when there is no such CPU.",
			Example: `kprobe:vfs_read { @[percpu_kaddr("runqueues")] = count() }`},
		MinArgs: 1, MaxArgs: 2,
		Check: func(c Checker, call *lang.Call) *types.Type {
			if len(call.Args) == 2 {
				checkCPU(c, call)
			}
			return checkSymbolName(c, call)
		},
		Source: `
			macro percpu_kaddr(name) { percpu_kaddr(name, cpu) }
			macro percpu_kaddr(name, number) {
				let $n : uint64 = number;
				$n < ncpus
					? kaddr(name) + *(uint64 *)kptr(kaddr("__per_cpu_offset") + 8 * $n)
					: (uint64)0
			}`,
	},
}

func checkCPU(c Checker, call *lang.Call) {
	if n, known := c.Integer(call.Args[1]); wantNumber(c, call, 1) && known && n < 0 {
		c.Errorf(call.Args[1].Range(), "CPUs are counted from 0")
	}
}

func checkSymbolName(c Checker, call *lang.Call) *types.Type {
	if name, ok := wantText(c, call, 0, "the name"); ok && name == "" {
		c.Errorf(call.Args[0].Range(), "%s() wants the name of a symbol", call.Name)
	}
	return kernelAddress
}

// kernelAddress is a number that is an address of the kernel.
var kernelAddress = &types.Type{Kind: types.Int, Size: 8, Kernel: true}

func lowerSymbolAddress(l Lowering, call *lang.Call) *ir.Value {
	name, _ := l.Text(call.Args[0])
	return runtimeConst(l, object.SymbolAddress, name, call)
}
