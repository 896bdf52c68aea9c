package runtime

import (
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/symbols"
)

// losing has a map with words for its losses, and a set of followed processes.
func losing(t *testing.T) *Session {
	const word = object.DataHeader
	key := types.NewLayout(0, types.Uint64)
	m := &object.MapSpec{
		Name: "a", Key: &key, Value: types.NewAggregation(builtin.Count, false), Storage: object.Hash,
		Kernel: "a", MaxEntries: 8, Full: word, Refusal: word + 8, Inserted: word + 16, Recent: true,
	}
	o := lineObject(16)
	o.Kernel[object.DataMap] = mmapable(word + 64)
	o.Kernel["a"] = &ebpf.MapSpec{Type: ebpf.LRUHash, KeySize: 8, ValueSize: 8, MaxEntries: 8}
	o.Kernel["set"] = &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 8, ValueSize: 1, MaxEntries: 8}
	o.Maps = []*object.MapSpec{m}
	o.Following = &object.Following{Set: &object.MapSpec{Kernel: "set", Full: word + 24}}
	return open(t, o, Options{})
}

func TestNothingIsLost(t *testing.T) {
	if list := losing(t).losses.list(); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}

// Each counter is a loss of its own kind.
func TestEachLoss(t *testing.T) {
	s := losing(t)
	m, words := s.object.Maps[0], s.object.Following.Set.Full
	for offset, n := range map[int]uint64{
		object.DataDropped: 2, words: 3, m.Full: 4, m.Inserted: 5, object.DataCut: 6,
	} {
		s.store.Set(offset, n)
	}
	s.losses.user = symbols.NewUser(false, 0)
	s.losses.user.Lookup(os.Getpid(), uint64(reflect.ValueOf(TestEachLoss).Pointer()))
	s.shell.skipped, s.detacher.missed = 7, 8
	type loss struct {
		kind  report.LossKind
		count uint64
	}
	var got []loss
	for _, l := range s.losses.list() {
		got = append(got, loss{l.Kind, l.Count})
	}
	want := []loss{
		{report.LostEvents, 2}, {report.LostProcesses, 3}, {report.LostUpdates, 4}, {report.LostKeys, 5},
		{report.LostRounds, 6}, {report.LostNames, 0}, {report.LostCommands, 7}, {report.MissedEvents, 8},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// What is advised is four times of what there is.
func TestAdviceOfLosses(t *testing.T) {
	s := losing(t)
	s.store.Set(object.DataDropped, 1)
	s.store.Set(s.object.Maps[0].Inserted, 9)
	list := s.losses.list()
	list = append(list, refusedNames(64<<20))
	for i, want := range []string{
		"1 events were lost because the buffer was full; a larger one: perf_rb_pages = 64",
		"9 keys of the map @a, which were not used for the longest time, were dropped for new ones " +
			"with what they held; more room: max_map_keys = 32",
		"addresses of processes printed as numbers, because the names of functions took more than " +
			"64 MiB; more: max_symbol_bytes = 268435456",
	} {
		if list[i].Text != want {
			t.Errorf("%q, want %q", list[i].Text, want)
		}
	}
}
