package builtin

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// commSize is TASK_COMM_LEN of include/linux/sched.h.
const commSize = 16

func always(t *types.Type) func(Checker, *lang.Call) *types.Type {
	return func(Checker, *lang.Call) *types.Type { return t }
}

var processVariables = []*Function{
	{
		Info: Info{Name: "pid", Signature: "uint32 pid([init | curr_ns])",
			Doc:     "The process ID of the current thread, as user space sees it (the kernel's tgid). pid(curr_ns) is that of the PID namespace in which ponytrace runs, 0 for a process of another one.",
			Example: `kprobe:vfs_read { @[pid] = count() }`},
		MaxArgs: 1, Check: checkTaskID, Lower: lowerTaskID(upperHalf, namespaceProcess), Bare: true,
	},
	{
		Info: Info{Name: "tid", Signature: "uint32 tid([init | curr_ns])",
			Doc:     "The ID of the current thread (the kernel's pid). tid(curr_ns) is that of the PID namespace in which ponytrace runs, 0 for a thread of another one.",
			Example: `kprobe:vfs_read { @start[tid] = nsecs }`},
		MaxArgs: 1, Check: checkTaskID, Lower: lowerTaskID(lowerHalf, namespaceThread), Bare: true,
	},
	{
		Info: Info{Name: "uid", Signature: "uint32 uid",
			Doc:     "The user ID of the current thread.",
			Example: `kprobe:vfs_read { @[uid] = count() }`},
		Check: always(types.Uint32), Lower: lowerHalf(asm.FnGetCurrentUidGid), Bare: true,
	},
	{
		Info: Info{Name: "gid", Signature: "uint32 gid",
			Doc:     "The group ID of the current thread.",
			Example: `kprobe:vfs_read { @[gid] = count() }`},
		Check: always(types.Uint32), Lower: upperHalf(asm.FnGetCurrentUidGid), Bare: true,
	},
	{
		Info: Info{Name: "comm", Signature: "string[16] comm([struct task_struct *task])",
			Doc:     "The name of the current thread, or of the task given; at most 15 characters.",
			Example: `kprobe:vfs_read /comm == "cat"/ { @ = count() }`},
		MaxArgs: 1, Check: checkComm, Into: lowerComm, Bare: true, Fills: true,
	},
	{
		Info: Info{Name: "cpu", Signature: "uint32 cpu",
			Doc:     "The number of the CPU that runs the probe.",
			Example: `kprobe:vfs_read { @[cpu] = count() }`},
		Check: always(types.Uint32), Lower: lowerCPU, Bare: true,
	},
	{
		Info: Info{Name: "curtask", Signature: "struct task_struct *curtask",
			Doc:     "The kernel's description of the current thread.",
			Example: `kprobe:vfs_read { @[curtask->tgid] = count() }`},
		Check: currentTaskType, Lower: lowerCurrentTask, Bare: true,
	},
	{
		Info: Info{Name: "probe", Signature: "probe name probe",
			Doc:     "The attach point that fired, as a script would write it.",
			Example: `kprobe:vfs_read,kprobe:vfs_write { @[probe] = count() }`},
		Check: always(types.Probe), Lower: lowerProbeName, Bare: true, ProbeName: true, HandsContext: true,
	},
	{
		Info: Info{Name: "func", Signature: "function name func",
			Doc:     "The name of the traced function.",
			Example: `kprobe:vfs_* { @[func] = count() }`},
		Check: functionNameType, Lower: lowerProbeName, Bare: true, ProbeName: true, HandsContext: true,
	},
}

func lowerCPU(l Lowering, _ *lang.Call) *ir.Value {
	return helper(l, asm.FnGetSmpProcessorId, ir.Invariant)
}

func upperHalf(id asm.BuiltinFunc) func(Lowering, *lang.Call) *ir.Value {
	return func(l Lowering, _ *lang.Call) *ir.Value {
		return l.IR().Binary(ir.ShiftRight, helper(l, id, ir.Invariant), l.IR().Const(32))
	}
}

func lowerHalf(id asm.BuiltinFunc) func(Lowering, *lang.Call) *ir.Value {
	return func(l Lowering, _ *lang.Call) *ir.Value {
		return l.IR().Extend(helper(l, id, ir.Invariant), 4, false)
	}
}

// kernelPointer is one that leads to the kernel's memory in probes on programs, too.
func kernelPointer(to *types.Type) *types.Type {
	pointer := types.NewPointer(to)
	pointer.Kernel = true
	return pointer
}

func currentTaskType(c Checker, _ *lang.Call) *types.Type {
	task, ok := c.Target().Struct("struct", "task_struct")
	if !ok {
		return kernelPointer(nil)
	}
	pointer := kernelPointer(task)
	pointer.Trusted = c.Target().Features.TaskPointer
	return pointer
}

// lowerCurrentTask prefers bpf_get_current_task_btf (5.11), whose result can be loaded
// through directly.
func lowerCurrentTask(l Lowering, _ *lang.Call) *ir.Value {
	if l.Target().Features.TaskPointer {
		return helper(l, asm.FnGetCurrentTaskBtf, ir.Invariant)
	}
	return helper(l, asm.FnGetCurrentTask, ir.Invariant)
}

func functionNameType(c Checker, name *lang.Call) *types.Type {
	if c.Scope().Symbols == 0 {
		c.Errorf(name.Span, "func is not known here: a %s probe traces no function", c.Scope().Probe.Name)
		return nil
	}
	return types.FunctionName
}

// lowerProbeName gives a constant where the program has one attach point, else what
// belongs to the system call, or what the runtime put into the attach cookie.
func lowerProbeName(l Lowering, _ *lang.Call) *ir.Value {
	if n := l.Scope().ProbeName; n >= 0 {
		return l.IR().Const(int64(n))
	}
	if l.Scope().Mechanism.AllCalls() {
		return l.SyscallProbe()
	}
	return helper(l, asm.FnGetAttachCookie, ir.Invariant, l.IR().Context())
}

// checkComm wants the kernel's types only for the name of another task.
func checkComm(c Checker, call *lang.Call) *types.Type {
	if len(call.Args) == 0 {
		return types.NewString(commSize)
	}
	return checkTaskText(c, call)
}

// lowerComm asks for the name. From some kernel after 5.10 until 6.2 the helper left what
// follows the name as it was, so that one name was several map keys.
// https://git.kernel.org/linus/f3f213497797
func lowerComm(l Lowering, call *lang.Call, to Place) {
	if len(call.Args) == 1 {
		readTaskName(l, l.Value(call.Args[0]), to)
		return
	}
	if version := l.Target().Version; version.AtLeast(5, 11) && !version.AtLeast(6, 2) {
		l.Zero(to, commSize)
	}
	helper(l, asm.FnGetCurrentComm, ir.Writes, l.Pointer(to), l.IR().Const(commSize))
}
