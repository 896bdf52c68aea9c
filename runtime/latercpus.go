package runtime

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/attach"
	"github.com/ponytrace/ponytrace/runtime/cpus"
	"github.com/ponytrace/ponytrace/runtime/report"
	"golang.org/x/sys/unix"
)

// laterCPUs finds the CPUs that came online after probes were attached that have an event
// of perf on each CPU: profile, counters, memory of the kernel. There is no such event on
// them, nor on one that went offline meanwhile, with which the kernel removes its events
// for good. Where the kernel announces its devices (a netlink socket, in network
// namespaces of the initial user namespace), such a one is known too; else only those
// that were offline at first.
//
// Rejected: to follow them. What happens on a CPU before its event is open would be
// missing, and counts would still have to be taken for incomplete.
type laterCPUs struct {
	before []int // nil where nothing is to be found
	socket int   // of the announcements; -1 where there are none
}

// await begins if there is such a probe.
func (l *laterCPUs) await(o *object.Object) {
	onEach := func(program *object.ProgramSpec) bool {
		return slices.ContainsFunc(program.Attachments(), attach.OnEachCPU)
	}
	if !slices.ContainsFunc(o.All(), onEach) {
		return
	}
	if online, err := cpus.Online(); err == nil {
		l.before, l.socket = online, announcements()
	}
}

// onlineOnly takes messages that begin with "onli": all others, of which a machine may
// have many, would use up the room of the socket.
var onlineOnly = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 'o'<<24 | 'n'<<16 | 'l'<<8 | 'i', Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 1 << 16},
	{Code: unix.BPF_RET | unix.BPF_K},
}

// kernelGroup is that of the kernel's own announcements.
const kernelGroup = 1

func announcements() (socket int) {
	const kind = unix.SOCK_RAW | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	socket, err := unix.Socket(unix.AF_NETLINK, kind, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return -1
	}
	filter := unix.SockFprog{Len: uint16(len(onlineOnly)), Filter: &onlineOnly[0]}
	err = errors.Join(
		unix.SetsockoptSockFprog(socket, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &filter),
		unix.Bind(socket, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup}))
	if err != nil {
		unix.Close(socket)
		return -1
	}
	return socket
}

// found lists the CPUs, each once.
func (l *laterCPUs) found() []int {
	if l.before == nil {
		return nil
	}
	list := l.announced()
	now, _ := cpus.Online()
	for _, cpu := range now {
		if !slices.Contains(l.before, cpu) {
			list = append(list, cpu)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// announced reads what has come. Besides the kernel only who has CAP_NET_ADMIN can send.
func (l *laterCPUs) announced() (list []int) {
	message := make([]byte, 4096)
	for {
		n, err := unix.Read(l.socket, message)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENOBUFS):
		case err != nil:
			return list
		default:
			if cpu, is := cpuOf(message[:n]); is {
				list = append(list, cpu)
			}
		}
	}
}

// cpuOf reads a message such as "online@/devices/system/cpu/cpu3", behind which the same
// comes in other words.
func cpuOf(message []byte) (cpu int, is bool) {
	first, _, _ := strings.Cut(string(message), "\x00")
	number, is := strings.CutPrefix(first, "online@/devices/system/cpu/cpu")
	cpu, err := strconv.Atoi(number)
	return cpu, is && err == nil && cpu >= 0
}

// loss tells of them.
func (l *laterCPUs) loss() (loss report.Loss, any bool) {
	list := l.found()
	if len(list) == 0 {
		return report.Loss{}, false
	}
	which := fmt.Sprintf("CPU %d", list[0])
	if more := len(list) - 1; more > 0 {
		which += fmt.Sprintf(" and %d more", more)
	}
	text := which + " came online later, and probes that have an event on each CPU " +
		"did not fire there: start ponytrace again"
	return report.Loss{Kind: report.LostCPUs, Count: uint64(len(list)), Text: text}, true
}

func (l *laterCPUs) close() {
	if l.before != nil && l.socket >= 0 {
		unix.Close(l.socket)
	}
	l.before = nil
}
