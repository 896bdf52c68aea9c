package runtime

import (
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// waiter waits for what ends the tracing.
type waiter struct {
	store       *events.Store
	exit        exit
	interrupted <-chan struct{} // closed when the end was asked for
	requests    *mapRequests
}

// wait returns the exit code when something ends the session.
func (w *waiter) wait(finished <-chan struct{}) int {
	asked := w.requests.unattended()
	for {
		select {
		case code := <-w.exit:
			return code
		case <-finished:
			return w.exit.code()
		case <-w.interrupted:
			return w.exit.code()
		case <-asked:
			w.requests.print()
		}
	}
}

// endedEarly waits for the record of an exit() in BEGIN, or in an iterator: the tracing
// ends before it has begun.
func (w *waiter) endedEarly() (int, bool) {
	if !w.stopped() {
		return 0, false
	}
	select {
	case code := <-w.exit:
		return code, true
	case <-time.After(time.Second):
		return 0, true
	}
}

func (w *waiter) stopped() bool { return stopped(w.store) }

// stopped reports whether exit() was called.
func stopped(store *events.Store) bool { return store.Load(object.DataStopped) != 0 }
