package machinecode

import "github.com/ponytrace/ponytrace/runtime/machinecode/amd64"

var newDecoder = func(name func(address uint64) string) decoder { return amd64.New(name) }

func prologue(code []byte) int { return amd64.Prologue(code) }

func epilogue(code []byte) int { return len(code) }
