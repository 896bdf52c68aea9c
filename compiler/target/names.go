package target

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// match lists the names that fit the pattern.
func match(names []string, pattern string) ([]string, error) {
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("bad pattern %q: %w", pattern, err)
	}
	pattern = joinStars(pattern)
	prefix := pattern[:prefixLength(pattern)]
	start, _ := slices.BinarySearch(names, prefix)
	var found []string
	for _, name := range names[start:] {
		if !strings.HasPrefix(name, prefix) {
			break
		}
		if ok, _ := path.Match(pattern, name); ok {
			found = append(found, name)
		}
	}
	return found, nil
}

// joinStars makes one star of several. A star in brackets, or behind a backslash, stands
// for itself.
func joinStars(pattern string) string {
	var joined strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern):
			joined.WriteByte(pattern[i])
			i++
		case pattern[i] == '*' && i+1 < len(pattern) && pattern[i+1] == '*':
			continue
		}
		joined.WriteByte(pattern[i])
	}
	return joined.String()
}

// prefixLength returns how many bytes of the pattern stand for themselves.
func prefixLength(pattern string) int {
	if i := strings.IndexAny(pattern, `*?[\`); i >= 0 {
		return i
	}
	return len(pattern)
}

// Nearest returns at most 3 traceable functions with names like the given one.
func (t *Target) Nearest(name string) []string { return nearest(t.functionList().names, name) }

// NearestFunctions returns at most 3 names of functions of a program like the given one,
// those of C++ and Rust as their source has them, without parameters. What a compiler
// made of a function (name.constprop.0) is most like it, as is a name with the namespace
// that was left out.
func NearestFunctions(b Binary, name string) []string {
	name = withoutParameters(name)
	best, likeness := ranking{}, newLikeness(name)
	_ = b.Match("*", func(f BinaryFunction) bool {
		candidate := f.Name
		if f.Source != "" {
			candidate = withoutParameters(f.Source)
		}
		if strings.HasPrefix(f.Name, name+".") {
			best.add(f.Name, 1)
		} else if lastPart(candidate) == name && !best.has(candidate) {
			best.add(candidate, 1)
		} else if score := likeness.of(candidate); score >= alike && !best.has(candidate) {
			best.add(candidate, score)
		}
		return true
	})
	return best.names()
}

// lastPart is a name without its namespaces, class or package, and without what is in
// brackets at its end: ns::T<int>::grow<long> is grow.
func lastPart(name string) string {
	depth, end, behind := 0, len(name), true // of the part; nothing of it was seen yet
	for i := len(name) - 1; i >= 0; i-- {
		switch c := name[i]; {
		case strings.IndexByte(">])", c) >= 0:
			depth++
		case strings.IndexByte("<[(", c) >= 0:
			if depth--; depth == 0 && behind {
				end = i
			}
		case depth > 0:
		case c == ':' || c == '.':
			return name[i+1 : end]
		default:
			behind = false
		}
	}
	return name[:end]
}

// withoutParameters takes off a name of C++ what it returns and is given:
// `long ns::grow<long>(long)` is ns::grow<long>.
func withoutParameters(source string) string {
	depth, begin := 0, 0
	for i := range len(source) {
		switch source[i] {
		case '<':
			depth++
		case '>', ')':
			depth--
		case ' ':
			if depth == 0 {
				begin = i + 1
			}
		case '(':
			own := i == begin || strings.HasSuffix(source[:i], "operator")
			if depth == 0 && !own {
				return source[begin:i]
			}
			depth++
		}
	}
	return source
}

// NearestType returns at most 3 names of structs, unions, enums and typedefs like the
// given one.
func (t *Target) NearestType(name string) []string {
	return nearest(append(t.script.names(), t.typeNames()...), name)
}

func (t *Target) typeNames() []string {
	t = t.kernel()
	return t.names.get(func() []string {
		raw := t.rawTypes()
		if raw == nil {
			return nil
		}
		names := raw.namesOf(kindStruct, kindUnion, kindEnum, kindEnum64, kindTypedef)
		slices.Sort(names)
		return slices.Compact(names)
	})
}

// nearest returns the at most 3 names most like the wanted one, the best first.
func nearest(names []string, wanted string) []string {
	best := ranking{}
	likeness := newLikeness(wanted)
	for _, name := range names {
		if score := likeness.of(name); score >= alike {
			best.add(name, score)
		}
	}
	return best.names()
}

// suggestion words a hint at names that look alike; it is empty without any.
func suggestion(names []string) string {
	if len(names) == 0 {
		return ""
	}
	last := len(names) - 1
	if last == 0 {
		return "did you mean " + names[0] + "?"
	}
	return "did you mean " + strings.Join(names[:last], ", ") + " or " + names[last] + "?"
}
