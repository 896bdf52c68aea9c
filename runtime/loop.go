package runtime

import (
	"errors"
	"os"
	"sync/atomic"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/records"
	"github.com/ponytrace/ponytrace/runtime/ring"
)

// Flags of bpf_ringbuf_submit, include/uapi/linux/bpf.h. Without one, the first record
// that is not read yet wakes the reader. Rejected: BPF_RB_FORCE_WAKEUP. A probe that
// fires in the wake-up itself (irq_work, __wake_up) would ask for the next one in each,
// and a machine with one CPU would do nothing else.
const (
	wakeOnce = 0
	noWakeup = 1
)

const (
	pollPeriod  = 2 * time.Millisecond
	sleepPeriod = 500 * time.Millisecond
	// quietPolls is after how many polls without an event the loop sleeps.
	quietPolls = 5
)

// pump reads the ring buffer, in one goroutine, and hands the records on.
type pump struct {
	reader  *ring.Reader // nil where no program sends records
	store   *events.Store
	buffer  Buffering
	to      receiver
	drained chan struct{} // the loop has read all that there was when it was asked
	done    chan struct{} // the loop has ended
	mute    atomic.Bool   // records are left out
}

// receiver is what a pump hands records to. While the loop runs, nobody else may call it.
type receiver interface {
	handle(record []byte)
	answer()        // does what other goroutines have asked for
	flush()         // writes out what was printed
	stop(code int)  // ends the session
	keep(err error) // remembers that reading failed
}

// start reads the ring buffer until finish; done is closed when all is printed.
func (p *pump) start() {
	p.done = make(chan struct{})
	if p.reader == nil {
		close(p.done)
		return
	}
	p.store.Set(object.DataWakeup, wakeOnce)
	go func() {
		defer close(p.done)
		p.loop()
	}()
}

// drain waits until all that is in the ring buffer by now is printed.
func (p *pump) drain() {
	if p.reader == nil {
		return
	}
	p.reader.Flush()
	select {
	case <-p.drained:
	case <-p.done:
	}
}

// finish prints what is still in the ring buffer and ends the loop.
func (p *pump) finish() {
	p.drain()
	if p.reader != nil {
		p.reader.Stop()
	}
	<-p.done
}

// wake has the loop answer what other goroutines ask for.
func (p *pump) wake() {
	if p.reader != nil {
		p.reader.Wake()
	}
}

func (p *pump) close() {
	if p.reader != nil {
		p.reader.Close()
	}
}

// loop sets the deadline only before it may have to wait: while records are there,
// reading them costs no system call.
func (p *pump) loop() {
	quiet := quietPolls
	p.setPatience(quiet)
	for {
		record, err := p.reader.Next()
		p.to.answer()
		switch {
		case err == nil:
			if quiet > 0 {
				p.wakeUp(quiet)
				quiet = 0
			}
			if p.mute.Load() {
				continue
			}
			p.to.handle(record)
			if p.buffer == BufferNone {
				p.to.flush()
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
			quiet++
			if p.buffer != BufferFull {
				p.to.flush()
			}
			p.endIfLost(quiet)
			p.setPatience(quiet)
		case errors.Is(err, ring.ErrFlushed):
			p.to.flush()
			p.drained <- struct{}{}
		case errors.Is(err, os.ErrClosed):
			p.to.flush()
			return
		default:
			p.to.keep(err)
			p.to.flush()
			return
		}
	}
}

// endIfLost ends the session when exit() was called but its record found the buffer full.
func (p *pump) endIfLost(quiet int) {
	if quiet >= 2 && p.store.Load(object.DataStopped) != 0 {
		p.to.stop(0)
	}
}

// setPatience says how long to wait for the next record. Before the first long wait the
// programs are asked to wake us, and one more short wait sees what they sent before they
// saw that.
func (p *pump) setPatience(quiet int) {
	patience := pollPeriod
	switch {
	case quiet == quietPolls:
		p.store.Set(object.DataWakeup, wakeOnce)
	case quiet > quietPolls:
		patience = sleepPeriod
	}
	p.reader.SetDeadline(time.Now().Add(patience))
}

// wakeUp goes back to polling with the first record after a pause.
func (p *pump) wakeUp(quiet int) {
	if quiet >= quietPolls {
		p.store.Set(object.DataWakeup, noWakeup)
	}
	p.setPatience(0)
}

// loopReceiver puts together what a loop needs.
type loopReceiver struct {
	printer *records.Printer
	exit
	answers func()
}

func (r *loopReceiver) handle(record []byte) { r.printer.Handle(record) }
func (r *loopReceiver) answer()              { r.answers() }
func (r *loopReceiver) flush()               { r.printer.Flush() }
func (r *loopReceiver) keep(err error)       { r.printer.Tables.Keep(err) }
