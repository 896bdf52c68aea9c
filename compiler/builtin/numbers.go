package builtin

import (
	"github.com/cilium/ebpf/asm"
	"maps"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

var numberFunctions = []*Function{
	{
		Info: Info{Name: "bswap", Signature: "uintN bswap(uintN number)",
			Doc:     "A number with its bytes in the opposite order, as wide as its type: of network order makes the machine's.",
			Example: `kprobe:tcp_connect { @[bswap(args.sk->__sk_common.skc_dport)] = count() }`},
		MinArgs: 1, MaxArgs: 1, Check: checkByteSwap,
		Lower: func(l Lowering, call *lang.Call) *ir.Value {
			size := l.Type(call.Args[0]).Size
			if size == 1 {
				return l.IR().Extend(l.Value(call.Args[0]), 1, false)
			}
			return l.IR().ByteSwap(l.Value(call.Args[0]), size)
		},
	},
	{
		Info: Info{Name: "reg", Signature: "uint64 reg(string name)",
			Doc:     `A register of the CPU as the probe found it: on x86_64 r8 to r15, ax, bx, cx, dx, si, di, bp, sp, ip, cs, ss, flags and orig_ax; on arm64 r0 to r30, sp, pc and pstate.`,
			Example: `kprobe:vfs_read { @[ksym(reg("ip"))] = count() }`},
		MinArgs: 1, MaxArgs: 1, Check: checkRegister, Registers: true,
		Lower: func(l Lowering, call *lang.Call) *ir.Value {
			name, _ := l.Text(call.Args[0])
			return loadRegister(l, l.Target().Registers().Named[name])
		},
	},
	{
		Info: Info{Name: "usermode", Signature: "uint8 usermode",
			Doc:     "1 when the CPU was running a program in user space, 0 when it was in the kernel.",
			Example: `profile:hz:99 { @[usermode] = count() }`},
		Check: checkUserMode, Bare: true, Registers: true, Lower: lowerUserMode,
	},
	{
		Info: Info{Name: "ctx", Signature: "pointer ctx",
			Doc:     "The address of what the kernel hands to the program: in kprobe and kretprobe the registers of the CPU (struct pt_regs), in profile a pointer to them (struct pt_regs **), in tracepoint the fields, or the arguments where the tracepoint is attached to raw. It is 0 in begin, end and interval. In iter it has the object at hand, by name: ctx.task.",
			Example: `kprobe:vfs_read { printf("%p\n", ctx) }`},
		Check: contextType, Bare: true, Registers: true, Lower: lowerContext,
	},
}

func checkByteSwap(c Checker, call *lang.Call) *types.Type {
	if !wantNumber(c, call, 0) {
		return types.NoValue
	}
	return types.NewInt(c.Type(call.Args[0]).Size, false)
}

func checkHasRegisters(c Checker, call *lang.Call) bool {
	if c.Scope().Mechanism.Registers() {
		return true
	}
	c.Errorf(call.Span, "%s probes do not see the registers that %s reads", c.Scope().Probe.Name, call.Name)
	c.Hint("kprobe, kretprobe, uprobe, uretprobe, usdt and profile do")
	return false
}

func checkRegister(c Checker, call *lang.Call) *types.Type {
	name, ok := wantText(c, call, 0, "the name")
	if !ok || !checkHasRegisters(c, call) {
		return types.Uint64
	}
	named := callerRegisters(c)
	if _, ok := named[name]; !ok {
		if c.Scope().CallerRegs && c.Target().Registers().Named[name] > 0 {
			c.Errorf(call.Args[0].Range(), "%s fires in the kernel's scheduler, which hands over few registers", c.Scope().Probe.Name)
		} else {
			c.Errorf(call.Args[0].Range(), "%s has no register %q", c.Target().Arch, name)
		}
		c.Hint("it has %s", strings.Join(slices.Sorted(maps.Keys(named)), " "))
	}
	return types.Uint64
}

// callerRegisters are the registers that a probe has. Where the kernel's code asks for its
// own, they are those that it needs to walk the stack (perf_arch_fetch_caller_regs).
func callerRegisters(c Checker) map[string]int {
	named := c.Target().Registers().Named
	if !c.Scope().CallerRegs {
		return named
	}
	few := map[string]int{}
	for _, name := range []string{"ip", "sp", "cs", "flags", "pc", "r29", "pstate"} {
		if offset, ok := named[name]; ok {
			few[name] = offset
		}
	}
	return few
}

func loadRegister(l Lowering, offset int) *ir.Value {
	return l.IR().Load(ir.ContextSpace, l.IR().Context(), offset, 8, false)
}

func checkUserMode(c Checker, call *lang.Call) *types.Type {
	checkHasRegisters(c, call)
	return types.NewInt(1, false)
}

// lowerContext copies the address through memory by a helper: what it gives is a number
// to the verifier, which allows no arithmetic with the context.
func lowerContext(l Lowering, _ *lang.Call) *ir.Value {
	b := l.IR()
	before := b.Because(ir.Launder)
	defer func() { b.Why = before }()
	context, number := b.SlotAddress(b.NewSlot("context", 8)), b.SlotAddress(b.NewSlot("number", 8))
	b.Store(ir.Frame, context, 0, 8, b.Context())
	helper(l, asm.FnProbeReadKernel, ir.Writes, number, b.Const(8), context)
	return b.Load(ir.Frame, number, 0, 8, false)
}

// lowerUserMode looks at the privilege level: the low two bits of x86's cs, 3 in user
// mode; the low four bits of arm64's pstate, 0 in user mode.
// https://elixir.bootlin.com/linux/v6.12/source/arch/x86/include/asm/ptrace.h (user_mode)
// https://elixir.bootlin.com/linux/v6.12/source/arch/arm64/include/asm/ptrace.h
// (user_mode)
func lowerUserMode(l Lowering, _ *lang.Call) *ir.Value {
	b, registers := l.IR(), l.Target().Registers().Named
	before := b.Because(ir.UserMode)
	defer func() { b.Why = before }()
	if cs, ok := registers["cs"]; ok {
		return b.Binary(ir.NotEqual, b.Binary(ir.And, loadRegister(l, cs), b.Const(3)), b.Const(0))
	}
	return b.Binary(ir.Equal, b.Binary(ir.And, loadRegister(l, registers["pstate"]), b.Const(15)), b.Const(0))
}
