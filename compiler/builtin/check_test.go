package builtin

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// kinds are the arguments that a call is tried with, in the order in which they are
// listed. Names have the type that kindType gives them; the others are as they are
// written.
var kinds = []string{
	"number", "unsigned", "truth", "5", "-1", "pointer", "chars", "task", "text", `"text"`,
	"bytes", "numbers", "buffer", "struct_", "tuple", "stack", "unknown", "@", "@keyed", "@keyed[1]",
}

func kindType(machine *target.Target, name string) *types.Type {
	task, _ := machine.Struct("struct", "task_struct")
	return map[string]*types.Type{
		"number": types.Int32, "unsigned": types.Uint64, "truth": types.Boolean,
		"pointer": types.NewPointer(nil), "task": types.NewPointer(task),
		"chars": types.NewPointer(types.NewInt(1, true)), "text": types.NewString(16),
		"bytes":   types.NewArray(types.NewInt(1, false), 4),
		"numbers": types.NewArray(types.Int32, 4),
		"buffer":  {Kind: types.Buffer, Size: types.BufferHeader + 16},
		"struct_": task, "tuple": types.NewTuple(types.Int32, types.Int32),
		"stack": types.NewKernelStack("bpftrace", 8), "unknown": types.NoValue,
	}[name]
}

// stand is sema as Check hooks see it: types by name, and what was reported.
type stand struct {
	t        *testing.T
	machine  *target.Target
	settings *Settings
	scope    *Scope
	reported []string
}

func newStand(t *testing.T, machine *target.Target) *stand {
	function, known := machine.Function("vfs_read")
	if !known {
		t.Fatal("the frozen kernel has no vfs_read")
	}
	return &stand{t: t, machine: machine, settings: Defaults(), scope: &Scope{
		Probe: ProbeNamed("kprobe"), Mechanism: object.Kprobe, Function: function, Symbols: 1,
	}}
}

func (s *stand) Target() *target.Target { return s.machine }
func (s *stand) Settings() *Settings    { return s.settings }
func (s *stand) Scope() *Scope          { return s.scope }
func (s *stand) Reached() bool          { return true }

func (s *stand) Type(e lang.Expr) *types.Type {
	switch e := lang.Unparen(e).(type) {
	case *lang.Name:
		return kindType(s.machine, e.Name)
	case *lang.Integer, *lang.Unary, *lang.Map:
		return types.Int32
	case *lang.String:
		return types.NewString(len(e.Value) + 1)
	}
	s.t.Fatalf("no type for %s", e.Range().Text())
	return nil
}

func (s *stand) Named(e lang.Expr) *types.Type { return s.Type(e) }

func (s *stand) Integer(e lang.Expr) (int64, bool) {
	switch e := e.(type) {
	case *lang.Integer:
		return int64(e.Value), true
	case *lang.Unary:
		n, known := s.Integer(e.X)
		return -n, known
	}
	return 0, false
}

func (s *stand) Text(e lang.Expr) (string, bool) {
	text, known := e.(*lang.String)
	if !known {
		return "", false
	}
	return text.Value, true
}

func (s *stand) Parameter(Parameter) (text string, valued, given bool) { return "", false, false }

func (s *stand) Key(m *lang.Map) ([]*types.Type, bool) {
	if m.Name == "keyed" {
		return []*types.Type{types.Int32}, true
	}
	return nil, true
}

func (s *stand) CheckKey(m *lang.Map) {
	if keys, _ := s.Key(m); len(keys) != len(m.Keys) {
		s.Errorf(m.Span, "the key of @%s", m.Name)
	}
}

func (s *stand) Empty(*lang.Map)             {}
func (s *stand) CheckPrinted(*lang.Map) bool { return false }
func (s *stand) WholeRows(*lang.Map) bool    { return true }

func (s *stand) Errorf(_ diag.Span, format string, args ...any) {
	s.reported = append(s.reported, fmt.Sprintf(format, args...))
}

func (s *stand) Hint(format string, args ...any) {
	s.reported[len(s.reported)-1] += "; " + fmt.Sprintf(format, args...)
}

// check returns the type of a call's result and what was reported.
func (s *stand) check(text string) (*types.Type, []string) {
	s.reported = nil
	call := parseCall(s.t, text)
	if a := AggregationNamed(call.Name); a != nil {
		return a.Check(s, call), s.reported
	}
	return FunctionNamed(call.Name).Check(s, call), s.reported
}

func parseCall(t *testing.T, text string) *lang.Call {
	t.Helper()
	script, diagnostics := lang.Parse(diag.NewSource("call", "BEGIN { "+text+" }"))
	if diagnostics != nil {
		t.Fatal(diagnostics)
	}
	return script.Clauses[0].Body.Statements[0].(*lang.ExprStatement).X.(*lang.Call)
}

// TestChecks tries each call of the golden with every kind of argument for KIND. An
// answer has the kinds by what they lead to: a type, or a message.
func TestChecks(t *testing.T) {
	machine := frozen.Target("6.12")
	testkit.Lines(t, "testdata/checks.txt", func(t *testing.T, line string) string {
		s := newStand(t, machine)
		var outcomes []string
		by := map[string][]string{}
		for _, kind := range kinds {
			outcome := s.outcome(strings.ReplaceAll(line, "KIND", kind))
			outcome = s.withoutKind(outcome, kind)
			if by[outcome] == nil {
				outcomes = append(outcomes, outcome)
			}
			by[outcome] = append(by[outcome], kind)
		}
		for i, outcome := range outcomes {
			outcomes[i] = strings.Join(by[outcome], " ") + ": " + outcome
		}
		return strings.Join(outcomes, "\n")
	})
}

// withoutKind is the outcome as that of any kind.
func (s *stand) withoutKind(outcome, kind string) string {
	own := s.Type(parseCall(s.t, "f("+kind+")").Args[0]).String()
	replace := strings.NewReplacer("not "+own, "not TYPE", own+" is neither", "TYPE is neither",
		"("+kind+")", "(KIND)", ")"+kind, ")KIND")
	return replace.Replace(outcome)
}

func (s *stand) outcome(text string) string {
	result, reported := s.check(text)
	switch {
	case len(reported) > 0:
		return "ERROR " + strings.Join(reported, " | ")
	case result == nil || result.Kind == types.None:
		return "nothing"
	}
	return result.String()
}

// TestUnknownArguments: an error was reported already where a type is not known, and no
// hook may add one; nor may a result come of it that needs the type.
func TestUnknownArguments(t *testing.T) {
	machine := frozen.Target("6.12")
	known := []string{"probe", "config"} // do not look at an argument
	for name, f := range functions {
		if f.MinArgs == 0 || slices.Contains(known, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			s := newStand(t, machine)
			unknown := slices.Repeat([]string{"unknown"}, f.MinArgs)
			_, reported := s.check(name + "(" + strings.Join(unknown, ", ") + ")")
			for _, message := range reported {
				if strings.Contains(message, types.NoValue.String()) {
					t.Errorf("of what is not known it says: %s", message)
				}
			}
		})
	}
}
