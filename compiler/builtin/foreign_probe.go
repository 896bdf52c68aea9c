package builtin

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// People bring attach points from bpftrace, from DTrace and from memory. One whose type
// is not in the table is looked for there, so that the message leads to what serves
// instead.

// ForeignProbe is what there is to say of an attach point whose type is none of the
// table.
type ForeignProbe struct {
	Message, Hint string
	// Whole: the message is about all of the attach point, not its type.
	Whole bool
}

// ExplainProbe looks an attach point up whose type is none of the table.
func ExplainProbe(t *target.Target, parts []Part) ForeignProbe {
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = part.Text
	}
	if ours := fromDTrace(texts); ours != "" {
		message := fmt.Sprintf("'%s' is DTrace's spelling", strings.Join(texts, ":"))
		return ForeignProbe{Message: message, Hint: "write " + ours, Whole: true}
	}
	if why, hint := fromBpftrace(texts); why != "" {
		return ForeignProbe{Message: why, Hint: hint}
	}
	message := fmt.Sprintf("there is no probe type %q", texts[0])
	return ForeignProbe{Message: message, Hint: meantProbe(t, texts)}
}

// ForeignAttachPoint returns what serves here in the place of an attach point, or of a type
// of probes, that bpftrace and DTrace have.
func ForeignAttachPoint(text string) (hint string, known bool) {
	parts := strings.Split(text, ":")
	ours := fromDTrace(parts)
	if len(parts) == 1 && ours == "" && text == "fbt" {
		ours = functionOfDTrace(text, "NAME", "", true)
	}
	if ours != "" {
		return "write " + ours, true
	}
	why, hint := fromBpftrace(parts)
	return why + "; " + hint, why != ""
}

// ForeignProbeTypes are the types of probes that bpftrace and DTrace have and the table has
// not.
func ForeignProbeTypes() []string {
	return append(slices.Sorted(maps.Keys(unservedTypes())), "fbt")
}

// meantProbe guesses what the words of an attach point are names of.
func meantProbe(t *target.Target, parts []string) string {
	kind, last := parts[0], parts[len(parts)-1]
	switch {
	case kind == "":
		return ""
	case strings.ContainsAny(kind, "*?["):
		return wildcardType(parts)
	case len(parts) == 1:
		if point := namedProbe(t, kind); point != "" {
			return "write " + point
		}
	case len(parts) == 2:
		if found, _ := t.MatchTracepoints(kind, last); len(found) > 0 {
			return fmt.Sprintf("write tracepoint:%s:%s", kind, last)
		}
	}
	const tooShort = 2 // every short name is near
	near := diag.Nearest(kind, slices.Values(ProbeTypeNames()), 3)
	if len(near) > 0 && len(kind) > tooShort {
		return "did you mean " + either(near) + "?"
	}
	if len(parts) == 4 {
		return "DTrace's providers are not there; ponytrace -l lists what can be traced"
	}
	return "there are " + strings.Join(longNames(), ", ")
}

// wildcardType names the types of probes that a pattern stands for.
func wildcardType(parts []string) string {
	var names []string
	for _, p := range probesLike(parts[0]) {
		if n := len(parts) - 1; n >= p.MinParts && n <= p.MaxParts {
			names = append(names, strings.Join(append([]string{p.Name}, parts[1:]...), ":"))
		}
	}
	if len(names) == 0 {
		return "a type has no wildcards, the name behind it may: kprobe:vfs_*"
	}
	return "a type has no wildcards: write " + strings.Join(names, ", ")
}

// namedProbe is the attach point of a function or tracepoint of the kernel that has the
// name.
func namedProbe(t *target.Target, name string) string {
	if strings.ContainsAny(name, `*?[\`) {
		return ""
	}
	if found, _ := t.MatchTracepoints("*", name); len(found) > 0 {
		return "tracepoint:" + found[0]
	}
	if found, _ := t.MatchFunctions(name); len(found) > 0 {
		return "kprobe:" + name
	}
	return ""
}

func longNames() []string {
	var names []string
	for _, p := range probeList {
		names = append(names, p.Name)
	}
	return names
}

// either joins names as in "a, b or c".
func either(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// unserved is a type of bpftrace's probes that is not there, and what serves instead. In
// the hint, %s is the last part of the attach point.
type unserved struct{ why, hint string }

var (
	both = unserved{"entry and return are two clauses",
		"write kprobe:%[1]s and kretprobe:%[1]s; @start[tid] carries what both need"}
	raw     = unserved{"raw tracepoints are the probe type rawtracepoint", "write rawtracepoint:%s"}
	watch   = unserved{"memory that a function is given cannot be watched from there on", "write watchpoint:ADDRESS:LENGTH:MODE, as soon as the address is known"}
	packets = unserved{"programs on the path of packets are not there",
		"write kprobe:netif_receive_skb or tracepoint:net:netif_receive_skb"}
	calls    = unserved{"system calls are tracepoints", "write tracepoint:syscalls:sys_enter_%s"}
	scripted = unserved{"tests of scripts are not there", "write BEGIN, with assert() in it"}
)

var unservedTypes = sync.OnceValue(func() map[string]unserved {
	return map[string]unserved{
		"asyncwatchpoint": watch, "aw": watch,
		"session": both, "ksession": both, "fsession": both,
		"raw_tracepoint": raw, "raw_tp": raw, "tp_btf": raw,
		"syscall": calls, "test": scripted,
		"xdp": packets, "tc": packets, "socket": packets, "cgroup": packets,
		"exit": {"exit() ends the tracing, and END fires then", "write END"},
		"lsm":  {"hooks of security modules are functions here", "write kprobe:security_%s"},
	}
})

// fromBpftrace returns why a type of bpftrace's probes is not there, and what serves
// instead.
func fromBpftrace(parts []string) (why, hint string) {
	kind, rest := parts[0], parts[1:]
	known, found := unservedTypes()[kind]
	if len(parts) == 4 && processProvider(kind) {
		return ofProcess(kind, parts)
	}
	if !found {
		return "", ""
	}
	if !strings.Contains(known.hint, "%") {
		return known.why, known.hint
	}
	name := strings.Join(rest, ":")
	if name == "" {
		name = "NAME"
	}
	return known.why, fmt.Sprintf(known.hint, name)
}

// ofProcess is what serves for the functions of a process: pid123:libc:malloc:entry.
func ofProcess(provider string, parts []string) (why, hint string) {
	kind, program, function := "uprobe", parts[1], parts[2]
	if parts[3] == "return" {
		kind = "uretprobe"
	}
	program, _, _ = strings.Cut(program, ".so")
	if number, found := strings.CutPrefix(provider, "pid"); found && number != "" {
		hint = ", with -p " + number
	}
	if program == "" || program == "a.out" {
		program = "*"
	}
	if function == "" {
		function = "*"
	}
	return "functions of programs are traced by uprobe and uretprobe", "write " + kind + ":" + program + ":" + function + hint
}

// processProvider reports DTrace's providers of the functions and locks of a process:
// pid123, plockstat.
func processProvider(name string) bool {
	number, found := strings.CutPrefix(name, "pid")
	return name == "plockstat" || found && digits(number, 0) == len(number)
}

// dtraceProbes are the probes of DTrace's providers that say what happens and not where,
// by provider and name.
var dtraceProbes = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"dtrace:BEGIN":           "BEGIN",
		"dtrace:END":             "END",
		"dtrace:ERROR":           "END",
		"io:start":               "tracepoint:block:block_rq_issue",
		"io:done":                "tracepoint:block:block_rq_complete",
		"proc:exec":              "tracepoint:syscalls:sys_enter_execve",
		"proc:exec-success":      "tracepoint:sched:sched_process_exec",
		"proc:exec-failure":      "tracepoint:syscalls:sys_exit_execve",
		"proc:create":            "tracepoint:sched:sched_process_fork",
		"proc:lwp-create":        "tracepoint:sched:sched_process_fork",
		"proc:start":             "tracepoint:sched:sched_wakeup_new",
		"proc:lwp-start":         "tracepoint:sched:sched_wakeup_new",
		"proc:exit":              "tracepoint:sched:sched_process_exit",
		"proc:lwp-exit":          "tracepoint:sched:sched_process_exit",
		"proc:signal-send":       "tracepoint:signal:signal_generate",
		"proc:signal-handle":     "tracepoint:signal:signal_deliver",
		"sched:on-cpu":           "tracepoint:sched:sched_switch",
		"sched:off-cpu":          "tracepoint:sched:sched_switch",
		"sched:sleep":            "tracepoint:sched:sched_switch",
		"sched:preempt":          "tracepoint:sched:sched_switch",
		"sched:wakeup":           "tracepoint:sched:sched_wakeup",
		"sched:enqueue":          "tracepoint:sched:sched_wakeup",
		"vminfo:as_fault":        "kprobe:handle_mm_fault",
		"vminfo:maj_fault":       "kprobe:handle_mm_fault",
		"tcp:send":               "kprobe:tcp_sendmsg",
		"tcp:receive":            "kprobe:tcp_rcv_established",
		"tcp:state-change":       "tracepoint:sock:inet_sock_set_state",
		"tcp:connect-request":    "kprobe:tcp_connect",
		"tcp:accept-established": "kretprobe:inet_csk_accept",
		"udp:send":               "kprobe:udp_sendmsg",
		"udp:receive":            "kprobe:udp_recvmsg",
		"ip:send":                "tracepoint:net:net_dev_queue",
		"ip:receive":             "tracepoint:net:netif_receive_skb",
	}
})

// fromDTrace returns our spelling of an attach point of DTrace's,
// PROVIDER:MODULE:FUNCTION:NAME; empty for others.
func fromDTrace(parts []string) string {
	provider, name := parts[0], parts[len(parts)-1]
	if len(parts) == 1 || len(parts) == 4 {
		if clock := dtraceClock(name); clock != "" {
			return clock
		}
	}
	if len(parts) < 3 || len(parts) == 3 && provider != "syscall" && provider != "fbt" {
		return ""
	}
	if ours := dtraceProbes()[provider+":"+name]; ours != "" && len(parts) == 4 {
		return ours
	}
	function := parts[2]
	if function == "" {
		function = "*"
	}
	return functionOfDTrace(provider, function, name, len(parts) == 3)
}

// functionOfDTrace is the spelling for the providers of functions. Without a name, both
// entry and return are meant.
func functionOfDTrace(provider, function, name string, unnamed bool) string {
	entry, exit := "", ""
	switch provider {
	case "syscall":
		entry, exit = "tracepoint:syscalls:sys_enter_"+function, "tracepoint:syscalls:sys_exit_"+function
	case "fbt":
		entry, exit = "kprobe:"+function, "kretprobe:"+function
	default:
		return ""
	}
	switch {
	case name == "entry":
		return entry
	case name == "return":
		return exit
	case name == "" || unnamed:
		return entry + ", " + exit
	}
	return ""
}

// dtraceUnits are the suffixes of tick-N and profile-N, and ours; without one it is so
// often a second.
var dtraceUnits = map[string]string{
	"": "hz", "hz": "hz", "s": "s", "sec": "s", "ms": "ms", "msec": "ms",
	"us": "us", "usec": "us", "ns": "ns", "nsec": "ns",
}

func dtraceClock(name string) string {
	kind, period, found := strings.Cut(name, "-")
	ours := map[string]string{"tick": "interval", "profile": "profile"}[kind]
	end := digits(period, 0)
	if !found || ours == "" || end == 0 {
		return ""
	}
	switch unit := period[end:]; {
	case dtraceUnits[unit] != "":
		return ours + ":" + dtraceUnits[unit] + ":" + period[:end]
	case unit == "m" || unit == "min":
		return ours + ":s:(" + period[:end] + " * 60)"
	}
	return ""
}
