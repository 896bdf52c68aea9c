// Package arm64 adds the frozen target 6.12-arm64 to those of package frozen, for the
// tests that import it. It is apart because ponytrace carries the others in itself, and
// this one would make it 40 KB larger for nothing.
package arm64

import (
	_ "embed"

	"github.com/ponytrace/ponytrace/compiler/target/frozen"
)

//go:embed 6.12-arm64.xz
var kept []byte

func init() { frozen.Add("6.12-arm64", kept) }
