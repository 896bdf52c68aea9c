package format

import (
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/numbers"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// appendName appends a value that prints as what it stands for.
func (f *Formatter) appendName(b []byte, v events.Value) []byte {
	switch v.Type.Kind {
	case types.KernelSymbol, types.UserSymbol:
		return f.appendSymbol(b, v)
	case types.ProbeName:
		return appendWord(b, f.names.Probe(v)) // which has the name that a program gives
	case types.Timestamp:
		return f.appendTimestamp(b, v)
	case types.ErrorText:
		return append(b, numbers.Error(v.Int())...)
	case types.SignalName:
		return append(b, numbers.Signal(v.Int())...)
	case types.SyscallName:
		return append(b, numbers.Syscall(v.Int())...)
	case types.UserName:
		return f.appendAccount(b, v.Uint())
	case types.CgroupPath:
		return f.appendCgroup(b, v)
	case types.KernelStack, types.UserStack:
		return f.appendStack(b, v)
	case types.NetworkAddress:
		return v.Inet().AppendTo(b)
	}
	return appendMACAddress(b, v.Raw)
}

// appendSymbol appends the function at an address without its offset.
func (f *Formatter) appendSymbol(b []byte, v events.Value) []byte {
	f.frames = f.names.Frames(f.frames[:0], v)
	if frame := &f.frames[0]; frame.Function != "" {
		return appendWord(b, frame.Function)
	}
	return appendAddress(b, f.frames[0].Address)
}

// appendWord appends a name from the traced system, which must stay on its line.
func appendWord(b []byte, name string) []byte {
	for line, rest, more := strings.Cut(name, "\n"); ; line, rest, more = strings.Cut(rest, "\n") {
		b = AppendSafe(b, []byte(line))
		if !more {
			return b
		}
		b = appendHex(b, '\n')
	}
}

// Frames are indented, so that a stack is seen within the line of a map; but not in the
// keys of JSON.
const stackIndent = "        "

// appendStack appends a stack: a newline, then a line for each frame, as its mode says.
func (f *Formatter) appendStack(b []byte, v events.Value) []byte {
	b = append(b, '\n')
	f.frames = f.names.Frames(f.frames[:0], v)
	for i := range f.frames {
		if v.Type.Name == types.ByAddress && f.frames[i].Inlined {
			continue // an address has one line
		}
		b = append(f.appendFrame(b, v.Type, &f.frames[i]), '\n')
	}
	return b
}

func (f *Formatter) appendFrame(b []byte, t *types.Type, frame *report.Frame) []byte {
	switch t.Name {
	case types.ByAddress:
		return strconv.AppendUint(b, frame.Address, 16)
	case types.ByBuildID:
		return appendPlace(b, frame)
	case types.AsPerf:
		b = append(strconv.AppendUint(append(b, '\t'), frame.Address, 16), ' ')
	default:
		b = append(b, f.indent...)
	}
	known := frame.Function != ""
	switch {
	case !known:
		b = appendAddress(b, frame.Address)
	case frame.Inlined:
		b = appendInlined(b, t, frame)
	default:
		b = appendWord(b, frame.Function)
		b = strconv.AppendUint(append(b, '+'), frame.Offset, 10)
	}
	switch {
	case t.Name != types.AsPerf && frame.File != "":
		b = append(appendWord(append(b, '@'), frame.File), ':')
		b = strconv.AppendInt(b, int64(frame.Line), 10)
	case t.Name != types.AsPerf || t.Kind != types.UserStack || frame.Inlined:
	case known:
		b = append(appendWord(append(b, " ("...), frame.Module), ')')
	default:
		b = append(b, " ([unknown])"...)
	}
	return b
}

// appendPlace appends where in its file an address is, or the address.
func appendPlace(b []byte, frame *report.Frame) []byte {
	if frame.BuildID == "" {
		return strconv.AppendUint(b, frame.Address, 16)
	}
	return strconv.AppendUint(append(append(b, frame.BuildID...), " 0x"...), frame.Offset, 16)
}

// appendInlined marks what has no frame of its own, as bpftrace does and perf script.
func appendInlined(b []byte, t *types.Type, frame *report.Frame) []byte {
	if t.Name == types.AsPerf {
		return append(appendWord(b, frame.Function), " (inlined)"...)
	}
	return appendWord(append(b, "[inlined] "...), frame.Function)
}

// appendTimestamp appends the moment of a Timestamp by its format. Bpftrace prints "(?)"
// where there is none.
func (f *Formatter) appendTimestamp(b []byte, v events.Value) []byte {
	if v.Uint() == 0 {
		return append(b, "(?)"...)
	}
	return AppendTime(b, v.Type.Name, f.names.Moment(v.Uint()))
}

func (f *Formatter) appendAccount(b []byte, id uint64) []byte {
	if f.names.Account != nil {
		if name, ok := f.names.Account(id); ok {
			return appendWord(b, name)
		}
	}
	return strconv.AppendUint(b, id, 10)
}

func (f *Formatter) appendCgroup(b []byte, v events.Value) []byte {
	if f.names.Cgroup == nil {
		return strconv.AppendUint(b, v.Uint(), 10)
	}
	return appendWord(b, f.names.Cgroup(v.Uint(), v.Type.Name))
}

func appendMACAddress(b, raw []byte) []byte {
	const digits = "0123456789ABCDEF"
	for i, c := range raw {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, digits[c>>4], digits[c&15])
	}
	return b
}
