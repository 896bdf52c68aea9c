// Package gallery loads the programs of internal/teach/refusal into the running kernel
// and returns what it says of them. It must be root.
package gallery

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/internal/teach/refusal"
	"github.com/ponytrace/ponytrace/runtime/verdict"
	"golang.org/x/sys/unix"
)

// kinds are the types of programs, by the names that the gallery has for them.
var kinds = map[string]struct {
	Type       ebpf.ProgramType
	AttachType ebpf.AttachType
}{
	"kprobe":           {Type: ebpf.Kprobe},
	"socket filter":    {Type: ebpf.SocketFilter},
	"xdp":              {Type: ebpf.XDP},
	"cgroup skb":       {Type: ebpf.CGroupSKB, AttachType: ebpf.AttachCGroupInetIngress},
	"typed tracepoint": {Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp},
}

var mapKinds = map[string]ebpf.MapType{
	"array": ebpf.Array, "hash": ebpf.Hash, "ringbuf": ebpf.RingBuf,
}

// Load loads one of the two programs of an example, and returns the kernel's words: none
// where it accepts the program.
func Load(e *refusal.Example, which refusal.In) ([]string, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, err
	}
	if e.Capabilities != "" {
		defer withCapabilityBPF()()
	}
	maps := map[string]*ebpf.Map{}
	for _, m := range e.Maps {
		made, err := ebpf.NewMap(mapSpec(m))
		if err != nil {
			return nil, err
		}
		defer made.Close()
		maps[m.Name] = made
	}
	code, err := codeOf(e.Of(which), maps)
	if err != nil {
		return nil, err
	}
	return load(e, code)
}

// codeOf makes instructions as the kernel takes them.
func codeOf(lines []refusal.Line, maps map[string]*ebpf.Map) ([]byte, error) {
	code, err := refusal.Assemble(lines)
	if err != nil {
		return nil, err
	}
	var encoded bytes.Buffer
	for i, at := range stage.Disassemble(code) {
		distance := at.Target - at.Offset - 1
		switch made := maps[code[i].Reference()]; {
		case made != nil:
			code[i].Constant = int64(made.FD())
		case at.Target >= 0 && code[i].OpCode.JumpOp() == asm.Call:
			code[i].Constant = int64(distance)
		case at.Target >= 0:
			code[i].Offset = int16(distance)
		}
		if _, err := code[i].Marshal(&encoded, binary.LittleEndian); err != nil {
			return nil, err
		}
	}
	return encoded.Bytes(), nil
}

// attributes are those of BPF_PROG_LOAD (union bpf_attr of include/uapi/linux/bpf.h). The
// library that ponytrace loads with drops the log of some refusals.
type attributes struct {
	programType, count uint32
	code, license      unsafe.Pointer
	logLevel, logSize  uint32
	log                unsafe.Pointer
	version, flags     uint32
	name               [16]byte
	interfaceIndex     uint32
	attachType         uint32
	btf, functionSize  uint32
	functions          uint64
	functionCount      uint32
	lineSize           uint32
	lines              uint64
	lineCount          uint32
	attachTo           uint32
}

// log is as large as what any of the programs fills: up to 6.1, a log that does not fit
// ends without the last words.
var log = sync.OnceValue(func() []byte { return make([]byte, 8<<20) })

func load(e *refusal.Example, code []byte) ([]string, error) {
	kind, known := kinds[e.Program]
	if !known {
		return nil, fmt.Errorf("unknown type of program %q", e.Program)
	}
	license := append([]byte(e.License), 0)
	a := attributes{
		programType: uint32(kind.Type), attachType: uint32(kind.AttachType),
		count: uint32(len(code) / asm.InstructionSize), code: unsafe.Pointer(&code[0]),
		license:  unsafe.Pointer(&license[0]),
		logLevel: levelOf(e), logSize: uint32(len(log())), log: unsafe.Pointer(&log()[0]),
	}
	if e.Attach != "" {
		id, err := typedefOf("btf_trace_" + e.Attach)
		if err != nil {
			return nil, err
		}
		a.attachTo = id
	}
	fd, errno := a.load()
	if errno == 0 {
		return nil, unix.Close(int(fd))
	}
	text := unix.ByteSliceToString(log())
	if text == "" {
		return nil, errno
	}
	return verdict.Decisive(strings.Split(text, "\n")), nil
}

// load keeps signals off meanwhile, such as those of Go's scheduler: the verifier stops
// for them, and would have to begin again.
func (a *attributes) load() (fd uintptr, errno unix.Errno) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, had unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	must(unix.PthreadSigmask(unix.SIG_SETMASK, &all, &had))
	defer func() { must(unix.PthreadSigmask(unix.SIG_SETMASK, &had, nil)) }()
	clear(log())
	for errno = unix.EAGAIN; errno == unix.EAGAIN; {
		fd, _, errno = unix.Syscall(
			unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(a)), unsafe.Sizeof(*a))
	}
	return fd, errno
}

func levelOf(e *refusal.Example) uint32 {
	if e.Slow {
		return uint32(ebpf.LogLevelStats) // else a line for each of a million instructions
	}
	return uint32(ebpf.LogLevelBranch)
}

func mapSpec(m refusal.Map) *ebpf.MapSpec {
	spec := &ebpf.MapSpec{
		Name: m.Name, Type: mapKinds[m.Kind],
		KeySize: uint32(m.Key), ValueSize: uint32(m.Value), MaxEntries: uint32(m.Entries),
	}
	if m.Lock {
		spec.Key, spec.Value = number, lockedValue(m.Value)
	}
	return spec
}

var number = &btf.Int{Name: "unsigned int", Size: 4}

// lockedValue is the type of values that begin with a lock.
func lockedValue(size int) btf.Type {
	lock := &btf.Struct{Name: "bpf_spin_lock", Size: 4, Members: []btf.Member{{Name: "val", Type: number}}}
	return &btf.Struct{Name: "value", Size: uint32(size), Members: []btf.Member{
		{Name: "lock", Type: lock},
		{Name: "number", Type: &btf.Int{Name: "unsigned long", Size: 8}, Offset: 64},
	}}
}

// withCapabilityBPF keeps this thread from all but CAP_BPF, until the function that it
// returns is called.
func withCapabilityBPF() (restore func()) {
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	must(unix.Capget(&header, &had[0]))
	few := had
	few[0].Effective, few[1].Effective = 0, 1<<(unix.CAP_BPF-32)
	must(unix.Capset(&header, &few[0]))
	return func() {
		must(unix.Capset(&header, &had[0]))
		runtime.UnlockOSThread()
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
