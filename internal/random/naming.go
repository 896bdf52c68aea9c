package random

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// NamePrefix begins the names of the maps that Named adds to a script.
const NamePrefix = "named"

// namings give a value a name; %[1]s is the expression, %[2]d a number that no other one
// has.
var namings = []string{
	"({ $named%[2]d = %[1]s; $named%[2]d })",
	"({ let $named%[2]d = %[1]s; $named%[2]d })",
	"({ let $named%[2]d : typeof(%[1]s) = %[1]s; $named%[2]d })",
	"({ @named%[2]d = %[1]s; @named%[2]d })",
	"({ @named%[2]d[%[2]d] = %[1]s; @named%[2]d[%[2]d] })",
	"({ $named%[2]d = (%[1]s, 1); $named%[2]d.0 })",
	"({ $named%[2]d = (a = 1, b = %[1]s); $named%[2]d.b })",
	"({ @named%[2]d[1] = (1, %[1]s); @named%[2]d[1].1 })",
	"((typeof(%[1]s))%[1]s)",
	"(pid ? %[1]s : %[1]s)",
	"namedMacro(%[1]s)",
}

// Named gives names to n values of a script, each in some way. None may change what the
// script does.
func Named(seed uint64, script string, n int) string {
	random := rand.New(rand.NewPCG(seed, 1))
	for i := range n {
		parsed, diagnostics := lang.Parse(diag.NewSource("script", script))
		if diagnostics.HasErrors() {
			return script
		}
		list := values(parsed)
		if len(list) == 0 {
			return script
		}
		span := list[random.IntN(len(list))].Range()
		named := fmt.Sprintf(namings[random.IntN(len(namings))], "("+span.Text()+")", i)
		script = script[:span.Start] + named + script[span.End:]
	}
	return declareMacro(script)
}

// declareMacro puts the declaration before the first one of a function, macro or clause.
func declareMacro(script string) string {
	if !strings.Contains(script, "namedMacro") {
		return script
	}
	lines := strings.SplitAfter(script, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "fn ") || strings.HasPrefix(line, "macro ") || strings.HasPrefix(line, "BEGIN") {
			lines[i] = "macro namedMacro(x) { x }\n" + line
			break
		}
	}
	return strings.Join(lines, "")
}

// values are the expressions where any other of the same value could stand.
func values(script *lang.Script) (list []lang.Expr) {
	visit := func(node any) bool {
		if call, ok := node.(*lang.Call); ok && strings.HasPrefix(call.Name, "named") {
			return false // a second evaluation would count twice
		}
		for _, e := range operands(node) {
			switch lang.Unparen(e).(type) {
			case nil, *lang.Name, *lang.TypeExpr:
			default:
				list = append(list, e)
			}
		}
		return true
	}
	for _, clause := range script.Clauses {
		lang.Walk(clause.Body, visit)
	}
	for _, f := range script.Functions {
		lang.Walk(f.Body, visit)
	}
	return list
}

// operands are those of a node's parts that need not be known before tracing starts.
func operands(node any) []lang.Expr {
	switch n := node.(type) {
	case *lang.Binary:
		if n.Op == "=~" || n.Op == "!~" {
			return []lang.Expr{n.X}
		}
		return []lang.Expr{n.X, n.Y}
	case *lang.Unary:
		_, literal := n.X.(*lang.Integer) // -10 is a bound of lhist
		if !literal && (n.Op == "-" || n.Op == "~" || n.Op == "!") {
			return []lang.Expr{n.X}
		}
	case *lang.Ternary:
		if n.If {
			return []lang.Expr{n.Cond}
		}
		if n.X != nil {
			return []lang.Expr{n.Cond, n.X, n.Y}
		}
		return []lang.Expr{n.Cond, n.Y}
	case *lang.Cast:
		return []lang.Expr{n.X}
	case *lang.Tuple:
		return n.Elems
	case *lang.Map:
		return n.Keys
	case *lang.Let:
		if n.Value != nil {
			return []lang.Expr{n.Value}
		}
	case *lang.Discard:
		return []lang.Expr{n.Value}
	case *lang.Assign:
		if call, ok := lang.Unparen(n.Value).(*lang.Call); !ok || builtin.AggregationNamed(call.Name) == nil {
			return []lang.Expr{n.Value}
		}
	case *lang.Call:
		switch n.Name {
		case "printf":
			return n.Args[1:]
		case "sizeof", "bswap":
			return n.Args
		}
	}
	return nil
}
