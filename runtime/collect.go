package runtime

import (
	"runtime"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/detect"
)

// fewPrograms are not worth a thread of their own.
const fewPrograms = 8

// collect makes the maps and programs of the object. It loads many programs on several
// threads: most of the time goes to the kernel's verifier, which works on several
// programs at once: its lock is for unprivileged users only.
// https://github.com/torvalds/linux/blob/v5.10/kernel/bpf/verifier.c (bpf_check)
//
// The verifier writes its log where level asks for it, and of what it refuses.
func collect(o *object.Object, level ebpf.LogLevel) (*ebpf.Collection, error) {
	spec, done, err := specification(o)
	if err != nil {
		return nil, err
	}
	defer done()
	options := ebpf.CollectionOptions{
		Cache:    detect.Types,
		Programs: ebpf.ProgramOptions{LogLevel: level, LogSizeStart: uint32(o.Settings.VerifierLogSize)},
	}
	count := min(runtime.GOMAXPROCS(0), len(spec.Programs)/fewPrograms)
	if count < 2 {
		return ebpf.NewCollectionWithOptions(spec, options)
	}
	whole, err := ebpf.NewCollectionWithOptions(&ebpf.CollectionSpec{Maps: spec.Maps}, options)
	if err != nil {
		return nil, err
	}
	if err := addPrograms(whole, divide(o, spec, count), options); err != nil {
		whole.Close()
		return nil, err
	}
	return whole, nil
}

// divide deals the programs out to parts. Each part has the maps that its programs use.
func divide(o *object.Object, spec *ebpf.CollectionSpec, count int) []*ebpf.CollectionSpec {
	parts := make([]*ebpf.CollectionSpec, count)
	for i := range parts {
		parts[i] = &ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{}, Programs: map[string]*ebpf.ProgramSpec{}}
	}
	for i, program := range o.All() {
		part := parts[i%count]
		part.Programs[program.Name] = spec.Programs[program.Name]
		for n := range program.Instructions {
			if name := program.Instructions[n].Reference(); program.Instructions[n].IsLoadFromMap() && name != "" {
				part.Maps[name] = spec.Maps[name]
			}
		}
	}
	return parts
}

// addPrograms loads the parts at the same time. The maps are those that whole has. The
// error is that of the first part that has one.
func addPrograms(whole *ebpf.Collection, parts []*ebpf.CollectionSpec, options ebpf.CollectionOptions) error {
	collections, errs := make([]*ebpf.Collection, len(parts)), make([]error, len(parts))
	var running sync.WaitGroup
	for i, part := range parts {
		options := options
		options.MapReplacements = map[string]*ebpf.Map{}
		for name := range part.Maps {
			options.MapReplacements[name] = whole.Maps[name]
		}
		running.Go(func() { collections[i], errs[i] = ebpf.NewCollectionWithOptions(part, options) })
	}
	running.Wait()
	for i, collection := range collections {
		if errs[i] != nil {
			continue
		}
		for name, program := range collection.Programs {
			whole.Programs[name] = program
		}
		for _, duplicate := range collection.Maps {
			duplicate.Close()
		}
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
