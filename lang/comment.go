package lang

import "strings"

// LeadingComment returns the text of the comments that a script begins with, up to an
// empty line after them or the first thing that is none, without their marks and the `#!`
// line. Tools describe themselves there.
func LeadingComment(script *Script) string {
	var lines []string
	end := 0
	for i, comment := range script.Comments {
		if comment.Span.Source == nil || comment.Span.Source != script.Comments[0].Span.Source {
			break
		}
		between := comment.Span.Source.Text[end:comment.Span.Start]
		if strings.TrimSpace(between) != "" || len(lines) > 0 && strings.Count(between, "\n") > 1 {
			break
		}
		end = comment.Span.End
		if i == 0 && strings.HasPrefix(comment.Text, "#!") {
			continue
		}
		lines = append(lines, commentLines(comment.Text)...)
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// commentLines takes off what marks the lines of a comment.
func commentLines(text string) (lines []string) {
	if line, ok := strings.CutPrefix(text, "//"); ok {
		return []string{strings.TrimRight(strings.TrimPrefix(line, " "), " \t\r\n")}
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "/*"), "*/")
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		line = strings.TrimPrefix(strings.TrimLeft(line, "*"), " ")
		lines = append(lines, strings.TrimRight(line, " \t"))
	}
	return lines
}
