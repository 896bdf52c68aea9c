package random

import (
	"cmp"
	"slices"
	"time"

	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// patience bounds how long Minimise tries.
const patience = 10 * time.Second

// Minimise makes a script smaller as long as it still fails: statements, clauses and
// functions go, expressions give way to what is inside them.
func Minimise(script string, fails func(script string) bool) string {
	end := time.Now().Add(patience)
	for {
		smaller, ok := step(script, func(text string) bool { return time.Now().Before(end) && fails(text) })
		if !ok {
			return script
		}
		script = smaller
	}
}

// cut is a piece of the script and what may stand in its place.
type cut struct {
	span diag.Span
	with string
}

// step tries the cuts from the largest to the smallest and returns the first result that
// fails.
func step(script string, fails func(string) bool) (string, bool) {
	for _, c := range cuts(script) {
		text := script[:c.span.Start] + c.with + script[c.span.End:]
		if len(text) < len(script) && fails(text) {
			return text, true
		}
	}
	return "", false
}

func cuts(script string) (list []cut) {
	parsed, diagnostics := lang.Parse(diag.NewSource("script", script))
	if diagnostics.HasErrors() {
		return nil
	}
	for _, clause := range parsed.Clauses {
		list = append(list, cut{span: clause.Span})
	}
	for _, f := range parsed.Functions {
		list = append(list, cut{span: f.Span})
	}
	for _, m := range parsed.Macros {
		list = append(list, cut{span: m.Span})
	}
	lang.Walk(parsed, func(node any) bool {
		switch n := node.(type) {
		case *lang.Block:
			for _, s := range n.Statements {
				list = append(list, cut{span: statementSpan(script, s)})
			}
		case lang.Expr:
			list = append(list, smaller(n)...)
		}
		return true
	})
	slices.SortStableFunc(list, func(a, b cut) int {
		return cmp.Compare(b.span.End-b.span.Start-len(b.with), a.span.End-a.span.Start-len(a.with))
	})
	return list
}

// statementSpan takes the semicolon along.
func statementSpan(script string, s lang.Statement) diag.Span {
	span := s.Range()
	if span.End < len(script) && script[span.End] == ';' {
		span.End++
	}
	return span
}

// smaller puts an expression's own parts, and simple values, in its place.
func smaller(e lang.Expr) (list []cut) {
	lang.Walk(e, func(node any) bool {
		inner, ok := node.(lang.Expr)
		if ok && inner != e {
			list = append(list, cut{e.Range(), inner.Range().Text()})
		}
		return node == any(e)
	})
	return append(list, cut{e.Range(), "1"}, cut{e.Range(), `"a"`})
}
