package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/ponytrace/ponytrace/internal/vmtest"
	"github.com/ponytrace/ponytrace/internal/vmtest/kernel"
)

type setupCmd struct{}

func (setupCmd) Run() error { return vmtest.InstallQEMU(os.Stderr) }

type fetchCmd struct {
	Kernels []string `arg:"" optional:"" help:"Which ones; all without arguments."`
}

func (f fetchCmd) Run() error {
	if len(f.Kernels) == 0 {
		f.Kernels = append(slices.Clone(kernel.Names), kernel.Arm)
	}
	for _, name := range f.Kernels {
		k, err := vmtest.FindKernel(name)
		if err != nil {
			return err
		}
		fmt.Println(k.Name, k.Image)
	}
	return nil
}
