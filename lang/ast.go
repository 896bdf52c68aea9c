package lang

import "github.com/ponytrace/ponytrace/lang/diag"

// Script is a parsed file: what it declares, by kind, each in the order written.
type Script struct {
	Source     *diag.Source
	Config     diag.Span // of the `config = { ... }` block; zero without one
	Settings   []*Setting
	Imports    []*Import
	Directives []*Directive
	Types      []*TypeDefinition
	Maps       []*MapDeclaration
	Functions  []*Function
	Macros     []*Macro
	Clauses    []*Clause
	Comments   []*Comment
}

// Import is `import "file.pt"`. Parse only records it: whoever reads files merges what is
// imported (Merge).
type Import struct {
	Path     string
	PathSpan diag.Span
	Span     diag.Span
}

// Directive is a line of the preprocessor's that begins with `#`: #include, #pragma,
// #define NAME [text], #undef,
// #ifdef, #ifndef, #if, #elif, #else or #endif. Parse has decided the conditions already, and what
// stands in a branch not taken is in no other node. The compiler has to look at #define
// and #undef only: a name stands for the text of the last #define before the place of its
// use, up to an #undef. #include means nothing.
type Directive struct {
	Keyword  string // "define", "ifdef", ...
	Name     string // of define, undef, ifdef and ifndef
	NameSpan diag.Span
	// Text is what follows the name in a #define, empty when nothing does.
	Text diag.Span
	// Value is Text as an expression, Type as a type; nil where it reads as neither. A
	// bare word is both.
	Value Expr
	Type  *TypeName
	// Skipped is the whole lines of the branch that this line opens when it is not taken.
	Skipped diag.Span
	Span    diag.Span
	// unreadable: a character that is not seen stands in the line, and was reported.
	unreadable bool
}

// TypeDefinition is `struct name { ... }`, union, enum, or `typedef type name`. One of
// several names of a declaration, `typedef int a, *b`, is a definition of its own.
type TypeDefinition struct {
	Tag      string // "struct", "union", "enum" or "typedef"
	Name     string // empty for an enum or the type of a member or typedef that has none
	NameSpan diag.Span
	Declared bool      // `struct name;`, which defines nothing
	Body     diag.Span // of `{ ... }`; zero without
	Members  []*MemberDefinition
	Values   []*EnumeratorDefinition
	// Type is what a typedef's name stands for, or nil when Definition is set: the body
	// in `typedef struct { ... } name`. Definitions with one body share it, and it
	// defines its own name too. Pointers and Dimensions are as those of a member.
	Type       *TypeName
	Definition *TypeDefinition
	Pointers   int
	Dimensions []Expr
	Packed     bool
	Aligned    Expr // of __attribute__((aligned(N))); nil without
	Span       diag.Span
	// Declaration is what defines the name of a typedef; nil for the others.
	Declaration *Declaration
}

// MemberDefinition is one member of a struct or union. A pointer to a function or to an
// array is one to void.
type MemberDefinition struct {
	// Name is empty for an anonymous struct or union, whose members count as those of the
	// outer one, and for a bitfield that is only there for its bits. When Definition has
	// a name and Name is empty, it only defines a type.
	Name       string
	NameSpan   diag.Span
	Type       *TypeName       // without pointers and array; nil when Definition is set
	Definition *TypeDefinition // of `struct { ... } name;`: the same for each name of one declaration
	Pointers   int             // `*` before the name
	Dimensions []Expr          // `name[4][2]`, outermost first; an element is nil for `[]`
	Bits       Expr            // of a bitfield `name : 3`; nil without
	Packed     bool            // __attribute__((packed)) of this member
	Aligned    Expr            // __attribute__((aligned(N))) of this member; nil without
	Span       diag.Span
	// Declaration is what defines the member.
	Declaration *Declaration
}

// Declaration is one of C's, `const struct a *const x, *y;`, as it is written for one of
// its names: what a formatter needs and the meaning does not depend on.
type Declaration struct {
	// Specifiers are the words before the names, `const struct a`, without a body and
	// without attributes.
	Specifiers string
	Pointers   string // the stars before the name with their qualifiers: `*const `
	// Function is a name with what surrounds it where that is a pointer to a function or
	// to an array, `(*f)(int)`; empty otherwise.
	Function string
	// Whole is the declaration with all of its names and the semicolon: the same for each
	// of them.
	Whole diag.Span
}

// EnumeratorDefinition is `NAME` or `NAME = value` in an enum.
type EnumeratorDefinition struct {
	Name  string
	Value Expr // nil: one more than the one before
	Span  diag.Span
}

// MapDeclaration is `let @name = kind(size);`.
type MapDeclaration struct {
	Map      *Map
	Kind     string // "hash", "lruhash", ...: not interpreted here
	KindSpan diag.Span
	Args     []Expr
	Span     diag.Span
}

// Function is `fn name($a : type, ...) : type { ... }`.
type Function struct {
	Name     string
	NameSpan diag.Span
	Params   []*Param
	Result   *TypeName // nil: no value
	Body     *Block
	Span     diag.Span
}

// Param is a parameter of a function.
type Param struct {
	Variable *Variable
	Type     *TypeName
	Span     diag.Span
}

// Macro is `macro name($variable, @map, expression) { ... }`. The last statement of the
// body, when it is an expression without a semicolon, is the macro's value.
type Macro struct {
	Name     string
	NameSpan diag.Span
	Params   []Expr // *Variable, *Map (without keys) or *Name: what may be passed, and how it is called in the body
	Body     *BlockExpr
	Span     diag.Span
}

// Setting is one `name = value` of the `config = { ... }` block.
type Setting struct {
	Name  string
	Value Expr // *Integer, *String or *Name
	Span  diag.Span
}

// Comment is a `// ...`, `/* ... */` or `#! ...` text, kept for the formatter.
type Comment struct {
	Text string
	Span diag.Span
}

// Clause is `probe[, probe...] [/predicate/] block`.
type Clause struct {
	Probes    []*Probe
	Predicate Expr // nil when there is none
	Body      *Block
	Span      diag.Span
}

// Probe is one attach point as written, split at its colons:
// `interval:s:($1 ?: 5)` has the parts `interval`, `s` and an expression.
// Names are not interpreted here: the compiler knows the probe types.
type Probe struct {
	Parts []ProbePart
	Span  diag.Span
}

// ProbePart is a piece of text, a positional parameter, or a parenthesised constant
// expression. Text may hold the wildcards `*`, `?` and `[...]`.
type ProbePart struct {
	Text   string
	Expr   Expr        // when not nil, Text is empty
	Pieces []ProbePart // of a part such as `/proc/$1/exe`, to be joined; Text is empty and Expr nil then
	Span   diag.Span
}

// Block is a list of statements. Angle tells `< ... >` from `{ ... }`; both mean the
// same.
type Block struct {
	Statements []Statement
	Angle      bool
	Span       diag.Span
}

// Statement is *Let, *Assign, *Discard, *ExprStatement, *If, *While, *For, *Unroll,
// *Break, *Continue, *Return or *Block.
type Statement interface {
	Range() diag.Span
	statement()
}

// Let is `let $x`, `let $x = e`, `let $x : type` or `let $x : type = e`. It declares $x
// in the innermost block.
type Let struct {
	Variable *Variable
	Type     *TypeName // nil without
	Value    Expr      // nil without
	Span     diag.Span
}

// Discard is `_ = e`.
type Discard struct {
	Value Expr
	Span  diag.Span
}

// While is `while cond block`; the condition's parentheses may be left out.
type While struct {
	Cond Expr
	Body *Block
	Span diag.Span
}

// For is `for ($i : low..high) block`, from low up to but not including high, or `for
// ($kv : @map) block`. The parentheses may be left out.
type For struct {
	Variable  *Variable
	Low, High Expr // nil over a map
	Map       *Map // nil over a range
	Body      *Block
	Span      diag.Span
}

// Unroll is `unroll(count) block`.
type Unroll struct {
	Count Expr
	Body  *Block
	Span  diag.Span
}

// Break ends the innermost loop.
type Break struct{ Span diag.Span }

// Continue goes on with the next round of the innermost loop.
type Continue struct{ Span diag.Span }

// Assign is `target op value` with op one of = += -= *= /= %= &= |= ^= <<= >>=.
type Assign struct {
	Target Expr // *Variable or *Map
	Op     Operator
	OpSpan diag.Span
	Value  Expr
	Span   diag.Span
}

// ExprStatement is a call, `@x++` or any other expression evaluated for its effect.
type ExprStatement struct {
	X    Expr
	Span diag.Span
}

// If is `if cond block [else (block | if)]`; the condition's parentheses may be left out.
type If struct {
	Cond Expr
	Then *Block
	Else Statement // nil, *Block or *If
	Span diag.Span
}

// Return ends the clause for this event, or the function, whose value it gives.
type Return struct {
	Value Expr // nil without
	Span  diag.Span
}

// Expr is any of the expression nodes below.
type Expr interface {
	Range() diag.Span
	expr()
}

// Decimal is a number with a fraction, 99.9, which can only be an argument. Nothing
// computes with it.
type Decimal struct {
	Text string // digits, a point, digits
	Span diag.Span
}

// Integer is a decimal, hexadecimal, octal, binary or scientific literal (1e6) with
// optional `_` and an optional unit: time units (ns us ms s m h d) yield nanoseconds.
// Unsigned is set by a `u` suffix.
type Integer struct {
	Value    uint64
	Unsigned bool
	Span     diag.Span
}

// String is a literal with its escapes resolved.
type String struct {
	Value string
	Span  diag.Span
}

// Name is a word: a builtin variable (pid), an enum value, a constant.
type Name struct {
	Name string
	Span diag.Span
}

// Variable is `$x`; Name is without the dollar sign.
type Variable struct {
	Name string
	Span diag.Span
}

// Positional is `$1` ... `$n`.
type Positional struct {
	Index int // from 1
	Span  diag.Span
}

// PositionalCount is `$#`.
type PositionalCount struct {
	Span diag.Span
}

// Map is `@name` or `@name[k1, k2]`; Name is without the at sign and empty for `@`.
type Map struct {
	Name string
	Keys []Expr
	Span diag.Span
}

// Unary is a prefix operator: - ! ~ * (dereference) & (address), or `comptime`.
type Unary struct {
	Op   Operator
	X    Expr
	Span diag.Span
}

// IncDec is ++ or --, before or after its operand.
type IncDec struct {
	X      Expr // *Variable or *Map
	Op     Operator
	Prefix bool
	Span   diag.Span
}

// Binary is an infix operator; `=~` and `!~` match a text against a glob pattern.
type Binary struct {
	Op     Operator
	OpSpan diag.Span
	X, Y   Expr
	Span   diag.Span
}

// Ternary is `cond ? x : y`. X is nil for `cond ?: y`, which yields cond itself when it
// is not zero. Written as `if cond { x } else { y }` where a value is wanted, If is set,
// X is a *BlockExpr, and Y another or a *Ternary with If.
type Ternary struct {
	Cond, X, Y Expr
	If         bool
	Span       diag.Span
}

// BlockExpr is `{ statements; value }` where a value is wanted.
type BlockExpr struct {
	Statements []Statement
	Value      Expr // nil in a macro without a value
	Span       diag.Span
}

// Call is `name(args...)`.
type Call struct {
	Name     string
	NameSpan diag.Span
	Args     []Expr
	Span     diag.Span
}

// Field is `x.name` or `x->name`; both reach through pointers.
type Field struct {
	X        Expr
	Name     string
	NameSpan diag.Span
	Arrow    bool
	Span     diag.Span
}

// Index is `x[i]` on an array, a pointer or a string.
type Index struct {
	X, I Expr
	Span diag.Span
}

// Cast is `(type)x`.
type Cast struct {
	Type *TypeName
	X    Expr
	Span diag.Span
}

// Tuple is `(a, b, ...)`, or `(a,)` with one element.
type Tuple struct {
	Elems []Expr
	Span  diag.Span
}

// Record is `(name = value, ...)` with at least one field.
type Record struct {
	Fields []RecordField
	Span   diag.Span
}

// RecordField is one `name = value` of a Record.
type RecordField struct {
	Name     string
	NameSpan diag.Span
	Value    Expr
}

// TypeExpr is a type as an argument: sizeof(struct file). A bare word is a *Name, even
// when it may be a type.
type TypeExpr struct {
	Type *TypeName
	Span diag.Span
}

// Paren is `(x)`, kept so that the formatter writes what was written.
type Paren struct {
	X    Expr
	Span diag.Span
}

// TypeName is a written type: `uint64`, `struct request *`, `char[16]`, `string[64]`,
// `typeof(x) *`.
type TypeName struct {
	Tag      string // "struct", "union", "enum" or empty
	Name     string
	Of       Expr // of typeof(e): an expression or a *TypeExpr; Tag and Name are empty then
	Pointers int  // number of `*`
	Array    int  // number of elements, 0 for `[]`, or -1 when it is no array
	Span     diag.Span
}

// Operator is the text of an operator token, such as "+=" or "&&".
type Operator string

func (s *Let) Range() diag.Span           { return s.Span }
func (s *Assign) Range() diag.Span        { return s.Span }
func (s *Discard) Range() diag.Span       { return s.Span }
func (s *While) Range() diag.Span         { return s.Span }
func (s *For) Range() diag.Span           { return s.Span }
func (s *Unroll) Range() diag.Span        { return s.Span }
func (s *Break) Range() diag.Span         { return s.Span }
func (s *Continue) Range() diag.Span      { return s.Span }
func (s *ExprStatement) Range() diag.Span { return s.Span }
func (s *If) Range() diag.Span            { return s.Span }
func (s *Return) Range() diag.Span        { return s.Span }
func (s *Block) Range() diag.Span         { return s.Span }

func (*Let) statement()           {}
func (*Assign) statement()        {}
func (*Discard) statement()       {}
func (*While) statement()         {}
func (*For) statement()           {}
func (*Unroll) statement()        {}
func (*Break) statement()         {}
func (*Continue) statement()      {}
func (*ExprStatement) statement() {}
func (*If) statement()            {}
func (*Return) statement()        {}
func (*Block) statement()         {}

func (e *Integer) Range() diag.Span         { return e.Span }
func (e *Decimal) Range() diag.Span         { return e.Span }
func (e *String) Range() diag.Span          { return e.Span }
func (e *Name) Range() diag.Span            { return e.Span }
func (e *Variable) Range() diag.Span        { return e.Span }
func (e *Positional) Range() diag.Span      { return e.Span }
func (e *PositionalCount) Range() diag.Span { return e.Span }
func (e *Map) Range() diag.Span             { return e.Span }
func (e *Unary) Range() diag.Span           { return e.Span }
func (e *IncDec) Range() diag.Span          { return e.Span }
func (e *Binary) Range() diag.Span          { return e.Span }
func (e *Ternary) Range() diag.Span         { return e.Span }
func (e *Call) Range() diag.Span            { return e.Span }
func (e *Field) Range() diag.Span           { return e.Span }
func (e *Index) Range() diag.Span           { return e.Span }
func (e *Cast) Range() diag.Span            { return e.Span }
func (e *Tuple) Range() diag.Span           { return e.Span }
func (e *BlockExpr) Range() diag.Span       { return e.Span }
func (e *Record) Range() diag.Span          { return e.Span }
func (e *TypeExpr) Range() diag.Span        { return e.Span }
func (e *Paren) Range() diag.Span           { return e.Span }

func (*Integer) expr()         {}
func (*Decimal) expr()         {}
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
func (*BlockExpr) expr()       {}
func (*Record) expr()          {}
func (*TypeExpr) expr()        {}
func (*Paren) expr()           {}
