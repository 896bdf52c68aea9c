package verdict

import (
	_ "embed"
	"strings"
	"sync"
)

// rule explains lines of a log.
type rule struct {
	patterns      []pattern
	means, remedy string
	examples      []string // in the gallery
}

// The table, in blocks that blank lines separate, the special rules before the general
// ones:
//
//	| pattern, several of them one a line
//	what it means
//	- what helps
//	> names of examples in the gallery
//
//go:embed rules.txt
var table string

var rules = sync.OnceValue(func() (list []rule) {
	for block := range strings.SplitSeq(table, "\n\n") {
		if r := parseRule(block); len(r.patterns) > 0 {
			list = append(list, r)
		}
	}
	return list
})

func parseRule(block string) (r rule) {
	text := &r.means
	for line := range strings.Lines(block) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "| "):
			r.patterns = append(r.patterns, newPattern(line[2:]))
		case strings.HasPrefix(line, "> "):
			r.examples = strings.Fields(line[2:])
		case strings.HasPrefix(line, "- "):
			text = &r.remedy
			*text = line[2:]
		default:
			*text = strings.TrimLeft(*text+" "+line, " ")
		}
	}
	return r
}
