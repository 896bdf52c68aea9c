package detect

import "testing"

func TestPreemptMode(t *testing.T) {
	for text, want := range map[string]string{
		"none (voluntary) full \n":      "voluntary",
		"none voluntary (full) lazy \n": "full",
		"(none) voluntary full":         "none",
		"none voluntary full":           "",
		"none (voluntary":               "",
		"":                              "",
	} {
		if got := chosenMode(text); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
	for line, want := range map[string]string{
		"quiet preempt=full ro":        "full",
		"preempt=full preempt=none ro": "none",
		"nopreempt=full":               "",
	} {
		if got := modeSet(line); got != want {
			t.Errorf("%q: %q, not %q", line, got, want)
		}
	}
}
