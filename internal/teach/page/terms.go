package page

import (
	_ "embed"
	"strings"
)

//go:embed terms.txt
var termsText string

// Terms are the words of the field that pages explain where they stand.
func Terms() map[string]string {
	terms := map[string]string{}
	for line := range strings.Lines(termsText) {
		name, sentence, found := strings.Cut(strings.TrimSpace(line), ": ")
		if found && !strings.HasPrefix(line, "#") {
			terms[name] = sentence
		}
	}
	return terms
}
