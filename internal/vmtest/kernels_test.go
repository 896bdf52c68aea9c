package vmtest_test

import (
	"testing"

	"github.com/ponytrace/ponytrace/internal/vmtest"
	"github.com/ponytrace/ponytrace/internal/vmtest/guesttest"
	"github.com/ponytrace/ponytrace/internal/vmtest/programs"
)

func TestKernels(t *testing.T) {
	guesttest.NeedQEMU(t)
	guesttest.Suite{
		Package:  "internal/vmtest/guest",
		Programs: []string{"cmd/ponytrace"},
		Files:    append(programs.Files(t), vmtest.File{Guest: "/tmp/examples", Host: "../../examples"}),
	}.Run(t)
}
