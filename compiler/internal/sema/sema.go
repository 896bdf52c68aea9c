// Package sema finds out what a script means: which attach points its clauses serve, what
// type every expression has, which maps there are and what they hold.
//
// # The model
//
// A clause is checked once for every Site that its probes expand to, because the type of
// arg0 depends on the function. What sema learns of a clause at a site is an Instance:
// side tables from syntax nodes to types and variables, as go/types does it; the syntax
// tree is never changed.
//
// The type of a map is that of its assignments, wherever these stand: a clause may read
// what a later one assigns. So all instances are checked again until no map and no
// variable changes its type, and only the messages of the last round are given. A type
// can only widen (longer strings, unsigned instead of signed), so the rounds end.
//
// Integers are computed in 64 bits: to an operator each is an int64, or a uint64 if it
// has that type (spec.md has the table). What a variable, map, tuple or key is given
// keeps its type, so that a name changes nothing. In memory it is extended to 8 bytes
// (types.Type.Exact).
//
// # Functions and macros
//
// Both are copied to where they are called (lang.Expand), and the copy is checked there
// like what was written: a function in a scope of its own, with its parameters as
// variables of the declared types; a macro in the scope of the call, with its own
// variables renamed. A copy is made once for each call and kept through the rounds, so
// that what is known of its nodes is.
//
// # Loops
//
// The body of a loop may become a function of its own for the kernel to call. A variable
// that is mentioned at another depth of loops than it was declared at is Shared: it lives
// in memory that both reach.
package sema

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/follow"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Options are what the command line adds to a script.
type Options struct {
	Args        []string                 // positional parameters
	Mechanism   string                   // --attach; empty: the cheapest
	Refused     map[string]bool          // attach points whose cheaper program the kernel refused
	Strict      bool                     // renamed functions are errors
	Named       []string                 // named parameters, as name=value or name
	Unsafe      bool                     // functions that change what is traced are allowed
	Separate    bool                     // no two clauses share a program
	PartSize    int                      // of the parts of large clauses; 0: the usual; -1: none
	Environment func(name string) string // PONYTRACE_* and BPFTRACE_* variables; may be nil
	Only        *regexp.Regexp           // names of the probes that are attached; nil for all
	Added       *follow.Added            // what -p adds to the script; its Script is the one to check
	Processes   builtin.Processes        // of -p and -c
}

// Info is the meaning of a script.
type Info struct {
	Settings   *builtin.Settings
	Programs   []*Program
	Instances  []*Instance // of all programs
	Maps       []*Map      // by name
	ProbeNames []string
	Notices    []string
	// Constants evaluates what is known at compile time.
	Constants *Constants
	// Target knows the types that the script defines, too.
	Target *target.Target
}

// Instance is a clause at a site.
type Instance struct {
	Clause    *lang.Clause
	Site      *builtin.Site
	Filter    lang.Expr // a condition before the predicate; nil without one
	Hidden    bool      // the user did not write the clause
	Types     map[lang.Expr]*types.Type
	Variables map[*lang.Variable]*Variable // every mention of a variable
	Bare      map[*lang.Name]*lang.Call    // the calls that bare words stand for
	literals  map[*lang.Call]lang.Expr     // what calls stand for that are known before tracing starts
	// Expansions holds the copy of a macro's body behind each call of one, Inlines that
	// of a function's.
	Expansions map[*lang.Call]*lang.BlockExpr
	Inlines    map[*lang.Call]*Inline
	// Ends: the clause may end the tracing.
	Ends bool
	// Instead holds what is computed in the place of an expression: what a #define gives
	// a name, the part that an index of a tuple means, the record that args and config
	// are.
	Instead map[lang.Expr]lang.Expr
	// Parts is how many statements the part has that begins with a statement. Empty for
	// clauses that are not cut.
	Parts     map[lang.Statement]int
	declared  map[*lang.Variable]*Variable // by the first assignment
	scope     *scope
	called    lang.Expr      // the expression that is the statement being checked
	container lang.Expr      // the expression whose member is being checked
	part      lang.Statement // the first of the part around, nil outside
	depth     int            // of loops around
	loops     int            // of loops that break and continue may end
	inlined   []*Inline      // the functions around, the innermost last
	repeats   int            // how often the unrolls around write the place at hand out
	written   int            // nodes that unrolls have written out
	expanding []string       // the names of the functions and macros around
	left      int            // how many nodes may still be copied
	macros    int            // expanded so far
	skipped   int            // branches around that are known not to be taken
}

// bare returns the call that a word such as pid stands for, always the same one.
func (i *Instance) bare(name *lang.Name) *lang.Call {
	call := i.Bare[name]
	if call == nil {
		call = &lang.Call{Name: name.Name, NameSpan: name.Span, Span: name.Span}
		i.Bare[name] = call
	}
	return call
}

// Variable is a `$x` in its scope.
type Variable struct {
	Name string
	Type *types.Type
	Span diag.Span // of the first assignment
	// Shared: it is mentioned at another depth of loops than where it was declared, or in
	// another part of the clause, or its address is taken.
	Shared bool
	// Pointed: its address is taken.
	Pointed bool
	// Fixed: `let` or a parameter gave it its type.
	Fixed bool
	// untyped: a `let` without a type or a value declared it.
	untyped bool
	part    lang.Statement // in which it was declared
	// open: something is assigned to it whose type is not known.
	open     bool
	depth    int
	assigned int
}

// Map is what the assignments say of a map.
type Map struct {
	Name      string
	Key       []*types.Type
	KeySpan   diag.Span
	Value     *types.Type
	ValueSpan diag.Span
	// Read: a clause reads a value or deletes a key.
	Read bool
	// Replaced: a clause assigns with something else than ++, --, += or -=.
	Replaced bool
	// Emptied: a clause that runs while others do removes keys of the whole map, or sets
	// its values to 0.
	Emptied bool
	// Computed: an expression computes with the value of an aggregation, or a loop goes
	// over the map.
	Computed bool
	// Kind and Size are those of a `let @a = kind(size)`; nil and 0 without.
	Kind *builtin.MapKind
	Size int
	// open: something is assigned to it whose type is not known.
	open bool
}

// UsageError asks for the usage text of the script, because its parameters are wrong.
type UsageError struct {
	Text  string
	Asked bool // by --help
}

func (e *UsageError) Error() string { return e.Text }

const (
	// maxRounds ends the search for types; each round widens at least one.
	maxRounds = 100
	// fewRounds is after how many a text that still grows takes itself for a part, as in
	// $s = str_concat($s, "x").
	fewRounds = 8
)

type checker struct {
	*Info
	target      *target.Target
	options     Options
	maps        map[string]*Map
	diagnostics diag.Diagnostics
	seen        map[string]bool
	notices     map[string]bool
	changed     bool
	round       int
	instance    *Instance
	parameters  []builtin.Parameter // in the order of the script
	indices     map[string]int      // into ProbeNames, by name
	differing   map[*lang.Clause]*builtin.Differing
	plain       map[string]string // attach points that the plainer mechanism serves for the sake of other clauses, and why
	cuts        map[*lang.Clause]map[lang.Statement]int
	missing     map[string]bool // maps of clauses that errors leave without an attach point
	stage       stage
	sources     int                 // bodies of the table around what is checked
	alike       map[string][]string // functions, by a name that none has
	untyped     []lang.Expr         // reads of maps and variables whose type is not known
	declarations
}

// Check returns the meaning of a script, or a *UsageError or diag.Diagnostics.
func Check(script *lang.Script, machine *target.Target, options Options) (*Info, error) {
	c := newChecker(machine, options)
	info, err := c.check(script)
	differing := c.differences(err)
	if len(differing) == 0 {
		return info, err
	}
	c = newChecker(machine, options)
	c.differing = differing
	if info, failed := c.check(script); failed == nil {
		return info, nil
	}
	return nil, err
}

func newChecker(machine *target.Target, options Options) *checker {
	c := &checker{
		Info:    &Info{Settings: builtin.Defaults()},
		target:  machine,
		options: options,
		maps:    map[string]*Map{},
		notices: map[string]bool{},
		indices: map[string]int{},
		missing: map[string]bool{},
		alike:   map[string][]string{},
		plain:   map[string]string{},
		cuts:    map[*lang.Clause]map[lang.Statement]int{},
	}
	c.Constants = &Constants{args: options.Args, target: machine, hidden: c.shadows, literal: c.literalOf, typed: func(call *lang.Call) *types.Type { return c.expression(call) }}
	c.instance = outside()
	c.reset()
	if c.oldKeys() {
		c.shortStrings()
	}
	c.Settings.Unsafe = options.Unsafe
	return c
}

func (c *checker) check(script *lang.Script) (*Info, error) {
	c.settings(script)
	if !c.define(script) {
		return c.result()
	}
	c.declare(script)
	if c.wrongParameters(script) {
		return nil, &UsageError{Text: c.Settings.Usage}
	}
	c.expand(script)
	if len(c.diagnostics) == 0 || len(c.Instances) > 0 {
		c.rounds()
	}
	if c.wantsHelp() {
		return nil, &UsageError{Text: c.help(script), Asked: true}
	}
	c.unknownParameters()
	c.limitKeys()
	for _, name := range slices.Sorted(keys(c.maps)) {
		c.Maps = append(c.Maps, c.maps[name])
	}
	return c.result()
}

// Before Linux 5.11 a key has 512 bytes at most (htab_map_alloc_check in
// https://elixir.bootlin.com/linux/v5.10/source/kernel/bpf/hashtab.c), so that
// strings are shorter there unless max_strlen says otherwise.
const (
	oldKeySize    = 512
	oldStringSize = 256
)

func (c *checker) shortStrings() {
	if err := builtin.SettingNamed("max_strlen").Set(c.Settings, strconv.Itoa(oldStringSize)); err != nil {
		panic(err)
	}
}

func (c *checker) oldKeys() bool { return !c.target.Version.AtLeast(5, 11) }

func (c *checker) limitKeys() {
	for _, m := range c.maps {
		size := types.NewLayout(0, m.Key...).Size
		if size > maxValueSize {
			c.Errorf(m.KeySpan, "the key of @%s has %d bytes, and %d is the limit", m.Name, size, maxValueSize)
		}
		if c.oldKeys() && size > oldKeySize {
			c.Errorf(m.KeySpan, "the key of @%s has %d bytes; this kernel, older than 5.11, takes %d at most", m.Name, size, oldKeySize)
			c.Hint("shorten its strings or stacks: str(pointer, 64), kstack(20)")
		}
	}
}

func (c *checker) result() (*Info, error) {
	for _, d := range c.diagnostics {
		if !d.Warning {
			return nil, c.diagnostics.Sorted()
		}
	}
	for _, d := range c.diagnostics {
		c.Notice("%s", d.Message)
	}
	return c.Info, nil
}

func (c *checker) reset() {
	c.diagnostics, c.untyped = nil, nil
	c.seen = map[string]bool{}
}

// begin forgets the types of an earlier round.
func (i *Instance) begin() {
	i.Types = map[lang.Expr]*types.Type{}
	i.Variables = map[*lang.Variable]*Variable{}
	if i.declared == nil {
		i.Bare = map[*lang.Name]*lang.Call{}
		i.literals = map[*lang.Call]lang.Expr{}
		i.declared = map[*lang.Variable]*Variable{}
		i.Expansions = map[*lang.Call]*lang.BlockExpr{}
		i.Inlines = map[*lang.Call]*Inline{}
		i.Instead = map[lang.Expr]lang.Expr{}
		i.left = maxCopied
	}
	for _, v := range i.declared {
		v.assigned, v.open = 0, false
	}
}

func (c *checker) checkInstance(instance *Instance) {
	defer ir.Blame(instance.Clause.Span, "sema")
	c.instance = instance
	instance.begin()
	instance.repeats, instance.written = 1, 0
	instance.Parts = c.partsOf(instance.Clause)
	for _, condition := range []lang.Expr{instance.Filter, instance.Clause.Predicate} {
		if condition != nil {
			c.condition(condition)
		}
	}
	c.block(instance.Clause.Body)
}

func keys[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for name := range m {
			if !yield(name) {
				return
			}
		}
	}
}

// Errorf reports an error once, however many sites of a clause have it.
func (c *checker) Errorf(span diag.Span, format string, args ...any) {
	c.report(diag.Diagnostic{Span: span, Message: fmt.Sprintf(format, args...)})
}

func (c *checker) report(d diag.Diagnostic) {
	id := fmt.Sprintf("%d-%d %s", d.Span.Start, d.Span.End, d.Message)
	if c.seen[id] {
		return
	}
	c.seen[id] = true
	c.diagnostics = append(c.diagnostics, d)
}

// Hint adds a suggestion to the last error.
//
//go:noinline
func (c *checker) Hint(format string, args ...any) {
	if n := len(c.diagnostics); n > 0 {
		c.diagnostics[n-1].Hint = fmt.Sprintf(format, args...)
	}
}

// maxHints is behind how many messages nobody reads suggestions any more, which cost more
// than the messages.
const maxHints = 100

// Hinting reports whether suggestions are still read.
func (c *checker) Hinting() bool { return len(c.diagnostics) <= maxHints }

// nearest hints at words that look alike.
func (c *checker) nearest(word string, candidates []string) {
	if !c.Hinting() {
		return
	}
	if near := diag.Nearest(word, slices.Values(candidates), 3); len(near) > 0 {
		c.Hint("did you mean %s?", either(near))
	}
}

// either joins names as in "a, b or c".
func either(names []string) string {
	text := names[0]
	for i, name := range names[1:] {
		if i == len(names)-2 {
			text += " or " + name
		} else {
			text += ", " + name
		}
	}
	return text
}

func (c *checker) Reached() bool                     { return c.instance.skipped == 0 }
func (c *checker) Scope() *builtin.Scope             { return &c.instance.Site.Scope }
func (c *checker) Integer(e lang.Expr) (int64, bool) { return c.Constants.Integer(e) }
func (c *checker) Text(e lang.Expr) (string, bool)   { return c.Constants.Text(e) }

// hooks is the checker as the table's hooks see it; Settings and Target are methods there
// and fields here.
type hooks struct{ *checker }

func (h hooks) Target() *target.Target       { return h.target }
func (h hooks) Settings() *builtin.Settings  { return h.checker.Settings }
func (h hooks) Type(e lang.Expr) *types.Type { return h.expression(e) }

var _ builtin.Checker = hooks{}
