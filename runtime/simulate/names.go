package simulate

import (
	"slices"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// symbols give functions addresses, the next free one to each that is named, and lead from
// addresses back.
type symbols struct {
	addresses map[symbol]uint64
	names     map[uint64]symbol
	next      uint64
}

type symbol struct{ function, module string }

const (
	// kernelText and userText are where functions begin on x86_64, of the kernel and of a
	// program.
	kernelText = 0xffff_ffff_8100_0000
	userText   = 0x5555_5555_4000
	// functionSize is how much room each has.
	functionSize = 4096
)

func newSymbols(start uint64) *symbols {
	return &symbols{addresses: map[symbol]uint64{}, names: map[uint64]symbol{}, next: start}
}

// address is where a function begins.
func (s *symbols) address(function, module string) uint64 {
	key := symbol{function, module}
	at, known := s.addresses[key]
	if !known {
		at = s.next
		s.next += functionSize
		s.addresses[key], s.names[at] = at, key
	}
	return at
}

// addressesOf are those of a stack's frames, at most as many as bpf_get_stack follows.
func (s *symbols) addressesOf(frames []report.Frame) []uint64 {
	list := make([]uint64, 0, len(frames))
	for _, frame := range frames[:min(len(frames), maxFrames)] {
		if frame.Address == 0 {
			frame.Address = s.address(frame.Function, frame.Module) + frame.Offset
		} else if frame.Function != "" {
			s.names[frame.Address-frame.Offset] = symbol{frame.Function, frame.Module}
		}
		list = append(list, frame.Address)
	}
	return list
}

// maxFrames is the default of the sysctl kernel.perf_event_max_stack.
const maxFrames = 127

// frames appends the frame of an address.
func (s *symbols) frames(frames []report.Frame, address uint64) []report.Frame {
	start := address
	for ; start > address-functionSize; start-- {
		if known, ok := s.names[start]; ok {
			return append(frames, report.Frame{
				Address: address, Function: known.function, Module: known.module, Offset: address - start,
			})
		}
	}
	return frames
}

// names turn the numbers of this session into what they stand for.
func (s *Session) names() *report.Names {
	return &report.Names{
		Probes: s.object.ProbeNames, Boot: s.options.Boot,
		Zone:   func() *time.Location { return s.options.Boot.Location() },
		Kernel: s.kernelSymbols.frames,
		User: func(frames []report.Frame, _ int, address uint64, _ report.Role) []report.Frame {
			return s.userSymbols.frames(frames, address)
		},
		Account: func(id uint64) (string, bool) {
			name, known := accounts[id]
			return name, known
		},
		Cgroup: func(id uint64, _ string) string { return s.cgroups[id] },
	}
}

// accounts are the users that a small machine has.
var accounts = map[uint64]string{0: "root", 1000: "user"}

// firstCgroup is the ID of the first cgroup that a script names.
const firstCgroup = 100

// runtimeConst answers what the compiler left for the machine.
func (s *Session) runtimeConst(c object.RuntimeConst) uint64 {
	switch c.Kind {
	case object.CgroupID:
		return s.cgroup(c.Text)
	case object.SymbolAddress:
		return s.kernelSymbols.address(c.Text, "")
	case object.NamespaceDevice:
		return namespaceDevice
	case object.NamespaceInode:
		return namespaceInode
	case object.TAIOffset:
		return uint64(s.options.Boot.Add(aheadOfUTC).UnixNano())
	}
	return 0
}

const (
	// The initial PID namespace: PROC_PID_INIT_INO of include/linux/proc_ns.h, on nsfs.
	namespaceDevice = 4
	namespaceInode  = 0xEFFF_FFFC
	// aheadOfUTC is by how much the clock TAI is ahead, since 2017.
	aheadOfUTC = 37 * time.Second
)

// cgroup is the ID of a folder of cgroups.
func (s *Session) cgroup(folder string) uint64 {
	for id, known := range s.cgroups {
		if known == folder {
			return id
		}
	}
	id := firstCgroup + uint64(len(s.cgroups))
	s.cgroups[id] = folder
	return id
}

// Address is where the session has a function of the kernel, for an event that points to
// it.
func (s *Session) Address(function string) uint64 { return s.kernelSymbols.address(function, "") }

// periods lists those of the interval clauses, each once.
func periods(o *object.Object) (list []time.Duration) {
	for _, program := range o.Programs {
		if period, ok := periodOf(program); ok && !slices.Contains(list, period) {
			list = append(list, period)
		}
	}
	return list
}

// periodOf is that of an interval clause.
func periodOf(program *object.ProgramSpec) (time.Duration, bool) {
	for _, point := range program.Points {
		if at, ok := point.At.(object.RunPoint); ok && at.When == object.AtInterval {
			return at.Period, true
		}
	}
	return 0, false
}
