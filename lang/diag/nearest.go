package diag

import (
	"cmp"
	"iter"
	"strings"

	"github.com/ponytrace/ponytrace/lang/order"
)

// Nearest returns the candidates that differ least from word, at most the given number,
// the best first. A candidate counts as near when up to a third of the word's letters
// differ, one at least and three at most; case differences count as none, and two swapped
// letters as one.
func Nearest(word string, candidates iter.Seq[string], most int) []string {
	type match struct {
		name     string
		distance int
	}
	limit := min(max(len(word)/3, 1), 3)
	if len(word) < 2 {
		limit = 0
	}
	var matches []match
	lower := strings.ToLower(word)
	for name := range candidates {
		if d := distance(lower, strings.ToLower(name), limit); d <= limit && d < len(name) {
			matches = append(matches, match{name, d})
		}
	}
	order.Stable(matches, func(a, b match) int {
		return cmp.Or(
			cmp.Compare(a.distance, b.distance),
			cmp.Compare(lengthGap(a.name, word), lengthGap(b.name, word)),
			cmp.Compare(a.name, b.name))
	})
	var names []string
	for _, m := range matches[:min(most, len(matches))] {
		names = append(names, m.name)
	}
	return names
}

func lengthGap(a, b string) int { return max(len(a)-len(b), len(b)-len(a)) }

// distance is Damerau and Levenshtein's (with adjacent transpositions), or more than
// limit.
func distance(a, b string, limit int) int {
	if lengthGap(a, b) > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		least := row[0]
		for j := range len(b) {
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+differ(a[i], b[j]))
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
			least = min(least, row[j+1])
		}
		if least > limit {
			return limit + 1
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
