package lang

// Script is a parsed file: what it declares, by kind, each in the order written.
type Script struct {
	Source     *Source
	Config     Span // of the `config = { ... }` block; zero without one
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

// Import is `import "file.pt"`. Parse only records it: whoever reads files merges what is imported (Merge).
type Import struct {
	Path     string
	PathSpan Span
	Span     Span
}

// Directive is a line of the preprocessor's that begins with `#`: #include, #pragma, #define NAME [text], #undef,
// #ifdef, #ifndef, #if, #elif, #else or #endif. Parse has decided the conditions already, and what
// stands in a branch not taken is in no other node. The compiler has to look at #define and #undef only: a name
// stands for the text of the last #define before the place of its use, up to an #undef. #include means nothing.
type Directive struct {
	Keyword  string // "define", "ifdef", ...
	Name     string // of define, undef, ifdef and ifndef
	NameSpan Span
	// Text is what follows the name in a #define, empty when nothing does.
	Text Span
	// Value is Text as an expression, Type as a type; nil where it reads as neither. A bare word is both.
	Value Expr
	Type  *TypeName
	// Skipped is the whole lines of the branch that this line opens when it is not taken.
	Skipped Span
	Span    Span
	// unreadable: a character that is not seen stands in the line, and was reported.
	unreadable bool
}

// TypeDefinition is `struct name { ... }`, union, enum, or `typedef type name`. One of several names of a
// declaration, `typedef int a, *b`, is a definition of its own.
type TypeDefinition struct {
	Tag      string // "struct", "union", "enum" or "typedef"
	Name     string // empty for an enum or the type of a member or typedef that has none
	NameSpan Span
	Declared bool // `struct name;`, which defines nothing
	Body     Span // of `{ ... }`; zero without
	Members  []*MemberDefinition
	Values   []*EnumeratorDefinition
	// Type is what a typedef's name stands for, or nil when Definition is set: the body in `typedef struct { ... } name`.
	// Definitions with one body share it, and it defines its own name too. Pointers and Dimensions are as those of a member.
	Type       *TypeName
	Definition *TypeDefinition
	Pointers   int
	Dimensions []Expr
	Packed     bool
	Aligned    Expr // of __attribute__((aligned(N))); nil without
	Span       Span
	written    *declaration
}

// MemberDefinition is one member of a struct or union. A pointer to a function or to an array is one to void.
type MemberDefinition struct {
	// Name is empty for an anonymous struct or union, whose members count as those of the outer one, and for a bitfield
	// that is only there for its bits. When Definition has a name and Name is empty, it only defines a type.
	Name       string
	NameSpan   Span
	Type       *TypeName       // without pointers and array; nil when Definition is set
	Definition *TypeDefinition // of `struct { ... } name;`: the same for each name of one declaration
	Pointers   int             // `*` before the name
	Dimensions []Expr          // `name[4][2]`, outermost first; an element is nil for `[]`
	Bits       Expr            // of a bitfield `name : 3`; nil without
	Packed     bool            // __attribute__((packed)) of this member
	Aligned    Expr            // __attribute__((aligned(N))) of this member; nil without
	Span       Span
	written    *declaration
}

// EnumeratorDefinition is `NAME` or `NAME = value` in an enum.
type EnumeratorDefinition struct {
	Name  string
	Value Expr // nil: one more than the one before
	Span  Span
}

// MapDeclaration is `let @name = kind(size);`.
type MapDeclaration struct {
	Map      *Map
	Kind     string // "hash", "lruhash", ...: not interpreted here
	KindSpan Span
	Args     []Expr
	Span     Span
}

// Function is `fn name($a : type, ...) : type { ... }`.
type Function struct {
	Name     string
	NameSpan Span
	Params   []*Param
	Result   *TypeName // nil: no value
	Body     *Block
	Span     Span
}

// Param is a parameter of a function.
type Param struct {
	Variable *Variable
	Type     *TypeName
	Span     Span
}

// Macro is `macro name($variable, @map, expression) { ... }`. The last statement of the body, when it is an
// expression without a semicolon, is the macro's value.
type Macro struct {
	Name     string
	NameSpan Span
	Params   []Expr // *Variable, *Map (without keys) or *Name: what may be passed, and how it is called in the body
	Body     *BlockExpr
	Span     Span
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
	Text   string
	Expr   Expr        // when not nil, Text is empty
	Pieces []ProbePart // of a part such as `/proc/$1/exe`, to be joined; Text is empty and Expr nil then
	Span   Span
}

// Block is a list of statements. Angle tells `< ... >` from `{ ... }`; both mean the same.
type Block struct {
	Statements []Statement
	Angle      bool
	Span       Span
}

// Statement is *Let, *Assign, *Discard, *ExprStatement, *If, *While, *For, *Unroll, *Break, *Continue, *Return or *Block.
type Statement interface {
	Range() Span
	statement()
}

// Let is `let $x`, `let $x = e`, `let $x : type` or `let $x : type = e`. It declares $x in the innermost block.
type Let struct {
	Variable *Variable
	Type     *TypeName // nil without
	Value    Expr      // nil without
	Span     Span
}

// Discard is `_ = e`.
type Discard struct {
	Value Expr
	Span  Span
}

// While is `while cond block`; the condition's parentheses may be left out.
type While struct {
	Cond Expr
	Body *Block
	Span Span
}

// For is `for ($i : low..high) block`, from low up to but not including high, or `for ($kv : @map) block`.
// The parentheses may be left out.
type For struct {
	Variable  *Variable
	Low, High Expr // nil over a map
	Map       *Map // nil over a range
	Body      *Block
	Span      Span
}

// Unroll is `unroll(count) block`.
type Unroll struct {
	Count Expr
	Body  *Block
	Span  Span
}

// Break ends the innermost loop.
type Break struct{ Span Span }

// Continue goes on with the next round of the innermost loop.
type Continue struct{ Span Span }

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

// Return ends the clause for this event, or the function, whose value it gives.
type Return struct {
	Value Expr // nil without
	Span  Span
}

// Expr is any of the expression nodes below.
type Expr interface {
	Range() Span
	expr()
}

// Integer is a decimal, hexadecimal, octal, binary or scientific literal (1e6) with optional `_`
// and an optional unit: time units (ns us ms s m h d) yield nanoseconds.
// Unsigned is set by a `u` suffix.
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

// Unary is a prefix operator: - ! ~ * (dereference) & (address), or `comptime`.
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

// Binary is an infix operator; `=~` and `!~` match a text against a glob pattern.
type Binary struct {
	Op     Operator
	OpSpan Span
	X, Y   Expr
	Span   Span
}

// Ternary is `cond ? x : y`. X is nil for `cond ?: y`, which yields cond itself when it is not zero.
// Written as `if cond { x } else { y }` where a value is wanted, If is set, X is a *BlockExpr, and Y another
// or a *Ternary with If.
type Ternary struct {
	Cond, X, Y Expr
	If         bool
	Span       Span
}

// BlockExpr is `{ statements; value }` where a value is wanted.
type BlockExpr struct {
	Statements []Statement
	Value      Expr // nil in a macro without a value
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

// Tuple is `(a, b, ...)`, or `(a,)` with one element.
type Tuple struct {
	Elems []Expr
	Span  Span
}

// Record is `(name = value, ...)` with at least one field.
type Record struct {
	Fields []RecordField
	Span   Span
}

// RecordField is one `name = value` of a Record.
type RecordField struct {
	Name     string
	NameSpan Span
	Value    Expr
}

// TypeExpr is a type as an argument: sizeof(struct file). A bare word is a *Name, even when it may be a type.
type TypeExpr struct {
	Type *TypeName
	Span Span
}

// Paren is `(x)`, kept so that the formatter writes what was written.
type Paren struct {
	X    Expr
	Span Span
}

// TypeName is a written type: `uint64`, `struct request *`, `char[16]`, `string[64]`, `typeof(x) *`.
type TypeName struct {
	Tag      string // "struct", "union", "enum" or empty
	Name     string
	Of       Expr // of typeof(e): an expression or a *TypeExpr; Tag and Name are empty then
	Pointers int  // number of `*`
	Array    int  // number of elements, 0 for `[]`, or -1 when it is no array
	Span     Span
}

// Operator is the text of an operator token, such as "+=" or "&&".
type Operator string

func (s *Let) Range() Span           { return s.Span }
func (s *Assign) Range() Span        { return s.Span }
func (s *Discard) Range() Span       { return s.Span }
func (s *While) Range() Span         { return s.Span }
func (s *For) Range() Span           { return s.Span }
func (s *Unroll) Range() Span        { return s.Span }
func (s *Break) Range() Span         { return s.Span }
func (s *Continue) Range() Span      { return s.Span }
func (s *ExprStatement) Range() Span { return s.Span }
func (s *If) Range() Span            { return s.Span }
func (s *Return) Range() Span        { return s.Span }
func (s *Block) Range() Span         { return s.Span }

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
func (e *BlockExpr) Range() Span       { return e.Span }
func (e *Record) Range() Span          { return e.Span }
func (e *TypeExpr) Range() Span        { return e.Span }
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
func (*BlockExpr) expr()       {}
func (*Record) expr()          {}
func (*TypeExpr) expr()        {}
func (*Paren) expr()           {}
