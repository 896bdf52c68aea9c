package runtime

import (
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/attach"
)

// detach ends the tracing. Where programs test DataStopped, that word ends it, and their links are closed while
// the results are printed: the kernel closes the link of a perf event in up to 75 ms, one after the other.
func (s *Session) detach() *attach.Closing {
	if s.object.Stops {
		s.store.Set(object.DataStopped, 1)
		s.store.AwaitPrograms()
		return attach.Close(s.release())
	}
	closing := attach.Close(s.release())
	<-closing.Done
	return closing
}

func (s *Session) release() []attach.Link {
	links, missed := s.attachments.release()
	s.missed = missed + s.store.Load(object.DataMissed)
	return links
}

// detachPatience is after how long the user is told what keeps ponytrace from ending.
const detachPatience = time.Second

func (s *Session) awaitDetached(closing *attach.Closing) {
	select {
	case <-closing.Done:
		return
	case <-time.After(detachPatience):
	}
	s.notices.notice("All results are printed; waiting for the kernel to detach %d probes", closing.Left())
	<-closing.Done
}
