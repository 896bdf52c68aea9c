package main

import (
	"bytes"
	"os"
	"testing"
)

// The table is that of the golang.org/x/sys that go.mod names.
func TestTableIsCurrent(t *testing.T) {
	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../compiler/target/syscall_names.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the table is old: run go generate ./compiler/target")
	}
}
