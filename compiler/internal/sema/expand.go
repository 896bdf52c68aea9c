package sema

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// settings applies the environment first, then the config block, which wins.
func (c *checker) settings(script *lang.Script) {
	for _, name := range builtin.SettingNames() {
		c.environment(builtin.SettingNamed(name))
	}
	for _, s := range script.Settings {
		setting := builtin.SettingNamed(s.Name)
		if setting == nil {
			c.Errorf(s.Span, "there is no setting %s", s.Name)
			c.nearest(s.Name, builtin.SettingNames())
			continue
		}
		if err := setting.Set(c.Settings, settingText(s.Value)); err != nil {
			c.Errorf(s.Value.Range(), "%s: %v", s.Name, err)
		}
	}
}

func (c *checker) environment(setting *builtin.Setting) {
	if c.options.Environment == nil {
		return
	}
	for _, prefix := range []string{"BPFTRACE_", "PONYTRACE_"} {
		variable := prefix + strings.ToUpper(setting.Name)
		value := c.options.Environment(variable)
		if value == "" {
			continue
		}
		if err := setting.Set(c.Settings, value); err != nil {
			c.Errorf(diag.Span{}, "environment variable %s: %v", variable, err)
		}
	}
}

func settingText(e lang.Expr) string {
	switch e := e.(type) {
	case *lang.String:
		return e.Value
	case *lang.Name:
		return e.Name
	}
	return e.Range().Text()
}

// wrongParameters reports whether a script with a usage text was given parameters that it
// does not take: too many, or ones that are no positive numbers where a number is wanted.
func (c *checker) wrongParameters(script *lang.Script) bool {
	if c.Settings.Usage == "" {
		return false
	}
	highest := 0
	wrong := false
	lang.Walk(script, func(node any) bool {
		switch node := node.(type) {
		case *lang.Call:
			if p, text := c.Constants.soleParameter(node); text {
				highest = max(highest, p.Index)
				return false
			}
		case *lang.Probe:
			if parameter, whole := node.Parts[0].Expr.(*lang.Positional); whole {
				highest = max(highest, parameter.Index)
				return false
			}
		case *lang.Positional:
			highest = max(highest, node.Index)
			n, number := c.Constants.parameter(node.Index)
			given := node.Index <= len(c.options.Args)
			wrong = wrong || given && (!number || n <= 0)
		}
		return true
	})
	return wrong || len(c.options.Args) > highest
}

// clauseUse says what a clause reads that depends on the attach point.
type clauseUse struct{ arguments, probeName, userStack, registers, tracing, ends bool }

// usesOf also counts the nodes of the syntax tree.
func (c *checker) usesOf(clause *lang.Clause) (use clauseUse, nodes int) {
	c.reach(clause, func(node any) {
		nodes++
		if f := c.builtinOf(node); f != nil {
			use.arguments = use.arguments || f.Argument
			use.probeName = use.probeName || f.ProbeName
			use.userStack = use.userStack || f.UserStack
			use.registers = use.registers || f.Registers
			use.tracing = use.tracing || f.Tracing
			use.ends = use.ends || f.Ends
		}
	})
	return use, nodes
}

// reach visits a clause or body and the functions, macros and definitions that it leads
// to, each once.
func (c *checker) reach(from any, visit func(node any)) {
	seen := map[any]bool{}
	var walk func(node any)
	walk = func(node any) {
		lang.Walk(node, func(node any) bool {
			visit(node)
			if body := c.calleeBody(node); body != nil && !seen[body] {
				seen[body] = true
				walk(body)
			}
			return true
		})
	}
	walk(from)
}

// calleeBody returns what a name or call of the script's own stands for, or nil.
func (c *checker) calleeBody(node any) any {
	if f := c.builtinOf(node); f != nil && f.Source != "" {
		return c.sourceBody(f, node)
	}
	switch node := node.(type) {
	case *lang.Call:
		if f := c.ownFunction(node.Name, len(node.Args)); f != nil {
			return f.Body
		}
		if m := c.ownMacro(node.Name, len(node.Args)); m != nil {
			return m.Body
		}
	case *lang.Name:
		if c.callsBare(node.Name) {
			return c.bodyOf(node.Name)
		}
		if value, ok := c.Constants.defined(node); ok {
			return value
		}
	}
	return nil
}

// sourceBody is what an entry of the table that is written in the language stands for.
func (c *checker) sourceBody(f *builtin.Function, node any) any {
	args := 0
	if call, ok := node.(*lang.Call); ok {
		args = len(call.Args)
	} else if !f.Bare {
		return nil
	}
	if m := f.Macro(args); m != nil {
		return m.Body
	}
	return nil
}

// expansion is one clause's view of the checker while its probes are expanded.
type expansion struct {
	*checker
	use clauseUse
}

func (x expansion) UsesArguments() bool    { return x.use.arguments }
func (x expansion) UsesProbeName() bool    { return x.use.probeName }
func (x expansion) UsesUserStack() bool    { return x.use.userStack }
func (x expansion) Target() *target.Target { return x.target }

// Refused says why the cheaper mechanisms do not serve a point.
func (x expansion) Refused(probe string) string {
	if x.options.Refused[probe] {
		return "the kernel refused the cheaper program"
	}
	return x.plain[probe]
}

func (x expansion) Forced() string { return x.options.Mechanism }

// Mechanism is what --attach forces, or what the clause needs.
func (x expansion) Mechanism() string {
	if x.use.registers {
		return "kprobe"
	}
	if x.use.tracing {
		return "fentry"
	}
	return x.options.Mechanism
}

// Processes are those that the script sees.
func (x expansion) Processes() builtin.Processes { return x.options.Processes }

// Optional reports whether the script goes on without an attach point that does not
// exist.
func (x expansion) Optional() bool { return x.checker.Settings.MissingProbes != "error" }

// Missing reports an attach point that does not exist, as the setting missing_probes
// says.
func (x expansion) Missing(span diag.Span, near []string, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	switch x.checker.Settings.MissingProbes {
	case "ignore":
	case "warn":
		x.Notice("%s", message)
	default:
		x.Errorf(span, "%s", message)
		foreign := strings.IndexFunc(message, func(r rune) bool { return r >= utf8.RuneSelf })
		switch {
		case foreign >= 0:
			r, _ := utf8.DecodeRuneInString(message[foreign:])
			x.Hint("it holds the character %U, which no name of the kernel does", r)
		case len(near) > 0:
			x.Hint("did you mean %s?", either(near))
		}
	}
}

// Renamed tells that a successor is traced, or refuses it.
func (x expansion) Renamed(span diag.Span, old, successor, since string) {
	if x.options.Strict {
		x.Errorf(span, "%s is gone since Linux %s", old, since)
		x.Hint("its successor is %s; without --strict ponytrace takes it by itself", successor)
		return
	}
	x.Notice("%s is gone since Linux %s: tracing its successor %s", old, since, successor)
}

// Notice tells the user something once.
func (c *checker) Notice(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !c.notices[text] {
		c.notices[text] = true
		c.Notices = append(c.Notices, text)
	}
}

// expand finds the sites of all clauses and makes programs of them.
func (c *checker) expand(script *lang.Script) {
	errors := len(c.diagnostics)
	list := c.place(script)
	if len(list) > 1 && len(c.diagnostics) == errors && c.plainer(list) {
		list = c.place(script)
	}
	c.plan(list)
	c.keepMatches()
	c.limitProbes()
}

func (c *checker) place(script *lang.Script) []*placed {
	var list []*placed
	for _, clause := range script.Clauses {
		list = append(list, c.placeClause(clause)...)
	}
	return list
}

// limitProbes holds what the script expanded to against the settings. A message shows the
// clause that was too much.
func (c *checker) limitProbes() {
	points := 0
	for i, program := range c.Programs {
		span := program.Instances[0].Clause.Probes[0].Span
		if i == c.Settings.MaxPrograms {
			c.Errorf(span, "the script becomes %d programs, and max_bpf_progs is %d", len(c.Programs), c.Settings.MaxPrograms)
			c.Hint("name fewer functions, or raise it: config = { max_bpf_progs = %d }", len(c.Programs))
			return
		}
		for _, point := range program.Site.Points {
			points += point.Probes()
		}
		if points > c.Settings.MaxProbes {
			c.Errorf(span, "with this the script has %d attach points, and max_probes is %d", points, c.Settings.MaxProbes)
			c.Hint("name fewer functions, or raise it: config = { max_probes = %d }", points)
			return
		}
	}
}

func (c *checker) placeClause(clause *lang.Clause) (list []*placed) {
	defer ir.Blame(clause.Span, "sema")
	use, nodes := c.usesOf(clause)
	x := expansion{c, use}
	errors, seen := len(c.diagnostics), map[string]bool{}
	for _, probe := range clause.Probes {
		for _, site := range x.sites(probe) {
			if site.Points = unseen(site, seen); len(site.Points) == 0 {
				continue
			}
			list = append(list, &placed{clause: clause, use: use, site: site, nodes: nodes})
		}
	}
	if len(list) == 0 && len(c.diagnostics) > errors {
		c.missingMaps(clause)
	}
	return list
}

// unseen leaves out places of programs that the clause has already: paths of one file, and
// patterns that overlap.
func unseen(site *builtin.Site, seen map[string]bool) (points []object.Point) {
	for _, point := range site.Points {
		if !point.Mechanism.User() {
			points = append(points, point)
			continue
		}
		var kept []int
		for i, event := range point.At.Events() {
			if event = site.Scope.Probe.Name + " " + event; !seen[event] {
				seen[event] = true
				kept = append(kept, i)
			}
		}
		if len(kept) > 0 {
			points = append(points, point.Picked(kept...))
		}
	}
	return points
}

// missingMaps enters the maps of a clause that has no attach point.
func (c *checker) missingMaps(clause *lang.Clause) {
	c.reach(clause, func(node any) {
		if m, ok := node.(*lang.Map); ok {
			c.missing[m.Name] = true
		}
	})
}

// nameProbes enters the attach points into the table that probe and func index.
func (c *checker) nameProbes(site *builtin.Site) {
	site.Scope.ProbeName = -1
	for i := range site.Points {
		point := &site.Points[i]
		if at, ok := point.At.(object.UserPoint); ok {
			c.namePlaces(site, point, at)
			continue
		}
		point.ProbeName = len(c.ProbeNames)
		if point.Probes() > 1 {
			for _, symbol := range point.Shown() {
				c.addProbeName(site.Scope.Probe.Name + ":" + symbol)
			}
			continue
		}
		point.ProbeName = c.probeName(point.Probe)
	}
	if sameName(site.Points) {
		site.Scope.ProbeName = site.Points[0].ProbeName
	}
}

// namePlaces names places in programs. Those of one name share its index, unlike kernel
// functions, whose indices follow one another.
func (c *checker) namePlaces(site *builtin.Site, point *object.Point, at object.UserPoint) {
	at.Places = slices.Clone(at.Places)
	for i := range at.Places {
		at.Places[i].ProbeName = c.probeName(site.Scope.Probe.Name + ":" + at.Places[i].Name)
	}
	point.At, point.ProbeName = at, at.Places[0].ProbeName
}

// sameName reports whether all that fires has one name.
func sameName(points []object.Point) bool {
	if len(points) == 1 && points[0].Probes() == 1 {
		return true
	}
	return !slices.ContainsFunc(points, func(p object.Point) bool {
		at, user := p.At.(object.UserPoint)
		return !user || slices.ContainsFunc(at.Places, func(place object.UserPlace) bool {
			return place.ProbeName != points[0].ProbeName
		})
	})
}

// probeName is the index of a name, which is added where it is new.
func (c *checker) probeName(name string) int {
	if known, ok := c.indices[name]; ok {
		return known
	}
	c.addProbeName(name)
	return len(c.ProbeNames) - 1
}

// addProbeName appends to the table. The index finds a name where it stands first.
func (c *checker) addProbeName(name string) {
	if _, known := c.indices[name]; !known {
		c.indices[name] = len(c.ProbeNames)
	}
	c.ProbeNames = append(c.ProbeNames, name)
}
