package format

import (
	"strings"
	"unicode/utf8"

	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// braces writes `{`, lines and `}`. Comments up to offset limit belong to their end.
func (f *formatter) braces(span diag.Span, limit int, empty bool, lines func()) {
	f.brackets("{", "}", span, limit, empty, lines)
}

func (f *formatter) brackets(
	opener, closer string, span diag.Span, limit int, empty bool, lines func(),
) {
	f.out.WriteString(opener)
	f.last = span.End
	if empty && (len(f.trivia) == 0 || f.trivia[0].span.Start >= limit) {
		f.out.WriteString(" " + closer)
		return
	}
	f.trailing(span.Start + 1)
	f.out.WriteByte('\n')
	f.depth++
	f.last = -1
	lines()
	f.leading(limit, false)
	f.depth--
	f.indent()
	f.out.WriteString(closer)
	f.last = span.End
}

func (f *formatter) block(block *lang.Block, limit int) {
	lines := func() { f.statements(block.Statements) }
	if block.Angle {
		f.brackets("<", ">", block.Span, limit, len(block.Statements) == 0, lines)
		return
	}
	f.braces(block.Span, limit, len(block.Statements) == 0, lines)
}

// valueBlock is a block whose last line is its value, which has no semicolon.
func (f *formatter) valueBlock(block *lang.BlockExpr, limit int) {
	f.braces(block.Span, limit, len(block.Statements) == 0 && block.Value == nil, func() {
		f.statements(block.Statements)
		if block.Value != nil {
			f.value(block.Value)
		}
	})
}

func (f *formatter) value(x lang.Expr) {
	span := x.Range()
	if f.torn(span, bodiesOf(x)...) {
		f.start(span.Start, span.Start)
		f.asWritten(span)
	} else if block := blockOf(x); block != nil {
		f.start(span.Start, block.Span.Start)
		f.tallValue(x)
	} else {
		f.start(span.Start, span.End)
		f.out.WriteString(code(x))
	}
	f.end(span.End)
}

func (f *formatter) settings(script *lang.Script) {
	for _, setting := range script.Settings {
		f.start(setting.Span.Start, setting.Span.End)
		f.out.WriteString(setting.Name + " = " + code(setting.Value) + ";")
		f.end(setting.Span.End)
	}
}

func (f *formatter) statements(list []lang.Statement) {
	for _, statement := range list {
		f.statement(statement)
	}
}

func (f *formatter) statement(statement lang.Statement) {
	span := statement.Range()
	head, bodies := headOf(statement)
	behind, directives := span.End, false
	if !endsWithBlock(statement) {
		behind, directives = f.semicolon(span.End)
	}
	if directives || f.torn(span, bodies...) {
		f.start(span.Start, span.Start)
		f.asWritten(diag.Span{Source: span.Source, Start: span.Start, End: behind})
		if behind == span.End && !endsWithBlock(statement) {
			f.out.WriteByte(';')
		}
	} else {
		f.start(span.Start, head)
		f.lines(statement)
	}
	f.end(behind)
}

// semicolon returns the offset behind the semicolon that comes next, or end, and whether
// directives stand before it: then it cannot be written before them. Of several
// semicolons, one may be that of another branch.
func (f *formatter) semicolon(end int) (behind int, directives bool) {
	behind = end
	seen := false
	for pos, i := end, 0; ; {
		for i < len(f.trivia) && f.trivia[i].span.Start < pos {
			i++
		}
		pos += len(f.text[pos:]) - len(strings.TrimLeft(f.text[pos:], blanks))
		switch {
		case i < len(f.trivia) && f.trivia[i].span.Start == pos:
			seen = seen || f.trivia[i].directive != nil
			pos = f.trivia[i].span.End
		case strings.HasPrefix(f.text[pos:], ";") && (seen || behind == end):
			pos++
			behind, directives = pos, seen
		default:
			return behind, directives
		}
	}
}

// headOf returns the offset behind what stands before the statement's first braces, or
// behind the statement, and the braces.
func headOf(statement lang.Statement) (head int, bodies []diag.Span) {
	switch s := statement.(type) {
	case *lang.Block:
		bodies = []diag.Span{s.Span}
	case *lang.If:
		bodies = bodiesOfIf(s)
	case *lang.While:
		bodies = []diag.Span{s.Body.Span}
	case *lang.For:
		bodies = []diag.Span{s.Body.Span}
	case *lang.Unroll:
		bodies = []diag.Span{s.Body.Span}
	default:
		if block := blockOf(lastOf(s)); block != nil {
			bodies = bodiesOf(lastOf(s))
		}
	}
	if len(bodies) > 0 {
		return bodies[0].Start, bodies
	}
	return statement.Range().End, nil
}

func bodiesOfIf(s *lang.If) (bodies []diag.Span) {
	for {
		bodies = append(bodies, s.Then.Span)
		next, chained := s.Else.(*lang.If)
		if !chained {
			break
		}
		s = next
	}
	if last, ok := s.Else.(*lang.Block); ok {
		bodies = append(bodies, last.Span)
	}
	return bodies
}

// lines writes a statement over as many lines as it takes.
func (f *formatter) lines(statement lang.Statement) {
	switch s := statement.(type) {
	case *lang.If:
		f.ifStatement(s)
	case *lang.Block:
		f.block(s, s.Span.End)
	case *lang.While:
		f.loop("while "+code(s.Cond), s.Body)
	case *lang.For:
		f.loop(forHeader(s), s.Body)
	case *lang.Unroll:
		f.loop(unrollHeader(s), s.Body)
	default:
		f.simple(s)
	}
}

func (f *formatter) loop(header string, body *lang.Block) {
	f.out.WriteString(header + " ")
	f.block(body, body.Span.End)
}

func (f *formatter) ifStatement(s *lang.If) {
	for {
		f.out.WriteString("if " + code(s.Cond) + " ")
		if s.Else == nil {
			f.block(s.Then, s.Then.Span.End)
			return
		}
		next, chained := s.Else.(*lang.If)
		if !chained {
			body := s.Else.(*lang.Block)
			f.block(s.Then, body.Span.Start)
			f.out.WriteString(" else ")
			f.block(body, body.Span.End)
			return
		}
		f.block(s.Then, next.Then.Span.Start)
		f.out.WriteString(" else ")
		s = next
	}
}

// simple is a statement with its semicolon. What it ends with may take several lines: a
// block with a value, or the arguments of a long call.
func (f *formatter) simple(statement lang.Statement) {
	line, last := inlineStatement(statement)+";", lastOf(statement)
	if blockOf(last) != nil {
		if _, fits := f.fits(statement.Range(), func() string { return line }); !fits {
			f.out.WriteString(strings.TrimSuffix(line, code(last)+";"))
			f.tallValue(last)
			f.out.WriteByte(';')
			return
		}
	}
	call, _ := last.(*lang.Call)
	if call == nil || f.depth*tabWidth+utf8.RuneCountInString(line) <= width {
		f.out.WriteString(line)
		return
	}
	head := strings.TrimSuffix(line, code(call)+";") + call.Name + "("
	f.out.WriteString(head + f.fill(call.Args, f.depth*tabWidth+len(head)) + ");")
}

// lastOf is the expression that the statement's text ends with, or nil.
func lastOf(statement lang.Statement) lang.Expr {
	switch s := statement.(type) {
	case *lang.Assign:
		return s.Value
	case *lang.ExprStatement:
		return s.X
	case *lang.Let:
		return s.Value
	case *lang.Discard:
		return s.Value
	case *lang.Return:
		return s.Value
	}
	return nil
}

// blockOf is the first block of a block with a value or an if with values.
func blockOf(x lang.Expr) *lang.BlockExpr {
	switch x := x.(type) {
	case *lang.BlockExpr:
		return x
	case *lang.Ternary:
		if block, ok := x.X.(*lang.BlockExpr); ok && x.If {
			return block
		}
	}
	return nil
}

// bodiesOf lists the blocks of x when it begins with blockOf(x).
func bodiesOf(x lang.Expr) (bodies []diag.Span) {
	for block := blockOf(x); block != nil; block = blockOf(x) {
		bodies = append(bodies, block.Span)
		choice, ok := x.(*lang.Ternary)
		if !ok {
			break
		}
		x = choice.Y
	}
	return bodies
}

// tallValue writes over several lines what blockOf sees.
func (f *formatter) tallValue(x lang.Expr) {
	for {
		choice, ok := x.(*lang.Ternary)
		if !ok {
			f.valueBlock(x.(*lang.BlockExpr), x.Range().End)
			return
		}
		f.out.WriteString("if " + code(choice.Cond) + " ")
		f.valueBlock(choice.X.(*lang.BlockExpr), blockOf(choice.Y).Span.Start)
		f.out.WriteString(" else ")
		x = choice.Y
	}
}

func (f *formatter) fill(args []lang.Expr, column int) string {
	var b strings.Builder
	for i, arg := range args {
		text := code(arg)
		if i < len(args)-1 {
			text += ","
		}
		length := utf8.RuneCountInString(text)
		switch {
		case i == 0:
		case column+length+1 > width:
			column = (f.depth + 1) * tabWidth
			b.WriteString("\n" + strings.Repeat("\t", f.depth+1))
		default:
			column++
			b.WriteByte(' ')
		}
		b.WriteString(text)
		column += length
	}
	return b.String()
}
