package builtin

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// A watchpoint is in a register of the CPU that is there for debuggers: an address, a
// length and what is watched for. It costs nothing until the memory is accessed, and
// there are few of them, four on x86.
//
//	watchpoint:0x7f0012345678:8:w   writes to memory of the process of -p, or of the command of -c
//	watchpoint:jiffies_64:8:w       writes to a variable of the kernel
//	watchpoint:0x401000:8:x         execution of an instruction
//
// x86 has none for reads alone, and tells of an access when it has happened: the
// instruction is the one before reg("ip").
// https://man7.org/linux/man-pages/man2/perf_event_open.2.html (PERF_TYPE_BREAKPOINT)
// https://elixir.bootlin.com/linux/v6.12/source/arch/x86/kernel/hw_breakpoint.c

var watchpointProbe = &ProbeType{
	Info: Info{Name: "watchpoint", Signature: "watchpoint:[PROGRAM:]ADDRESS:LENGTH:MODE",
		Doc: "Fires at each access to 1, 2, 4 or 8 bytes of memory: reads (r), writes (w), execution (x). " +
			"The address is a number, or a symbol of the kernel or of a program with an offset. " +
			"That of a process needs -p or -c.",
		Example: `watchpoint:jiffies_64:8:w { @[kstack(3)] = count() }`},
	Aliases:  []string{"w"},
	MinParts: 3, MaxParts: 4, Mechanisms: []object.Mechanism{object.Watchpoint}, Expand: expandWatchpoint,
	Meant: example("watchpoint:jiffies_64:8:w"), List: listNothing,
}

// listNothing: what can be traced is any memory.
func listNothing(*ProbeType, *target.Target, []string, func(string)) error { return nil }

func expandWatchpoint(x Expansion, at At) []*Site {
	parts := at.Parts[len(at.Parts)-3:]
	place, ok := watchedPlace(x, parts[0])
	if ok && len(at.Parts) == 4 {
		ok = watchedVariable(x, at, &place)
	}
	if !ok || !watchedLength(x, &place, parts[1]) || !watchedMode(x, &place, parts[2]) {
		return nil
	}
	if lacks := noWatchpoints(x.Target()); lacks != "" {
		x.Errorf(at.Span, "%s", lacks)
		return nil
	}
	if mask := uint64(place.Length - 1); place.Symbol == "" && place.Address&mask != 0 && x.Target().Arch == "x86_64" {
		x.Errorf(parts[0].Span, "the address is not aligned: %d bytes are watched at multiples of %[1]d", place.Length)
		x.Hint("two watchpoints of fewer bytes see the same: watchpoint:%#x:1:w is the first", place.Address)
		return nil
	}
	if !watchedProcesses(x, at, &place) {
		return nil
	}
	at.Name = at.Probe.Name
	point := object.Point{Probe: at.Text(), Mechanism: object.Watchpoint, At: place}
	return []*Site{{
		Scope:  Scope{Probe: at.Probe, Mechanism: object.Watchpoint, Watched: !inKernel(&place)},
		Type:   ebpf.PerfEvent,
		Points: []object.Point{point},
	}}
}

// noWatchpoints: before Linux 6.10, the CPU of an arm64 machine would come to the same
// access again and again, because nobody has it step over the instruction where a program
// takes the event (watchpoint_handler).
func noWatchpoints(t *target.Target) string {
	if t.Arch == "arm64" && !t.Version.AtLeast(6, 10) {
		return "watchpoints on arm64 need Linux 6.10, and this is " + t.Version.String()
	}
	return ""
}

// watchedPlace reads a number, or a symbol with an offset.
func watchedPlace(x Expansion, part Part) (place object.WatchPoint, ok bool) {
	name, offset, _ := strings.Cut(part.Text, "+")
	if digits(name, 0) == 0 {
		place.Symbol = name
	} else {
		offset = part.Text
	}
	var err error
	if offset != "" {
		place.Address, err = strconv.ParseUint(offset, 0, 64)
	}
	switch {
	case err != nil || part.Text == "" || strings.ContainsAny(name, `*?[]/`) || strings.HasSuffix(part.Text, "+"):
		x.Errorf(part.Span, "%q is neither an address nor a symbol of the kernel", part.Text)
		x.Hint("such as 0x7f0012345678, jiffies_64 or jiffies_64+4")
	case place.Symbol == "" && place.Address == 0:
		x.Errorf(part.Span, "nothing is at the address 0")
	default:
		return place, true
	}
	return place, false
}

// watchedVariable makes a place by name one of a program or library.
func watchedVariable(x Expansion, at At, place *object.WatchPoint) bool {
	path, name, offset := at.Parts[0], at.Parts[1], place.Address
	if place.Symbol == "" {
		x.Errorf(name.Span, "behind a program stands the name of a variable, not %q", name.Text)
		return false
	}
	u := &userSites{Expansion: x, at: at, program: path}
	return u.files(func(file userFile) bool {
		found := object.WatchPoint{Address: offset}
		start, _ := file.binary.Address(0)
		if facts := file.binary.Facts(); facts.PIE || facts.Library {
			found.File, found.Start = file.Opens, start
		}
		if found.File != "" && len(x.Processes().only()) == 0 {
			x.Errorf(path.Span, "every process has %s at another address", file.Path)
			x.Hint("-p PID names the process, without --children; -c starts programs that are linked with -no-pie")
			return false
		}
		addresses, err := file.binary.Variables(place.Symbol)
		switch {
		case err != nil:
			x.Errorf(path.Span, "%s: %v", file.Path, err)
			return false
		case len(addresses) == 0:
			x.Errorf(name.Span, "%s has no variable %s", file.Path, place.Symbol)
			return false
		case len(addresses) != 1:
			x.Errorf(name.Span, "%s has %s of the name %s", file.Path,
				plural(len(addresses), "variable"), place.Symbol)
			return false
		}
		found.Address += addresses[0]
		*place = found
		return true
	})
}

func watchedLength(x Expansion, place *object.WatchPoint, part Part) bool {
	length, err := strconv.ParseUint(part.Text, 0, 8)
	if err != nil || !slices.Contains([]uint64{1, 2, 4, 8}, length) {
		x.Errorf(part.Span, "the length is 1, 2, 4 or 8 bytes, not %q", part.Text)
		return false
	}
	place.Length = int(length)
	return true
}

// watchedMode reads a combination of r, w and x that the CPU has.
func watchedMode(x Expansion, place *object.WatchPoint, part Part) bool {
	for _, letter := range part.Text {
		bit := map[rune]object.Access{'r': object.Reads, 'w': object.Writes, 'x': object.Executes}[letter]
		if bit == 0 || place.Mode&bit != 0 {
			x.Errorf(part.Span, "%q is not r, w, rw or x, for reads, writes, both or execution", part.Text)
			return false
		}
		place.Mode |= bit
	}
	switch {
	case place.Mode == 0:
		x.Errorf(part.Span, "what is watched for is missing: r, w, rw or x")
	case place.Mode&object.Executes != 0 && place.Mode != object.Executes:
		x.Errorf(part.Span, "execution is watched alone: x")
	case place.Mode == object.Reads && x.Target().Arch == "x86_64":
		x.Errorf(part.Span, "x86 has no watchpoint for reads alone")
		x.Hint("rw sees writes as well")
	default:
		return true
	}
	return false
}

// kernelHalf is where the kernel's addresses begin, on x86 as on arm64.
const kernelHalf = 1 << 63

// inKernel reports a place in the kernel's memory.
func inKernel(place *object.WatchPoint) bool {
	return place.Symbol != "" || place.Address >= kernelHalf && place.File == ""
}

// watchedProcesses says whose memory an address of user space is.
func watchedProcesses(x Expansion, at At, place *object.WatchPoint) bool {
	if inKernel(place) {
		return true
	}
	processes := x.Processes()
	place.Processes = processes.only()
	place.Command = processes.Command && len(processes.IDs) == 0
	if len(processes.IDs) == 0 && !place.Command {
		x.Errorf(at.Parts[0].Span, "this is an address in a process, and it is not said in which")
		x.Hint("-p PID names it, and -c COMMAND starts it")
		return false
	}
	return true
}
