package runtime

import (
	"fmt"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/runtime/attach"
	"github.com/ponytrace/ponytrace/runtime/detect"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/symbols"
)

// Load brings the object into the kernel.
func Load(o *object.Object, machine *target.Target, options Options) (*Session, error) {
	options.Stderr = serial(options.Stderr)
	collection, err := loadAll(o, machine)
	if err != nil {
		return nil, err
	}
	store, err := events.Open(o, collection.Maps)
	if err != nil {
		collection.Close()
		return nil, err
	}
	b := &builder{
		object: o, machine: machine, options: options, collection: collection, store: store,
		notices: &notices{options.Stderr, options.Notify, options.Quiet},
		user:    symbols.NewUser(o.Settings.Demangle, o.Settings.MaxSymbolBytes),
	}
	if o.Settings.ShowDebugInfo {
		b.user.ShowLines()
	}
	s := b.session()
	if err := b.open(s); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// loadAll makes the maps and programs, with room for the files that they and their links
// need.
func loadAll(o *object.Object, machine *target.Target) (*ebpf.Collection, error) {
	if err := detect.RaiseMemoryLimit(machine.Features); err != nil {
		return nil, err
	}
	files := filesOf(o, machine)
	if err := detect.AllowFiles(files); err != nil {
		return nil, err
	}
	if err := numberKfuncs(o, machine); err != nil {
		return nil, err
	}
	collection, err := collect(o, 0)
	if detect.TooManyFiles(err) {
		return nil, detect.FilesNeeded(files)
	}
	if err != nil {
		return nil, refusal(o, err)
	}
	return collection, nil
}

// filesOf is how many open files a session needs at most: a map has one more for each
// part that is loaded at the same time, and a link of a perf event two on each CPU.
func filesOf(o *object.Object, machine *target.Target) uint64 {
	n := detect.FewFiles + machine.CPUs + len(o.Kernel)*(2+runtime.GOMAXPROCS(0)) + 2*len(o.Programs)
	for _, program := range o.Programs {
		for i := range program.Points {
			n += 2 * attach.Events(&program.Points[i], machine.CPUs)
		}
	}
	return uint64(n)
}

// sleepable is BPF_F_SLEEPABLE of include/uapi/linux/bpf.h.
const sleepable = 1 << 4

// specification is what to load. The function closes what it holds of other programs, once
// that is done.
func specification(o *object.Object) (*ebpf.CollectionSpec, func(), error) {
	spec := &ebpf.CollectionSpec{Maps: o.Kernel, Programs: map[string]*ebpf.ProgramSpec{}}
	for _, program := range o.All() {
		spec.Programs[program.Name] = &ebpf.ProgramSpec{
			Name: program.Name, Type: program.Type, AttachType: program.Attach, AttachTo: program.AttachTo,
			Instructions: program.Instructions, License: o.Settings.License,
		}
		if program.Sleepable {
			spec.Programs[program.Name].Flags = sleepable
		}
	}
	targets, err := traced(o, spec)
	return spec, targets.close, err
}

// programs are BPF programs that those of a run trace.
type programs map[uint32]*ebpf.Program

func (list programs) close() {
	for _, program := range list {
		program.Close()
	}
}

// traced opens the BPF programs that are to be traced.
func traced(o *object.Object, spec *ebpf.CollectionSpec) (programs, error) {
	list := programs{}
	for _, program := range o.Programs {
		id := program.AttachProgram
		if id == 0 {
			continue
		}
		if list[id] == nil {
			found, err := ebpf.NewProgramFromID(ebpf.ProgramID(id))
			if err != nil {
				list.close()
				return nil, fmt.Errorf("the BPF program %d cannot be traced: %w", id, err)
			}
			list[id] = found
		}
		spec.Programs[program.Name].AttachTarget = list[id]
	}
	return list, nil
}
