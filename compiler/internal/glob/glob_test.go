package glob

import (
	"path"
	"strings"
	"testing"
)

var cases = []struct {
	pattern, text string
	want          bool
}{
	{"", "", true},
	{"", "a", false},
	{"*", "", true},
	{"**", "a/b", true},
	{"*.so", "libc.so", true},
	{"*.so", "libc.so.6", false},
	{"lib*", "libc", true},
	{"lib*", "li", false},
	{"a*a", "a", false},
	{"a*a", "aa", true},
	{"*ab*ab*", "xabx", false},
	{"*ab*ab*", "xaabyabz", true},
	{"*a?c*", "abaac", true},
	{"a?", "a", false},
	{"[a-c]x", "bx", true},
	{"[!a-c]x", "bx", false},
	{"[^a-c]x", "dx", true},
	{"[]]", "]", true},
	{"[a-]", "-", true},
	{`[\]x]`, "]", true},
	{`\*`, "*", true},
	{`\*`, "a", false},
	{"]", "]", true},
}

func TestMatches(t *testing.T) {
	for _, c := range cases {
		p, err := Parse(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
		} else if got := p.Matches(c.text); got != c.want {
			t.Errorf("%q =~ %q: got %v", c.text, c.pattern, got)
		}
	}
}

func TestErrors(t *testing.T) {
	for pattern, want := range map[string]string{
		"[a": "never closed", "[": "never closed", `a\`: "backslash", `[\`: "backslash", "[c-a]": `"c-a"`, `[a-\`: "backslash",
	} {
		if _, err := Parse(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", pattern, err, want)
		}
	}
}

// FuzzMatches compares with path.Match where both mean the same: without slashes, and in
// ASCII.
func FuzzMatches(f *testing.F) {
	for _, c := range cases {
		f.Add(c.pattern, c.text)
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		p, err := Parse(pattern)
		if err != nil {
			return
		}
		got := p.Matches(text)
		if strings.ContainsAny(pattern+text, "/!]") || strings.IndexFunc(pattern+text, func(r rune) bool { return r > 127 }) >= 0 {
			return
		}
		if want, err := path.Match(pattern, text); err == nil && got != want {
			t.Errorf("%q =~ %q: got %v, path.Match says %v", text, pattern, got, want)
		}
	})
}
