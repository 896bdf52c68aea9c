package report

import (
	"strings"
	"time"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// Names turns numbers into what they stand for. A function that is nil, or that does not
// find one, leaves the number.
type Names struct {
	// Probes are the texts that values of kind ProbeName index.
	Probes []string
	// Kernel appends the frames at a kernel address, User those at an address of a
	// process.
	Kernel func(frames []Frame, address uint64) []Frame
	User   func(frames []Frame, process int, address uint64, role Role) []Frame
	// Account names a user ID.
	Account func(id uint64) (string, bool)
	// Cgroup returns the paths of a cgroup in the hierarchies that the pattern matches.
	Cgroup func(id uint64, pattern string) string
	// Boot is the moment from which nsecs counts.
	Boot time.Time
	// Zone is the time zone in which moments are printed; nil for that of Boot.
	Zone func() *time.Location
}

// Role tells what an address of a process stands for.
type Role int

const (
	// Alone is an address that was asked for by itself: its function is wanted, and not
	// what was inlined there.
	Alone Role = iota
	// Innermost is the instruction that a stack begins with.
	Innermost
	// Return is where a call of a stack returns to: behind the call.
	Return
	// GoType is the description of a type of Go, whose name stands for the function;
	// GoTable is the table of an interface that leads there.
	GoType
	GoTable
	// InFile is an address whose place in its file is wanted.
	InFile
)

// Frame is a function at an address. What is not known is empty; without Function only
// the address is. An address has several where functions were inlined, the innermost
// first.
type Frame struct {
	Address  uint64
	Function string
	Offset   uint64 // of the address within the function
	Module   string // the file or module that holds it; empty for the kernel proper
	File     string
	Line     int
	Inlined  bool // into the next frame
	// BuildID tells the file from all others, in the mode build_id of a stack, which has
	// no Function: Offset is that in the file then.
	BuildID string
}

// Frames appends the frames of a stack, or those at the address of a symbol, the
// innermost first.
func (n *Names) Frames(frames []Frame, v events.Value) []Frame {
	switch v.Type.Kind {
	case types.KernelSymbol:
		return n.at(frames, v, v.Uint(), Alone)
	case types.UserSymbol:
		if v.Type.Name == types.GoType.Name {
			return n.goType(frames, v)
		}
		return n.at(frames, v, v.Address(0), Alone)
	}
	role, next := Innermost, Return
	if v.Type.Name == types.ByBuildID {
		role, next = InFile, InFile
	}
	for i := range v.Type.Count {
		address := v.Address(i)
		if address == 0 {
			break
		}
		frames = n.at(frames, v, address, role)
		role = next
	}
	return frames
}

// goType appends the type of what an interface holds, nil where it holds nothing.
func (n *Names) goType(frames []Frame, v events.Value) []Frame {
	address, role := v.Address(0), GoType
	if address&1 != 0 {
		address, role = address&^1, GoTable
	}
	if address == 0 {
		return append(frames, Frame{Function: "nil"})
	}
	return n.at(frames, v, address, role)
}

// at appends the frames at an address of the kernel, or of the process of a symbol or
// stack.
func (n *Names) at(frames []Frame, v events.Value, address uint64, role Role) []Frame {
	before := len(frames)
	user := v.Type.Kind == types.UserSymbol || v.Type.Kind == types.UserStack
	switch {
	case user && n.User != nil:
		frames = n.User(frames, v.Process(), address, role)
	case !user && n.Kernel != nil:
		frames = n.Kernel(frames, address)
	}
	if len(frames) == before {
		frames = append(frames, Frame{Address: address})
	}
	return frames
}

// Probe is the text of a ProbeName; of a function name only what follows the last colon,
// or that of the program.
func (n *Names) Probe(v events.Value) string {
	index := v.Uint()
	if index >= uint64(len(n.Probes)) {
		return ""
	}
	name := n.Probes[index]
	if v.Type.Name == types.FunctionName.Name {
		if strings.HasPrefix(name, "uprobe:") || strings.HasPrefix(name, "uretprobe:") {
			return userFunction(name)
		}
		return name[strings.LastIndexByte(name, ':')+1:]
	}
	return name
}

// userFunction takes the type, the program and the line from the name of a probe in a
// program: uprobe:/bin/app:main@main.c:3, uprobe:/bin/app:"ns::f(int)".
func userFunction(name string) string {
	_, name, _ = strings.Cut(name, ":")
	_, name, _ = strings.Cut(name, ":")
	if quoted, found := strings.CutPrefix(name, `"`); found {
		name, _, _ = strings.Cut(quoted, `"`)
		return name
	}
	name, _, _ = strings.Cut(name, "@")
	return name
}

// sinceEpoch is the least number of nanoseconds that counts from 1970 and not from boot:
// one of 2001; no machine runs for 31 years.
const sinceEpoch = 1e18

// Moment returns when a clock that starts at boot, or one that starts in 1970, shows so
// many nanoseconds.
func (n *Names) Moment(nsecs uint64) time.Time {
	if nsecs >= sinceEpoch {
		return n.Local(time.Unix(int64(nsecs/1e9), int64(nsecs%1e9)))
	}
	return n.Local(n.Boot.Add(time.Duration(nsecs)))
}

// Local is the moment in the time zone that is printed in.
func (n *Names) Local(moment time.Time) time.Time {
	if n.Zone == nil {
		return moment.In(n.Boot.Location())
	}
	return moment.In(n.Zone())
}
