package builtin

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

var taskFunctions = []*Function{
	{
		Info: Info{Name: "ppid", Signature: "uint32 ppid([struct task_struct *task])",
			Doc:     "The process ID of the parent of the current thread, or of the task given.",
			Example: `tracepoint:sched:sched_process_exit { printf("%d, child of %d\n", pid, ppid) }`},
		MaxArgs: 1, Check: checkTaskNumber, Bare: true, Source: `
			macro ppid { ppid(curtask) }
			macro ppid(task) { (uint32)task->real_parent->tgid }`,
	},
	{
		Info: Info{Name: "pcomm", Signature: "string[16] pcomm([struct task_struct *task])",
			Doc:     "The name of the parent of the current thread, or of the task given.",
			Example: `tracepoint:sched:sched_process_exec { printf("%s started %s\n", pcomm, comm) }`},
		MaxArgs: 1, Check: checkTaskText, Bare: true, Source: `
			macro pcomm { pcomm(curtask) }
			macro pcomm(task) { comm(task->real_parent) }`,
	},
	{
		Info: Info{Name: "leader_tid", Signature: "uint32 leader_tid([struct task_struct *task])",
			Doc:     "The thread ID of the first thread of the current thread's process, or of the process of the task given.",
			Example: `kprobe:vfs_read /tid != leader_tid/ { @[comm] = count() }`},
		MaxArgs: 1, Check: checkTaskNumber, Bare: true, Source: `
			macro leader_tid { leader_tid(curtask) }
			macro leader_tid(task) { (uint32)task->group_leader->pid }`,
	},
	{
		Info: Info{Name: "leader_comm", Signature: "string[16] leader_comm([struct task_struct *task])",
			Doc:     "The name of the first thread of the current thread's process, or of the process of the task given.",
			Example: `kprobe:vfs_read { @[leader_comm, comm] = count() }`},
		MaxArgs: 1, Check: checkTaskText, Bare: true, Source: `
			macro leader_comm { leader_comm(curtask) }
			macro leader_comm(task) { comm(task->group_leader) }`,
	},
	{
		Info: Info{Name: "username", Signature: "username",
			Doc:     "The name of the user of the current thread.",
			Example: `tracepoint:sched:sched_process_exec { @[username] = count() }`},
		Check: always(types.UserID), Lower: lowerHalf(asm.FnGetCurrentUidGid), Bare: true,
	},
	{
		Info: Info{Name: "cgroup", Signature: "uint64 cgroup",
			Doc:     "The ID of the cgroup (version 2) of the current thread.",
			Example: `kprobe:vfs_read /cgroup == 1/ { @ = count() }`},
		Check: always(types.Uint64), Lower: plainHelper(asm.FnGetCurrentCgroupId, ir.Invariant), Bare: true,
	},
	{
		Info: Info{Name: "cgroupid", Signature: "uint64 cgroupid(string folder)",
			Doc:     "The ID of the cgroup (version 2) whose folder is given, looked up when tracing starts.",
			Example: `kprobe:vfs_read /cgroup == cgroupid("/sys/fs/cgroup/system.slice")/ { @ = count() }`},
		MinArgs: 1, MaxArgs: 1,
		Check: func(c Checker, call *lang.Call) *types.Type {
			wantText(c, call, 0, "the folder")
			return types.Uint64
		},
		Lower: func(l Lowering, call *lang.Call) *ir.Value {
			folder, _ := l.Text(call.Args[0])
			return runtimeConst(l, object.CgroupID, folder, call)
		},
	},
	{
		Info: Info{Name: "in_cgroup", Signature: "bool in_cgroup(string folder)",
			Doc:     "Whether the current thread is in the cgroup (version 2) whose folder is given, or in one below it.",
			Example: `kprobe:vfs_read /in_cgroup("/sys/fs/cgroup/system.slice")/ { @ = count() }`},
		MinArgs: 1, MaxArgs: 1,
		Check: func(c Checker, call *lang.Call) *types.Type {
			wantText(c, call, 0, "the folder")
			return types.Boolean
		},
		Lower: lowerInCgroup,
	},
	{
		Info: Info{Name: "cgroup_path", Signature: "cgroup path cgroup_path(uint64 id [, string pattern])",
			Doc:     "A cgroup's ID as the path of its folder below the mounted hierarchies, with the name of each; with a pattern (* ? [...]), of the hierarchies whose name matches.",
			Example: `kprobe:vfs_read { @[cgroup_path(cgroup)] = count() }`},
		MinArgs: 1, MaxArgs: 2, Check: checkCgroupPath, Lower: firstArgument,
	},
	{
		Info: Info{Name: CommandID, Signature: "uint32 cpid",
			Doc:     "The process ID of the command of -c, 0 before it starts (in BEGIN) and without one.",
			Example: `tracepoint:syscalls:sys_enter_openat /pid == cpid/ { printf("%s\n", str(args.filename)) }`},
		Check: always(types.Uint32), Lower: fact(object.CommandID), Bare: true,
	},
	{
		Info: Info{Name: "has_cpid", Signature: "bool has_cpid",
			Doc:     "Whether there is a command, -c.",
			Example: `kprobe:vfs_read /!has_cpid || pid == cpid/ { @ = count() }`},
		Check: always(types.Boolean), Lower: fact(object.HasCommand), Bare: true,
	},
	{
		Info: Info{Name: "numaid", Signature: "uint32 numaid",
			Doc:     "The number of the memory node of the CPU that runs the probe.",
			Example: `kprobe:vfs_read { @[numaid] = count() }`},
		Check: always(types.Uint32), Lower: plainHelper(asm.FnGetNumaNodeId, ir.Invariant), Bare: true,
	},
	{
		Info: Info{Name: "ncpus", Signature: "uint64 ncpus",
			Doc:     "How many CPUs the machine can have; their numbers are below it.",
			Example: `BEGIN { printf("%d CPUs\n", ncpus) }`},
		Check: always(types.Uint64), Bare: true,
		Lower: func(l Lowering, _ *lang.Call) *ir.Value { return l.IR().Const(int64(l.Target().CPUs)) },
	},
	{
		Info: Info{Name: "rand", Signature: "uint32 rand",
			Doc:     "A number that nobody can foresee, another one each time.",
			Example: `kprobe:vfs_read /rand % 100 == 0/ { @sampled = count() }`},
		Check: always(types.Uint32), Lower: plainHelper(asm.FnGetPrandomU32, ir.Reads), Bare: true,
	},
}

// lowerInCgroup asks the kernel. Rejected: to compare the ancestor's ID at the depth of
// the folder (bpf_get_current_ancestor_cgroup_id), because inside of a cgroup namespace
// nobody can tell how deep a folder is.
func lowerInCgroup(l Lowering, call *lang.Call) *ir.Value {
	b := l.IR()
	folder, _ := l.Text(call.Args[0])
	index := b.Const(int64(l.Cgroup(folder, call.Span)))
	answer := b.Call(asm.FnCurrentTaskUnderCgroup, ir.Invariant, b.MapPointer(object.CgroupsMap), index)
	return b.Binary(ir.Equal, b.Extend(answer, 4, false), b.Const(1))
}

func fact(kind object.RuntimeConstKind) func(l Lowering, call *lang.Call) *ir.Value {
	return func(l Lowering, call *lang.Call) *ir.Value { return runtimeConst(l, kind, "", call) }
}

const (
	CommandID = "cpid"
	// These name functions that are in no section, and whose names no script can write.
	// Package follow calls them.
	SetCommand    = "set cpid"
	Starting      = "starting command"
	InheritTables = "inherit tables"
	DropTables    = "drop tables"
)

var unspeakable = map[string]*Function{
	SetCommand: {
		Info: Info{Name: SetCommand, Signature: "void (int32 pid)"}, MinArgs: 1, MaxArgs: 1,
		Check: checkProcess,
		Lower: func(l Lowering, call *lang.Call) *ir.Value {
			setData(l, l.RuntimeConst(object.CommandID, "", call.Span), l.Value(call.Args[0]))
			return nil
		},
	},
	Starting: {
		Info:  Info{Name: Starting, Signature: "uint32 ()"},
		Check: always(types.Uint32), Lower: fact(object.Starting),
	},
	InheritTables: {
		Info: Info{Name: InheritTables, Signature: "void (int32 pid)"}, MinArgs: 1, MaxArgs: 1,
		Check: checkProcess, Lower: lowerInheritTables,
	},
	DropTables: {
		Info: Info{Name: DropTables, Signature: "void (int32 pid)"}, MinArgs: 1, MaxArgs: 1,
		Check: checkProcess,
		Lower: func(l Lowering, call *lang.Call) *ir.Value {
			number := numberSlot(l, l.Value(call.Args[0]))
			l.IR().Call(asm.FnMapDeleteElem, ir.Writes, l.ProcessTables(), number)
			return nil
		},
	},
}

// lowerInheritTables gives a new process the tables of the current one, if it has any.
func lowerInheritTables(l Lowering, call *lang.Call) *ir.Value {
	b := l.IR()
	current := b.Binary(ir.ShiftRight, b.Call(asm.FnGetCurrentPidTgid, ir.Invariant), b.Const(32))
	tables := b.Call(asm.FnMapLookupElem, ir.Reads, l.ProcessTables(), numberSlot(l, current))
	known, end := b.NewColdBlock(), b.NewBlock()
	b.If(ir.NotEqual, tables, b.Const(0), known, end)
	b.Enter(known)
	number := numberSlot(l, l.Value(call.Args[0]))
	b.Call(asm.FnMapUpdateElem, ir.Writes, l.ProcessTables(), number, tables, b.Const(0))
	b.Jump(end)
	b.Enter(end)
	return nil
}

// numberSlot is where a number lies as the key of a map.
func numberSlot(l Lowering, number *ir.Value) *ir.Value {
	b := l.IR()
	key := b.SlotAddress(b.NewSlot("number", 8))
	b.Store(ir.Frame, key, 0, 8, number)
	return key
}

func checkProcess(c Checker, call *lang.Call) *types.Type {
	c.Type(call.Args[0])
	return types.NoValue
}

func checkTaskID(c Checker, call *lang.Call) *types.Type {
	mode(c, call, "init", "curr_ns")
	return types.Uint32
}

// Offsets in struct bpf_pidns_info of include/uapi/linux/bpf.h, which has 8 bytes.
const (
	namespaceThread  = 0
	namespaceProcess = 4
	namespaceSize    = 8
)

// lowerTaskID takes half of what the kernel calls pid and tgid, or asks for the numbers
// in ponytrace's own PID namespace (Linux 5.7).
func lowerTaskID(half func(asm.BuiltinFunc) func(Lowering, *lang.Call) *ir.Value, offset int) func(Lowering, *lang.Call) *ir.Value {
	initial := half(asm.FnGetCurrentPidTgid)
	return func(l Lowering, call *lang.Call) *ir.Value {
		if word(call, 0) != "curr_ns" {
			return initial(l, call)
		}
		return idInNamespace(l, call, offset)
	}
}

// namingProcess is the number by which the runtime finds the memory map of the current
// process in /proc.
func namingProcess(l Lowering, call *lang.Call) *ir.Value {
	if l.Target().Nested {
		return idInNamespace(l, call, namespaceProcess)
	}
	return upperHalf(asm.FnGetCurrentPidTgid)(l, call)
}

// idInNamespace is one of the numbers that the current thread has in ponytrace's own PID
// namespace, 0 where it has none.
func idInNamespace(l Lowering, call *lang.Call, offset int) *ir.Value {
	b := l.IR()
	before := b.Because(ir.CurrentNamespace)
	defer func() { b.Why = before }()
	numbers := b.SlotAddress(b.NewSlot("ids", namespaceSize))
	helper(l, asm.FnGetNsCurrentPidTgid, ir.Writes, runtimeConst(l, object.NamespaceDevice, "", call),
		runtimeConst(l, object.NamespaceInode, "", call), numbers, b.Const(namespaceSize))
	return b.Load(ir.Frame, numbers, offset, 4, false)
}

// checkTask reports an argument that is no task, or a kernel whose tasks nobody
// describes.
func checkTask(c Checker, call *lang.Call) bool {
	if _, ok := c.Target().Struct("struct", taskStruct); !ok {
		c.Errorf(call.Span, "%s() needs the kernel's types, and this kernel does not describe them (CONFIG_DEBUG_INFO_BTF)", call.Name)
		return false
	}
	if len(call.Args) == 0 {
		return true
	}
	t := c.Type(call.Args[0])
	if t.Kind == types.None || t.Kind == types.Pointer && t.Elem != nil && t.Elem.Kind == types.Struct && t.Elem.Name == taskStruct {
		return t.Kind != types.None
	}
	c.Errorf(call.Args[0].Range(), "%s() wants a struct task_struct *, not %s", call.Name, t)
	return false
}

const taskStruct = "task_struct"

func checkTaskNumber(c Checker, call *lang.Call) *types.Type {
	if !checkTask(c, call) {
		return types.NoValue
	}
	return types.Uint32
}

func checkTaskText(c Checker, call *lang.Call) *types.Type {
	if !checkTask(c, call) {
		return types.NoValue
	}
	return types.NewString(commSize)
}

// readTaskName copies the name of a task up to its end: what follows it may be left from
// a longer one.
func readTaskName(l Lowering, task *ir.Value, to Place) {
	b := l.IR()
	described, _ := l.Target().Struct("struct", taskStruct)
	name, _ := l.Target().Member(described, "comm")
	l.Zero(to, commSize)
	source := b.Binary(ir.Add, task, b.Const(int64(name.Offset)))
	helper(l, asm.FnProbeReadKernelStr, ir.Writes, l.Pointer(to), b.Const(commSize), source)
}

func checkCgroupPath(c Checker, call *lang.Call) *types.Type {
	pattern := ""
	if len(call.Args) == 2 {
		pattern, _ = wantText(c, call, 1, "the pattern")
	}
	if !wantNumber(c, call, 0) {
		return types.NoValue
	}
	return &types.Type{Kind: types.CgroupPath, Size: 8, Name: pattern}
}
