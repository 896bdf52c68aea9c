//go:build !amd64 && !arm64

package machinecode

// newDecoder is nil: there is none for this machine, so that code is bytes.
var newDecoder func(name func(address uint64) string) decoder

func prologue([]byte) int { return 0 }

func epilogue(code []byte) int { return len(code) }
