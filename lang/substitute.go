package lang

import "github.com/ponytrace/ponytrace/lang/diag"

// Substitution copies trees, as a compiler does that expands a macro or inlines a
// function. A copy shares no node with the tree it is made of, so a table that has the
// nodes as its keys holds every expansion by itself.
//
// In the copy of a macro's body the parameters are replaced by what was passed:
//
//	macro count_up($v, @m, n) { $t = n; @m[$t] = $v }    Variables  v: $pid
//	count_up($pid, @seen, arg0 + 1)                      Maps       m: @seen
//	                                                     Names      n: arg0 + 1
//
// The expansion is hygienic: all other variables of the body, here $t, get the name that
// Rename gives them, while the arguments keep theirs. With a name that no script can
// write, neither captures the other's. An argument is copied anew for each use, and is
// evaluated as often as the body uses it.
//
// The zero Substitution copies a tree as it is, but for Left.
type Substitution struct {
	Variables map[string]*Variable // by the parameter's name, without $
	Maps      map[string]*Map      // by the parameter's name, without @; the body's keys stay
	Names     map[string]Expr
	// Rename gives the variables that are no parameters a name; nil keeps theirs.
	Rename func(name string) string
	// At is the place of every node of the copy but the arguments; zero keeps the places.
	At diag.Span
	// Left is how many nodes may be copied. Expansions of expansions grow without bound,
	// so copying stops when Left gets negative: the copy is incomplete then, and must not
	// be used.
	Left int
}

// Block copies a block.
func (s *Substitution) Block(b *Block) *Block {
	if b == nil || s.stopped() {
		return b
	}
	return &Block{Statements: each(b.Statements, s.Statement), Angle: b.Angle, Span: s.place(b.Span)}
}

// Statement copies a statement.
func (s *Substitution) Statement(statement Statement) Statement {
	if s.stopped() {
		return statement
	}
	switch n := statement.(type) {
	case *Block:
		return s.Block(n)
	case *Let:
		return &Let{
			Variable: s.variable(n.Variable), Type: s.typeName(n.Type), Value: s.Expr(n.Value),
			Span: s.place(n.Span),
		}
	case *Assign:
		return &Assign{
			Target: s.Expr(n.Target), Op: n.Op, OpSpan: s.place(n.OpSpan), Value: s.Expr(n.Value),
			Span: s.place(n.Span),
		}
	case *Discard:
		return &Discard{Value: s.Expr(n.Value), Span: s.place(n.Span)}
	case *ExprStatement:
		return &ExprStatement{X: s.Expr(n.X), Span: s.place(n.Span)}
	case *If:
		return s.ifStatement(n)
	case *While:
		return &While{Cond: s.Expr(n.Cond), Body: s.Block(n.Body), Span: s.place(n.Span)}
	case *For:
		return s.forStatement(n)
	case *Unroll:
		return &Unroll{Count: s.Expr(n.Count), Body: s.Block(n.Body), Span: s.place(n.Span)}
	case *Break:
		return &Break{Span: s.place(n.Span)}
	case *Continue:
		return &Continue{Span: s.place(n.Span)}
	case *Return:
		return &Return{Value: s.Expr(n.Value), Span: s.place(n.Span)}
	}
	return statement
}

// Expr copies an expression; nil stays nil. A variable or map in the place of a parameter
// stands where the parameter stood, for messages about the body; an expression stands
// where it was passed.
func (s *Substitution) Expr(x Expr) Expr {
	if x == nil || s.stopped() {
		return x
	}
	switch n := x.(type) {
	case *Integer:
		return &Integer{Value: n.Value, Unsigned: n.Unsigned, Span: s.place(n.Span)}
	case *Decimal:
		return &Decimal{Text: n.Text, Span: s.place(n.Span)}
	case *String:
		return &String{Value: n.Value, Span: s.place(n.Span)}
	case *Name:
		return s.name(n)
	case *Variable:
		return s.variable(n)
	case *Positional:
		return &Positional{Index: n.Index, Span: s.place(n.Span)}
	case *PositionalCount:
		return &PositionalCount{Span: s.place(n.Span)}
	case *Map:
		return s.mapAccess(n)
	case *Unary:
		return &Unary{Op: n.Op, X: s.Expr(n.X), Span: s.place(n.Span)}
	case *IncDec:
		return &IncDec{X: s.Expr(n.X), Op: n.Op, Prefix: n.Prefix, Span: s.place(n.Span)}
	case *Binary:
		return &Binary{
			Op: n.Op, OpSpan: s.place(n.OpSpan), X: s.Expr(n.X), Y: s.Expr(n.Y),
			Span: s.place(n.Span),
		}
	case *Ternary:
		return &Ternary{
			Cond: s.Expr(n.Cond), X: s.Expr(n.X), Y: s.Expr(n.Y), If: n.If,
			Span: s.place(n.Span),
		}
	case *BlockExpr:
		return s.BlockExpr(n)
	case *Call:
		return &Call{
			Name: n.Name, NameSpan: s.place(n.NameSpan), Args: each(n.Args, s.Expr),
			Span: s.place(n.Span),
		}
	case *Field:
		return &Field{
			X: s.Expr(n.X), Name: n.Name, NameSpan: s.place(n.NameSpan), Arrow: n.Arrow,
			Span: s.place(n.Span),
		}
	case *Index:
		return &Index{X: s.Expr(n.X), I: s.Expr(n.I), Span: s.place(n.Span)}
	case *Cast:
		return &Cast{Type: s.typeName(n.Type), X: s.Expr(n.X), Span: s.place(n.Span)}
	case *Tuple:
		return &Tuple{Elems: each(n.Elems, s.Expr), Span: s.place(n.Span)}
	case *Record:
		return &Record{Fields: each(n.Fields, s.recordField), Span: s.place(n.Span)}
	case *TypeExpr:
		return &TypeExpr{Type: s.typeName(n.Type), Span: s.place(n.Span)}
	case *Paren:
		return &Paren{X: s.Expr(n.X), Span: s.place(n.Span)}
	}
	return x
}

// BlockExpr copies a block with a value, such as the body of a macro.
func (s *Substitution) BlockExpr(b *BlockExpr) *BlockExpr {
	return &BlockExpr{
		Statements: each(b.Statements, s.Statement), Value: s.Expr(b.Value),
		Span: s.place(b.Span),
	}
}

// stopped counts a node and tells whether it is one too many.
func (s *Substitution) stopped() bool {
	s.Left--
	return s.Left < 0
}

// place is where a node of the copy stands.
func (s *Substitution) place(written diag.Span) diag.Span {
	if s.At.Source != nil {
		return s.At
	}
	return written
}

// ifStatement copies a chain of else if without a recursion for each of its links.
func (s *Substitution) ifStatement(n *If) *If {
	first := &If{}
	for last := first; ; {
		*last = If{Cond: s.Expr(n.Cond), Then: s.Block(n.Then), Span: s.place(n.Span)}
		next, chained := n.Else.(*If)
		if !chained {
			if n.Else != nil {
				last.Else = s.Statement(n.Else)
			}
			return first
		}
		link := &If{}
		last.Else, last, n = link, link, next
	}
}

func (s *Substitution) forStatement(n *For) *For {
	loop := &For{
		Variable: s.variable(n.Variable), Low: s.Expr(n.Low), High: s.Expr(n.High), Body: s.Block(n.Body),
		Span: s.place(n.Span),
	}
	if n.Map != nil {
		loop.Map = s.mapAccess(n.Map)
	}
	return loop
}

// name copies an argument as it is: it belongs to the caller, and knows nothing of the
// body's names.
func (s *Substitution) name(n *Name) Expr {
	argument, found := s.Names[n.Name]
	if !found {
		return &Name{Name: n.Name, Span: s.place(n.Span)}
	}
	plain := &Substitution{Left: s.Left}
	x := plain.Expr(argument)
	s.Left = plain.Left
	return x
}

func (s *Substitution) variable(n *Variable) *Variable {
	if passed := s.Variables[n.Name]; passed != nil {
		return &Variable{Name: passed.Name, Span: s.place(n.Span)}
	}
	if s.Rename != nil {
		return &Variable{Name: s.Rename(n.Name), Span: s.place(n.Span)}
	}
	return &Variable{Name: n.Name, Span: s.place(n.Span)}
}

func (s *Substitution) mapAccess(n *Map) *Map {
	name := n.Name
	if passed := s.Maps[name]; passed != nil {
		name = passed.Name
	}
	return &Map{Name: name, Keys: each(n.Keys, s.Expr), Span: s.place(n.Span)}
}

func (s *Substitution) typeName(n *TypeName) *TypeName {
	if n == nil {
		return nil
	}
	t := clone(n)
	t.Of, t.Span = s.Expr(n.Of), s.place(n.Span)
	if _, found := s.Names[n.Name]; found && n.Tag == "" && n.Of == nil {
		t.Of, t.Name = s.name(&Name{Name: n.Name, Span: s.place(n.Span)}), ""
	}
	return t
}

func (s *Substitution) recordField(f RecordField) RecordField {
	return RecordField{Name: f.Name, NameSpan: s.place(f.NameSpan), Value: s.Expr(f.Value)}
}

func clone[T any](node *T) *T {
	copied := *node
	return &copied
}

// each copies a list; one that is nil stays nil.
func each[T any](list []T, copy func(T) T) []T {
	if list == nil {
		return nil
	}
	copied := make([]T, len(list))
	for i, node := range list {
		copied[i] = copy(node)
	}
	return copied
}
