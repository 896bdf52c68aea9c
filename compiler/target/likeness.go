package target

import (
	"slices"
	"strings"
)

// alike is the least likeness worth offering.
const alike = 0.6

// likeness compares names with a wanted one. Two mistakes are common: letters typed
// wrongly, for which edit distance stands, and a name remembered from another kernel
// (blk_start_request for blk_mq_start_request), for which the share of equal words
// stands.
type likeness struct {
	wanted  string
	words   []string
	letters letters
	rows    [3][]int
}

func newLikeness(wanted string) *likeness {
	l := &likeness{wanted: wanted, words: words(wanted), letters: countLetters(wanted)}
	for i := range l.rows {
		l.rows[i] = make([]int, len(wanted)+1)
	}
	return l
}

func words(name string) []string {
	return strings.FieldsFunc(name, isSeparator)
}

func isSeparator(r rune) bool { return r == '_' || r == ':' || r == '.' }

// of returns a number from 0, nothing in common, to 1, the same.
func (l *likeness) of(name string) float64 {
	return max(l.byLetters(name), l.byWords(name))
}

func (l *likeness) byLetters(name string) float64 {
	length := max(len(name), len(l.wanted))
	limit := length * 4 / 10
	if abs(len(name)-len(l.wanted)) > limit || l.letters.differ(countLetters(name)) > 2*limit {
		return 0
	}
	score := 1 - float64(l.distance(name))/float64(length)
	return score + prefixBonus(l.wanted, name)
}

func (l *likeness) byWords(name string) float64 {
	shared, total := 0, 0
	for rest := name; rest != ""; {
		var word string
		word, rest = nextWord(rest)
		if word == "" {
			continue
		}
		total++
		if slices.Contains(l.words, word) {
			shared++
		}
	}
	if shared < 2 {
		return 0
	}
	return 0.9*float64(2*shared)/float64(total+len(l.words)) + prefixBonus(l.wanted, name)
}

func nextWord(name string) (word, rest string) {
	i := strings.IndexAny(name, "_:.")
	if i < 0 {
		return name, ""
	}
	return name[:i], name[i+1:]
}

// prefixBonus breaks ties in favour of names that begin alike.
func prefixBonus(a, b string) float64 {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return 0.05 * float64(n) / float64(max(len(a), len(b), 1))
}

// distance is the number of letters to insert, remove, change or swap with a neighbour.
func (l *likeness) distance(name string) int {
	before, previous, current := l.rows[0], l.rows[1], l.rows[2]
	for j := range previous {
		previous[j] = j
	}
	for i := range len(name) {
		current[0] = i + 1
		for j := range len(l.wanted) {
			cost := 1
			if name[i] == l.wanted[j] {
				cost = 0
			}
			least := min(previous[j]+cost, previous[j+1]+1, current[j]+1)
			if i > 0 && j > 0 && name[i] == l.wanted[j-1] && name[i-1] == l.wanted[j] {
				least = min(least, before[j-1]+1)
			}
			current[j+1] = least
		}
		before, previous, current = previous, current, before
	}
	return previous[len(l.wanted)]
}

// letters counts how often each letter is in a name: names whose counts differ much are
// far apart.
type letters [32]int8

func countLetters(name string) (counts letters) {
	for i := range len(name) {
		counts[name[i]%32]++
	}
	return counts
}

func (a letters) differ(b letters) int {
	sum := 0
	for i := range a {
		sum += abs(int(a[i]) - int(b[i]))
	}
	return sum
}

func abs(n int) int { return max(n, -n) }

// ranking keeps the three best names.
type ranking struct{ entries []ranked }

type ranked struct {
	name  string
	score float64
}

func (r *ranking) add(name string, score float64) {
	at := len(r.entries)
	for at > 0 && r.entries[at-1].score < score {
		at--
	}
	if at < 3 {
		r.entries = slices.Insert(r.entries, at, ranked{name, score})
		r.entries = r.entries[:min(len(r.entries), 3)]
	}
}

func (r *ranking) has(name string) bool {
	return slices.ContainsFunc(r.entries, func(e ranked) bool { return e.name == name })
}

func (r *ranking) names() []string {
	var names []string
	for _, entry := range r.entries {
		names = append(names, entry.name)
	}
	return names
}
