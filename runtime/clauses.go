package runtime

import (
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
)

// clauses are the programs that the runtime runs itself.
type clauses struct {
	object   *object.Object
	programs map[string]*ebpf.Program
	notices  *notices
	stopped  func() bool // exit() was called
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
