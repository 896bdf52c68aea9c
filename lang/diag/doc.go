// Package diag holds what messages to the user are made of: a [Source] is a script's
// text, a [Span] a place in it, a [Diagnostic] a message about a place, and [Nearest]
// finds the names that a user may have meant. It imports nothing of ponytrace, so every
// other package may use it.
//
// A diagnostic prints as bpftrace's does, with the place on the first line and underlined
// below:
//
//	script.pt:1:15-35: ERROR: text
//	kprobe:vfs_read { frobnicate() }
//	                  ~~~~~~~~~~~~
//	HINT: did you mean func?
//
// Columns count bytes from 1, and the last one of a range is the one behind it. The line
// of underlines counts the columns of a terminal, where a character may be none or two
// wide. What a script or the traced system wrote cannot steer the terminal: [Printable]
// replaces control characters.
//
// The form is that of bpftrace's messages:
// https://github.com/bpftrace/bpftrace/blob/v0.24.0/src/ast/location.cpp
package diag
