package lang

import "slices"

// Walk calls visit for node and everything below it, parents before children and in the
// order of the script. Where visit returns false, Walk does not go below.
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
		return slices.Concat(list(n.Settings), list(n.Directives), list(n.Types), list(n.Maps), list(n.Functions), list(n.Macros), list(n.Clauses))
	case *Directive:
		return optional(n.Value)
	case *TypeDefinition:
		return slices.Concat(list(n.Members), list(n.Values), present(n.Type), present(n.Definition), exprs(n.Dimensions), optional(n.Aligned))
	case *MemberDefinition:
		return slices.Concat(present(n.Type), present(n.Definition), exprs(n.Dimensions), optional(n.Bits), optional(n.Aligned))
	case *EnumeratorDefinition:
		return optional(n.Value)
	case *MapDeclaration:
		return append([]any{n.Map}, list(n.Args)...)
	case *Function:
		return append(append(list(n.Params), present(n.Result)...), n.Body)
	case *Param:
		return append([]any{n.Variable}, present(n.Type)...)
	case *Macro:
		return append(list(n.Params), n.Body)
	case *TypeName:
		return optional(n.Of)
	case *Setting:
		return []any{n.Value}
	case *Clause:
		return append(append(list(n.Probes), optional(n.Predicate)...), n.Body)
	case *Probe:
		return parts(n.Parts)
	case *Block:
		return list(n.Statements)
	case *Let:
		return slices.Concat([]any{n.Variable}, present(n.Type), optional(n.Value))
	case *Discard:
		return []any{n.Value}
	case *While:
		return []any{n.Cond, n.Body}
	case *For:
		return slices.Concat([]any{n.Variable}, optional(n.Low), optional(n.High), present(n.Map), []any{n.Body})
	case *Unroll:
		return []any{n.Count, n.Body}
	case *Return:
		return optional(n.Value)
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
	case *BlockExpr:
		return append(list(n.Statements), optional(n.Value)...)
	case *Record:
		values := make([]any, len(n.Fields))
		for i := range n.Fields {
			values[i] = n.Fields[i].Value
		}
		return values
	case *TypeExpr:
		return []any{n.Type}
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

// present is the node, or nothing when it is nil.
func present[T any](node *T) []any {
	if node == nil {
		return nil
	}
	return []any{node}
}

// exprs is list without the nil elements.
func exprs(nodes []Expr) (all []any) {
	for _, node := range nodes {
		all = append(all, optional(node)...)
	}
	return all
}

func optional(x Expr) []any {
	if x == nil {
		return nil
	}
	return []any{x}
}

func parts(list []ProbePart) (exprs []any) {
	for _, part := range list {
		exprs = slices.Concat(exprs, optional(part.Expr), parts(part.Pieces))
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
