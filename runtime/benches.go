package runtime

import (
	"cmp"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/lang/order"
	"github.com/ponytrace/ponytrace/runtime/report"
	"golang.org/x/sys/unix"
)

// # Benches
//
// The programs of bench probes run before anything is attached, so that nothing else
// runs beside them. The kernel adds up how long a program runs (BPF_ENABLE_STATS, Linux
// 5.8). Reading its clock is part of that, so an empty program is measured in the same
// way and taken off. Of many batches the middle one counts: a few are interrupted.
//
// Rejected: to have the kernel repeat the program (BPF_PROG_TEST_RUN with repeat), which
// it does for programs on packets, and those may call fewer helpers.

const (
	benchBatches = 41
	benchRuns    = 250 // in a batch
	benchLimit   = time.Second
)

// runBenches measures the programs of bench probes, and keeps the results for the end.
// What the programs print is read and left out.
func (s *Session) runBenches() error {
	benches := s.clauses.benches()
	if len(benches) == 0 {
		return nil
	}
	s.pump.drain()
	s.pump.mute.Store(true)
	defer s.pump.mute.Store(false)
	err := measureAll(benches, func() bool { return stopped(s.store) })
	s.pump.drain()
	s.benches = report.Benches{List: resultsOf(benches)}
	return err
}

// bench is a program to be measured.
type bench struct {
	program *ebpf.Program
	result  report.Bench
}

// benches are those of the script, in its order.
func (c *clauses) benches() (list []*bench) {
	for _, program := range c.object.Programs {
		for _, point := range program.Points {
			if at, ok := point.At.(object.RunPoint); ok && at.When == object.AtBench {
				list = append(list, &bench{
					program: c.programs[program.Name], result: report.Bench{Name: at.Name},
				})
			}
		}
	}
	return list
}

func resultsOf(benches []*bench) (list []report.Bench) {
	for _, b := range benches {
		if b.result.Runs > 0 {
			list = append(list, b.result)
		}
	}
	return list
}

// measureAll ends with the first exit().
func measureAll(benches []*bench, stopped func() bool) error {
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		return fmt.Errorf("the kernel does not measure programs: %w", err)
	}
	defer stats.Close()
	empty, err := emptyBench()
	if err != nil {
		return err
	}
	defer empty.program.Close()
	if err := empty.measure(); err != nil {
		return err
	}
	for _, b := range benches {
		if stopped() {
			break
		}
		if err := b.measure(); err != nil {
			return err
		}
		b.result.Time = max(b.result.Time-empty.result.Time, 0)
	}
	return nil
}

func emptyBench() (*bench, error) {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.RawTracepoint, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		return nil, fmt.Errorf("loading the empty program of bench probes: %w", err)
	}
	return &bench{program: program}, nil
}

// measure runs the program in batches.
func (b *bench) measure() error {
	var batches []time.Duration
	began := time.Now()
	for len(batches) < benchBatches && time.Since(began) < benchLimit {
		batch, runs, err := b.batch(began.Add(benchLimit))
		if err != nil {
			return fmt.Errorf("running bench:%s: %w", b.result.Name, err)
		}
		batches = append(batches, batch)
		b.result.Runs += runs
	}
	order.Stable(batches, func(a, b time.Duration) int { return cmp.Compare(a, b) })
	b.result.Time = batches[len(batches)/2]
	return nil
}

// batch returns how long one of several runs took, which end early when it is late.
func (b *bench) batch(late time.Time) (each time.Duration, runs uint64, err error) {
	before, err := b.program.Stats()
	if err != nil {
		return 0, 0, err
	}
	for range benchRuns {
		if _, err := b.program.Run(&ebpf.RunOptions{}); err != nil {
			return 0, 0, err
		}
		if time.Now().After(late) {
			break
		}
	}
	after, err := b.program.Stats()
	if err != nil {
		return 0, 0, err
	}
	if runs = after.RunCount - before.RunCount; runs == 0 {
		return 0, 0, fmt.Errorf("the kernel counted no run")
	}
	return (after.Runtime - before.Runtime) / time.Duration(runs), runs, nil
}
