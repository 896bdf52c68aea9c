package runtime

import (
	"sync"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/symbols"
	"github.com/ponytrace/ponytrace/runtime/timezone"
)

// namesOf are those of this machine. What a script never prints is never read.
func namesOf(o *object.Object, user *symbols.User, notices *notices) *report.Names {
	kernel, cgroups := symbols.NewKernel(), &symbols.Cgroups{}
	var found []symbols.Frame
	return &report.Names{
		Probes: o.ProbeNames, Boot: time.Now().Add(-time.Duration(monotonic())),
		Zone: sync.OnceValue(func() *time.Location { return zone(notices) }),
		Kernel: func(frames []report.Frame, address uint64) []report.Frame {
			symbol, found := kernel.Lookup(address)
			return appendFrame(frames, address, symbol, found)
		},
		User: func(frames []report.Frame, process int, address uint64, role report.Role) []report.Frame {
			switch role {
			case report.Alone:
				symbol, found := user.Lookup(process, address)
				return appendFrame(frames, address, symbol, found)
			case report.GoType, report.GoTable:
				name, found := user.GoType(process, address, role == report.GoTable)
				return appendFrame(frames, address, symbols.Symbol{Name: name}, found)
			case report.InFile:
				id, offset := user.InFile(process, address)
				return append(frames, report.Frame{Address: address, BuildID: id, Offset: offset})
			}
			found = user.Frames(found[:0], process, address, role == report.Return)
			return appendFrames(frames, address, found)
		},
		Account: symbols.NewAccounts().Lookup, Cgroup: cgroups.Lookup,
	}
}

func appendFrame(frames []report.Frame, address uint64, symbol symbols.Symbol, found bool) []report.Frame {
	if !found {
		return frames
	}
	return append(frames, report.Frame{
		Address: address, Function: symbol.Name, Offset: symbol.Offset, Module: symbol.Module,
	})
}

func appendFrames(frames []report.Frame, address uint64, found []symbols.Frame) []report.Frame {
	for _, f := range found {
		frames = append(frames, report.Frame{
			Address: address, Function: f.Name, Offset: f.Offset, Module: f.Module,
			File: f.File, Line: f.Line, Inlined: f.Inlined,
		})
	}
	return frames
}

// zone is the local time zone; why it is UTC where the user asked for another is told
// once, and only to whom prints times.
func zone(notices *notices) *time.Location {
	local, err := timezone.Local()
	if err != nil {
		notices.warn("%v", err)
	}
	return local
}
