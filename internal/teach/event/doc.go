// Package event reads what happens in the emulator: lines of text that say which probe
// fires, in which task, and with which arguments. It makes of them what the programs of
// an object are handed by a kernel: contexts, and the memory that pointers lead to.
//
//	script := event.Script{Object: object, Stages: stages, Target: machine}
//	events, problems := event.Parse(source, script)
//	for e := range events.All() {
//		err := session.Fire(e)
//	}
//
// # Lines
//
// A line is one event, or several that are alike:
//
//	kprobe:vfs_read comm="dd" pid=12 arg2=4096 x10    # ten reads of one process
//	arg0.__data_len=4096, arg0.q.limits.max_sectors=8
//
//	line    = [probe] {name "=" value [","]} ["x" count] ["meanwhile"] ["full"] ["#" comment]
//	probe   = as in the script; it may be left out where that has only one besides BEGIN,
//	          END and intervals
//	name    = what the event has, a task, a stack (see below)
//	value   = a number with or without a unit as in scripts, -1, true, NULL, the name of a
//	          constant of the kernel, "text"; after kstack and ustack names of functions,
//	          joined by commas
//
// Meanwhile is at the same time as the event of the line before, on another CPU: it runs
// between the moment when that one's program has read a value of a map and the moment when
// it writes one. Full is an event that finds the ring buffer full, so that what it prints
// is lost.
//
// What has a name:
//
//	arg0, arg1 ... args.NAME  arguments of functions and tracepoints, as in the script
//	retval                    at returns
//	reg.NAME                  registers, of kprobes and profiles
//	arg0.field.field[3]       memory: `.` and `->` lead into structs and through pointers
//	(struct request *)arg0.q  the same where the argument has no such type
//	curtask.field             of the task
//	comm pid tid uid gid      the task; cpu and cgroup where it runs
//	nsecs                     the time, from the kernel's boot; after=1ms is that long after
//	                          the event before, which is the time between the events of xN
//	kstack, ustack            the functions that called one another, the innermost first
//
// # What is not given
//
// It is made from the types: numbers are 1, texts are the names of what they stand in
// (disk_name holds "disk_name"), enums their first value, pointers lead to memory. Of a
// struct these are the fields whose names the script has somewhere; all others are zero,
// so that a list without end stays short. The task is process 1000, "app", on CPU 0. An
// event comes a microsecond after the one before, one of an interval at its next tick.
//
// # Memory
//
// An object of a type has the same address in each event, so that a pointer that is a key
// at the entry of a function is found again at its return. Others get other addresses by
// arg0=0xffff888000100000.
//
// Texts come from people and files: their size, the memory that they ask for and the
// number of events are bounded.
package event
