package topic

import (
	"slices"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/lang"
)

// Foreign returns what serves here in the place of a word of bpftrace, DTrace, C or another
// language. The compiler's messages have it from the same tables.
func Foreign(word string) (hint string, known bool) {
	for _, lookup := range []func(string) (string, bool){
		builtin.ForeignWord, lang.ForeignKeyword, builtin.ForeignAttachPoint,
	} {
		if hint, known := lookup(word); known {
			return hint, true
		}
	}
	return "", false
}

// ForeignNames are the words that Foreign knows, attach points but their types left out.
func ForeignNames() []string {
	return slices.Concat(builtin.ForeignWords(), lang.ForeignKeywords(), builtin.ForeignProbeTypes())
}
