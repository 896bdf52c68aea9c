package lang

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	formatWidth = 100
	tabWidth    = 8
)

// Format returns the script in the one style, with its comments. A script with errors comes back as it is.
//
// A clause that stands on one line and fits stays there. Otherwise each statement has its line.
// Blank lines between statements stay, one at most; clauses of several lines have one between them.
// Comments inside a statement move before it.
func Format(source *Source) (string, Diagnostics) {
	script, diagnostics := Parse(source)
	if diagnostics.HasErrors() {
		return source.Text, diagnostics
	}
	f := &formatter{text: source.Text, trivia: trivia(script), last: -1}
	if script.Config.Source != nil {
		f.config(script)
	}
	for _, clause := range script.Clauses {
		f.clause(clause)
	}
	f.leading(len(source.Text), f.tall)
	return f.out.String(), diagnostics
}

type formatter struct {
	out    strings.Builder
	text   string
	trivia []trivium // still to be written
	depth  int
	last   int  // offset behind what was written last; negative at the start of a block
	tall   bool // the last clause took several lines
}

// trivium is a comment, or a line of the preprocessor's with the branch that it skips.
type trivium struct {
	text      string
	span      Span
	directive *Directive
}

func trivia(script *Script) []trivium {
	var all []trivium
	for _, comment := range script.Comments {
		all = append(all, trivium{text: comment.Text, span: comment.Span})
	}
	for _, d := range script.Directives {
		one := trivium{text: directiveText(d), span: d.Span, directive: d}
		if d.Skipped.Source != nil {
			one.text += "\n" + d.Skipped.Text()
			one.span.End = d.Skipped.End
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b trivium) int { return cmp.Compare(a.span.Start, b.span.Start) })
	return all
}

// directiveText is the line as written but for the space around its keyword.
func directiveText(d *Directive) string {
	_, rest, _ := strings.Cut(d.Span.Text(), d.Keyword)
	if rest = strings.TrimLeft(rest, " \t"); rest != "" {
		rest = " " + rest
	}
	return "#" + d.Keyword + rest
}

// continues tells whether the line belongs to the #if before it.
func (t *trivium) continues() bool {
	return t.directive != nil && slices.Contains([]string{"else", "elif", "endif"}, t.directive.Keyword)
}

func (f *formatter) config(script *Script) {
	if inline, fits := f.fits(script.Config, func() string { return inlineConfig(script) }); fits {
		f.item(script.Config, script.Config.Start, false)
		f.out.WriteString(inline)
	} else {
		f.item(script.Config, script.Config.Start, true)
		f.out.WriteString("config = {")
		f.settings(script)
		f.out.WriteString("}")
	}
	f.end(script.Config.End)
}

func inlineConfig(script *Script) string {
	if len(script.Settings) == 0 {
		return "config = { }"
	}
	return "config = { " + strings.Join(settings(script.Settings), "; ") + " }"
}

func settings(list []*Setting) []string {
	lines := make([]string, len(list))
	for i, setting := range list {
		lines[i] = setting.Name + " = " + code(setting.Value)
	}
	return lines
}

func (f *formatter) settings(script *Script) {
	lines := settings(script.Settings)
	f.enter(script.Config.Start + strings.IndexByte(script.Config.Text(), '{') + 1)
	for i, setting := range script.Settings {
		f.start(setting.Span.Start, setting.Span.End)
		f.out.WriteString(lines[i] + ";")
		f.end(setting.Span.End)
	}
	f.leave(script.Config.End)
}

func (f *formatter) clause(clause *Clause) {
	if inline, fits := f.fits(clause.Span, func() string { return inlineClause(clause) }); fits {
		f.item(clause.Span, clause.Body.Span.Start, false)
		f.out.WriteString(inline)
	} else {
		f.item(clause.Span, clause.Body.Span.Start, true)
		f.out.WriteString(header(clause) + " ")
		f.block(clause.Body, clause.Body.Span.End)
	}
	f.end(clause.Span.End)
}

// header is the probes, each on its line when they are too long for one, and the predicate.
func header(clause *Clause) string {
	predicate := ""
	if clause.Predicate != nil {
		predicate = " /" + code(clause.Predicate) + "/"
	}
	line := strings.Join(probes(clause.Probes), ", ") + predicate
	if utf8.RuneCountInString(line)+2 > formatWidth {
		line = strings.Join(probes(clause.Probes), ",\n") + predicate
	}
	return line
}

func inlineClause(clause *Clause) string { return header(clause) + " " + inlineBlock(clause.Body) }

// fits returns what may stay on the one line where it was written: it is not long, and has no comment inside.
func (f *formatter) fits(span Span, inline func() string) (string, bool) {
	if text := span.Text(); len(text) > 4*formatWidth || strings.Contains(text, "\n") || f.commentInside(span) {
		return "", false
	}
	text := inline()
	return text, utf8.RuneCountInString(text) <= formatWidth && !strings.Contains(text, "\n")
}

func (f *formatter) commentInside(span Span) bool {
	for _, t := range f.trivia {
		if t.span.Start >= span.Start {
			return t.span.Start < span.End
		}
	}
	return false
}

// item begins a config block or a clause whose header ends at offset header.
func (f *formatter) item(span Span, header int, tall bool) {
	separate := f.tall || tall
	if f.leading(header, separate) {
		separate = false
	}
	f.gap(span.Start, separate)
	f.tall = tall
}

// block writes a block over several lines. Comments up to offset limit belong to its end.
func (f *formatter) block(block *Block, limit int) {
	opener, closer := "{", "}"
	if block.Angle {
		opener, closer = "<", ">"
	}
	f.out.WriteString(opener)
	f.last = block.Span.End
	if len(block.Statements) == 0 && (len(f.trivia) == 0 || f.trivia[0].span.Start >= limit) {
		f.out.WriteString(" " + closer)
		return
	}
	f.enter(block.Span.Start + 1)
	for _, statement := range block.Statements {
		f.statement(statement)
	}
	f.leave(limit)
	f.out.WriteString(closer)
	f.last = block.Span.End
}

// enter begins the lines of a block whose opening bracket ends at offset opened.
func (f *formatter) enter(opened int) {
	f.trailing(opened)
	f.out.WriteByte('\n')
	f.depth++
	f.last = -1
}

func (f *formatter) leave(limit int) {
	f.leading(limit, false)
	f.depth--
	f.indent()
}

func (f *formatter) statement(statement Statement) {
	span := statement.Range()
	switch s := statement.(type) {
	case *If:
		f.start(span.Start, s.Then.Span.Start)
		f.ifStatement(s)
	case *Block:
		f.start(span.Start, span.Start)
		f.block(s, span.End)
	default:
		f.start(span.Start, span.End)
		f.out.WriteString(f.wrap(s))
	}
	f.end(span.End)
}

// start writes the comments up to offset limit and the indentation of what begins at offset start.
func (f *formatter) start(start, limit int) {
	f.leading(limit, false)
	f.gap(start, false)
	f.indent()
}

func (f *formatter) end(end int) {
	f.last = max(f.last, end)
	f.trailing(end)
	f.out.WriteByte('\n')
}

func (f *formatter) ifStatement(s *If) {
	for {
		f.out.WriteString("if " + code(s.Cond) + " ")
		if s.Else == nil {
			f.block(s.Then, s.Then.Span.End)
			return
		}
		next, chained := s.Else.(*If)
		if !chained {
			body := s.Else.(*Block)
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

// leading writes the comments and directives that begin before offset limit, each on its line.
// The first has a blank line before it when separate is set.
func (f *formatter) leading(limit int, separate bool) (any bool) {
	for len(f.trivia) > 0 && f.trivia[0].span.Start < limit {
		next := f.trivia[0]
		continues := next.continues()
		f.gap(next.span.Start, separate && !any && !continues)
		if next.directive == nil {
			f.indent()
		}
		f.trivium()
		f.out.WriteByte('\n')
		any = any || !continues
	}
	return any
}

// trailing writes the comments that follow offset end on its line.
func (f *formatter) trailing(end int) {
	for len(f.trivia) > 0 {
		next := f.trivia[0]
		if next.span.Start < end || strings.Trim(f.text[end:next.span.Start], " \t\r;,") != "" {
			return
		}
		f.out.WriteByte(' ')
		f.trivium()
		end = next.span.End
	}
}

func (f *formatter) trivium() {
	f.out.WriteString(f.trivia[0].text)
	f.last = max(f.last, f.trivia[0].span.End)
	f.trivia = f.trivia[1:]
}

// gap writes a blank line when the script has one before offset start, or when it is forced.
func (f *formatter) gap(start int, force bool) {
	if f.last < 0 {
		return
	}
	if force || f.last < start && hasBlankLine(f.text[f.last:start]) {
		f.out.WriteByte('\n')
	}
}

func hasBlankLine(text string) bool {
	lines := strings.Split(text, "\n")
	for _, line := range lines[1:max(len(lines)-1, 1)] {
		if strings.TrimSpace(line) == "" {
			return true
		}
	}
	return false
}

func (f *formatter) indent() { f.out.WriteString(strings.Repeat("\t", f.depth)) }

// wrap is a simple statement with its semicolon, with a long call's arguments over several lines.
func (f *formatter) wrap(statement Statement) string {
	line := inlineStatement(statement) + ";"
	call := lastCall(statement)
	if call == nil || f.depth*tabWidth+utf8.RuneCountInString(line) <= formatWidth {
		return line
	}
	head := strings.TrimSuffix(line, code(call)+";") + call.Name + "("
	return head + f.fill(call.Args, f.depth*tabWidth+len(head)) + ");"
}

// lastCall is the call that the statement's text ends with.
func lastCall(statement Statement) *Call {
	var x Expr
	switch s := statement.(type) {
	case *Assign:
		x = s.Value
	case *ExprStatement:
		x = s.X
	}
	call, _ := x.(*Call)
	return call
}

func (f *formatter) fill(args []Expr, column int) string {
	var b strings.Builder
	for i, arg := range args {
		text := code(arg)
		if i < len(args)-1 {
			text += ","
		}
		width := utf8.RuneCountInString(text)
		switch {
		case i == 0:
		case column+width+1 > formatWidth:
			column = (f.depth + 1) * tabWidth
			b.WriteString("\n" + strings.Repeat("\t", f.depth+1))
		default:
			column++
			b.WriteByte(' ')
		}
		b.WriteString(text)
		column += width
	}
	return b.String()
}

func probes(list []*Probe) []string {
	texts := make([]string, len(list))
	for i, probe := range list {
		parts := make([]string, len(probe.Parts))
		for j, part := range probe.Parts {
			parts[j] = part.Span.Text()
			if part.Expr != nil {
				parts[j] = code(part.Expr)
			}
		}
		texts[i] = strings.Join(parts, ":")
	}
	return texts
}

func inlineBlock(block *Block) string {
	var b strings.Builder
	for i, statement := range block.Statements {
		b.WriteString(" " + inlineStatement(statement))
		if i < len(block.Statements)-1 && !endsWithBlock(statement) {
			b.WriteByte(';')
		}
	}
	if block.Angle {
		return "<" + b.String() + " >"
	}
	return "{" + b.String() + " }"
}

func endsWithBlock(statement Statement) bool {
	switch statement.(type) {
	case *If, *Block:
		return true
	}
	return false
}

func inlineStatement(statement Statement) string {
	switch s := statement.(type) {
	case *Assign:
		return code(s.Target) + " " + string(s.Op) + " " + code(s.Value)
	case *ExprStatement:
		return code(s.X)
	case *Block:
		return inlineBlock(s)
	case *If:
		text := "if " + code(s.Cond) + " " + inlineBlock(s.Then)
		if s.Else != nil {
			text += " else " + inlineStatement(s.Else)
		}
		return text
	}
	return statement.Range().Text()
}

// code is an expression in the style: literals as they were written, one space around infix operators.
func code(x Expr) string {
	switch x := x.(type) {
	case *Map:
		if len(x.Keys) == 0 {
			return "@" + x.Name
		}
		return "@" + x.Name + "[" + commaList(x.Keys) + "]"
	case *Unary:
		return prefixed(string(x.Op), code(x.X))
	case *IncDec:
		if x.Prefix {
			return string(x.Op) + code(x.X)
		}
		return code(x.X) + string(x.Op)
	case *Binary:
		return code(x.X) + " " + string(x.Op) + " " + code(x.Y)
	case *Ternary:
		if x.X == nil {
			return code(x.Cond) + " ?: " + code(x.Y)
		}
		return code(x.Cond) + " ? " + code(x.X) + " : " + code(x.Y)
	case *Call:
		return x.Name + "(" + commaList(x.Args) + ")"
	case *Field:
		if x.Arrow {
			return code(x.X) + "->" + x.Name
		}
		return code(x.X) + "." + x.Name
	case *Index:
		return code(x.X) + "[" + code(x.I) + "]"
	case *Cast:
		return "(" + x.Type.String() + ")" + code(x.X)
	case *Tuple:
		return "(" + commaList(x.Elems) + ")"
	case *Paren:
		return "(" + code(x.X) + ")"
	}
	return x.Range().Text()
}

// prefixed keeps - -x and & &x from becoming other tokens.
func prefixed(op, operand string) string {
	if strings.HasPrefix(operand, op) {
		return op + " " + operand
	}
	return op + operand
}

func commaList(list []Expr) string {
	texts := make([]string, len(list))
	for i, x := range list {
		texts[i] = code(x)
	}
	return strings.Join(texts, ", ")
}
