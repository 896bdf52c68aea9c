package lang

// Walk calls visit for node and everything below it, parents before children and in the order
// of the script. Where visit returns false, Walk does not go below.
func Walk(node any, visit func(node any) bool) {
	if !visit(node) {
		return
	}
	for _, child := range children(node) {
		Walk(child, visit)
	}
}

// children lists the nodes directly below one.
func children(node any) []any {
	switch n := node.(type) {
	case *Script:
		return append(list(n.Settings), list(n.Clauses)...)
	case *Setting:
		return []any{n.Value}
	case *Clause:
		return append(append(list(n.Probes), optional(n.Predicate)...), n.Body)
	case *Probe:
		return parts(n.Parts)
	case *Block:
		return list(n.Statements)
	case *Assign:
		return []any{n.Target, n.Value}
	case *ExprStatement:
		return []any{n.X}
	case *If:
		if n.Else == nil {
			return []any{n.Cond, n.Then}
		}
		return []any{n.Cond, n.Then, n.Else}
	case *Map:
		return list(n.Keys)
	case *Unary:
		return []any{n.X}
	case *IncDec:
		return []any{n.X}
	case *Binary:
		return []any{n.X, n.Y}
	case *Ternary:
		return append(append([]any{n.Cond}, optional(n.X)...), n.Y)
	case *Call:
		return list(n.Args)
	case *Field:
		return []any{n.X}
	case *Index:
		return []any{n.X, n.I}
	case *Cast:
		return []any{n.Type, n.X}
	case *Tuple:
		return list(n.Elems)
	case *Paren:
		return []any{n.X}
	}
	return nil
}

func list[T any](nodes []T) []any {
	all := make([]any, len(nodes))
	for i, node := range nodes {
		all[i] = node
	}
	return all
}

func optional(x Expr) []any {
	if x == nil {
		return nil
	}
	return []any{x}
}

func parts(parts []ProbePart) (exprs []any) {
	for _, part := range parts {
		exprs = append(exprs, optional(part.Expr)...)
	}
	return exprs
}

// Unparen returns x without the parentheses around it.
func Unparen(x Expr) Expr {
	for {
		paren, ok := x.(*Paren)
		if !ok {
			return x
		}
		x = paren.X
	}
}
