// Package house tests what holds for the repository as a whole: which package may import which.
//
// The language knows nothing of the compiler, the compiler nothing of the running machine, and the runtime only the
// compiler's results. That is what makes a compilation the same everywhere and each part testable alone.
package house
