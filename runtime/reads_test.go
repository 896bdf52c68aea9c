package runtime

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/report"
)

// counted has two places that read memory: of the kernel, and of a process.
func counted(t *testing.T) (r *readCounts, set func(kernel, user uint64)) {
	m := kernelMap(t, &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 16, MaxEntries: 1})
	reads := []object.Read{
		{Span: diag.Span{Start: 1, End: 2}}, {Span: diag.Span{Start: 3, End: 4}, User: true},
	}
	o := &object.Object{Programs: []*object.ProgramSpec{{}, {Reads: reads, ReadsMap: "reads"}}}
	return newReadCounts(o, map[string]*ebpf.Map{"reads": m}), func(kernel, user uint64) {
		if err := m.Put(uint32(0), []uint64{kernel, user}); err != nil {
			t.Fatal(err)
		}
	}
}

// A place is told once for each number of failures; before the end, only its first.
func TestFailedReads(t *testing.T) {
	r, set := counted(t)
	first := func(told uint64) bool { return told == 0 }
	all := func(uint64) bool { return true }
	const rest = " (bad address): it was taken for 0, or for an empty text"
	kernel, user := "memory of the kernel could not be read ", "memory of a process could not be read "
	for i, step := range []struct {
		kernel, user uint64
		news         func(uint64) bool
		want         []string
	}{
		{0, 0, all, nil},
		{2, 0, first, []string{kernel + "2 times" + rest}},
		{3, 1, first, []string{user + "once" + rest}},
		{3, 1, all, []string{kernel + "3 times" + rest}},
		{3, 1, all, nil},
	} {
		set(step.kernel, step.user)
		var texts []string
		for _, loss := range r.failed(step.news) {
			texts = append(texts, loss.Text)
			read, count := r.object.Programs[1].Reads[0], step.kernel
			if strings.HasPrefix(loss.Text, user) {
				read, count = r.object.Programs[1].Reads[1], step.user
			}
			if loss.Kind != report.FailedReads || loss.Place != read.Span || loss.Count != count {
				t.Errorf("step %d: %+v", i, loss)
			}
		}
		if !slices.Equal(texts, step.want) {
			t.Errorf("step %d: %q, want %q", i, texts, step.want)
		}
	}
}

// The user need not wait for the end; where nothing is counted nobody looks.
func TestReadsAreLookedAt(t *testing.T) {
	r, set := counted(t)
	set(0, 7)
	var ticks sync.WaitGroup
	told, stop := make(chan []report.Loss, 1), make(chan struct{})
	r.start(&ticks, stop, func(list []report.Loss) {
		if len(list) > 0 {
			told <- list
		}
	})
	if list := <-told; len(list) != 1 || list[0].Count != 7 {
		t.Errorf("%+v", list)
	}
	close(stop)
	ticks.Wait()
	newReadCounts(&object.Object{}, nil).start(&ticks, make(chan struct{}), nil)
	ticks.Wait()
}
