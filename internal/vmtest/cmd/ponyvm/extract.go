package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ponytrace/ponytrace/internal/vmtest"
	"github.com/ponytrace/ponytrace/internal/vmtest/kernel"
)

// extractCmd copies what a kernel says about itself into the cache, as raw material for
// frozen targets.
type extractCmd struct {
	Kernels []string `arg:"" optional:"" help:"Which ones; all without arguments."`
}

func (e *extractCmd) Run(ctx context.Context) error {
	if len(e.Kernels) == 0 {
		e.Kernels = kernel.Names
	}
	cache, err := vmtest.CacheDir()
	if err != nil {
		return err
	}
	for _, name := range e.Kernels {
		dir := filepath.Join(cache, "extract", name)
		if err := extract(ctx, name, dir); err != nil {
			return err
		}
		fmt.Println(name, dir)
	}
	return nil
}

func extract(ctx context.Context, name, dir string) error {
	k, err := vmtest.FindKernel(name)
	if err != nil {
		return err
	}
	part := dir + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	_, err = vmtest.Machine{Kernel: k, Tracefs: true, Log: os.Stderr, Get: []vmtest.Fetched{
		{Guest: "/sys/kernel/btf/vmlinux", Host: part + "/vmlinux.btf"},
		{Guest: "/proc/kallsyms", Host: part + "/kallsyms"},
		{Guest: "/sys/kernel/btf/*", Host: part + "/btf"},
		{Guest: "/proc/sys/kernel/osrelease", Host: part + "/release"},
		{Guest: "/sys/kernel/tracing/available_filter_functions", Host: part + "/available_filter_functions"},
		{Guest: "/sys/kernel/tracing/events/*/*/format", Host: part + "/events"},
	}}.Start(ctx)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(part, dir)
}
