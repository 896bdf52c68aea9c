package vmtest_test

import (
	"testing"

	"github.com/ponytrace/ponytrace/internal/vmtest/guesttest"
	"github.com/ponytrace/ponytrace/internal/vmtest/kernel"
	"github.com/ponytrace/ponytrace/internal/vmtest/programs"
)

// PostgreSQL takes a machine of its own, so one kernel must do. Programs with less tell
// whether USDT probes are exact on the others.
func TestPostgreSQL(t *testing.T) {
	guesttest.NeedQEMU(t, kernel.AMD64)
	guesttest.Suite{
		Package:  "internal/vmtest/guest/postgresql",
		Kernel:   "6.12",
		Programs: []string{"cmd/ponytrace"},
		Files:    programs.PostgreSQL(t),
	}.Run(t)
}
