package follow

import (
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang"
)

// Stacks that are walked by tables need those of the current process. ponytrace brings
// them, but too late for what changes at once: a new process has the code of its parent,
// one that executes another program has none of it any more, and the number of one that
// has ended may come again.
var tables = []struct{ category, name, text string }{
	// A thread (CLONE_THREAD) has those of its process.
	{"task", "task_newtask", "if (!(args.clone_flags & 0x10000)) { inherit_tables(args.pid); }"},
	{"sched", "sched_process_exec", "drop_tables(pid);"},
	{"sched", "sched_process_free", "drop_tables(args.pid);"},
}

// KeepTables adds the clauses that keep the tables of processes, where the script walks by
// them. Without tracefs it goes without.
func (a *Added) KeepTables(machine *target.Target) {
	if !walksByTables(a.Script) {
		return
	}
	text := ""
	for _, one := range tables {
		if _, err := machine.Tracepoint(one.category, one.name); err != nil {
			return
		}
		text += "tracepoint:" + one.category + ":" + one.name + " { " + one.text + " }\n"
	}
	a.add(text)
}

// walksByTables looks for ustack(dwarf).
func walksByTables(script *lang.Script) (walks bool) {
	lang.Walk(script, func(node any) bool {
		call, ok := node.(*lang.Call)
		walks = walks || ok && builtin.WalksByTables(call)
		return !walks
	})
	return walks
}
