package machinecode

import "github.com/ponytrace/ponytrace/runtime/machinecode/arm64"

var newDecoder = func(name func(address uint64) string) decoder { return arm64.New(name) }

func prologue(code []byte) int { return arm64.Prologue(code) }

func epilogue(code []byte) int { return arm64.Epilogue(code) }
