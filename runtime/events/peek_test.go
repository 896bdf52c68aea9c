package events

import (
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

// peeking looks into a map all the time, until the function that it returns is called.
func peeking(t *testing.T, look func() (*Table, error)) (stop func()) {
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if _, err := look(); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	return func() { close(done); group.Wait() }
}

// Reports that are printed and cleared add up, however often somebody else looks.
func TestPeekLosesNothing(t *testing.T) {
	n := testkit.Choose(4_000, 40_000, 100_000)
	o, m := countsOf(ebpf.PerCPUHash)
	kernel, store := load(t, o)
	stop := peeking(t, store.Map(m).Peek)
	defer stop()
	group := hammer(t, program(t, addToKey(kernel, 15)), threads, n)
	if total, reports := report(t, store.Map(m), group); total != uint64(threads*n) {
		t.Errorf("%d reports hold %d events, want %d", reports, total, threads*n)
	}
}

// What was peeked at is what was counted, and a store that was closed is not read.
func TestPeek(t *testing.T) {
	o, m := countsOf(ebpf.PerCPUHash)
	kernel, store := load(t, o)
	hammer(t, program(t, addToKey(kernel, 0)), 2, 100).Wait()
	table, err := store.Map(m).Peek()
	if err != nil || table.Len() != 1 || table.Value(0).Word(0) != 200 {
		t.Fatalf("%+v, %v", table, err)
	}
	live := store.Map(m)
	store.Close()
	if _, err := live.Peek(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed store is read: %v", err)
	}
}
