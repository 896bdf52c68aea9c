package target

import (
	_ "embed"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/types"
)

//go:generate go run ../../internal/genconstants -out constants.txt

// interfaceTable holds the constants of the system call interface; internal/genconstants
// says where they come from and which they are. Title lines separate what all
// architectures have from what one of them has.
//
//go:embed constants.txt
var interfaceTable string

// kernelTable holds what the kernel's headers define with #define, so that BTF does not
// have it, and what interfaceTable lacks: name and value, in C's notation. The internal
// ones among them are those that scripts use and that have not changed from 5.10 to 7.3.
// Paths are those of https://elixir.bootlin.com/linux/v6.12/source
//
// Rejected: enums, although some of the constants of both tables are enums in BTF too
// (SOCK_STREAM): their values are part of the system call interface, and here they cost
// no BTF.
const kernelTable = `
# Sockets: include/linux/net.h, include/uapi/asm-generic/socket.h
SOMAXCONN 4096

# Internet protocols: include/uapi/linux/in.h, icmp.h, icmpv6.h, if_ether.h
ICMP_ECHOREPLY 0  ICMP_DEST_UNREACH 3  ICMP_SOURCE_QUENCH 4  ICMP_REDIRECT 5  ICMP_ECHO 8  ICMP_TIME_EXCEEDED 11
ICMP_PARAMETERPROB 12  ICMP_TIMESTAMP 13  ICMP_TIMESTAMPREPLY 14  ICMP_INFO_REQUEST 15  ICMP_INFO_REPLY 16
ICMP_ADDRESS 17  ICMP_ADDRESSREPLY 18  ICMP_NET_UNREACH 0  ICMP_HOST_UNREACH 1  ICMP_PROT_UNREACH 2
ICMP_PORT_UNREACH 3  ICMP_FRAG_NEEDED 4  ICMP_SR_FAILED 5  ICMP_NET_UNKNOWN 6  ICMP_HOST_UNKNOWN 7
ICMP_HOST_ISOLATED 8  ICMP_NET_ANO 9  ICMP_HOST_ANO 10  ICMP_NET_UNR_TOS 11  ICMP_HOST_UNR_TOS 12
ICMP_PKT_FILTERED 13  ICMP_PREC_VIOLATION 14  ICMP_PREC_CUTOFF 15  ICMP_REDIR_NET 0  ICMP_REDIR_HOST 1
ICMP_REDIR_NETTOS 2  ICMP_REDIR_HOSTTOS 3  ICMP_EXC_TTL 0  ICMP_EXC_FRAGTIME 1  ICMP_EXT_ECHO 42
ICMP_EXT_ECHOREPLY 43  ICMP_EXT_CODE_MAL_QUERY 1  ICMP_EXT_CODE_NO_IF 2  ICMP_EXT_CODE_NO_TABLE_ENT 3
ICMP_EXT_CODE_MULT_IFS 4  ICMP_EXT_ECHOREPLY_ACTIVE 4  ICMP_EXT_ECHO_CTYPE_NAME 1  ICMP_EXT_ECHO_CTYPE_INDEX 2
ICMP_EXT_ECHO_CTYPE_ADDR 3  ICMP_AFI_IP 1  ICMP_FILTER 1  ICMPV6_DEST_UNREACH 1  ICMPV6_PKT_TOOBIG 2
ICMPV6_TIME_EXCEED 3  ICMPV6_PARAMPROB 4  ICMPV6_ECHO_REQUEST 128  ICMPV6_ECHO_REPLY 129  ETH_ALEN 6  IFNAMSIZ 16
INADDR_ANY 0  INADDR_LOOPBACK 0x7f000001  INADDR_BROADCAST 0xffffffff  IP_CE 0x8000  IP_OFFSET 0x1fff

# Opening files: include/uapi/asm-generic/fcntl.h (x86_64; see below)
O_LARGEFILE 0100000  FASYNC 020000

# File control: include/uapi/linux/fcntl.h
AT_STATX_SYNC_TYPE 0x6000

# Signals: include/uapi/asm-generic/signal.h, signal-defs.h, siginfo.h
NSIG 64  _NSIG 64  SIGRTMIN 32  SIGRTMAX 64  SIGUNUSED 31  SIG_BLOCK 0  SIG_UNBLOCK 1  SIG_SETMASK 2  SIG_DFL 0
SIG_IGN 1  SI_USER 0  SI_KERNEL 0x80  SI_QUEUE -1  SI_TIMER -2  SI_MESGQ -3  SI_ASYNCIO -4  SI_SIGIO -5  SI_TKILL -6
CLD_EXITED 1  CLD_KILLED 2  CLD_DUMPED 3  CLD_TRAPPED 4  CLD_STOPPED 5  CLD_CONTINUED 6  SEGV_MAPERR 1  SEGV_ACCERR 2
BUS_ADRALN 1  BUS_ADRERR 2  BUS_OBJERR 3  FPE_INTDIV 1  ILL_ILLOPC 1  TRAP_BRKPT 1  TRAP_TRACE 2

# Memory: include/uapi/asm-generic/mman-common.h, mman.h, linux/mman.h
PROT_SEM 8  MAP_UNINITIALIZED 0x4000000  MADV_SOFT_OFFLINE 101

# Processes: include/uapi/linux/sched.h, wait.h
SCHED_OTHER 0

# Waiting: include/uapi/asm-generic/poll.h, linux/eventpoll.h, futex.h, time.h
FUTEX_WAIT 0  FUTEX_WAKE 1  FUTEX_REQUEUE 3  FUTEX_CMP_REQUEUE 4  FUTEX_WAKE_OP 5  FUTEX_LOCK_PI 6  FUTEX_UNLOCK_PI 7
FUTEX_WAIT_BITSET 9  FUTEX_WAKE_BITSET 10  FUTEX_PRIVATE_FLAG 128  FUTEX_CLOCK_REALTIME 256  FUTEX_FD 2
FUTEX_TRYLOCK_PI 8  FUTEX_WAIT_REQUEUE_PI 11  FUTEX_CMP_REQUEUE_PI 12  FUTEX_LOCK_PI2 13  FUTEX_WAIT_PRIVATE 128
FUTEX_WAKE_PRIVATE 129  FUTEX_CMP_REQUEUE_PRIVATE 132  FUTEX_WAKE_OP_PRIVATE 133  FUTEX_WAIT_BITSET_PRIVATE 137
FUTEX_WAKE_BITSET_PRIVATE 138  FUTEX_CMD_MASK -385  FUTEX_WAITERS 0x80000000  FUTEX_OWNER_DIED 0x40000000
FUTEX_TID_MASK 0x3fffffff  POLLRDNORM 0x40  POLLRDBAND 0x80  POLLWRNORM 0x100  POLLWRBAND 0x200  POLLMSG 0x400
POLLREMOVE 0x1000

# Limits: include/uapi/linux/limits.h, include/vdso/limits.h, include/linux/limits.h
PATH_MAX 4096  NAME_MAX 255  PIPE_BUF 4096  ARG_MAX 131072  INT_MAX 2147483647  INT_MIN -2147483648
UINT_MAX 4294967295  SHRT_MAX 32767  USHRT_MAX 65535  CHAR_BIT 8  LONG_MAX 9223372036854775807  EOF -1  STDIN_FILENO 0
STDOUT_FILENO 1  STDERR_FILENO 2  INT8_MAX 127  INT8_MIN -128  INT16_MAX 32767  INT16_MIN -32768  INT32_MAX 2147483647
INT32_MIN -2147483648  INT64_MAX 9223372036854775807  INT64_MIN -9223372036854775808  UINT8_MAX 255  UINT16_MAX 65535
UINT32_MAX 4294967295  S8_MAX 127  S16_MAX 32767  S32_MAX 2147483647  S64_MAX 9223372036854775807  U8_MAX 255
U16_MAX 65535  U32_MAX 4294967295  LONG_MIN -9223372036854775808  CHAR_MAX 127  UCHAR_MAX 255  SCHAR_MAX 127
SHRT_MIN -32768  LLONG_MAX 9223372036854775807  BITS_PER_LONG 64  BITS_PER_BYTE 8

# Errors that stay inside the kernel: include/linux/errno.h, err.h
ERESTARTSYS 512  ERESTARTNOINTR 513  ERESTARTNOHAND 514  ENOIOCTLCMD 515  ERESTART_RESTARTBLOCK 516  EPROBE_DEFER 517
ENOTSUPP 524  EIOCBQUEUED 529  MAX_ERRNO 4095  ENOPARAM 519  EOPENSTALE 518  EBADHANDLE 521  ENOTSYNC 522
EBADCOOKIE 523  ETOOSMALL 525  ESERVERFAULT 526  EBADTYPE 527  EJUKEBOX 528  ERECALLCONFLICT 530

# States and flags of tasks: include/linux/sched.h
TASK_RUNNING 0  TASK_INTERRUPTIBLE 1  TASK_UNINTERRUPTIBLE 2  __TASK_STOPPED 4  __TASK_TRACED 8  EXIT_DEAD 16
EXIT_ZOMBIE 32  TASK_PARKED 64  TASK_DEAD 128  TASK_WAKEKILL 256  TASK_WAKING 512  TASK_NOLOAD 1024  TASK_NEW 2048
TASK_KILLABLE 258  TASK_IDLE 1026  TASK_COMM_LEN 16  PF_EXITING 0x4  PF_FORKNOEXEC 0x40  PF_SUPERPRIV 0x100
PF_MEMALLOC 0x800  PF_KTHREAD 0x200000  TASK_STOPPED 260  TASK_NORMAL 3  TASK_REPORT 0x7f  EXIT_TRACE 48  PF_VCPU 0x1
PF_IDLE 0x2  PF_IO_WORKER 0x10  PF_WQ_WORKER 0x20  PF_MCE_PROCESS 0x80  PF_DUMPCORE 0x200  PF_SIGNALED 0x400
PF_NPROC_EXCEEDED 0x1000  PF_USED_MATH 0x2000  PF_NOFREEZE 0x8000  PF_KSWAPD 0x20000  PF_MEMALLOC_NOFS 0x40000
PF_MEMALLOC_NOIO 0x80000  PF_LOCAL_THROTTLE 0x100000  PF_RANDOMIZE 0x400000  PF_NO_SETAFFINITY 0x4000000
PF_MCE_EARLY 0x8000000  PF_SUSPEND_TASK 0x80000000  MAX_PRIO 140  MAX_RT_PRIO 100  DEFAULT_PRIO 120

# Devices, blocks and files: include/linux/kdev_t.h, blk_types.h, fs.h
MINORBITS 20  MINORMASK 0xfffff  SECTOR_SHIFT 9  SECTOR_SIZE 512  REQ_OP_BITS 8  REQ_OP_MASK 0xff  FMODE_READ 1
FMODE_WRITE 2  FMODE_EXEC 0x20  FMODE_LSEEK 0x4  FMODE_PREAD 0x8  FMODE_PWRITE 0x10  FMODE_PATH 0x4000
FMODE_OPENED 0x80000  FMODE_CREATED 0x100000

# Time: include/vdso/time64.h
NSEC_PER_SEC 1000000000  NSEC_PER_MSEC 1000000  NSEC_PER_USEC 1000  USEC_PER_SEC 1000000  USEC_PER_MSEC 1000
MSEC_PER_SEC 1000  USER_HZ 100

# What C has anyway
NULL 0
`

// armTable holds those that arm64 defines otherwise: arch/arm64/include/uapi/asm/fcntl.h
const armTable = `
O_LARGEFILE 0400000
`

// changedConstants are those whose value depends on the version, the newest first:
// include/linux/sched.h
var changedConstants = []struct {
	name  string
	since Version
	value int64
}{
	{"TASK_TRACED", Version{5, 19, 0}, 8}, {"TASK_TRACED", Version{}, 264},
	{"TASK_RTLOCK_WAIT", Version{5, 15, 0}, 0x1000},
	{"TASK_FREEZABLE", Version{6, 1, 0}, 0x2000}, {"TASK_FROZEN", Version{6, 1, 0}, 0x8000},
	{"TASK_STATE_MAX", Version{6, 1, 0}, 0x10000}, {"TASK_STATE_MAX", Version{5, 15, 0}, 0x2000}, {"TASK_STATE_MAX", Version{}, 0x1000},
}

// bitEnums are the families of flags whose bits the kernel keeps as enums: REQ_SYNC is 1
// << __REQ_SYNC.
var bitEnums = []struct{ flag, bit, end string }{
	{"REQ_", "__REQ_", ""}, {"RQF_", "__RQF_", ""}, {"__GFP_", "___GFP_", "_BIT"},
}

// Constant returns the value of a named constant: one of the script's enums, of the
// tables, or of an enum of the kernel. Of the last kind, a new name costs up to 3 ms.
func (t *Target) Constant(name string) (value int64, typ *types.Type, ok bool) {
	if own, ok := t.script.constant(name); ok {
		return own.value, convert(own.of), true
	}
	if value, ok := t.tableConstant(name); ok {
		return value, types.Int64, true
	}
	if unsigned[name] {
		return -1, types.Uint64, true
	}
	found := t.kernel().enumerator(name)
	return found.value, found.typ, found.typ != nil
}

// Enumerator reports whether an enum of the script has the name; asking is cheap.
func (t *Target) Enumerator(name string) bool {
	_, ok := t.script.constant(name)
	return ok
}

// unsigned are the names of the largest 64-bit value.
var unsigned = map[string]bool{"UINT64_MAX": true, "U64_MAX": true, "ULONG_MAX": true, "ULLONG_MAX": true, "SIZE_MAX": true}

// foundEnumerator is a constant of an enum of the kernel; typ is nil when there is none.
type foundEnumerator struct {
	value int64
	typ   *types.Type
}

// enumerator searches the kernel's enums, once for each name.
func (t *Target) enumerator(name string) foundEnumerator {
	return t.enumerators.get(name, func() foundEnumerator {
		raw := t.rawTypes()
		if raw == nil {
			return foundEnumerator{}
		}
		if id, value, ok := raw.enumConstant(name); ok {
			return foundEnumerator{value, t.enumType(id)}
		}
		if value, ok := raw.flag(name); ok {
			return foundEnumerator{value, types.Int64}
		}
		return foundEnumerator{}
	})
}

// flag computes a flag from the enum that holds the number of its bit.
func (r *rawBTF) flag(name string) (int64, bool) {
	for _, family := range bitEnums {
		if rest, ok := strings.CutPrefix(name, family.flag); ok {
			_, bit, found := r.enumConstant(family.bit + rest + family.end)
			return 1 << (uint64(bit) & 63), found
		}
	}
	return 0, false
}

// tables returns the constants of all architectures and those of one.
func (t *Target) tables() (common, own string) {
	common, rest, _ := strings.Cut(interfaceTable, "\nx86_64\n")
	x86, arm, _ := strings.Cut(rest, "\narm64\n")
	if t.Arch == "arm64" {
		return common, arm + armTable
	}
	return common, x86
}

// lookUp finds the value behind a name. To search 50 KB of text takes microseconds; to
// make a map of it, half a millisecond of every run that names a constant.
func lookUp(table, name string) (int64, bool) {
	for {
		before, after, found := strings.Cut(table, name+" ")
		if !found || name == "" {
			return 0, false
		}
		word, _, _ := strings.Cut(after, "\n")
		word, _, _ = strings.Cut(word, " ")
		value, err := strconv.ParseInt(word, 0, 64)
		if err == nil && (before == "" || strings.HasSuffix(before, " ") || strings.HasSuffix(before, "\n")) {
			return value, true
		}
		table = after
	}
}

func (t *Target) tableConstant(name string) (int64, bool) {
	switch name {
	case "PAGE_SIZE":
		return int64(t.PageSize), true
	case "PAGE_MASK":
		return -int64(t.PageSize), true
	case "PAGE_SHIFT":
		return int64(bits.TrailingZeros(uint(t.PageSize))), true
	}
	common, own := t.tables()
	for _, table := range []string{own, kernelTable, common} {
		if value, ok := lookUp(table, name); ok {
			return value, true
		}
	}
	return t.changedConstant(name)
}

func (t *Target) changedConstant(name string) (int64, bool) {
	for _, c := range changedConstants {
		if c.name == name && t.Version.AtLeast(c.since.Major, c.since.Minor) {
			return c.value, true
		}
	}
	return 0, false
}

const nameStarts = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"

// NearestConstant returns at most 3 names of the script and the tables like the given
// one. Those of BTF are not searched: there are 100,000, and most look alike.
func (t *Target) NearestConstant(name string) []string {
	names := strings.Fields(interfaceTable + kernelTable)
	if t.script != nil {
		names = slices.AppendSeq(names, maps.Keys(t.script.constants))
	}
	names = slices.DeleteFunc(names, func(word string) bool { return !strings.ContainsAny(word[:1], nameStarts) })
	slices.Sort(names)
	return nearest(slices.Compact(names), name)
}
