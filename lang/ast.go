package lang

// Script is a parsed file: settings first, then clauses in the order written.
type Script struct {
	Source   *Source
	Config   Span // of the `config = { ... }` block; zero without one
	Settings []*Setting
	Clauses  []*Clause
	Comments []*Comment
}

// Setting is one `name = value` of the `config = { ... }` block.
type Setting struct {
	Name  string
	Value Expr // *Integer, *String or *Name
	Span  Span
}

// Comment is a `// ...`, `/* ... */` or `#! ...` text, kept for the formatter.
type Comment struct {
	Text string
	Span Span
}

// Clause is `probe[, probe...] [/predicate/] block`.
type Clause struct {
	Probes    []*Probe
	Predicate Expr // nil when there is none
	Body      *Block
	Span      Span
}

// Probe is one attach point as written, split at its colons:
// `interval:s:($1 ?: 5)` has the parts `interval`, `s` and an expression.
// Names are not interpreted here: the compiler knows the probe types.
type Probe struct {
	Parts []ProbePart
	Span  Span
}

// ProbePart is a piece of text, a positional parameter, or a parenthesised constant expression.
// Text may hold the wildcards `*`, `?` and `[...]`.
type ProbePart struct {
	Text string
	Expr Expr // when not nil, Text is empty
	Span Span
}

// Block is a list of statements. Angle tells `< ... >` from `{ ... }`; both mean the same.
type Block struct {
	Statements []Statement
	Angle      bool
	Span       Span
}

// Statement is *Assign, *ExprStatement, *If, *Return or *Block.
type Statement interface {
	Range() Span
	statement()
}

// Assign is `target op value` with op one of = += -= *= /= %= &= |= ^= <<= >>=.
type Assign struct {
	Target Expr // *Variable or *Map
	Op     Operator
	OpSpan Span
	Value  Expr
	Span   Span
}

// ExprStatement is a call, `@x++` or any other expression evaluated for its effect.
type ExprStatement struct {
	X    Expr
	Span Span
}

// If is `if cond block [else (block | if)]`; the condition's parentheses may be left out.
type If struct {
	Cond Expr
	Then *Block
	Else Statement // nil, *Block or *If
	Span Span
}

// Return ends the clause for this event.
type Return struct {
	Span Span
}

// Expr is any of the expression nodes below.
type Expr interface {
	Range() Span
	expr()
}

// Integer is a decimal, hexadecimal, octal, binary or scientific literal (1e6) with optional `_`
// and an optional unit: time units (ns us ms s m h d) yield nanoseconds.
// Unsigned is set by a `u` suffix or by a value above the largest int64.
type Integer struct {
	Value    uint64
	Unsigned bool
	Span     Span
}

// String is a literal with its escapes resolved.
type String struct {
	Value string
	Span  Span
}

// Name is a word: a builtin variable (pid), an enum value, a constant.
type Name struct {
	Name string
	Span Span
}

// Variable is `$x`; Name is without the dollar sign.
type Variable struct {
	Name string
	Span Span
}

// Positional is `$1` ... `$n`.
type Positional struct {
	Index int // from 1
	Span  Span
}

// PositionalCount is `$#`.
type PositionalCount struct {
	Span Span
}

// Map is `@name` or `@name[k1, k2]`; Name is without the at sign and empty for `@`.
type Map struct {
	Name string
	Keys []Expr
	Span Span
}

// Unary is a prefix operator: - ! ~ * (dereference) & (address).
type Unary struct {
	Op   Operator
	X    Expr
	Span Span
}

// IncDec is ++ or --, before or after its operand.
type IncDec struct {
	X      Expr // *Variable or *Map
	Op     Operator
	Prefix bool
	Span   Span
}

// Binary is an infix operator.
type Binary struct {
	Op     Operator
	OpSpan Span
	X, Y   Expr
	Span   Span
}

// Ternary is `cond ? x : y`. X is nil for `cond ?: y`, which yields cond itself when it is not zero.
type Ternary struct {
	Cond, X, Y Expr
	Span       Span
}

// Call is `name(args...)`.
type Call struct {
	Name     string
	NameSpan Span
	Args     []Expr
	Span     Span
}

// Field is `x.name` or `x->name`; both reach through pointers.
type Field struct {
	X        Expr
	Name     string
	NameSpan Span
	Arrow    bool
	Span     Span
}

// Index is `x[i]` on an array, a pointer or a string.
type Index struct {
	X, I Expr
	Span Span
}

// Cast is `(type)x`.
type Cast struct {
	Type *TypeName
	X    Expr
	Span Span
}

// Tuple is `(a, b, ...)` with at least two elements.
type Tuple struct {
	Elems []Expr
	Span  Span
}

// Paren is `(x)`, kept so that the formatter writes what was written.
type Paren struct {
	X    Expr
	Span Span
}

// TypeName is a written type: `uint64`, `struct request *`, `char[16]`.
type TypeName struct {
	Tag      string // "struct", "union", "enum" or empty
	Name     string
	Pointers int // number of `*`
	Array    int // number of elements, or -1 when it is no array
	Span     Span
}

// Operator is the text of an operator token, such as "+=" or "&&".
type Operator string

func (s *Assign) Range() Span        { return s.Span }
func (s *ExprStatement) Range() Span { return s.Span }
func (s *If) Range() Span            { return s.Span }
func (s *Return) Range() Span        { return s.Span }
func (s *Block) Range() Span         { return s.Span }

func (*Assign) statement()        {}
func (*ExprStatement) statement() {}
func (*If) statement()            {}
func (*Return) statement()        {}
func (*Block) statement()         {}

func (e *Integer) Range() Span         { return e.Span }
func (e *String) Range() Span          { return e.Span }
func (e *Name) Range() Span            { return e.Span }
func (e *Variable) Range() Span        { return e.Span }
func (e *Positional) Range() Span      { return e.Span }
func (e *PositionalCount) Range() Span { return e.Span }
func (e *Map) Range() Span             { return e.Span }
func (e *Unary) Range() Span           { return e.Span }
func (e *IncDec) Range() Span          { return e.Span }
func (e *Binary) Range() Span          { return e.Span }
func (e *Ternary) Range() Span         { return e.Span }
func (e *Call) Range() Span            { return e.Span }
func (e *Field) Range() Span           { return e.Span }
func (e *Index) Range() Span           { return e.Span }
func (e *Cast) Range() Span            { return e.Span }
func (e *Tuple) Range() Span           { return e.Span }
func (e *Paren) Range() Span           { return e.Span }

func (*Integer) expr()         {}
func (*String) expr()          {}
func (*Name) expr()            {}
func (*Variable) expr()        {}
func (*Positional) expr()      {}
func (*PositionalCount) expr() {}
func (*Map) expr()             {}
func (*Unary) expr()           {}
func (*IncDec) expr()          {}
func (*Binary) expr()          {}
func (*Ternary) expr()         {}
func (*Call) expr()            {}
func (*Field) expr()           {}
func (*Index) expr()           {}
func (*Cast) expr()            {}
func (*Tuple) expr()           {}
func (*Paren) expr()           {}
