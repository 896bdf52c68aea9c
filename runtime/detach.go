package runtime

import (
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/attach"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// detacher ends the tracing and closes links.
type detacher struct {
	object      *object.Object
	store       *events.Store
	attachments *attachments
	notices     *notices
	missed      uint64 // events, as far as the kernel tells
}

// detach ends the tracing. Where programs test DataStopped, that word ends it, and their
// links are closed while the results are printed: the kernel closes the link of a perf
// event in up to 75 ms, one after the other.
func (d *detacher) detach() *attach.Closing {
	if d.object.Stops {
		d.store.Set(object.DataStopped, 1)
		d.store.AwaitPrograms()
		return attach.Close(d.release())
	}
	closing := attach.Close(d.release())
	<-closing.Done
	return closing
}

func (d *detacher) release() []attach.Link {
	links, missed := d.attachments.release()
	d.missed = missed + d.store.Load(object.DataMissed)
	return links
}

// detachPatience is after how long the user is told what keeps ponytrace from ending.
const detachPatience = time.Second

func (d *detacher) await(closing *attach.Closing) {
	select {
	case <-closing.Done:
		return
	case <-time.After(detachPatience):
	}
	d.notices.notice("All results are printed; waiting for the kernel to detach %d probes", closing.Left())
	<-closing.Done
}
