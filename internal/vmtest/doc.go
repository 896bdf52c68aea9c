// Package vmtest runs programs on real kernels.
package vmtest
