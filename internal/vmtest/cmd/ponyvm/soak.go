package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/ponytrace/ponytrace/internal/vmtest/wire"
)

// soakLoad exercises what the tests rely on: both disks and all CPUs.
var soakLoad = []wire.Command{
	{Args: []string{"workload", "block", "--dev", "/dev/nullb0", "--sizes", "4096x500,65536x100"}},
	{Args: []string{"workload", "block", "--dev", "/dev/vda", "--sizes", "4096x500,131072x100", "--read"}},
	{Args: []string{"workload", "syscalls", "--n", "50000", "--threads", "4"}},
}

// soakCmd boots without a second try, to learn how far a boot can be trusted.
type soakCmd struct {
	Shape shape `embed:""`
	N     int   `short:"n" default:"10" help:"Boots of each kernel."`
}

func (s soakCmd) Run(ctx context.Context) error {
	failures := 0
	for _, name := range s.Shape.kernels() {
		times, failed, err := s.boots(ctx, name)
		if err != nil {
			return err
		}
		slices.Sort(times)
		fmt.Printf("%-5s boots %d, failed %d", name, len(times)+failed, failed)
		if n := len(times); n > 0 {
			fmt.Printf(", seconds min %.1f median %.1f max %.1f", times[0].Seconds(), times[n/2].Seconds(), times[n-1].Seconds())
		}
		fmt.Println()
		failures += failed
	}
	if failures > 0 {
		return fmt.Errorf("%d boots failed", failures)
	}
	return nil
}

func (s soakCmd) boots(ctx context.Context, name string) (times []time.Duration, failed int, err error) {
	m, err := s.Shape.machine(name)
	if err != nil {
		return nil, 0, err
	}
	m.Once = true
	m.Commands = soakLoad
	for range s.N {
		m.Stdout = io.Discard
		result, err := m.Start(ctx)
		switch {
		case ctx.Err() != nil:
			return times, failed, ctx.Err()
		case err != nil || result.ExitCode() != 0:
			fmt.Println(name, "failed:", err)
			failed++
		default:
			times = append(times, result.Boot)
		}
	}
	return times, failed, nil
}
