package runtime

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// readsRest is how often a session looks for reads that have failed, so that the user of
// -k need not wait for the end.
const readsRest = 500 * time.Millisecond

// readCounts are the counts of reads that failed, by their place in the script.
type readCounts struct {
	object *object.Object
	maps   map[string]*ebpf.Map
	told   map[object.Read]uint64
}

func newReadCounts(o *object.Object, maps map[string]*ebpf.Map) *readCounts {
	return &readCounts{o, maps, map[object.Read]uint64{}}
}

// start tells of each place whose reads fail when it has happened for the first time.
func (r *readCounts) start(ticks *sync.WaitGroup, stop <-chan struct{}, tell func([]report.Loss)) {
	if !r.counted() {
		return
	}
	ticks.Go(func() {
		ticker := time.NewTicker(readsRest)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				tell(r.failed(func(told uint64) bool { return told == 0 }))
			}
		}
	})
}

func (r *readCounts) counted() bool {
	for _, program := range r.object.Programs {
		if len(program.Reads) > 0 {
			return true
		}
	}
	return false
}

// failed are the places where more reads have failed by now than was told, where that is
// news.
func (r *readCounts) failed(news func(told uint64) bool) (list []report.Loss) {
	for _, program := range r.object.Programs {
		if len(program.Reads) == 0 {
			continue
		}
		counts := make([]byte, 8*len(program.Reads))
		if r.maps[program.ReadsMap].Lookup(uint32(0), counts) != nil {
			continue
		}
		for i, read := range program.Reads {
			n, told := binary.NativeEndian.Uint64(counts[8*i:]), r.told[read]
			if n > told && news(told) {
				r.told[read] = n
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
