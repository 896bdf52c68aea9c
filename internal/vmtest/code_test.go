package vmtest_test

import (
	"testing"

	"github.com/ponytrace/ponytrace/internal/vmtest/guesttest"
)

// TestGeneratedCode lets every verifier judge, and every kernel run, the code of random
// functions.
func TestGeneratedCode(t *testing.T) {
	guesttest.Suite{Package: "compiler/internal/bpf", Tests: "Golden|Kernel"}.Run(t)
}
