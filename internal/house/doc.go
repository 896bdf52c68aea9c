// Package house tests what holds for the repository as a whole: which package may import
// which.
//
// The language imports nothing, the compiler only the language, and the runtime only the
// compiler's results: so a compilation is the same everywhere, and each part is tested
// alone. The library at the root puts them together, and the command traces through it
// alone.
package house
