package target

import (
	"path"
	"testing"
)

// TestReentryPatterns compares the short way to match with package path, for names made
// of the patterns.
func TestReentryPatterns(t *testing.T) {
	names := []string{"vfs_read", "x", "do_sys_open"}
	for _, group := range reentries {
		for _, text := range group.patterns {
			inner := []byte{}
			for i := range len(text) {
				if text[i] != '*' {
					inner = append(inner, text[i])
				}
			}
			names = append(names, string(inner), "a"+string(inner), string(inner)+"z", "a"+string(inner)+"z")
		}
	}
	for _, name := range names {
		want := ""
		for _, group := range reentries {
			for _, text := range group.patterns {
				if matched, _ := path.Match(text, name); matched && want == "" {
					want = group.why
				}
			}
		}
		if got, yes := Reentered(name); got != want || yes != (want != "") {
			t.Errorf("%s: %q, not %q", name, got, want)
		}
	}
}
