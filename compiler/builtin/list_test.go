package builtin_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// program is a file with one function and two USDT probes, one of them in two places.
type program struct {
	target.Binary
	name string
}

func (p program) Facts() target.BinaryFacts { return target.BinaryFacts{BuildID: p.name} }

func (p program) Markers() ([]target.Marker, error) {
	return []target.Marker{
		{Provider: p.name, Name: "start", Arguments: "-4@%edi"},
		{Provider: p.name, Name: "end"},
		{Provider: p.name, Name: "start"},
	}, nil
}

func (p program) Match(pattern string, visit func(target.BinaryFunction) bool) error {
	if parsed, err := target.ParsePattern(pattern); err != nil || !parsed.Matches(p.name+"_main") {
		return err
	}
	visit(target.BinaryFunction{Name: p.name + "_main"})
	return nil
}

// Functions has one whose name looks like a pattern.
func (p program) Functions(name string) (list []target.BinaryFunction, _ error) {
	if name == "T::operator[]" {
		list = append(list, target.BinaryFunction{Name: "_ZN1TixEi", Source: "T::operator[](int)"})
	}
	return list, nil
}

// withProcess is a machine where process 7 runs app and has mapped lib.
func withProcess() *target.Target {
	return &target.Target{Arch: "x86_64", Sources: target.Sources{
		Binary: func(path string) (target.Binary, error) { return program{name: path[1:]}, nil },
		Programs: func(name string, pid int) ([]target.Program, error) {
			files := map[string][]target.Program{"": {{Path: "/app", Opens: "/app"}}}
			files["*"] = append(files[""], target.Program{Path: "/lib", Opens: "/lib"})
			files["/app"] = files[""]
			files["/ns::T"] = []target.Program{{Path: "/ns::T", Opens: "/ns::T"}}
			if (name == "" || name == "*") && pid != 7 {
				return nil, fmt.Errorf("nothing is known of process %d", pid)
			}
			return files[name], nil
		},
	}}
}

func TestListPrograms(t *testing.T) {
	app, both := []string{"usdt:/app:app:end", "usdt:/app:app:start"}, []string{"usdt:/lib:lib:end", "usdt:/lib:lib:start"}
	both = append(slices.Clone(app), both...)
	for _, test := range []struct {
		pids    []int
		pattern string
		want    []string
	}{
		{[]int{7}, "usdt", both},
		{[]int{7}, "usdt:*", both},
		{[]int{7}, "usdt:*:*", both},
		{[]int{7, 7}, "usdt:*", both},
		{[]int{7}, "usdt:/app", app},
		{[]int{7}, "usdt:sta*", []string{both[1], both[3]}},
		{[]int{7}, "usdt::li*:*", both[2:]},
		{[]int{7}, "usdt:*:lib:end", both[2:3]},
		{[]int{7}, "uprobe:*", []string{"uprobe:/app:app_main"}},
		{[]int{7}, "uprobe:*:*", []string{"uprobe:/app:app_main", "uprobe:/lib:lib_main"}},
		{[]int{7}, "uprobe:*:lib_*", []string{"uprobe:/lib:lib_main"}},
		{[]int{7}, "u*probe:app_main", []string{"uprobe:/app:app_main", "uretprobe:/app:app_main"}},
		{[]int{7}, `usdt:"*":l"ib":end`, both[2:3]},
		{nil, `uprobe:"/ns::T":"ns::*"`, []string{`uprobe:"/ns::T":"ns::T_main"`}},
		{nil, `uprobe:/app:"T::operator[]"`, []string{`uprobe:/app:"T::operator[](int)"`}},
		{nil, "uprobe:/app:app[_]*", []string{"uprobe:/app:app_main"}},
		{nil, "usdt:/app", app},
		{nil, "usdt:/app:*", app},
		{nil, "uprobe:/app:*", []string{"uprobe:/app:app_main"}},
	} {
		var found []string
		l := builtin.Lister{Target: withProcess(), Pids: test.pids, Visit: func(probe string, _ func() []string) {
			found = append(found, probe)
		}}
		if err := l.List(test.pattern); err != nil || !slices.Equal(found, test.want) {
			t.Errorf("%v %s: %q, %v, want %q", test.pids, test.pattern, found, err, test.want)
		}
	}
}

func TestListNamesNoProgram(t *testing.T) {
	const want = "the pattern names no program: write its path or name before the last part, or -p PID for those of a process"
	for _, pattern := range []string{"usdt", "usdt:*", "usdt:*:*", "uprobe:main", "uprobe::main"} {
		l := builtin.Lister{Target: withProcess()}
		if err := l.List(pattern); err == nil || err.Error() != want {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

// TestListArguments: those of the first place of a name.
func TestListArguments(t *testing.T) {
	l := builtin.Lister{Target: withProcess(), Pids: []int{7}, Visit: func(probe string, arguments func() []string) {
		if list := arguments(); !slices.Equal(list, []string{"int32 arg0"}) {
			t.Errorf("%s: %q", probe, list)
		}
	}}
	if err := l.List("usdt::app:start"); err != nil {
		t.Error(err)
	}
}

func TestListBadPatterns(t *testing.T) {
	for pattern, want := range map[string]string{
		"uprobe:/app:a[b": `/app: bad pattern "a[b": the set of the pattern is never closed with ]`,
		"iter:a[b":        `the pattern "a[b" has a [ that is never closed`,
	} {
		l := builtin.Lister{Target: withProcess()}
		if err := l.List(pattern); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", pattern, err, want)
		}
	}
}
