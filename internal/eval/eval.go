// Package eval computes what a script does by walking its syntax tree with Go values: the
// oracle that tests hold the compiler, the emulator and real kernels against.
//
// It knows the language from spec.md, and where that is silent from C and bpftrace's
// manual. It shares no code with the compiler's own computation: of package types it
// takes the description of results only, of the table (compiler/builtin) nothing but the
// signatures.
//
// # How it works
//
// Macros and `#define`s are expanded first, by copying the tree, so that every node is
// evaluated in one scope only. Then the types of maps and variables are found by
// repetition, because whether a comparison or division is signed depends on all
// assignments. The clauses run in the order of the script, each once.
//
// Scripts must be ones that the compiler accepts: what is wrong in them is not diagnosed.
// Run returns an error for what it does not know, and for a script that runs too long.
//
// # Results
//
// Everything is compared as text, in one notation for all types (Value.String): it shows
// signedness and contents, not sizes, which are the compiler's business.
package eval

import (
	"fmt"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Environment is what a script can see of the machine.
type Environment struct {
	Numbers map[string]uint64 // the values of pid, tid and the like
	Comm    string
	Args    []string          // positional parameters
	Memory  map[uint64][]byte // by address; what is not there cannot be read
	Steps   int               // how many expressions may be evaluated; 0 means a million
}

// Result is what a script left behind.
type Result struct {
	// Maps holds the entries of each map that has any: the text of the value by the text
	// of the key, which is empty where the map has none.
	Maps map[string]map[string]string
	// Events are the records sent, such as `printf "%d\n" 5`.
	Events []string
}

// Run evaluates a script.
func Run(script *lang.Script, environment *Environment) (result *Result, err error) {
	defer func() {
		switch thrown := recover().(type) {
		case nil:
		case unknown:
			err = thrown
		default:
			panic(thrown)
		}
	}()
	p := newProgram(expand(script), environment)
	p.findTypes()
	p.runClauses()
	return p.result(), nil
}

// unknown is a construct that has no rule here.
type unknown struct {
	span diag.Span
	text string
}

func (u unknown) Error() string { return fmt.Sprintf("eval: %q: %s", u.span.Text(), u.text) }

func fail(span diag.Span, format string, args ...any) {
	panic(unknown{span, fmt.Sprintf(format, args...)})
}

// program is a script while it is evaluated.
type program struct {
	script      *lang.Script
	environment *Environment
	definitions map[string]*lang.TypeDefinition // by tag and name: "struct x"; typedefs by name
	resolved    map[string]*types.Type
	constants   map[string]Value // values of enums
	functions   map[string]*lang.Function
	called      map[*lang.Function]bool
	maps        map[string]*mapping

	// Found by repetition.
	types    map[lang.Expr]*types.Type
	uses     map[*lang.Variable]*variable
	declared map[*lang.Variable]*variable
	scope    *scope
	returns  *types.Type // of the function being looked at
	changed  bool
	guessing bool // what operands of unknown type are
	round    int

	steps   int
	stopped bool
	events  []string
}

func newProgram(script *lang.Script, environment *Environment) *program {
	p := &program{
		script: script, environment: environment,
		definitions: map[string]*lang.TypeDefinition{}, resolved: map[string]*types.Type{},
		constants: map[string]Value{}, functions: map[string]*lang.Function{}, called: map[*lang.Function]bool{}, maps: map[string]*mapping{},
		declared: map[*lang.Variable]*variable{}, types: map[lang.Expr]*types.Type{},
	}
	for _, f := range script.Functions {
		p.functions[f.Name] = f
	}
	for _, clause := range script.Clauses {
		p.follow(clause)
	}
	p.define(script.Types)
	return p
}

// follow notes which functions are called: what stands in others counts for nothing, not
// for the types of maps either.
func (p *program) follow(from any) {
	lang.Walk(from, func(node any) bool {
		if call, ok := node.(*lang.Call); ok && p.functions[call.Name] != nil && !p.called[p.functions[call.Name]] {
			f := p.functions[call.Name]
			p.called[f] = true
			p.follow(f.Body)
		}
		return true
	})
}

// step counts what was evaluated.
func (p *program) step(span diag.Span) {
	limit := p.environment.Steps
	if limit == 0 {
		limit = 1_000_000
	}
	if p.steps++; p.steps > limit {
		fail(span, "the script runs too long")
	}
}

// jump ends a clause or function from inside an expression: exit() always the clause.
type jump struct {
	value Value
	exit  bool
}

func (p *program) runClauses() {
	for _, clause := range p.script.Clauses {
		if p.stopped && !atEdge(clause) {
			continue
		}
		p.runClause(clause)
	}
}

// atEdge reports whether the clause runs before or after the tracing.
func atEdge(clause *lang.Clause) bool {
	switch clause.Probes[0].Parts[0].Text {
	case "BEGIN", "END", "begin", "end":
		return true
	}
	return false
}

func (p *program) runClause(clause *lang.Clause) {
	if clause.Predicate != nil && !p.truth(clause.Predicate) {
		return
	}
	p.catch(true, func() { p.block(clause.Body) })
}

// catch runs the body of a clause or function and returns its value.
func (p *program) catch(clause bool, run func()) (value Value) {
	defer func() {
		switch thrown := recover().(type) {
		case nil:
		case jump:
			if thrown.exit && !clause {
				panic(thrown)
			}
			value = thrown.value
		default:
			panic(thrown)
		}
	}()
	run()
	return Value{}
}

func (p *program) result() *Result {
	r := &Result{Maps: map[string]map[string]string{}, Events: p.events}
	for name, m := range p.maps {
		if len(m.entries) == 0 {
			continue
		}
		r.Maps[name] = map[string]string{}
		for key, e := range m.entries {
			r.Maps[name][key] = e.value.String()
		}
	}
	return r
}
