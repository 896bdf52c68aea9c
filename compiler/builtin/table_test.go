package builtin

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

var (
	sinceKernel = regexp.MustCompile(`^([0-9]+\.[0-9]+)?$`)
	wholeName   = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// TestEntries holds that each entry has all that people are shown, in its form.
func TestEntries(t *testing.T) {
	entries := 0
	for _, section := range Sections() {
		for _, e := range section.Entries {
			entries++
			t.Run(section.Title+"/"+e.Name, func(t *testing.T) { checkRecord(t, e) })
		}
	}
	if entries < 150 {
		t.Errorf("there are %d entries", entries)
	}
}

func checkRecord(t *testing.T, e *Info) {
	switch {
	case !wholeName.MatchString(e.Name):
		t.Errorf("the name is %q", e.Name)
	case e.Signature == "":
		t.Error("it has no signature")
	case !sinceKernel.MatchString(e.Since):
		t.Errorf("it is since %q", e.Since)
	case len(e.Doc) < 10 || strings.TrimSpace(e.Doc) != e.Doc || !strings.HasSuffix(e.Doc, "."):
		t.Errorf("its Doc is no sentence: %q", e.Doc)
	}
	script, diagnostics := lang.Parse(diag.NewSource("example", e.Example))
	if diagnostics != nil || len(script.Clauses) == 0 {
		t.Errorf("its example is no script: %v\n%s", diagnostics, e.Example)
	}
	if !mentionsName(e) {
		t.Errorf("its example does not show it: %s", e.Example)
	}
}

// mentionsName reports whether the example has the entry's name, or, of a probe, one of
// its names.
func mentionsName(e *Info) bool {
	names := []string{e.Name}
	if p := ProbeNamed(e.Name); p != nil && &p.Info == e {
		names = append(names, p.Aliases...)
	}
	return slices.ContainsFunc(names, func(name string) bool {
		return regexp.MustCompile(`(?i)\b` + regexp.QuoteMeta(name) + `\b`).MatchString(e.Example)
	})
}

// TestFunctions holds that each function is computed in one way, and that the numbers of
// its arguments are those of its signature.
func TestFunctions(t *testing.T) {
	for name, f := range functions {
		t.Run(name, func(t *testing.T) {
			if f.Check == nil {
				t.Error("nothing checks its arguments")
			}
			hooks, source, literal := f.Lower != nil || f.Into != nil, f.Source != "", f.Literal != nil
			inParts := name == "args" // whose members are computed, each by itself
			if hooks && source || !hooks && !source && !literal && !inParts {
				t.Errorf("hooks %t, Source %t, Literal %t", hooks, source, literal)
			}
			if f.Into != nil && f.Void() {
				t.Error("it has no value, and a hook that writes one")
			}
			checkCounts(t, f.Info, f.MinArgs, f.MaxArgs)
			if f.Bare && f.MinArgs > 0 {
				t.Error("it is a variable that needs arguments")
			}
		})
	}
	for name, a := range aggregations {
		t.Run(name, func(t *testing.T) {
			if a.Check == nil || a.Update == nil {
				t.Error("a hook is missing")
			}
			checkCounts(t, a.Info, a.MinArgs, a.MaxArgs)
		})
	}
}

func checkCounts(t *testing.T, e Info, least, most int) {
	t.Helper()
	if least < 0 || most >= 0 && most < least {
		t.Errorf("it takes from %d to %d arguments", least, most)
	}
	called := strings.Contains(e.Signature, e.Name+"(")
	refused := e.Name == "config" // which takes an argument to say that it takes none
	if most != 0 && !called && !strings.Contains(e.Signature, "(") && !refused {
		t.Errorf("it takes arguments, and its signature is %s", e.Signature)
	}
	if dots := strings.Contains(e.Signature, "..."); dots && most >= 0 && most < 3 {
		t.Errorf("it takes at most %d arguments, and its signature is %s", most, e.Signature)
	}
}

// TestSources holds what each body in the language must be: a macro of the entry's name
// for every number of arguments, which uses each of them, and names nothing that a script
// could take from it.
func TestSources(t *testing.T) {
	found := 0
	for name, f := range functions {
		if f.Source == "" {
			continue
		}
		found++
		t.Run(name, func(t *testing.T) {
			for n := f.MinArgs; n <= f.MaxArgs; n++ {
				m := f.Macro(n)
				if m == nil {
					t.Fatalf("no body for %d arguments: %v", n, f.body.broken)
				}
				if m != f.Macro(n) {
					t.Error("the body is parsed for each use")
				}
				checkBody(t, f, m)
			}
			if f.body.broken != nil {
				t.Error(f.body.broken)
			}
			if n := f.MaxArgs - f.MinArgs + 1; len(f.body.macros) != n {
				t.Errorf("%d bodies for %d numbers of arguments", len(f.body.macros), n)
			}
		})
	}
	if found < 7 {
		t.Errorf("%d entries have a body", found)
	}
}

func checkBody(t *testing.T, f *Function, m *lang.Macro) {
	t.Helper()
	if m.Name != f.Name {
		t.Errorf("its body is that of %s", m.Name)
	}
	if f.Void() != (m.Body.Value == nil) {
		t.Errorf("void is %t, and the value of its body %v", f.Void(), m.Body.Value)
	}
	used := map[string]bool{}
	lang.Walk(m.Body, func(node any) bool {
		switch node := node.(type) {
		case *lang.Name:
			used[node.Name] = true
			if !isParameter(node.Name, m.Params) && !strings.HasPrefix(node.Name, internalPrefix) {
				t.Errorf("a script may give %s another meaning", node.Name)
			}
		case *lang.Call:
			if !strings.HasPrefix(node.Name, internalPrefix) || FunctionNamed(node.Name) == nil {
				t.Errorf("it calls %s, which is not built in", node.Name)
			}
		case *lang.Map:
			t.Errorf("it has a map, @%s", node.Name)
		}
		return true
	})
	for _, param := range m.Params {
		if name, ok := param.(*lang.Name); !ok || !used[name.Name] {
			t.Errorf("the parameter %v is not used", param)
		}
	}
}

// TestUnusedSource: a body costs nothing before it is used, and a broken one is no panic.
func TestUnusedSource(t *testing.T) {
	f := &Function{Info: Info{Name: "half"}, Source: "macro half(x) { x / 2 } macro half(x { }"}
	if f.body.macros != nil {
		t.Error("it is parsed already")
	}
	if f.Macro(2) != nil || f.body.broken == nil {
		t.Errorf("a body that does not parse gives %v", f.body.broken)
	}
	if plain := (&Function{Info: Info{Name: "plain"}}); plain.Macro(0) != nil {
		t.Error("an entry without a body has one")
	}
}

// TestInternalNames: the inner name of what is built in is its own entry, and no other's.
func TestInternalNames(t *testing.T) {
	if FunctionNamed("__builtin_pid") != FunctionNamed("pid") || FunctionNamed("pid") == nil {
		t.Error("__builtin_pid is not pid")
	}
	for _, name := range []string{"__builtin_", "__builtin_nothing", "", "__builtin_set cpid"} {
		if FunctionNamed(name) != nil {
			t.Errorf("%q is a function", name)
		}
	}
}
