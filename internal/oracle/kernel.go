package oracle

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/internal/eval"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/detect"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/ring"
	"golang.org/x/sys/unix"
)

// comm is the name of the thread that runs the programs.
const comm = "pony"

// Kernel runs objects on the machine's own kernel. It keeps its thread, under another
// name, until it is closed.
type Kernel struct {
	Environment *eval.Environment
	machine     *target.Target
	memory      []byte
	name        []byte // of the thread before it got comm
}

// NewKernel prepares the calling thread and finds out what programs see of it.
func NewKernel(machine *target.Target) (*Kernel, error) {
	if err := detect.RaiseMemoryLimit(machine.Features); err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	k := &Kernel{machine: machine, Environment: &eval.Environment{Comm: comm, Args: Args}}
	memory, err := unix.MmapPtr(-1, 0, unsafePointer(Address), 4096, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED_NOREPLACE)
	if err != nil {
		return nil, fmt.Errorf("memory for the scripts: %w", err)
	}
	k.memory = bytesAt(memory, 4096)
	copy(k.memory, Memory())
	k.Environment.Memory = map[uint64][]byte{Address: k.memory}
	k.name = make([]byte, 16)
	if err := unix.Prctl(unix.PR_GET_NAME, uintptr(unsafePointerOf(k.name)), 0, 0, 0); err != nil {
		return nil, err
	}
	if err := unix.Prctl(unix.PR_SET_NAME, uintptr(unsafePointerOf(append([]byte(comm), 0))), 0, 0, 0); err != nil {
		return nil, err
	}
	return k, k.introduce()
}

// introduce asks the kernel for the numbers of this thread: in a container they are
// others than those that getpid gives.
func (k *Kernel) introduce() error {
	const script = "BEGIN { @pid = pid; @tid = tid; @uid = uid; @gid = gid }"
	parsed, diagnostics := lang.Parse(diag.NewSource("introduction", script))
	if diagnostics.HasErrors() {
		return diagnostics
	}
	o, err := compiler.Compile(parsed, k.machine, compiler.Options{Environment: os.Getenv})
	if err != nil {
		return err
	}
	seen, err := k.Run(o)
	if err != nil {
		return err
	}
	k.Environment.Numbers = map[string]uint64{}
	for name, entries := range seen.Maps {
		var n uint64
		if _, err := fmt.Sscan(entries[""], &n); err != nil {
			return err
		}
		k.Environment.Numbers[name] = n
	}
	return nil
}

// Close gives the thread back.
func (k *Kernel) Close() {
	unix.Prctl(unix.PR_SET_NAME, uintptr(unsafePointerOf(k.name)), 0, 0, 0)
	unix.MunmapPtr(unsafePointerOf(k.memory), uintptr(len(k.memory)))
	runtime.UnlockOSThread()
}

// attempts is how often Run starts again when the kernel had no memory ready for a new
// key of a map.
const attempts = 5

// Run loads an object, runs its programs once each in their order, and tells what they
// left behind.
func (k *Kernel) Run(o *object.Object) (result *eval.Result, err error) {
	for range attempts {
		var refused bool
		if result, refused, err = k.run(o); !refused {
			break
		}
	}
	return result, err
}

// run is Run, and tells whether the kernel refused an update of a map.
func (k *Kernel) run(o *object.Object) (result *eval.Result, refused bool, err error) {
	collection, err := ebpf.NewCollection(Specification(o))
	if err != nil {
		return nil, false, fmt.Errorf("the kernel says %+v", err)
	}
	defer collection.Close()
	store, err := events.Open(o, collection.Maps)
	if err != nil {
		return nil, false, err
	}
	defer store.Close()
	for _, program := range o.Programs {
		if !Runs(program, store.Load(object.DataStopped) != 0) {
			continue
		}
		if _, err := collection.Programs[program.Name].Run(&ebpf.RunOptions{}); err != nil {
			return nil, false, fmt.Errorf("running %s: %w", program.Name, err)
		}
	}
	if store.Load(object.DataCut) != 0 {
		return nil, false, ErrLong
	}
	records, err := drain(collection.Maps[object.EventsMap])
	if err != nil {
		return nil, false, err
	}
	for _, m := range o.Maps {
		refused = refused || m.Kernel != "" && store.Load(m.Full) != 0
	}
	result, err = Observe(o, func(m *object.MapSpec) (*events.Table, error) { return store.Map(m).Read() }, records)
	return result, refused, err
}

// Specification is what loads an object by hand.
func Specification(o *object.Object) *ebpf.CollectionSpec {
	spec := &ebpf.CollectionSpec{Maps: o.Kernel, Programs: map[string]*ebpf.ProgramSpec{}}
	for _, program := range o.Programs {
		spec.Programs[program.Name] = &ebpf.ProgramSpec{
			Name: program.Name, Type: program.Type, AttachType: program.Attach, AttachTo: program.AttachTo,
			Instructions: program.Instructions, License: "GPL",
		}
	}
	return spec
}

// drain reads the records that are there.
func drain(events *ebpf.Map) (records [][]byte, err error) {
	if events == nil {
		return nil, nil
	}
	reader, err := ring.Open(events)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	reader.SetDeadline(time.Unix(0, 1))
	for {
		record, err := reader.Next()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return records, nil
		}
		if err != nil {
			return nil, err
		}
		records = append(records, bytes.Clone(record))
	}
}

// PartSize cuts all but the smallest clauses into parts, so that scripts of tests have
// some.
const PartSize = 8

// Judge is nil when the kernel does with a script, whole and in parts, what its
// evaluation says.
func (k *Kernel) Judge(text string) error {
	parsed, diagnostics := lang.Parse(diag.NewSource("script", text))
	if diagnostics.HasErrors() {
		return diagnostics
	}
	want, err := eval.Run(parsed, k.Environment)
	if err != nil {
		return err
	}
	for _, size := range []int{0, PartSize} {
		o, err := compiler.Compile(parsed, k.machine, compiler.Options{Args: Args, PartSize: size, Environment: os.Getenv})
		if err != nil {
			return err
		}
		got, err := k.Run(o)
		if err != nil {
			return err
		}
		if difference := Difference(got, want); difference != "" {
			return fmt.Errorf("kernel, parts of %d: %s", size, difference)
		}
	}
	return nil
}
