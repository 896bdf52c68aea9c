// Package compiler turns a parsed script into programs and maps that a kernel can load.
//
// Compile is a function of the script, the target and the options: the same input gives
// the same bytes on every machine. It asks the machine nothing; the Target holds all that
// it may know of one, and package runtime/detect makes the live Target.
//
// The passes, in order:
//
//	sema    names, types, attach points                  compiler/internal/sema
//	lower   typed syntax to IR, through the table         compiler/internal/lower, compiler/builtin
//	guard   programs of a run that could deadlock          compiler/internal/guard
//	opt     IR to better IR                               compiler/internal/opt
//	bpf     IR to eBPF instructions                       compiler/internal/bpf
//
// What the user did wrong is returned as diag.Diagnostics; what we did wrong panics with
// an *ir.Error, which is recovered here and names the line of the script.
package compiler

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/bpf"
	"github.com/ponytrace/ponytrace/compiler/internal/follow"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/internal/lower"
	"github.com/ponytrace/ponytrace/compiler/internal/opt"
	"github.com/ponytrace/ponytrace/compiler/internal/sema"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang"
)

// Options are what the command line adds to a script.
type Options struct {
	Args        []string                 // positional parameters
	Attach      string                   // the mechanism to use for kernel functions and tracepoints; empty: the cheapest
	Refused     map[string]bool          // attach points (object.Point.Probe) for which the kernel refused the cheaper program
	Strict      bool                     // renamed functions are errors
	Named       []string                 // named parameters, as name=value or name
	Unsafe      bool                     // functions that change what is traced are allowed
	Environment func(name string) string // environment variables that hold settings; nil: none
	Separate    bool                     // every clause becomes a program of its own
	Processes   Processes                // whose events the clauses see; all by default
	DryRun      bool                     // no clause is to run, though it is attached
	CountReads  bool                     // reads of memory that fail are counted by their place in the script
	Only        *regexp.Regexp           // names of the probes to attach, but BEGIN and END; nil for all
	PartSize    int                      // of the parts of large clauses, in nodes of the syntax tree; 0: the usual; -1: none
	Plain       bool                     // leave the optimising passes out, so that tests can compare
	scratch     bool                     // programs that are preempted have memory of the CPU from the first instruction on
	// Stages is filled with what each stage makes; nil: nothing is collected.
	Stages *stage.Stages
}

// Processes are those of -p and --children.
type Processes = follow.Processes

// UsageError carries the usage text of a script whose parameters are wrong.
type UsageError = sema.UsageError

// Compile returns the object, or an error that is diag.Diagnostics, a *UsageError or an
// internal error.
func Compile(script *lang.Script, machine *target.Target, options Options) (*object.Object, error) {
	for {
		result, info, err := compile(script, machine, options)
		if err == nil || !options.relax(info, err) {
			return result, err
		}
	}
}

// relax changes the options for another attempt, and reports false where there is none.
// Where clauses that share a program are too much for one, each gets its own. Where the
// functions that a clause is cut into have too little of the stack, or may not be called,
// it stays whole.
func (o *Options) relax(info *sema.Info, err error) bool {
	switch {
	case errors.Is(err, errScratch) && !o.scratch:
		o.scratch = true
	case info == nil:
		return false
	case info.Joined() && !o.Separate && !errors.Is(err, errParts):
		o.Separate = true
	case info.Cut() && o.PartSize >= 0:
		o.PartSize = -1
	default:
		return false
	}
	return true
}

// compile also returns the meaning of the script, if it has one.
func compile(
	script *lang.Script, machine *target.Target, options Options,
) (result *object.Object, info *sema.Info, err error) {
	defer ir.Catch(&err)
	beginStages(options.Stages, script)
	added := follow.Add(script, options.Processes)
	added.KeepTables(machine)
	info, err = sema.Check(added.Script, machine, sema.Options{
		Args: options.Args, Mechanism: options.Attach, Refused: options.Refused,
		Strict: options.Strict, Unsafe: options.Unsafe, Named: options.Named, Environment: options.Environment,
		Separate: options.Separate, PartSize: options.PartSize, Added: added, Only: options.Only,
		Processes: builtin.Processes{
			IDs: options.Processes.IDs, Children: options.Processes.Children,
			Command: options.Processes.Command,
		},
	})
	if err != nil {
		return nil, nil, err
	}
	unit := lower.NewUnit(info, machine)
	unit.Stops, unit.Checked = unit.Stops || options.DryRun, options.CountReads
	out := &object.Object{
		ProbeNames: info.ProbeNames,
		Kernel:     map[string]*ebpf.MapSpec{},
		Stride:     unit.Layout.Stride,
		Settings:   info.Settings.Settings,
		Stops:      unit.Stops,
		Joined:     info.Joined(),
		Notices:    info.Notices,
	}
	programOf, guarded := lowered(unit, options)
	compiled, err := compilePrograms(len(info.Programs), programOf)
	if err != nil {
		return nil, info, err
	}
	if guarded {
		out.Kernel[object.GuardMap] = slots(object.GuardMap, guardWords(unit).Size())
	}
	for _, c := range compiled {
		out.Programs = append(out.Programs, c.program)
		for _, m := range c.maps {
			out.Kernel[m.Name] = m
		}
	}
	addDispatchers(out, machine)
	addStages(options.Stages, compiled, out.Dispatchers)
	out.Events, out.RuntimeConsts, out.Cgroups = unit.Events, unit.RuntimeConsts, unit.Cgroups
	addMaps(out, unit)
	addFollowing(out, added.Set, options.Processes)
	return out, info, nil
}

// compiled is a program as it goes into the object, and the maps that are its own.
type compiled struct {
	program *object.ProgramSpec
	maps    []*ebpf.MapSpec
	stages  *stage.Program
	err     error
}

// compilePrograms lowers one program after the other, because that adds to the unit,
// while others are on their way from IR to code. The error is that of the first program
// that has one.
func compilePrograms(count int, programOf func(number int) *program) ([]compiled, error) {
	var running sync.WaitGroup
	defer running.Wait()
	results := make([]compiled, count)
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range results {
		free <- struct{}{}
		c := programOf(i)
		running.Go(func() {
			results[i] = c.compile()
			<-free
		})
	}
	running.Wait()
	for _, c := range results {
		if c.err != nil {
			return nil, c.err
		}
	}
	return results, nil
}

// program is one that was lowered.
type program struct {
	*lower.Code
	*sema.Program
	number  int
	cpus    int
	atomics bool
	maps    []*sema.Map
	options Options
	// framed: the program is preempted, and may have no memory but its frame where
	// preemption is on.
	framed     bool
	ownFrame   int  // bytes of it that stay when the program is preempted
	uncallable bool // what errParts tells
}

func lowerProgram(unit *lower.Unit, p *sema.Program, number int, options Options) *program {
	name := programName(p.Site, number)
	defer ir.Blame(p.Instances[0].Clause.Span, name)
	return &program{
		Code: unit.Program(p, name, number), Program: p, number: number,
		cpus: lower.CPURows(unit.Target), atomics: unit.Target.Features.FetchingAtomics, maps: unit.Info.Maps, options: options,
	}
}

// compile uses no shared state, so it may run concurrently.
func (c *program) compile() (result compiled) {
	defer ir.Catch(&result.err)
	if c.uncallable {
		return compiled{err: errParts}
	}
	span := c.Instances[0].Clause.Span
	defer ir.Blame(span, c.Name)
	c.Join()
	collected := newCollector(c)
	passes := opt.Run
	if c.options.Plain {
		passes = opt.RunLeast
	}
	if err := passes(c.Func, collected.observer()); err != nil {
		return compiled{err: err}
	}
	collected.optimized(c.Func)
	scratch := fmt.Sprintf("%s%d", object.ScratchMap, c.number)
	reads := ""
	if c.options.CountReads {
		reads = fmt.Sprintf("%s%d", object.ReadsMap, c.number)
	}
	code, err := bpf.Generate(c.Func, bpf.Options{CPUs: c.cpus, ScratchMap: scratch, ReadsMap: reads, FetchAtomics: c.atomics, Trace: collected != nil})
	if err != nil {
		return compiled{err: err}
	}
	if c.framed && (code.ScratchSize > 0 || code.Stack > c.ownFrame) {
		return compiled{err: errScratch}
	}
	result.stages = collected.generated(code)
	if c.SharedSize > 0 {
		result.maps = append(result.maps, slots(c.Shared, c.SharedSize*c.cpus))
	}
	if c.Syscalls != nil {
		table := slots(c.Table, len(c.Syscalls))
		table.Contents = []ebpf.MapKV{{Key: uint32(0), Value: c.Syscalls}}
		result.maps = append(result.maps, table)
	}
	if code.ScratchSize > 0 {
		result.maps = append(result.maps, slots(scratch, code.ScratchSize*c.cpus))
	}
	if len(code.Reads) > 0 {
		result.maps = append(result.maps, slots(reads, 8*len(code.Reads)))
	}
	site := c.Site
	result.program = &object.ProgramSpec{
		Name: c.Name, Type: site.Type, Attach: site.Attach, AttachTo: site.AttachTo, AttachProgram: site.AttachProgram,
		Instructions: code.Instructions, Points: site.Points, Lines: code.Lines, Reads: code.Reads, ReadsMap: reads, Clause: span, Clauses: c.written(), Dispatched: c.Dispatched,
		Sleepable: len(c.Waiting) > 0,
	}
	return result
}

// written is how many clauses of the script the program runs.
func (c *program) written() (n int) {
	for _, instance := range c.Instances {
		if !instance.Hidden {
			n++
		}
	}
	return n
}

// programName fits the kernel's 15 characters: the number keeps it unique, the rest tells
// people.
func programName(site *builtin.Site, number int) string {
	text := site.Points[0].Probe
	text = text[strings.LastIndexByte(text, ':')+1:]
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, text)
	name := fmt.Sprintf("p%d_%s", number, clean)
	return name[:min(len(name), 15)]
}

// slots is an array of one element that user space can map.
func slots(name string, size int) *ebpf.MapSpec {
	return &ebpf.MapSpec{
		Name: name, Type: ebpf.Array, KeySize: 4, ValueSize: uint32(max((size+7)/8*8, 8)), MaxEntries: 1,
		Flags: mappable,
	}
}

// BPF_F_MMAPABLE and BPF_F_NO_PREALLOC of include/uapi/linux/bpf.h.
const (
	mappable      = 1 << 10
	noPreallocate = 1
)

func addMaps(out *object.Object, unit *lower.Unit) {
	out.Kernel[object.DataMap] = slots(object.DataMap, unit.Layout.Data)
	if unit.Layout.PerCPU > 0 {
		out.Kernel[object.PerCPUMap] = slots(object.PerCPUMap, unit.Layout.Stride*lower.CPURows(unit.Target))
	}
	if unit.Zeroes > 0 {
		out.Kernel[object.ZeroMap] = slots(object.ZeroMap, unit.Zeroes)
	}
	if len(unit.Events) > 0 {
		out.Kernel[object.EventsMap] = &ebpf.MapSpec{
			Name: object.EventsMap, Type: ebpf.RingBuf, MaxEntries: ringSize(ringPages(out.Settings.RingBufferPages, unit.Events), unit.Target.PageSize),
		}
	}
	if n := len(unit.Cgroups); n > 0 {
		out.Kernel[object.CgroupsMap] = &ebpf.MapSpec{
			Name: object.CgroupsMap, Type: ebpf.CGroupArray, KeySize: 4, ValueSize: 4, MaxEntries: uint32(n),
		}
	}
	if unit.Unwinds {
		addUnwinding(out.Kernel, unit.Target)
	}
	for _, m := range unit.Maps {
		out.Maps = append(out.Maps, m)
		if m.Kernel != "" {
			out.Kernel[m.Kernel] = hash(m, unit.Target)
		}
		if m.Other != "" {
			out.Kernel[m.Other] = hash(m, unit.Target)
		}
	}
	slices.SortFunc(out.Maps, func(a, b *object.MapSpec) int { return strings.Compare(a.Name, b.Name) })
}

// addUnwinding adds the maps by which stacks of processes are walked.
func addUnwinding(kernel map[string]*ebpf.MapSpec, machine *target.Target) {
	processes := &ebpf.MapSpec{
		Name: object.UnwindMap, Type: ebpf.Hash, KeySize: 8, ValueSize: object.UnwindSize,
		MaxEntries: object.MaxUnwound,
	}
	if !lower.Preallocates(machine) {
		processes.Flags = noPreallocate
	}
	kernel[object.UnwindMap] = processes
	kernel[object.WantedMap] = slots(object.WantedMap, 8*object.WantedWords)
	kernel[object.FramesMap] = &ebpf.MapSpec{
		Name: object.FramesMap, Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4,
		MaxEntries: object.MaxShards,
		InnerMap: &ebpf.MapSpec{
			Type: ebpf.Array, KeySize: 4, ValueSize: 8 * object.ShardRows, MaxEntries: 1, Flags: mappable,
		},
	}
}

// addFollowing takes the set of processes from the maps of the script.
func addFollowing(out *object.Object, set string, processes Processes) {
	i := slices.IndexFunc(out.Maps, func(m *object.MapSpec) bool { return m.Name == set })
	if set == "" || i < 0 {
		return
	}
	out.Following = &object.Following{Set: out.Maps[i]}
	if processes.Children {
		out.Following.IDs = processes.IDs
	}
	out.Maps = slices.Delete(out.Maps, i, i+1)
}

func hash(m *object.MapSpec, machine *target.Target) *ebpf.MapSpec {
	kept := m.InKernel()
	spec := &ebpf.MapSpec{
		Name: mapName(m.Name), Type: ebpf.Hash,
		KeySize: uint32(kept.Key.Size), ValueSize: uint32((kept.Value.Size + 7) / 8 * 8), MaxEntries: uint32(m.MaxEntries),
	}
	if !lower.Preallocates(machine) && !lower.Reserved(m, machine) && !m.Recent {
		spec.Flags = noPreallocate
	}
	switch perCPU := m.Storage == object.CPUHash; {
	case perCPU && m.Recent:
		spec.Type = ebpf.LRUCPUHash
	case perCPU:
		spec.Type = ebpf.PerCPUHash
	case m.Recent:
		spec.Type = ebpf.LRUHash
	}
	return spec
}

// mapName is what tools such as bpftool show: letters, digits and underscores, at most
// 15.
func mapName(name string) string {
	name = "at_" + name
	return name[:min(len(name), 15)]
}

// exitPages hold an exit() of each of a thousand CPUs, after which no clause runs any
// more. The kernel takes half a millisecond for the usual 4 MiB.
const exitPages = 16

func ringPages(set int, sent []*object.Event) int {
	if slices.ContainsFunc(sent, func(e *object.Event) bool { return e.Action != object.Exit }) {
		return set
	}
	return min(set, exitPages)
}

// ringSize is a power of two of at least a page.
func ringSize(pages, page int) uint32 {
	size := max(page, 4096)
	for size < pages*4096 {
		size *= 2
	}
	return uint32(size)
}
