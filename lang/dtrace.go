package lang

import "github.com/alecthomas/participle/v2/lexer"

// noDTraceVariable knows DTrace's clause-local and thread-local variables.
func (p *parser) noDTraceVariable(x Expr, op *lexer.Token) {
	name, ok := x.(*Name)
	if !ok || op.Value != "->" {
		return
	}
	span := name.Span.To(p.tokenSpan(op))
	switch name.Name {
	case "this":
		p.fail(span, "this-> is DTrace's clause-local variable", "write $name")
	case "self":
		p.fail(span, "self-> is DTrace's thread-local variable", "write @name[tid]")
	}
}
