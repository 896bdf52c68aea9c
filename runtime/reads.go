package runtime

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// readsRest is how often a session looks for reads that have failed, so that the user of
// -k need not wait for the end.
const readsRest = 500 * time.Millisecond

// startReads tells of each place whose reads fail when it has happened for the first time.
func (s *Session) startReads(stop <-chan struct{}) {
	if !s.countsReads() {
		return
	}
	s.ticks.Go(func() {
		ticker := time.NewTicker(readsRest)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				s.tellLosses(s.failedReads(func(told uint64) bool { return told == 0 }))
			}
		}
	})
}

func (s *Session) countsReads() bool {
	for _, program := range s.object.Programs {
		if len(program.Reads) > 0 {
			return true
		}
	}
	return false
}

// failedReads are the places where more reads have failed by now than was told, where that is news.
func (s *Session) failedReads(news func(told uint64) bool) (list []report.Loss) {
	for _, program := range s.object.Programs {
		if len(program.Reads) == 0 {
			continue
		}
		counts := make([]byte, 8*len(program.Reads))
		if s.collection.Maps[program.ReadsMap].Lookup(uint32(0), counts) != nil {
			continue
		}
		for i, read := range program.Reads {
			n, told := binary.NativeEndian.Uint64(counts[8*i:]), s.failed[read]
			if n > told && news(told) {
				s.failed[read] = n
				list = append(list, failure(read, n))
			}
		}
	}
	return list
}

func failure(read object.Read, n uint64) report.Loss {
	whose, times := "the kernel", "once"
	if read.User {
		whose = "a process"
	}
	if n > 1 {
		times = fmt.Sprintf("%d times", n)
	}
	text := fmt.Sprintf("memory of %s could not be read %s (bad address): it was taken for 0, or for an empty text", whose, times)
	return report.Loss{
		Kind: report.FailedReads, Count: n, Text: text, Place: read.Span,
	}
}
