package render

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/symbols"
	"golang.org/x/sys/unix"
)

// Names turns numbers into what they stand for. A function that is nil, or that knows nothing, leaves the number.
type Names struct {
	// Probes are the texts that values of kind ProbeName index.
	Probes []string
	// Kernel names what lies at a kernel address, User at an address of a process.
	Kernel func(address uint64) (symbols.Symbol, bool)
	User   func(process int, address uint64) (symbols.Symbol, bool)
	// Account names a user ID.
	Account func(id uint64) (string, bool)
	// Cgroup returns the paths of a cgroup in the hierarchies that the pattern matches.
	Cgroup func(id uint64, pattern string) string
	// Boot is the moment from which nsecs counts.
	Boot time.Time
	// Zone is the time zone in which moments are printed; nil for that of Boot.
	Zone func() *time.Location
}

// appendName appends a value that prints as what it stands for.
func (p *printer) appendName(b []byte, v events.Value) []byte {
	switch v.Type.Kind {
	case types.KernelSymbol:
		return appendSymbol(b, v.Uint(), p.names.Kernel)
	case types.ProbeName:
		return append(b, p.probe(v)...)
	case types.Timestamp:
		return p.appendTimestamp(b, v)
	case types.ErrorText:
		return append(b, symbols.Error(v.Int())...)
	case types.SignalName:
		return append(b, symbols.Signal(v.Int())...)
	case types.SyscallName:
		return append(b, symbols.Syscall(v.Int())...)
	case types.UserName:
		return p.appendAccount(b, v.Uint())
	case types.CgroupPath:
		return p.appendCgroup(b, v)
	case types.UserSymbol:
		return appendSymbol(b, v.Address(0), p.process(v))
	case types.KernelStack, types.UserStack:
		return p.appendStack(b, v)
	case types.NetworkAddress:
		return appendNetworkAddress(b, v.Raw)
	}
	return appendMACAddress(b, v.Raw)
}

// lookup names what lies at an address.
type lookup func(address uint64) (symbols.Symbol, bool)

// process looks up addresses in the process of a UserSymbol or UserStack.
func (p *printer) process(v events.Value) lookup {
	if p.names.User == nil {
		return nil
	}
	return func(address uint64) (symbols.Symbol, bool) { return p.names.User(v.Process(), address) }
}

func (f lookup) find(address uint64) (symbols.Symbol, bool) {
	if f == nil {
		return symbols.Symbol{}, false
	}
	return f(address)
}

func appendSymbol(b []byte, address uint64, names lookup) []byte {
	if symbol, ok := names.find(address); ok {
		return appendWord(b, symbol.Name)
	}
	return appendAddress(b, address)
}

// probe is the text of a ProbeName; of a function name only what stands behind the last colon.
func (p *printer) probe(v events.Value) string {
	index := v.Uint()
	if index >= uint64(len(p.names.Probes)) {
		return ""
	}
	name := p.names.Probes[index]
	if v.Type.Name == types.FunctionName.Name {
		return name[strings.LastIndexByte(name, ':')+1:]
	}
	return name
}

// appendWord appends a name from the traced system, which must stay on its line.
func appendWord(b []byte, name string) []byte {
	for line, rest, more := strings.Cut(name, "\n"); ; line, rest, more = strings.Cut(rest, "\n") {
		b = appendSafe(b, []byte(line))
		if !more {
			return b
		}
		b = appendHex(b, '\n')
	}
}

// Frames are indented, so that a stack is seen within the line of a map; but not in the keys of JSON.
const stackIndent = "        "

// appendStack appends a stack: a newline, then a line for each frame, as its mode says.
func (p *printer) appendStack(b []byte, v events.Value) []byte {
	names := lookup(p.names.Kernel)
	if v.Type.Kind == types.UserStack {
		names = p.process(v)
	}
	b = append(b, '\n')
	for i := range v.Type.Count {
		address := v.Address(i)
		if address == 0 {
			break
		}
		b = append(p.appendFrame(b, v.Type, address, names), '\n')
	}
	return b
}

func (p *printer) appendFrame(b []byte, t *types.Type, address uint64, names lookup) []byte {
	switch t.Name {
	case "raw":
		return strconv.AppendUint(b, address, 16)
	case "perf":
		b = append(strconv.AppendUint(append(b, '\t'), address, 16), ' ')
	default:
		b = append(b, p.indent...)
	}
	symbol, known := names.find(address)
	if known {
		b = appendWord(b, symbol.Name)
		b = strconv.AppendUint(append(b, '+'), symbol.Offset, 10)
	} else {
		b = appendAddress(b, address)
	}
	switch {
	case t.Name != "perf" || t.Kind != types.UserStack:
	case known:
		b = append(appendWord(append(b, " ("...), symbol.Module), ')')
	default:
		b = append(b, " ([unknown])"...)
	}
	return b
}

// sinceEpoch is the least number of nanoseconds that counts from 1970 and not from boot: one of 2001; no machine runs for 31 years.
const sinceEpoch = 1e18

// appendTimestamp appends the moment of a Timestamp by its format. Bpftrace prints "(?)" where there is none.
func (p *printer) appendTimestamp(b []byte, v events.Value) []byte {
	if v.Uint() == 0 {
		return append(b, "(?)"...)
	}
	return appendTime(b, v.Type.Name, p.moment(v.Uint()))
}

// moment returns when a clock that starts at boot, or one that starts in 1970, shows so many nanoseconds.
func (p *printer) moment(nsecs uint64) time.Time {
	if nsecs >= sinceEpoch {
		return p.local(time.Unix(int64(nsecs/1e9), int64(nsecs%1e9)))
	}
	return p.local(p.names.Boot.Add(time.Duration(nsecs)))
}

// local is the moment in the time zone that is printed in.
func (p *printer) local(moment time.Time) time.Time {
	if p.names.Zone == nil {
		return moment.In(p.names.Boot.Location())
	}
	return moment.In(p.names.Zone())
}

func (p *printer) appendAccount(b []byte, id uint64) []byte {
	if p.names.Account != nil {
		if name, ok := p.names.Account(id); ok {
			return appendWord(b, name)
		}
	}
	return strconv.AppendUint(b, id, 10)
}

func (p *printer) appendCgroup(b []byte, v events.Value) []byte {
	if p.names.Cgroup == nil {
		return strconv.AppendUint(b, v.Uint(), 10)
	}
	return appendWord(b, p.names.Cgroup(v.Uint(), v.Type.Name))
}

// appendNetworkAddress appends the address behind its family in 4 bytes; of other families nothing.
func appendNetworkAddress(b, raw []byte) []byte {
	switch binary.NativeEndian.Uint32(raw) {
	case unix.AF_INET:
		return netip.AddrFrom4([4]byte(raw[4:])).AppendTo(b)
	case unix.AF_INET6:
		return netip.AddrFrom16([16]byte(raw[4:])).AppendTo(b)
	}
	return b
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
