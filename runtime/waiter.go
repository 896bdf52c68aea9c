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

// endedInBegin waits for the record of an exit() in BEGIN: tracing then never starts.
func (w *waiter) endedInBegin() (int, bool) {
	if !stopped(w.store) {
		return 0, false
	}
	select {
	case code := <-w.exit:
		return code, true
	case <-time.After(time.Second):
		return 0, true
	}
}

// stopped reports whether exit() was called.
func stopped(store *events.Store) bool { return store.Load(object.DataStopped) != 0 }
