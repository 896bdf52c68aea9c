//go:build !amd64

package main

func compatCall(uint32) int32 { return -1 }
