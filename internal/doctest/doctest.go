// Package doctest holds the tests of what the documents say besides scripts: that links
// lead somewhere, that every library is explained, that every example is listed and
// compiles. The scripts inside of spec.md and README.md are tested by
// compiler/spec_test.go.
package doctest
