package main

import (
	"bytes"
	"os"
	"testing"
)

// The tables are those of the golang.org/x/sys that go.mod names.
func TestTablesAreCurrent(t *testing.T) {
	for _, architecture := range architectures {
		want, err := generate(architecture)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile("../../runtime/symbols/syscalls_" + architecture + ".go")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("the table of %s is old: run go generate ./runtime/symbols", architecture)
		}
	}
}
