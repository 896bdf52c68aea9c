// Package follow restricts a script to the events of processes, as -p, --children and
// --cgroup ask.
//
// What it adds to the script is text of the language, compiled like everything else:
//
//   - a filter, a condition before that of every clause that the kernel runs: `pid == 7`,
//     `in_cgroup("/sys/fs/cgroup/system.slice")`;
//
//   - where processes are followed, or the script asks for cpid, clauses of its own that
//     come first. They keep the set of processes, a map that nothing prints:
//
//     tracepoint:sched:sched_process_fork   a member's child becomes a member
//     tracepoint:sched:sched_process_free   a number that is free again is removed
//
//   - where stacks are walked by tables, clauses that keep those of processes (tables.go).
//
// A new process is a member before it runs for the first time, so that none of its events
// is missed. Rejected: to walk up the parents of the current task, which needs no map,
// but loses those whose parent has ended.
//
// # The command of -c
//
// Its number is known only when it runs. So ponytrace writes the number of its thread
// that starts the command into a word of the kernel map "data" (object.Starting): who is
// born of that thread meanwhile is the command. Of the whole process threads are born as
// well.
package follow

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Processes are those whose events a script sees.
type Processes struct {
	IDs      []int // as the PID namespace of ponytrace numbers them
	Nested   bool  // that namespace is not the initial one
	Children bool  // and what descends from them
	Command  bool  // and the command of -c
	// Cgroups are folders of control groups: where there are some, only what runs in one of
	// them, or below, is seen.
	Cgroups []string
}

// Added is a script with what was added.
type Added struct {
	Script *lang.Script
	Filter lang.Expr             // nil where every event is seen
	Hidden map[*lang.Clause]bool // clauses that the user did not write
	Set    string                // the name of the map; empty without one
	text   string                // of the clauses

	processes Processes
	ofTasks   lang.Expr // the filter of what iterators tell of tasks
}

// Add leaves the script alone and returns a copy.
func Add(script *lang.Script, p Processes) *Added {
	added := &Added{Script: script, Hidden: map[*lang.Clause]bool{}, processes: p}
	command := p.Command && p.Children || usesCommand(script)
	if p.Children {
		added.Set = unusedName(script)
	}
	if p.Children || command {
		added.addClauses(p, command)
	}
	if text := p.filter(added.Set); text != "" {
		added.Filter = condition(text)
	}
	if text := p.tasks(added.Set); text != "" {
		added.ofTasks = condition(text)
	}
	return added
}

func condition(text string) lang.Expr {
	return parse("BEGIN /" + text + "/ { }").Clauses[0].Predicate
}

// Iterator restricts an iterator, whose program runs in ponytrace whatever the object at
// hand belongs to: by a condition, or by asking the kernel for what one process has. The
// error continues the name of the iterator.
func (a *Added) Iterator(ofTask bool, f *target.Features) (filter lang.Expr, pid int, err error) {
	p := a.processes
	switch {
	case a.Filter == nil:
		return nil, 0, nil
	case !ofTask:
		return nil, 0, errors.New("visits what belongs to no process, so that it cannot be restricted to some")
	case len(p.Cgroups) > 0:
		return nil, 0, errors.New("cannot be restricted to control groups")
	case len(p.IDs) == 1 && !p.Children && f.IteratorProcess:
		return nil, p.IDs[0], nil
	case p.Nested && !p.Children:
		return nil, 0, errors.New("cannot be restricted to processes of this PID namespace (one alone can be, since Linux 6.1)")
	}
	return a.ofTasks, 0, nil
}

// tasks is the condition on the task of an iterator's object.
func (p Processes) tasks(set string) string {
	const id = "ctx.task.tgid"
	if p.Children {
		return fmt.Sprintf("@%s[%s]", set, id)
	}
	var same []string
	for _, pid := range p.IDs {
		same = append(same, fmt.Sprintf("%s == %d", id, pid))
	}
	return strings.Join(same, " || ")
}

// own is the number of the current process in ponytrace's namespace.
func (p Processes) own() string {
	if p.Nested {
		return "pid(curr_ns)"
	}
	return "pid"
}

// filter is the condition as text, empty for none.
func (p Processes) filter(set string) string {
	var within []string
	for _, folder := range p.Cgroups {
		within = append(within, fmt.Sprintf("in_cgroup(%s)", quoted(folder)))
	}
	both := []string{p.members(set), strings.Join(within, " || ")}
	switch {
	case both[1] == "":
		return both[0]
	case both[0] == "":
		return both[1]
	}
	return fmt.Sprintf("(%s) && (%s)", both[0], both[1])
}

// quoted is a text as the language has it.
func quoted(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return `"` + b.String() + `"`
}

// members is the condition on the process.
func (p Processes) members(set string) string {
	if p.Children {
		return fmt.Sprintf("@%s[pid]", set)
	}
	var same []string
	for _, id := range p.IDs {
		same = append(same, fmt.Sprintf("%s == %d", p.own(), id))
	}
	return strings.Join(same, " || ")
}

func (a *Added) addClauses(p Processes, command bool) {
	a.text = a.clauses(p, command)
	a.add(a.text)
}

// add adds clauses before those that are there.
func (a *Added) add(text string) {
	own := parse(text)
	for _, clause := range own.Clauses {
		a.Hidden[clause] = true
	}
	script := *a.Script
	script.Maps = slices.Concat(own.Maps, script.Maps)
	script.Clauses = slices.Concat(own.Clauses, script.Clauses)
	a.Script = &script
}

// clauses is the text of what keeps the set and cpid.
func (a *Added) clauses(p Processes, command bool) string {
	enter := fmt.Sprintf("@%s[args.child_pid] = true;", a.Set)
	born := fmt.Sprintf("if (starting() == %s) { set_command(args.child_pid); }", strings.Replace(p.own(), "pid", "tid", 1))
	if !p.Children {
		return fmt.Sprintf("tracepoint:sched:sched_process_fork { %s }", born)
	}
	if command {
		born = strings.Replace(born, "{", "{ "+enter, 1)
	} else {
		born = ""
	}
	return fmt.Sprintf(`let @%[1]s = hash(%[2]d)
tracepoint:sched:sched_process_fork { if (@%[1]s[pid]) { %[3]s } %[4]s }
tracepoint:sched:sched_process_free { delete(@%[1]s, args.pid) }`, a.Set, maxMembers, enter, born)
}

// maxMembers is twice the kernel's usual limit of threads (PID_MAX_DEFAULT). Beyond it a
// process is not seen, and the runtime tells.
const maxMembers = 65536

// unspeakable are functions that no script can name, and what they are called in clauses.
var unspeakable = map[string]string{
	"set_command": builtin.SetCommand, "starting": builtin.Starting,
	"inherit_tables": builtin.InheritTables, "drop_tables": builtin.DropTables,
}

func parse(text string) *lang.Script {
	script, diagnostics := lang.Parse(diag.NewSource("-p", text))
	if diagnostics.HasErrors() {
		panic(diagnostics)
	}
	lang.Walk(script, func(node any) bool {
		if call, ok := node.(*lang.Call); ok && unspeakable[call.Name] != "" {
			call.Name = unspeakable[call.Name]
		}
		return true
	})
	return script
}

// usesCommand looks for cpid, however it is spelt: cpid(), __builtin_cpid.
func usesCommand(script *lang.Script) (uses bool) {
	lang.Walk(script, func(node any) bool {
		name := ""
		switch node := node.(type) {
		case *lang.Name:
			name = node.Name
		case *lang.Call:
			name = node.Name
		}
		f := builtin.FunctionNamed(name)
		uses = uses || f != nil && f.Name == builtin.CommandID
		return !uses
	})
	return uses
}

// unusedName is that of no map of the script.
func unusedName(script *lang.Script) string {
	used := map[string]bool{}
	lang.Walk(script, func(node any) bool {
		if m, ok := node.(*lang.Map); ok {
			used[m.Name] = true
		}
		return true
	})
	name := "followed"
	for used[name] {
		name += "_"
	}
	return name
}
