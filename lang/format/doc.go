// Package format writes scripts in the one style, as `ponytrace fmt` does.
//
// It works on the syntax tree of package lang and on what the tree does not hold: the
// comments and the lines of the preprocessor, which are called trivia here. [Format] goes
// through the script once, in the order of its places, and writes before each item or
// statement the trivia that stand before it (format.go). So no comment is lost and none
// passes another, whatever the tree is.
//
// # One line or several
//
// Everything has a text on one line (text.go). Where that is what the user wrote, and it
// fits in 100 columns and has no comment inside, it stays. Otherwise blocks and
// definitions are opened, with a line for each statement (block.go) or member
// (definition.go). A long call is continued on further lines, and long probes have a line
// each.
//
// # What stays as it is written
//
// A directive cuts a script where it stands: `@x = / #if A / 1 / #endif` is one statement
// in one reading and none in another. An item or statement that a directive cuts through
// is copied character by character (torn), and so is a branch that is not taken. The
// formatted script means the same in every reading.
//
// Three properties are tested on every script of the project and by a fuzz test: the
// formatted script has the same tree, all the comments in their order, and does not
// change when it is formatted again. The tests also insert comments and directives before
// every token of the goldens.
package format
