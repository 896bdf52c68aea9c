//go:build viacgo

package main

/*
static int twice(int n) { return 2 * n; }
*/
import "C"

func init() { kept.Add(int64(C.twice(0))) }
