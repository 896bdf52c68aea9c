package sema

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/follow"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang"
)

// Program is a program with the clauses that it runs, in the order of the script.
//
// The kernel runs the programs of an attach point in an order of its own: those of a
// kprobe or of fentry in the opposite order of their attachment. So the clauses of one
// attach point are joined to one program, which is attached once:
//
//	kprobe:vfs_* { A }  kprobe:vfs_read { B }      p0: A        at every function but vfs_read
//	                                               p1: A, B     at vfs_read
//
// A clause that shares only some of its attach points is checked and compiled for each
// program that runs it.
type Program struct {
	Site      *builtin.Site
	Instances []*Instance
	// Dispatched: programs of other system calls share its tracepoint, so another program
	// tests the number.
	Dispatched bool
	arguments  bool // a clause reads what depends on the attach point
}

// Joined reports whether clauses share a program.
func (i *Info) Joined() bool { return len(i.Instances) > len(i.Programs) }

// Cut reports whether a clause is cut into parts.
func (i *Info) Cut() bool {
	return slices.ContainsFunc(i.Instances, func(instance *Instance) bool {
		return len(instance.Parts) > 0
	})
}

// placed is a clause at a site, before it is known with which others it shares a program.
type placed struct {
	clause *lang.Clause
	use    clauseUse
	site   *builtin.Site
	nodes  int  // of the clause's syntax tree
	alone  bool // it has its programs for itself
}

// maxJoined is up to how many nodes of the syntax tree clauses are joined. Jumps reach
// 32767 instructions, and the verifier walks a million. Where it gives up earlier, the
// clauses are compiled again as Options.Separate.
const maxJoined = 4000

// arrival is an event with the context that programs are handed at it, and the clause
// where that is alone.
type arrival struct {
	event   string
	context object.Context
	alone   *placed
}

// each visits the events of a site, with the point and the index of its function.
func (p *placed) each(visit func(a arrival, point *object.Point, symbol int)) {
	for n := range p.site.Points {
		point := &p.site.Points[n]
		for i, event := range point.At.Events() {
			a := arrival{event: p.site.Scope.Probe.Name + " " + event, context: point.Mechanism.Context()}
			if p.alone {
				a.alone = p
			}
			visit(a, point, i)
		}
	}
}

// plainer finds the events that clauses ask for in different contexts, and refuses the
// cheaper one, so that they can be joined; where a probe fires in what programs run
// through, those of all events. A clause that needs a tracing program keeps it, and so a
// program of its own.
func (c *checker) plainer(list []*placed) bool {
	first, disagreed := map[string]object.Context{}, map[string]bool{}
	for _, p := range list {
		p.each(func(a arrival, _ *object.Point, _ int) {
			if other, known := first[a.event]; known && other != a.context {
				disagreed[a.event] = true
			}
			first[a.event] = a.context
		})
	}
	locks := c.options.Mechanism == "" && tracesLocks(list)
	for _, p := range list {
		p.each(func(a arrival, point *object.Point, _ int) {
			unsafe := locks && !point.Mechanism.Exclusive()
			if _, ok := point.Mechanism.Plainer(); unsafe && (point.Only || !ok) {
				c.besideLocks(p, point)
			}
			if (unsafe || disagreed[a.event]) && hasPlainer(point) && !p.use.tracing {
				c.plain[point.Probe] = whyPlainer(unsafe)
			}
		})
	}
	return len(c.plain) > 0
}

// besideLocks reports a probe that its type allows no safe mechanism for, because of
// another one.
func (c *checker) besideLocks(p *placed, point *object.Point) {
	c.Errorf(p.clause.Probes[0].Span, "%s is not safe beside a probe that fires in what programs run through: the kernel could hang", point.Probe)
	c.Hint("trace it by a kprobe or tracepoint, or in another run")
}

func whyPlainer(unsafe bool) string {
	if unsafe {
		return "another probe of the script fires in what programs run through"
	}
	return "another clause needs the plainer one at the same place"
}

// hasPlainer reports a mechanism with another one that serves as well and hands programs
// something else.
func hasPlainer(point *object.Point) bool {
	plainer, ok := point.Mechanism.Plainer()
	return ok && !point.Only && plainer.Context() != point.Mechanism.Context()
}

// tracesLocks reports whether a probe fires in what programs run through. Such a program
// may interrupt one of another run that holds a lock, and wait for a lock of this run,
// whose holder waits for the other: unless the kernel keeps all programs of this run
// apart (target.Reentered).
func tracesLocks(list []*placed) bool {
	return slices.ContainsFunc(list, func(p *placed) bool { return slices.ContainsFunc(p.site.Points, reentered) })
}

func reentered(point object.Point) bool {
	if at, ok := point.At.(object.TracepointPoint); ok {
		return target.ReenteredEvent(at.Category, at.Name)
	}
	return slices.ContainsFunc(point.Functions(), func(symbol string) bool {
		_, yes := target.Reentered(symbol)
		return yes
	})
}

// separate leaves clauses alone that are too long to share a program.
func (c *checker) separate(list []*placed) {
	sums := map[arrival]int{}
	for _, p := range list {
		p.alone = c.options.Separate
		p.each(func(a arrival, _ *object.Point, _ int) { sums[a] += p.nodes })
	}
	for _, p := range list {
		tooLong := false
		p.each(func(a arrival, _ *object.Point, _ int) { tooLong = tooLong || sums[a] > maxJoined })
		p.alone = p.alone || tooLong
	}
}

// joint is what becomes a program: clauses, and the attach points at which just these
// fire.
type joint struct {
	members []*placed
	shares  []*share
}

// share is parts of a point.
type share struct {
	point *object.Point
	parts []int
}

// plan makes programs of the clauses and their sites, in the order of their first clause.
func (c *checker) plan(list []*placed) {
	c.separate(list)
	sharers := map[arrival][]int{}
	for i, p := range list {
		p.each(func(a arrival, _ *object.Point, _ int) { sharers[a] = append(sharers[a], i) })
	}
	for i, p := range list {
		for _, j := range p.joints(i, list, sharers) {
			c.addProgram(j)
		}
	}
	c.shareSyscalls()
}

// shareSyscalls lets the programs of system calls that have the same tracepoint be called
// by one that finds the number. Those at raw tracepoints are typed where one of them
// reads the registers of the process.
func (c *checker) shareSyscalls() {
	sharers := map[string][]*Program{}
	for _, program := range c.Programs {
		point := &program.Site.Points[0]
		if point.Mechanism.AllCalls() {
			all := point.At.(object.SyscallPoint).All
			sharers[all] = append(sharers[all], program)
		}
	}
	for all, programs := range sharers {
		typed := false
		for _, program := range programs {
			program.Dispatched = len(programs) > 1
			typed = typed || all == target.SyscallExit || program.arguments
		}
		if typed && c.target.Features.TypedTracepoint && programs[0].Site.Type == ebpf.RawTracepoint {
			for _, program := range programs {
				program.typed(all)
			}
		}
	}
}

// typed makes a program one to which the verifier knows the types of a raw tracepoint's
// arguments.
func (p *Program) typed(tracepoint string) {
	p.Site.Type, p.Site.Attach, p.Site.AttachTo = ebpf.Tracing, ebpf.AttachTraceRawTp, tracepoint
	for _, instance := range p.Instances {
		instance.Site.Scope.Typed = true
	}
}

// joints are those in which a clause, the i-th of the list, is the first.
func (p *placed) joints(i int, list []*placed, sharers map[arrival][]int) (begun []*joint) {
	if len(p.site.Points[0].At.Events()) == 0 {
		whole := &joint{members: []*placed{p}}
		for i := range p.site.Points {
			whole.shares = append(whole.shares, &share{point: &p.site.Points[i]})
		}
		return []*joint{whole}
	}
	known := map[string]*joint{}
	p.each(func(a arrival, point *object.Point, symbol int) {
		members := sharers[a]
		if members[0] != i {
			return
		}
		key := ""
		if len(members) > 1 {
			key = fmt.Sprint(members)
		}
		j := known[key]
		if j == nil {
			j = &joint{}
			for _, member := range members {
				j.members = append(j.members, list[member])
			}
			known[key] = j
			begun = append(begun, j)
		}
		j.add(point, symbol)
	})
	return begun
}

// add takes one function of a point.
func (j *joint) add(point *object.Point, symbol int) {
	if n := len(j.shares); n > 0 && j.shares[n-1].point == point {
		j.shares[n-1].parts = append(j.shares[n-1].parts, symbol)
		return
	}
	j.shares = append(j.shares, &share{point, []int{symbol}})
}

// points are those that the parts make.
func (j *joint) points() (list []object.Point) {
	for _, s := range j.shares {
		list = append(list, s.point.Picked(s.parts...))
	}
	return list
}

// addProgram makes the program of a joint, and an instance of every clause for it.
func (c *checker) addProgram(j *joint) {
	site := j.site()
	c.nameProbes(site)
	program := &Program{Site: site}
	for _, member := range j.members {
		program.arguments = program.arguments || member.use.arguments
		own := *site
		own.Scope = member.site.Scope
		own.Scope.Mechanism, own.Scope.Symbols, own.Scope.ProbeName = site.Scope.Mechanism, site.Scope.Symbols, site.Scope.ProbeName
		own.Scope.Differing = c.differing[member.clause]
		instance := &Instance{Clause: member.clause, Site: &own, Ends: member.use.ends}
		c.restrict(instance)
		program.Instances = append(program.Instances, instance)
		c.Instances = append(c.Instances, instance)
	}
	c.Programs = append(c.Programs, program)
}

// restrict gives a clause of the script that the kernel runs the filter of -p.
func (c *checker) restrict(instance *Instance) {
	added := c.options.Added
	if added == nil {
		return
	}
	instance.Hidden = added.Hidden[instance.Clause]
	if instance.Site.Scope.Mechanism.Iterates() {
		c.restrictIterator(instance, added)
		return
	}
	if !instance.Hidden && !instance.Site.Scope.Mechanism.ByRuntime() {
		instance.Filter = added.Filter
	}
}

func (c *checker) restrictIterator(instance *Instance, added *follow.Added) {
	ofTask := target.OfTask(instance.Site.Scope.Function.Params)
	filter, pid, err := added.Iterator(ofTask, &c.target.Features)
	if err != nil {
		c.Errorf(instance.Clause.Probes[0].Span, "%s %v", instance.Site.Points[0].Probe, err)
		return
	}
	instance.Filter = filter
	for i := range instance.Site.Points {
		at := instance.Site.Points[i].At.(object.IterPoint)
		at.Pid = pid
		instance.Site.Points[i].At = at
	}
}

// site is that of the member that is attached in the plainest way: where one needs a
// kprobe, the functions that others reach through one link for many get kprobes, too.
func (j *joint) site() *builtin.Site {
	site := *j.members[0].site
	for _, member := range j.members {
		m := member.site.Scope.Mechanism
		if regs := m.Context() == object.FunctionRegs || m.User(); regs && !m.Many() {
			site = *member.site
		}
	}
	site.Points = nil
	functions := 0
	for _, point := range j.points() {
		functions += len(point.Names())
		site.Points = append(site.Points, pointsBy(site.Scope, point)...)
	}
	site.Scope.Symbols = functions
	return &site
}

// pointsBy is a point as a mechanism has it.
func pointsBy(scope builtin.Scope, point object.Point) []object.Point {
	multi := point.Mechanism.Many()
	if point.Mechanism == scope.Mechanism || !multi {
		if names := point.Shown(); multi && len(names) == 1 {
			point.Probe = scope.Probe.Name + ":" + names[0]
		}
		return []object.Point{point}
	}
	var list []object.Point
	for i, name := range point.Shown() {
		one := object.Point{Probe: scope.Probe.Name + ":" + name, Mechanism: scope.Mechanism, At: point.At}
		list = append(list, one.Picked(i))
	}
	return list
}
