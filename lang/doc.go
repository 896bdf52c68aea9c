// Package lang turns the text of a script into a syntax tree.
//
// It holds the language's form and nothing of its meaning: it knows no probe type, no
// builtin and no type of the kernel, and imports of ponytrace nothing but lang/diag.
// [Parse] gives the tree and the messages, [Dump] the tree for people, [Walk] the nodes
// one by one, and [Substitution] copies, in which a macro's parameters are replaced.
// Every node has a [diag.Span], and every message is a [diag.Diagnostic] about one. The
// formatter is package lang/format, for which the tree keeps what has no meaning:
// comments, directives, parentheses, and how a [Declaration] is written.
//
// # From text to tree
//
//	text --scan--> sections of tokens --grammar--> rules --> *Script
//
// The scanner reads the whole text first and cuts it into sections: a clause, the config
// block, an import, a type's definition, or the declaration of a map, function or macro.
// Each section is then parsed by itself, so one broken clause costs one message and its
// neighbours stay whole.
//
// Clauses and statements are participle's, as structs (grammar.go); expressions climb
// precedences by hand behind participle's ParseTypeWith (expression.go). One struct for
// each level of precedence was measured and rejected: five times slower on one line, ten
// times on a script of 5,000. Where an expression holds statements, as
// `{ $x = 1; $x + 1 }` or `if a { 1 } else { 2 }`, it enters the same grammar again
// (block.go).
//
// # The scanner
//
// The same characters mean different things in different places, so the scanner is a
// machine with a context, and its state is a stack of open brackets:
//
//	empty   between clauses: probe text, which has its own rules for /, *, - and quotes
//	/       in a predicate
//	{ <     in a block
//	( [     in a group, wherever that stands
//
// Three characters are decided by the top of the stack.
//
//   - `/` on top of a `/` closes the predicate exactly when `{` or `<` (not `<<`) comes next, blanks and
//     comments aside: neither starts an operand there, so no division is mistaken. Elsewhere it divides.
//   - `>` on top of a `<` closes the block; in any group or nested `{` it compares. `->`, `>>`, `>=` and
//     `>>=` are tokens of their own by maximal munch and never close. Only blocks of clauses can be `< >`:
//     after an if, `<` would compare.
//   - `<` is a block only where one is due, behind the probes or the predicate.
//
// Before a block's end the scanner adds the semicolon that its last statement may lack, a
// token of no width. So the grammar ends every statement with one, and needs no
// lookahead: participle's lookahead groups panic on some input when they stand in an
// alternative. Where a block's value is wanted, that semicolon tells `{ 1 }`, which has
// one, from `{ 1; }`.
//
// The words that begin statements are keywords in blocks, and fields may still have their
// names. `let`, `fn`, `macro`, `import`, `config` and the words of types are something
// else only where a section begins.
//
// # The preprocessor
//
// There is none as a stage of its own, which would cost every span its place. A line that
// begins with `#` is skipped like a comment, wherever blanks may stand. Conditions are
// decided as the scanner meets them, by the names that the script has defined above, and
// the lines of a branch not taken are not cut into tokens. A #define is kept as a
// [Directive] and replaces no text: the compiler looks its name up as it does other
// names.
//
// # Errors
//
// The scanner knows the brackets, so it reports those: what is unclosed, at its opening.
// A `;` or `}` proves a group unclosed. A word with a colon where an operator or a line's
// end was due, outside of a ternary, proves that the next clause has begun. A section
// that the scanner found broken is not parsed. The parser gives a section up at its first
// error and explains it by the tokens around (explain.go). Every panic of parsing ends in
// one function, catch.
//
// A few words and probes of DTrace are recognised to say how they are written here
// (dtrace.go).
//
// # Limits
//
// A script has at most 4 MiB, 200 open brackets, 1000 operators in a chain, 1000 branches
// in an if that has a value, and 100 messages. Time is linear in the length of the text.
//
// # Decisions
//
//   - `(name) x` is a cast when a value follows, since two values never stand side by side; before an operator
//     that is also binary it is one only for a name that C or bpftrace reserve for a type, a tag or a `*`.
//     Asking the compiler for the known types was rejected: the tree would depend on the kernel.
//   - Behind if, while, for and unroll a `{` outside of parentheses begins the block, never a value.
//   - `a =~ b` matches a pattern and `$x=~$y` assigns a complement: what follows at once tells, a space or quotes
//     for a pattern.
//   - `sizeof(struct file)` has a type as its argument ([TypeExpr]) where no value can be meant. A single word is a
//     [Name], since only the compiler knows whether it is a type.
//   - A number that begins with 0 is octal, as in C and bpftrace; an `0o` prefix exists in neither.
//   - Parentheses stay in the tree ([Paren]) for the formatter; [Unparen] looks through them.
//   - Columns count bytes, as bpftrace's do, and the last one of a range is the one behind it.
//
// The rules are those of bpftrace's parser (src/parser.cpp, src/util/int_parser.cpp)
// where the design's own do not replace them; the form of the messages is that of its
// src/ast/location.cpp.
package lang
