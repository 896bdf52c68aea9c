package builtin

import (
	"slices"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// Stacks are kept whole where they are wanted, in a key or an event, and not in a map of
// stacks of the kernel, whose IDs may collide and which fills up.
var stackFunctions = []*Function{
	{
		Info: Info{Name: "kstack", Signature: "kstack kstack([bpftrace | perf | raw] [, int depth])",
			Doc:     "The kernel's stack of calls, the innermost first, at most depth of them (127; 30 before Linux 5.11, whose keys have 512 bytes at most). The mode says how it prints; the setting stack_mode is used without.",
			Example: `profile:hz:99 { @[kstack] = count(); @top[kstack(perf, 3)] = count() }`},
		MaxArgs: 2, Bare: true, Fills: true, HandsContext: true,
		Check: func(c Checker, call *lang.Call) *types.Type { return types.NewKernelStack(checkStack(c, call)) },
		Into: func(l Lowering, call *lang.Call, to Place) {
			readStack(l, to, 8*l.Type(call).Count, ownFrames(l))
		},
	},
	{
		Info: Info{Name: "ustack", Signature: "ustack ustack([bpftrace | perf | raw | build_id] [, dwarf] [, int depth])",
			Doc:     "The stack of calls of the current process, as kstack. Programs that were built without frame pointers show little of theirs, unless dwarf says to walk the stack by their tables (.eh_frame). With build_id, frames print as the build ID of their file and the offset in it, which are the same on other machines, so that they can be named elsewhere.",
			Example: `profile:hz:99 { @[ustack] = count(); @top[ustack(perf, 3), comm] = count() }`},
		MaxArgs: 3, Bare: true, Fills: true, HandsContext: true, UserStack: true,
		Check: func(c Checker, call *lang.Call) *types.Type { return types.NewUserStack(checkStack(c, call)) },
		Into: func(l Lowering, call *lang.Call, to Place) {
			storeWord(l, to, 0, namingProcess(l, call))
			addresses, depth := placeAfter(to, 8), l.Type(call).Count
			byFramePointers := func() { readUserStack(l, addresses, 8*depth) }
			if WalksByTables(call) {
				l.UserFrames(addresses, depth, byFramePointers)
			} else {
				byFramePointers()
			}
		},
	},
}

// stackModes are the ways in which stacks of the kernel print, userStackModes those of
// processes.
var (
	stackModes     = []string{types.ByFunction, types.AsPerf, types.ByAddress}
	userStackModes = append(slices.Clone(stackModes), types.ByBuildID)
)

const (
	// stackDepth is how deep the kernel follows a stack by default, sysctl
	// kernel.perf_event_max_stack.
	stackDepth = 127
	// oldStackDepth lets the stacks of the kernel and of the process fit into one key of
	// 512 bytes, with a name and a number.
	oldStackDepth = 30
	maxStackDepth = 1024
	// userStack is BPF_F_USER_STACK of include/uapi/linux/bpf.h.
	userStack = 1 << 8
)

// checkStack reads mode and depth, which may stand in either order.
func checkStack(c Checker, call *lang.Call) (mode string, depth int) {
	mode, depth = c.Settings().StackMode, stackDepth
	if mode == types.ByBuildID && call.Name == "kstack" {
		mode = types.ByAddress
	}
	if !c.Target().Version.AtLeast(5, 11) {
		depth = oldStackDepth
	}
	modes, depths := 0, 0
	for i, arg := range call.Args {
		n, known := c.Integer(arg)
		switch name := word(call, i); {
		case name == dwarf && call.Name == "ustack":
			checkTables(c, arg)
		case slices.Contains(modesOf(call), name):
			mode, modes = name, modes+1
		case name != "" && !known:
			c.Errorf(arg.Range(), "%s() knows the modes %s, not %s", call.Name, listed(modesOf(call)), name)
		case !known || n < 1 || n > maxStackDepth:
			c.Errorf(arg.Range(), "the depth of %s() is a number from 1 to %d, written in the script", call.Name, maxStackDepth)
		default:
			depth, depths = int(n), depths+1
		}
		if modes > 1 || depths > 1 {
			c.Errorf(arg.Range(), "%s() takes one mode and one depth", call.Name)
			break
		}
	}
	return mode, depth
}

// dwarf is how ustack walks by tables, as perf has it (--call-graph dwarf).
const dwarf = "dwarf"

// modesOf lists what a call may say.
func modesOf(call *lang.Call) []string {
	if call.Name == "ustack" {
		return append(slices.Clone(userStackModes), dwarf)
	}
	return stackModes
}

// WalksByTables reports whether a call is ustack(dwarf).
func WalksByTables(call *lang.Call) bool {
	return call.Name == "ustack" && slices.ContainsFunc(call.Args, func(arg lang.Expr) bool {
		name, ok := lang.Unparen(arg).(*lang.Name)
		return ok && name.Name == dwarf
	})
}

// checkTables reports a machine that cannot walk by tables: that takes the helpers
// bpf_loop and, since 5.15, bpf_task_pt_regs.
func checkTables(c Checker, arg lang.Expr) {
	machine := c.Target()
	switch {
	case machine.Arch != "x86_64":
		c.Errorf(arg.Range(), "ustack(dwarf) is there on x86_64 only")
	case !machine.Features.Loop || !machine.Features.TaskPointer:
		c.Errorf(arg.Range(), "ustack(dwarf) needs Linux 5.17 or later with BTF, and this is %s", machine.Version)
	case machine.Nested:
		c.Errorf(arg.Range(), "ustack(dwarf) finds no processes from a PID namespace of its own, such as a container's")
	default:
		return
	}
	c.Hint("ustack follows frame pointers")
}

// ownFrames is how many functions stand in the kernel's stack that only run because of
// the probe: the program itself, and what calls it. The flags of bpf_get_stack hold their
// number in the low 8 bits.
func ownFrames(l Lowering) int64 {
	if l.Scope().Mechanism.Framed() {
		return 2 + int64(l.Parts())
	}
	return 0
}

// # The caller at the entry of a function
//
// The kernel walks the stack of a process by frame pointers: the first frame is where the
// process is, the next ones are the return addresses of the frames that %rbp (x29) leads
// to. A function has a frame of its own only behind the instructions that make it, and no
// more where it returns. At both, the chain begins with the frame of the caller, whose
// return address leads to the caller's caller; the caller itself is missing.
//
//	x86_64   0(%rsp)            its address
//	         8(%rbp)            that of its own caller
//	arm64    x30, 8(x29)        the same
//
// So a program there puts it in. Since Linux 6.11 the kernel of x86_64 does so itself, where
// it finds push %rbp at the probe; such places have a program apart, which leaves it to
// the kernel. It does so at endbr64 too if it was built with CONFIG_X86_KERNEL_IBT, which
// nothing tells; so probes go behind that. To compare what the kernel gives with 0(%rsp) would not do: a
// function that calls itself has the same address in both words.
//
// https://elixir.bootlin.com/linux/v6.12/source/arch/x86/events/core.c
// (is_uprobe_at_func_entry)

// leastCode is the lowest address that code can have; what is lower, as at the first
// instruction of a program, is no caller.
const leastCode = 4096

// readUserStack fills the memory, with the caller as the second frame. The kernel's first
// frame goes where that belongs, so that the others are in their places already.
func readUserStack(l Lowering, to Place, size int) {
	if !l.Scope().CallerHidden || size < 2*8 {
		readStack(l, to, size, userStack)
		return
	}
	b := l.IR()
	caller := callerAddress(l)
	called, begins, end := b.NewBlock(), b.NewBlock(), b.NewBlock()
	b.If(ir.Less, caller, b.Const(leastCode), begins, called)
	b.Enter(called)
	readStack(l, placeAfter(to, 8), size-8, userStack)
	b.Store(to.Space, to.Address, to.Offset, 8, loadWord(b, to, 1))
	b.Store(to.Space, to.Address, to.Offset+8, 8, caller)
	b.Jump(end)
	b.Enter(begins)
	readStack(l, to, size, userStack)
	b.Jump(end)
	b.Enter(end)
}

// callerAddress is where the function at whose first or last instruction the process is
// returns to.
func callerAddress(l Lowering) *ir.Value {
	registers := l.Target().Registers()
	if registers.Link != 0 {
		return loadRegister(l, registers.Link)
	}
	return l.IR().ReadUser(stackPointer(l), 0, 8, false)
}

// readStack fills the memory: the kernel zeroes what lies behind the last address.
// https://elixir.bootlin.com/linux/v5.10/source/kernel/bpf/stackmap.c (__bpf_get_stack)
func readStack(l Lowering, to Place, size int, flags int64) {
	b := l.IR()
	if to.Space == ir.Frame && wantsWritten(l) {
		l.Zero(to, size)
	}
	helper(l, asm.FnGetStack, ir.Writes, b.Context(), l.Pointer(to), b.Const(int64(size)), b.Const(flags))
}

// wantsWritten reports a verifier that wants the memory to be written before, in programs
// at raw tracepoints and of fentry, up to Linux 6.2.
// https://elixir.bootlin.com/linux/v6.1/source/kernel/trace/bpf_trace.c
// (bpf_get_stack_proto_raw_tp)
func wantsWritten(l Lowering) bool {
	return l.Scope().Mechanism.Words() && !l.Target().Version.AtLeast(6, 3)
}

// countFrames finds where a stack ends: behind its last address are zeroes. It is a tree
// of comparisons, each at an offset that is known, and the result goes through a word, so
// that the verifier walks what follows only once.
func countFrames(l Lowering, e lang.Expr, t *types.Type) (count *ir.Value) {
	b := l.IR()
	stack := Place{Space: ir.Frame, Address: b.SlotAddress(b.NewSlot("stack", t.Size))}
	l.Store(e, stack, false)
	stack.Offset = t.Size - 8*t.Count
	end := b.NewBlock()
	l.Scratch(func(word Word) {
		findLastFrame(b, stack, 0, t.Count, func(count int) {
			word.Set(b.Const(int64(count)))
			b.Jump(end)
		})
		b.Enter(end)
		count = word.Get()
	})
	return count
}

// findLastFrame calls found, in a block of its own, for every number of frames from least
// to most.
func findLastFrame(b *ir.Builder, stack Place, least, most int, found func(count int)) {
	if least == most {
		found(least)
		return
	}
	middle := (least + most + 1) / 2
	before := b.Because(ir.LastFrame)
	defer func() { b.Why = before }()
	more, fewer := b.NewBlock(), b.NewBlock()
	address := b.Load(stack.Space, stack.Address, stack.Offset+8*(middle-1), 8, false)
	b.If(ir.NotEqual, address, b.Const(0), more, fewer)
	b.Enter(more)
	findLastFrame(b, stack, middle, most, found)
	b.Enter(fewer)
	findLastFrame(b, stack, least, middle-1, found)
}
