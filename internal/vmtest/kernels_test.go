package vmtest_test

import (
	"testing"

	"github.com/ponytrace/ponytrace/internal/vmtest"
	"github.com/ponytrace/ponytrace/internal/vmtest/guesttest"
)

func TestKernels(t *testing.T) {
	guesttest.Suite{
		Package:  "internal/vmtest/guest",
		Programs: []string{"cmd/ponytrace"},
		Files:    []vmtest.File{{Guest: "/tmp/examples", Host: "../../examples"}},
	}.Run(t)
}
