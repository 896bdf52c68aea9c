package sema

import (
	"errors"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// A clause is checked with the types of each of its functions. What holds for every
// function, such as arg0->member, is taken so. Where that fails, for one of them returns
// nothing or two have different types, the clause is checked again with what differs as
// numbers, as in kretprobe:vfs_* { @[func, retval] = count() }.

// differences returns the clauses with errors that trace functions in which argN or
// retval differ.
func (c *checker) differences(err error) map[*lang.Clause]*builtin.Differing {
	var wrong diag.Diagnostics
	if !errors.As(err, &wrong) {
		return nil
	}
	scopes := map[*lang.Clause][]*builtin.Scope{}
	for _, instance := range c.Instances {
		if scope := &instance.Site.Scope; scope.OnFunction() && anyWithin(wrong, instance.Clause.Span) {
			scopes[instance.Clause] = append(scopes[instance.Clause], scope)
		}
	}
	differing := map[*lang.Clause]*builtin.Differing{}
	for clause, list := range scopes {
		if d := builtin.DifferingIn(list); d != nil {
			differing[clause] = d
		}
	}
	return differing
}

// anyWithin reports whether a message is about a place within the span.
func anyWithin(wrong diag.Diagnostics, span diag.Span) bool {
	for _, d := range wrong {
		if d.Span.Source == span.Source && d.Span.Start >= span.Start && d.Span.End <= span.End {
			return true
		}
	}
	return false
}
