// Package object is what the compiler produces and the runtime loads: programs, maps, the
// layout of every event record, format strings and the table that leads from an
// instruction back to the script. It is plain data; it holds no code, no file descriptors
// and nothing of the machine that it will run on but what the Target told the compiler.
//
// Where a map lives:
//
//	Slot        one value in the kernel map "data", an array of one element that user space mmaps
//	CPUSlot     one row per CPU in the kernel map "percpu", likewise mmapped; row i starts at i*Object.Stride.
//	            CPU numbers go up to the possible CPUs of the Target, rounded up to a power of two
//	Hash        a hash map, values shared by all CPUs
//	CPUHash     a per-CPU hash map
//
// The kernel map "data" starts with the words of Data*: counters and switches shared by
// the programs and the runtime. The kernel map "events" is the ring buffer. A record
// starts with a 64-bit word, the index into Object.Events; its fields follow as the
// event's Layout says.
package object

import (
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// The names of the kernel maps that every object may have besides its hashes.
const (
	DataMap    = "data"
	PerCPUMap  = "percpu"
	EventsMap  = "events"
	ScratchMap = "scratch"
	ZeroMap    = "zero"
	SharedMap  = "shared"
	GuardMap   = "guard"
	SyscallMap = "syscalls"
	CallsMap   = "calls"
	ReadsMap   = "reads"
	CgroupsMap = "cgroups"
)

// Byte offsets of the words at the start of the kernel map "data".
const (
	// DataDropped counts events that found the ring buffer full.
	DataDropped = 0
	// DataWakeup holds the flags for bpf_ringbuf_submit: none while the runtime
	// sleeps, BPF_RB_NO_WAKEUP while it polls.
	DataWakeup = 8
	// DataStart is the CLOCK_MONOTONIC time in nanoseconds from which `elapsed` counts.
	DataStart = 16
	// DataStopped becomes 1 with the first exit(), and at the end of the tracing where
	// Object.Stops: no program that tests it runs its body from then on.
	DataStopped = 24
	// DataCut counts loops that were cut off, because they went on for longer than the
	// kernel allows.
	DataCut = 32
	// DataMissed counts events that came while another program of the run held a lock on
	// the same CPU.
	DataMissed = 40
	// DataHeader is where the slots of the maps begin.
	DataHeader = 64
)

// Object is a compiled script.
type Object struct {
	Programs    []*ProgramSpec
	Dispatchers []*Dispatcher
	Maps        []*MapSpec // by name
	Events      []*Event
	// ProbeNames are the texts that values of kind ProbeName index.
	ProbeNames []string
	// Kernel holds the kernel maps to create, "data", "percpu", "events", "scratch",
	// "zero" and "guard" included where used.
	Kernel map[string]*ebpf.MapSpec
	// Stride is the distance in bytes between the rows of two CPUs in the kernel map
	// "percpu".
	Stride        int
	RuntimeConsts []RuntimeConst
	// Cgroups are what the kernel map "cgroups" holds, in the order of its indices.
	Cgroups []Cgroup
	// Following is nil where no processes are followed.
	Following *Following
	Settings  Settings
	// Stops: every program but those of BEGIN and END tests DataStopped. It is set where
	// detaching them takes so long that the results are printed first.
	Stops bool
	// Joined: clauses share a program. Where the verifier finds that too long, each may
	// get its own.
	Joined  bool
	Notices []string // one line each, for standard error: "kprobe:blk_start_request is now ..."
}

// RuntimeConst is a number that only the machine knows, so that the compiler leaves a
// word of the kernel map "data" for it. The runtime fills that before the first program
// runs, or says at Source why it cannot.
type RuntimeConst struct {
	Kind   RuntimeConstKind
	Text   string // see the kinds
	Offset int    // of the word in "data"
	Source diag.Span
}

// RuntimeConstKind tells what the number is.
type RuntimeConstKind uint8

const (
	// CgroupID is the ID of the cgroup whose folder is Text.
	CgroupID RuntimeConstKind = iota
	// SymbolAddress is the address of the kernel's symbol Text.
	SymbolAddress
	// NamespaceDevice and NamespaceInode are those of the PID namespace that ponytrace
	// runs in, the device as the kernel keeps it: 12 bits of major above 20 bits of minor
	// number.
	NamespaceDevice
	NamespaceInode
	// TAIOffset is CLOCK_TAI - CLOCK_MONOTONIC in nanoseconds.
	TAIOffset
	// CommandID is the number of the process of -c. It is 0 at first: a program writes
	// it.
	CommandID
	// HasCommand is 1 where there is a command of -c.
	HasCommand
	// Starting is the number of ponytrace's thread that starts the command of -c, 0 at
	// all other times.
	Starting
)

// Cgroup is a control group that programs ask about, which the runtime opens.
type Cgroup struct {
	Folder string
	Source diag.Span
}

// Following is a set of processes that the programs and the runtime keep.
type Following struct {
	// Set is not among Object.Maps. Its keys are the numbers of the members, as the
	// initial PID namespace has them, its values bools.
	Set *MapSpec
	// IDs are members from the beginning, with all that descends from them.
	IDs []int
}

// ProgramSpec is one eBPF program with the attach points it serves.
type ProgramSpec struct {
	Name     string // valid as a kernel object name: at most 15 characters
	Type     ebpf.ProgramType
	Attach   ebpf.AttachType
	AttachTo string // the function or tracepoint for Tracing programs
	// AttachProgram is the number of the BPF program that has the function; 0 for the
	// kernel's.
	AttachProgram uint32
	Instructions  asm.Instructions
	Points        []Point
	// Lines maps an instruction's index (in the verifier's numbering, in 8-byte units) to
	// the script.
	Lines []Line
	// Reads are the places that read memory, for which a word each of the kernel map
	// ReadsMap counts the failures; none where that is not asked for.
	Reads    []Read
	ReadsMap string
	// Clause is the place of the clause in the script, the first where there are several.
	Clause diag.Span
	// Clauses is how many of the script run, 0 in a program that only follows processes.
	Clauses int
	// Sleepable: the program may wait for memory of the process (BPF_F_SLEEPABLE).
	Sleepable bool
	// Dispatched: the program is not attached, but called by a Dispatcher.
	Dispatched bool
}

// Attachments are the points to attach. The system calls of a program are one, for all of
// them.
func (p *ProgramSpec) Attachments() []Point {
	switch {
	case p.Dispatched:
		return nil
	case p.Points[0].Mechanism.AllCalls():
		return p.Points[:1]
	}
	return p.Points
}

// ProbesAt is as how many probes a point of the program counts: one for each clause that
// runs there.
//
//go:noinline
func (p *ProgramSpec) ProbesAt(point int) int { return p.Points[point].Probes() * p.Clauses }

// Dispatcher is a program that is attached to the tracepoint of all system calls, and
// calls, through the kernel map Calls, the program of the one at hand. It takes the place
// of many programs that each test the number.
type Dispatcher struct {
	ProgramSpec
	Calls    string
	Programs map[int]string // by the number of the system call
}

// All are the programs with those of the dispatchers.
//
//go:noinline
func (o *Object) All() []*ProgramSpec {
	all := slices.Clone(o.Programs)
	for _, d := range o.Dispatchers {
		all = append(all, &d.ProgramSpec)
	}
	return all
}

// Probes is as how many probes the script counts.
func (o *Object) Probes() (n int) {
	for _, program := range o.Programs {
		for i := range program.Points {
			n += program.ProbesAt(i)
		}
	}
	return n
}

// Read is a place of the script that reads memory of the kernel, or of a process.
type Read struct {
	Span diag.Span
	User bool
}

// Line says that the instructions from Instruction on come from Span.
type Line struct {
	Instruction int
	Span        diag.Span
}

// Storage is the place of a map's values.
type Storage uint8

const (
	Slot Storage = iota
	CPUSlot
	Hash
	CPUHash
)

// MapSpec is a map of the script.
type MapSpec struct {
	Name    string        // without the at sign; empty for `@`
	Key     *types.Layout // nil when the map has no key
	Value   *types.Type   // a plain type, or an aggregation
	Storage Storage
	// Stored is the type of the rows in the kernel; nil where it is Value. With Parts, it
	// is that of one part of a row, and the kernel's key is Key and the number of the
	// part.
	Stored *types.Type
	Parts  int
	// Offset in bytes of the value in its slot (Slot, CPUSlot).
	Offset int
	// Present is the offset in "data" of a word that is not zero once a Slot was
	// assigned.
	Present int
	// Kernel names the kernel map (Hash, CPUHash).
	Kernel string
	// Other names a second kernel map of the same kind, for a map that is emptied while
	// programs use it; empty without one. Programs use Kernel while the word at
	// Generation in "data" is 0, else Other.
	Other      string
	Generation int
	MaxEntries int
	// Kind is that of the map's declaration, `let @a = kind(keys)`; empty without one.
	Kind string
	// Recent: a full map drops the key that was not used for the longest time
	// (BPF_MAP_TYPE_LRU_HASH and its like).
	Recent bool
	// Full is the offset in "data" of the count of updates that the kernel refused (Hash,
	// CPUHash), because the map was full or for the reason at Refusal.
	Full int
	// Refusal is the offset in "data" of what bpf_map_update_elem returned at the last
	// one: the low half is a negative errno.
	Refusal int
	// Inserted is the offset in "data" of how many keys the programs have inserted less
	// those that they have deleted, for a map of the kind Recent whose values are counted
	// up; 0 for others.
	Inserted int
	// WriteOnly says that no clause reads a value or deletes a key: only the runtime sees
	// the map.
	WriteOnly bool
	// Deleted says that a clause deletes keys.
	Deleted bool
	// Additive says that every assignment to a plain integer is ++, --, += or -=, made
	// atomically.
	Additive bool
}

// InKernel describes the map as the kernel keeps it.
func (m *MapSpec) InKernel() *MapSpec {
	if m.Stored == nil {
		return m
	}
	kept := *m
	kept.Value = m.Stored
	if m.Parts > 0 {
		var fields []*types.Type
		if m.Key != nil {
			for _, field := range m.Key.Fields {
				fields = append(fields, field.Type)
			}
		}
		key := types.NewLayout(0, append(fields, types.Uint64)...)
		kept.Key = &key
	}
	return &kept
}

// Action is what the runtime does with an event.
type Action uint8

const (
	Printf    Action = iota // Format over Fields
	Print                   // one value: field 0, or the fields as a tuple; with Map it is that of one key
	PrintMap                // Map; Top and Divisor
	PrintKey                // the value that Map has at one key by then: the fields are the key
	Printa                  // Format over Map: key parts, then %@ conversions its value
	Clear                   // Map
	Zero                    // Map
	Time                    // Format is a strftime text
	Exit                    // field 0 is the exit code
	Cat                     // the file named by Format over Fields
	System                  // the shell command Format over Fields; only with --unsafe
	Join                    // Fields are texts (each may be empty), printed with Format between them
	Warn                    // Printf to standard error, as a warning at Source
	Fail                    // Warn as an error
	Trunc                   // Map keeps its Top largest entries (the smallest ones where Top is negative)
	Normalize               // Map's values print divided by Divisor from now on; 1 undoes it
)

// Event is the description of one kind of record.
type Event struct {
	Action Action
	Layout types.Layout // the record, its 8-byte header included
	Format string
	Map    *MapSpec
	// Top and Divisor are the literal arguments of print(@m, top, div); 0 when absent.
	Top, Divisor int64
	Source       diag.Span
	// Maps are those of printa over several maps, the first of them Map.
	Maps []*MapSpec
	// Printed says that the clause prints Map before it clears it, each time; Cleared
	// that a clear() in the same clause may follow what is printed.
	Printed, Cleared bool
}

// Settings are the values of the `config` block and its environment variables that the
// runtime needs.
type Settings struct {
	HistStyle       string // "bpftrace", "dtrace", "bcc", "bcc-trimmed"
	HistUnit        string // the heading of the label column where the style has one ("kbytes")
	PrintMapsOnExit bool
	RingBufferPages int
	MaxCatBytes     int    // what cat() prints of a file at most
	SortBy          string // "value" (where values are numbers, else the key), "largest" or "key"
	StringTrailer   string // ends a string that was cut
	License         string // of the programs
	MaxStringSize   int    // of str(), in bytes
	MaxSymbolBytes  int    // of names of functions of processes
	VerifierLogSize int    // bytes of log asked for at first
	Demangle        bool   // names of C++ and Rust print as in their source
	ShowDebugInfo   bool   // stacks of processes have lines and inlined functions
}
