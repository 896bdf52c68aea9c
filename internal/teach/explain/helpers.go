package explain

import (
	"slices"
	"strings"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// helper is a function of the kernel that programs may call.
type helper struct {
	number    asm.BuiltinFunc
	signature string // without the name's bpf_
	sentence  string
	short     string // the same in a few words
}

// helpers are all that the compiler emits. The signatures are those of the comments above
// ___BPF_FUNC_MAPPER:
// https://elixir.bootlin.com/linux/v6.12/source/include/uapi/linux/bpf.h
var helpers = []helper{
	{asm.FnMapLookupElem, "void *map_lookup_elem(struct bpf_map *map, const void *key)",
		"Returns the address of the value that a map has under a key, or null (0) where the key is " +
			"not there.",
		"address of the key's value, or null"},
	{asm.FnMapUpdateElem, "long map_update_elem(struct bpf_map *map, const void *key, const void " +
		"*value, u64 flags)",
		"Stores a value under a key of a map; flags may ask for keys that are new only.",
		"stores the value under the key"},
	{asm.FnMapDeleteElem, "long map_delete_elem(struct bpf_map *map, const void *key)",
		"Removes a key and its value from a map.",
		"removes the key"},
	{asm.FnProbeReadKernel, "long probe_read_kernel(void *dst, u32 size, const void *unsafe_ptr)",
		"Copies memory of the kernel; an address that cannot be read gives zeroes and an error, where " +
			"a plain load would be refused.",
		"copies memory of the kernel"},
	{asm.FnProbeReadKernelStr, "long probe_read_kernel_str(void *dst, u32 size, const void " +
		"*unsafe_ptr)",
		"Copies a text of the kernel up to its zero byte, and returns its length.",
		"copies a text of the kernel"},
	{asm.FnProbeReadUser, "long probe_read_user(void *dst, u32 size, const void *unsafe_ptr)",
		"Copies memory of the current process; an address that cannot be read gives zeroes and an error.",
		"copies memory of the process"},
	{asm.FnCopyFromUser, "long copy_from_user(void *dst, u32 size, const void *user_ptr)",
		"Copies memory of the current process, and waits for what has to come from the disk first.",
		"copies memory of the process, and may wait for it"},
	{asm.FnProbeReadUserStr, "long probe_read_user_str(void *dst, u32 size, const void *unsafe_ptr)",
		"Copies a text of the current process up to its zero byte, and returns its length.",
		"copies a text of the process"},
	{asm.FnKtimeGetNs, "u64 ktime_get_ns(void)",
		"Returns the time since the machine was started, in nanoseconds, without the time that it slept.",
		"the time in nanoseconds"},
	{asm.FnKtimeGetBootNs, "u64 ktime_get_boot_ns(void)",
		"Returns the time since the machine was started, in nanoseconds, with the time that it slept.",
		"the time since the start of the machine"},
	{asm.FnKtimeGetTaiNs, "u64 ktime_get_tai_ns(void)",
		"Returns the time of day in nanoseconds since 1970, by international atomic time (TAI), which " +
			"has no leap seconds.",
		"the time of day in nanoseconds"},
	{asm.FnJiffies64, "u64 jiffies64(void)",
		"Returns the count of ticks of the kernel's clock.",
		"the count of clock ticks"},
	{asm.FnGetPrandomU32, "u32 get_prandom_u32(void)",
		"Returns a random number of 32 bits.",
		"a random number"},
	{asm.FnGetSmpProcessorId, "u32 get_smp_processor_id(void)",
		"Returns the number of the CPU that runs the program.",
		"the number of this CPU"},
	{asm.FnGetNumaNodeId, "long get_numa_node_id(void)",
		"Returns the number of the memory node that the CPU belongs to.",
		"the number of the memory node"},
	{asm.FnGetCurrentPidTgid, "u64 get_current_pid_tgid(void)",
		"Returns two numbers in one: the process in the upper 32 bits, the thread in the lower 32.",
		"process and thread in one number"},
	{asm.FnGetNsCurrentPidTgid, "long get_ns_current_pid_tgid(u64 dev, u64 ino, struct " +
		"bpf_pidns_info *nsdata, u32 size)",
		"Stores the numbers of the current thread and process as a PID namespace (such as a " +
			"container) has them.",
		"thread and process as the namespace has them"},
	{asm.FnGetCurrentUidGid, "u64 get_current_uid_gid(void)",
		"Returns two numbers in one: the group in the upper 32 bits, the user in the lower 32.",
		"group and user in one number"},
	{asm.FnGetCurrentComm, "long get_current_comm(void *buf, u32 size_of_buf)",
		"Copies the name of the current thread.",
		"copies the thread's name"},
	{asm.FnGetCurrentCgroupId, "u64 get_current_cgroup_id(void)",
		"Returns the number of the control group that the current thread is in.",
		"the number of the control group"},
	{asm.FnCurrentTaskUnderCgroup, "long current_task_under_cgroup(map, u32 index)",
		"Tells whether the current thread is in a control group of the map, or in one below it.",
		"1 in the control group or below it"},
	{asm.FnGetCurrentTask, "u64 get_current_task(void)",
		"Returns the address of the kernel's description of the current thread, struct task_struct, " +
			"as a plain number.",
		"address of the thread's task_struct"},
	{asm.FnGetCurrentTaskBtf, "struct task_struct *get_current_task_btf(void)",
		"Returns the kernel's description of the current thread as a pointer whose type the verifier " +
			"knows, so that it may be read directly.",
		"the thread's task_struct, with its type"},
	{asm.FnGetAttachCookie, "u64 get_attach_cookie(void *ctx)",
		"Returns the number that was given when the program was attached: it tells which of several " +
			"functions has fired.",
		"the number of the probe that fired"},
	{asm.FnGetStack, "long get_stack(void *ctx, void *buf, u32 size, u64 flags)",
		"Stores the chain of calls that led here, as return addresses of the kernel or of the " +
			"process, and returns its length in bytes.",
		"stores the chain of calls"},
	{asm.FnGetFuncRet, "long get_func_ret(void *ctx, u64 *value)",
		"Stores what the function has returned.",
		"stores the result of the function"},
	{asm.FnTaskPtRegs, "struct pt_regs *task_pt_regs(struct task_struct *task)",
		"Returns the registers that the process had when it entered the kernel.",
		"the registers of the process"},
	{asm.FnDPath, "long d_path(struct path *path, char *buf, u32 sz)",
		"Stores the path of an open file as text, and returns its length.",
		"stores the file's path"},
	{asm.FnRingbufReserve, "void *ringbuf_reserve(void *ringbuf, u64 size, u64 flags)",
		"Sets room aside in a ring buffer, through which records reach ponytrace; returns null where " +
			"it is full.",
		"room for a record, or null"},
	{asm.FnRingbufSubmit, "void ringbuf_submit(void *data, u64 flags)",
		"Hands a finished record of a ring buffer to its reader.",
		"hands the record to the reader"},
	{asm.FnRingbufQuery, "u64 ringbuf_query(struct bpf_map *ringbuf, u64 flags)",
		"Tells how much of the ring buffer nobody has read yet (0), or how large it is (1).",
		"how much is not read yet"},
	{asm.FnRingbufDiscard, "void ringbuf_discard(void *data, u64 flags)",
		"Gives the room of a record back that is not wanted after all.",
		"gives the room back"},
	{asm.FnRingbufOutput, "long ringbuf_output(void *ringbuf, void *data, u64 size, u64 flags)",
		"Copies a finished record into a ring buffer.",
		"copies the record to the reader"},
	{asm.FnLoop, "long loop(u32 nr_loops, void *callback_fn, void *callback_ctx, u64 flags)",
		"Calls a function of the program again and again, at most so many times as it is told; the " +
			"verifier walks that function until nothing new comes of it, not once a round.",
		"calls the function once a round"},
	{asm.FnForEachMapElem, "long for_each_map_elem(struct bpf_map *map, void *callback_fn, void " +
		"*callback_ctx, u64 flags)",
		"Calls a function of the program for each key of a map.",
		"calls the function for each key"},
	{asm.FnSendSignal, "long send_signal(u32 sig)",
		"Sends a signal to the current process.",
		"sends the signal to the process"},
	{asm.FnSendSignalThread, "long send_signal_thread(u32 sig)",
		"Sends a signal to the current thread.",
		"sends the signal to the thread"},
	{asm.FnOverrideReturn, "long override_return(struct pt_regs *regs, u64 rc)",
		"Makes the traced function return a value at once, without running.",
		"makes the function return at once"},
	{asm.FnTailCall, "long tail_call(void *ctx, struct bpf_map *prog_array_map, u32 index)",
		"Goes on in another program, that of an index in an array of programs, and does not come " +
			"back; where the array has none, the program continues.",
		"goes on in the program of the index"},
}

// helperOf finds a helper by its number.
func helperOf(number asm.BuiltinFunc) (helper, bool) {
	i := slices.IndexFunc(helpers, func(h helper) bool { return h.number == number })
	if i < 0 {
		bare := strings.TrimPrefix(target.HelperName(number), "bpf_")
		return helper{number: number, signature: bare + "(...)"}, false
	}
	return helpers[i], true
}

// Name is the kernel's.
func (h *helper) Name() string { return target.HelperName(h.number) }

// Full is the signature with the name by which the kernel knows the helper.
func (h *helper) Full() string {
	bare := strings.TrimPrefix(h.Name(), "bpf_")
	return strings.Replace(h.signature, bare+"(", "bpf_"+bare+"(", 1)
}

// parameters are the names of what it is handed.
func (h *helper) parameters() (names []string) {
	_, list, _ := strings.Cut(strings.TrimSuffix(h.signature, ")"), "(")
	if list == "void" || list == "..." {
		return nil
	}
	for parameter := range strings.SplitSeq(list, ",") {
		names = append(names, parameter[strings.LastIndexAny(parameter, " *")+1:])
	}
	return names
}

// countHelpers lists what the programs call, in the order of the table.
func countHelpers(programs []asm.Instructions) (list []Helper) {
	calls := map[asm.BuiltinFunc]int{}
	for _, code := range programs {
		for i := range code {
			if code[i].IsBuiltinCall() {
				calls[asm.BuiltinFunc(code[i].Constant)]++
			}
		}
	}
	for _, h := range helpers {
		if n := calls[h.number]; n > 0 {
			list = append(list, Helper{h.Name(), int(uint32(h.number)), h.Full(), h.sentence, n})
		}
	}
	return list
}
