package vmtest_test

import (
	"testing"

	"github.com/ponytrace/ponytrace/internal/vmtest"
	"github.com/ponytrace/ponytrace/internal/vmtest/guesttest"
	"github.com/ponytrace/ponytrace/internal/vmtest/kernel"
	"github.com/ponytrace/ponytrace/internal/vmtest/programs"
)

// Of arm64 a few tests tell whether each kind of probe counts exactly there.
func TestKernels(t *testing.T) {
	guesttest.NeedQEMU(t, kernel.AMD64)
	guesttest.Suite{
		Package:  "internal/vmtest/guest",
		Programs: []string{"cmd/ponytrace"},
		Files:    append(programs.Files(t), vmtest.File{Guest: "/tmp/examples", Host: "../../examples"}),
	}.Run(t)
	guesttest.Suite{
		Package:  "internal/vmtest/guest",
		Arch:     kernel.ARM64,
		Tests:    "ARM64|TestDisksCount|TestBlockHistogram$|TestTracepoints$|TestGo$",
		Programs: []string{"cmd/ponytrace"},
		Files:    programs.ARM64Files(t),
	}.Run(t)
}
