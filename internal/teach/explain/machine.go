package explain

import (
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
)

// Kernels are the versions of Linux that scripts can be explained for without that kernel.
func Kernels() []string { return frozen.Kept() }

// KernelOf is the description of a kernel of Kernels. It has the types and functions that
// scripts use most, and lacks others of a real kernel.
func KernelOf(version string) *target.Target { return frozen.Target(version) }
