// Package order sorts lists of structs by code that they all share.
//
// slices.SortFunc and slices.SortStableFunc are compiled anew for each type of struct: 30
// KB, or 12, of the command for each, and some 20 types are sorted. So what is sorted once
// in a run, or is short, is sorted here, a few times slower. What a printed map or the
// symbols of a kernel are sorted by stays with package slices, as do lists of pointers,
// which share their code already.
package order

import "sort"

// Stable sorts a list and keeps the order of equal elements. The function compares as
// those of package cmp do.
func Stable[T any](list []T, compare func(a, b T) int) {
	sort.SliceStable(list, func(i, j int) bool { return compare(list[i], list[j]) < 0 })
}
