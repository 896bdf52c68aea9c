package format

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/lang/order"
)

const (
	width    = 100 // of a line, in characters
	tabWidth = 8
	blanks   = " \t\n\v\f\r"
)

// Format returns the script in the one style, with its comments. A script with errors
// comes back as it is.
//
// A clause or definition that stands on one line and fits stays there. Otherwise each
// statement has its line. Blank lines between statements stay, one at most; clauses of
// several lines have one between them. Comments inside a statement move before it. Lines
// of the preprocessor's begin at the first column, and what they leave out stays as it
// is; where one cuts through a statement or a header, that stays as it is too.
func Format(source *diag.Source) (string, diag.Diagnostics) {
	script, diagnostics := lang.Parse(source)
	if diagnostics.HasErrors() {
		return source.Text, diagnostics
	}
	f := &formatter{text: source.Text, trivia: trivia(script), last: -1}
	for _, next := range items(script) {
		f.item(next)
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
	tall   bool // the last item took several lines
}

// trivium is a comment, or a line of the preprocessor's with the branch that it skips.
type trivium struct {
	text      string
	span      diag.Span
	directive *lang.Directive
}

func trivia(script *lang.Script) []trivium {
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
	order.Stable(all, func(a, b trivium) int { return cmp.Compare(a.span.Start, b.span.Start) })
	return all
}

// directiveText is the line as written but for the space around its keyword.
func directiveText(d *lang.Directive) string {
	_, rest, _ := strings.Cut(d.Span.Text(), d.Keyword)
	if rest = strings.TrimLeft(rest, " \t"); rest != "" {
		rest = " " + rest
	}
	return "#" + d.Keyword + rest
}

// continues tells whether the line belongs to the #if before it.
func (t *trivium) continues() bool {
	return t.directive != nil &&
		slices.Contains([]string{"else", "elif", "endif"}, t.directive.Keyword)
}

// item is what stands at the top of a script.
type item struct {
	span diag.Span
	// header is the offset behind what stands before its braces, or behind an item
	// without any.
	header int
	bodies []diag.Span // of its braces: directives may stand inside
	// inline is the item on one line; lines writes it over several, and is nil for what
	// has but one.
	inline func() string
	lines  func(*formatter)
}

// items lists the script's in the order of their places.
func items(script *lang.Script) (all []item) {
	if script.Config.Source != nil {
		all = append(all, configItem(script))
	}
	for _, i := range script.Imports {
		text := func() string { return "import " + i.PathSpan.Text() + ";" }
		all = append(all, item{span: i.Span, header: i.Span.End, inline: text})
	}
	for _, m := range script.Maps {
		text := func() string { return mapDeclaration(m) }
		all = append(all, item{span: m.Span, header: m.Span.End, inline: text})
	}
	for _, function := range script.Functions {
		header := func() string { return functionHeader(function) }
		all = append(all, blockItem(function.Span, function.Body, header))
	}
	for _, macro := range script.Macros {
		all = append(all, macroItem(macro))
	}
	for _, clause := range script.Clauses {
		header := func() string { return clauseHeader(clause) }
		all = append(all, blockItem(clause.Span, clause.Body, header))
	}
	all = append(all, typeItems(script.Types)...)
	order.Stable(all, func(a, b item) int { return cmp.Compare(a.span.Start, b.span.Start) })
	return all
}

func configItem(script *lang.Script) item {
	body := script.Config
	body.Start += strings.IndexByte(body.Text(), '{')
	return item{
		span: script.Config, header: script.Config.Start, bodies: []diag.Span{body},
		inline: func() string { return inlineConfig(script) },
		lines: func(f *formatter) {
			f.out.WriteString("config = ")
			f.braces(body, body.End, len(script.Settings) == 0, func() { f.settings(script) })
		},
	}
}

func blockItem(span diag.Span, body *lang.Block, header func() string) item {
	return item{
		span: span, header: body.Span.Start, bodies: []diag.Span{body.Span},
		inline: func() string { return header() + " " + inlineBlock(body) },
		lines: func(f *formatter) {
			f.out.WriteString(header() + " ")
			f.block(body, body.Span.End)
		},
	}
}

func macroItem(macro *lang.Macro) item {
	header := func() string { return "macro " + macro.Name + "(" + commaList(macro.Params) + ") " }
	return item{
		span: macro.Span, header: macro.Body.Span.Start, bodies: []diag.Span{macro.Body.Span},
		inline: func() string { return header() + inlineValueBlock(macro.Body) },
		lines: func(f *formatter) {
			f.out.WriteString(header())
			f.valueBlock(macro.Body, macro.Body.Span.End)
		},
	}
}

// item writes one on its line or lines, with what stands before it.
func (f *formatter) item(it item) {
	behind, directives := f.semicolon(it.span.End)
	if directives || f.torn(it.span, it.bodies...) {
		it.span.End = behind
		f.begin(it.span, it.span.Start, true)
		f.asWritten(it.span)
	} else if inline, fits := f.fits(it.span, it.inline); fits {
		f.begin(it.span, it.header, false)
		f.out.WriteString(inline)
	} else if it.lines == nil {
		f.begin(it.span, it.header, false)
		f.out.WriteString(it.inline())
	} else {
		f.begin(it.span, it.header, true)
		it.lines(f)
	}
	f.end(it.span.End)
}

// fits returns what may stay on the one line where it was written: it is not long, and
// has no comment inside.
func (f *formatter) fits(span diag.Span, inline func() string) (string, bool) {
	if written := span.Text(); len(written) > 4*width || strings.Contains(written, "\n") ||
		f.commentInside(span) {
		return "", false
	}
	text := inline()
	column := f.depth*tabWidth + utf8.RuneCountInString(text)
	return text, column <= width && !strings.Contains(text, "\n")
}

func (f *formatter) commentInside(span diag.Span) bool {
	for _, t := range f.trivia {
		if t.span.Start >= span.Start {
			return t.span.Start < span.End
		}
	}
	return false
}

// torn tells whether a directive stands inside of the span but in none of the bodies.
func (f *formatter) torn(span diag.Span, bodies ...diag.Span) bool {
	for _, t := range f.trivia {
		switch at := t.span.Start; {
		case at >= span.End:
			return false
		case at < span.Start || t.directive == nil:
		case !inside(at, bodies):
			return true
		}
	}
	return false
}

func inside(at int, bodies []diag.Span) bool {
	return slices.ContainsFunc(bodies, func(body diag.Span) bool {
		return body.Start < at && at < body.End
	})
}

// asWritten writes the span's text with all that is in it.
func (f *formatter) asWritten(span diag.Span) {
	f.out.WriteString(span.Text())
	for len(f.trivia) > 0 && f.trivia[0].span.Start < span.End {
		f.last = max(f.last, f.trivia[0].span.End)
		f.trivia = f.trivia[1:]
	}
}

// begin begins an item whose header ends at offset header.
func (f *formatter) begin(span diag.Span, header int, tall bool) {
	separate := f.tall || tall
	if f.leading(header, separate) {
		separate = false
	}
	f.gap(span.Start, separate)
	f.tall = tall
}

// start writes the comments up to offset limit and the indentation of what begins at
// offset start.
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

// leading writes the comments and directives that begin before offset limit, each on its
// line. The first has a blank line before it when separate is set.
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

// gap writes a blank line when the script has one before offset start, or when it is
// forced.
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
