package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestCommandLines(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"-- a b", "[{[a b] false}]"},
		{"a -x --then b", "[{[a -x] false} {[b] false}]"},
		{"-- a --with b c --then d", "[{[a] true} {[b c] false} {[d] false}]"},
		{"--", "a command is missing"},
		{"a --then", "a command is missing"},
	} {
		list, err := commands(strings.Fields(test.line))
		got := fmt.Sprint(list)
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%q: got %s, want %s", test.line, got, test.want)
		}
	}
}

func TestOneDashIsEnough(t *testing.T) {
	got := strings.Join(twoDashes(strings.Fields("-k 6.1 -smp 4 --mem 512 -- cmd -smp")), " ")
	if want := "-k 6.1 --smp 4 --mem 512 -- cmd -smp"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
