package main

// compatCall makes a system call without arguments as programs of 32 bits do.
func compatCall(number uint32) int32
