package simulate

import (
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// Event is one firing of a probe, as one program sees it. Where several programs have the
// probe, each gets an event of its own, with the same Time.
type Event struct {
	// Program runs. Its Point is the one that fires; nil stands for the first.
	Program *object.ProgramSpec
	Point   *object.Point
	// Context is the memory that r1 points to: struct pt_regs, a word for each argument or
	// a record, as the point's mechanism has it (object.Context).
	Context []byte
	// Memory is what pointers lead to, by start address: addresses of the kernel have the
	// highest bit, those of a process have not. It is that of this event alone.
	Memory map[uint64][]byte
	// Types tells of some of it what it is, for people to read: several of the type where
	// the memory is longer.
	Types map[uint64]*types.Type
	Task  Task
	CPU   int
	// Time is what nsecs returns: nanoseconds since boot. Events come in its order. 0 stands
	// for a microsecond after the event before.
	Time uint64
	// Kernel and User are the stacks of calls, the innermost first. A frame without an
	// address gets one.
	Kernel, User []report.Frame
	// Meanwhile happen at the same time on other CPUs: when the program has read a value of a
	// map for the first time, else when it has ended. Options.Before and After are not told.
	Meanwhile []*Event
	// Full is whether the ring buffer has no room: what the program prints is lost.
	Full bool
	// Values are the results of other helpers in this event, such as asm.FnGetFuncRet.
	Values map[asm.BuiltinFunc]uint64
}

// Task is the thread that runs when a probe fires.
type Task struct {
	Comm     string // at most 15 bytes
	PID, TID int    // as user space names them: PID is the process, TID the thread
	UID, GID int
	// Address is that of its struct task_struct, which lies in Event.Memory; 0 where a script
	// does not look into it.
	Address uint64
	Cgroup  uint64
}
