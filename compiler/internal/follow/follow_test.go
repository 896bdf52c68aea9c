package follow

import (
	"testing"

	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

func TestAdd(t *testing.T) {
	const kept = `let @followed = hash(65536)
tracepoint:sched:sched_process_fork { if (@followed[pid]) { @followed[args.child_pid] = true; } `
	const removed = ` }
tracepoint:sched:sched_process_free { delete(@followed, args.pid) }`
	for _, c := range []struct {
		script         string
		processes      Processes
		clauses, where string
	}{
		{"BEGIN { }", Processes{}, "", ""},
		{"BEGIN { }", Processes{Command: true}, "", ""},
		{"BEGIN { }", Processes{IDs: []int{7, 8}}, "", "pid == 7 || pid == 8"},
		{"BEGIN { }", Processes{Cgroups: []string{"/a", "/\"\\ü"}}, "", `in_cgroup("/a") || in_cgroup("/\x22\x5c\xc3\xbc")`},
		{"BEGIN { }", Processes{IDs: []int{7, 8}, Cgroups: []string{"/a"}}, "", `(pid == 7 || pid == 8) && (in_cgroup("/a"))`},
		{"BEGIN { }", Processes{IDs: []int{7}, Nested: true}, "", "pid(curr_ns) == 7"},
		{"BEGIN { }", Processes{IDs: []int{7}, Children: true}, kept + removed, "@followed[pid]"},
		{"BEGIN { }", Processes{Command: true, Children: true},
			kept + "if (starting() == tid) { @followed[args.child_pid] = true; set_command(args.child_pid); }" + removed, "@followed[pid]"},
		{"BEGIN { print(cpid) }", Processes{},
			"tracepoint:sched:sched_process_fork { if (starting() == tid) { set_command(args.child_pid); } }", ""},
		{"BEGIN { print(cpid()) }", Processes{},
			"tracepoint:sched:sched_process_fork { if (starting() == tid) { set_command(args.child_pid); } }", ""},
		{"BEGIN { print(__builtin_cpid) }", Processes{},
			"tracepoint:sched:sched_process_fork { if (starting() == tid) { set_command(args.child_pid); } }", ""},
	} {
		script, _ := lang.Parse(diag.NewSource("script", c.script))
		written := len(script.Clauses)
		added := Add(script, c.processes)
		if got := added.text; got != c.clauses || len(added.Script.Clauses) != written+len(added.Hidden) || len(script.Clauses) != written {
			t.Errorf("%s %v: added\n%s\nwant\n%s", c.script, c.processes, got, c.clauses)
		}
		if got := c.processes.filter(added.Set); got != c.where || (added.Filter != nil) != (got != "") {
			t.Errorf("%v: filter %q, want %q", c.processes, got, c.where)
		}
	}
}

func TestUnusedName(t *testing.T) {
	script, _ := lang.Parse(diag.NewSource("script", "BEGIN { @followed = 1; @followed_ = 1 }"))
	if added := Add(script, Processes{IDs: []int{7}, Children: true}); added.Set != "followed__" {
		t.Error(added.Set)
	}
}
