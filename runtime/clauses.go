package runtime

import (
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"golang.org/x/sys/unix"
)

// clauses are the programs that the runtime runs itself.
type clauses struct {
	object   *object.Object
	programs map[string]*ebpf.Program
	notices  *notices
	stopped  func() bool // exit() was called
	signals  chan os.Signal
}

// run runs the programs of BEGIN or END.
func (c *clauses) run(when object.When) {
	for _, program := range c.object.Programs {
		for _, point := range program.Points {
			if point.Runs(when) {
				c.runOnce(c.programs[program.Name])
			}
		}
	}
}

// runOnce runs a program here and now. Raw tracepoint programs take no context.
func (c *clauses) runOnce(program *ebpf.Program) {
	if _, err := program.Run(&ebpf.RunOptions{}); err != nil {
		c.notices.warn("a clause did not run: %v", err)
	}
}

// onSignals returns the programs of each signal that the script is to be told of.
//
//go:noinline
func (c *clauses) onSignals() map[os.Signal][]*ebpf.Program {
	programs := map[os.Signal][]*ebpf.Program{}
	for _, program := range c.object.Programs {
		for _, point := range program.Points {
			if at, ok := point.At.(object.RunPoint); ok && at.When == object.AtSignal {
				number := unix.Signal(at.Signal)
				programs[number] = append(programs[number], c.programs[program.Name])
			}
		}
	}
	return programs
}

// catch has the process keep the signals of the script for it, until the function that it
// returns is called. One that comes before the tracing has begun waits.
func (c *clauses) catch() (release func()) {
	c.signals = make(chan os.Signal, 16)
	for number := range c.onSignals() {
		signal.Notify(c.signals, number)
	}
	return func() { signal.Stop(c.signals) }
}

// onMapRequest is what SIGUSR1 does: nothing by itself where the script has a probe on it.
func (c *clauses) onMapRequest(ask func()) func() {
	if len(c.onSignals()[unix.SIGUSR1]) > 0 {
		return func() {}
	}
	return ask
}

// startSignals runs the programs of signals until stop is closed.
func (c *clauses) startSignals(ticks *sync.WaitGroup, stop <-chan struct{}) {
	programs := c.onSignals()
	if len(programs) == 0 {
		return
	}
	ticks.Go(func() {
		for {
			select {
			case <-stop:
				return
			case number := <-c.signals:
				c.runInOrder(programs[number])
			}
		}
	})
}

// startIntervals runs interval programs until stop is closed, those of one period in the
// order of the script. A tick that comes late is not made up for twice: time.Ticker drops
// ticks for slow receivers and keeps the phase.
func (c *clauses) startIntervals(ticks *sync.WaitGroup, stop <-chan struct{}) {
	programs := map[time.Duration][]*ebpf.Program{}
	for _, program := range c.object.Programs {
		for _, point := range program.Points {
			if at, ok := point.At.(object.RunPoint); ok && at.When == object.AtInterval {
				programs[at.Period] = append(programs[at.Period], c.programs[program.Name])
			}
		}
	}
	for period, list := range programs {
		ticks.Go(func() { c.tick(list, period, stop) })
	}
}

func (c *clauses) tick(programs []*ebpf.Program, period time.Duration, stop <-chan struct{}) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			c.runInOrder(programs)
		}
	}
}

// runInOrder ends with the first exit().
func (c *clauses) runInOrder(programs []*ebpf.Program) {
	for _, program := range programs {
		if !c.stopped() {
			c.runOnce(program)
		}
	}
}
