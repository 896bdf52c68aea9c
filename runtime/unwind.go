package runtime

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/binary/cfi"
	"github.com/ponytrace/ponytrace/runtime/symbols"
)

// unwinder hands the programs the tables by which they walk stacks of processes. The
// processes of -p have theirs from the beginning. Of all others a program notes that it
// wanted one, and walks by frame pointers until it is there.
type unwinder struct {
	maps    map[string]*ebpf.Map
	callers *symbols.Callers
	traced  *atomic.Int64 // the process of -c or -p
	pids    []int         // of -p
	shard   shard
	known   map[uint64]*unwound
	notices *notices
	told    bool
}

// unwound is when the code of a process was looked at, and for how long it is not again.
type unwound struct {
	at   time.Time
	rest time.Duration
}

const (
	unwindRest = 5 * time.Millisecond // between two looks at what is wanted
	unwindMost = time.Second          // a process that makes code wants it all the time
)

// newUnwinder returns nil where no program walks by tables.
func newUnwinder(maps map[string]*ebpf.Map, traced *atomic.Int64, pids []int, n *notices) *unwinder {
	if maps[object.UnwindMap] == nil {
		return nil
	}
	u := &unwinder{
		maps: maps, traced: traced, pids: pids, notices: n, known: map[uint64]*unwound{},
	}
	u.callers = symbols.NewCallers(u.store)
	return u
}

// prepare brings the processes of -p their tables.
func (u *unwinder) prepare() {
	if u == nil {
		return
	}
	for _, pid := range u.pids {
		u.refresh(uint64(pid))
	}
}

// start brings processes their tables when they are wanted, until stop is closed.
func (u *unwinder) start(ticks *sync.WaitGroup, stop <-chan struct{}) {
	if u == nil {
		return
	}
	ticks.Go(func() {
		ticker := time.NewTicker(unwindRest)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				u.look()
			}
		}
	})
}

// look brings the tables that are wanted. One that is noted while the list is emptied is
// wanted again.
func (u *unwinder) look() {
	if pid := u.traced.Load(); pid > 0 && u.known[uint64(pid)] == nil {
		u.refresh(uint64(pid))
	}
	list := make([]byte, 8*object.WantedWords)
	if u.maps[object.WantedMap].Lookup(uint32(0), list) != nil {
		return
	}
	empty := true
	for at := 0; at < len(list); at += 8 {
		if pid := binary.NativeEndian.Uint64(list[at:]); pid != 0 {
			empty = false
			u.refresh(pid)
		}
	}
	if !empty {
		_ = u.maps[object.WantedMap].Put(uint32(0), make([]byte, len(list)))
	}
}

// refresh looks at the code of a process, more and more seldom.
func (u *unwinder) refresh(pid uint64) {
	p := u.known[pid]
	if p == nil {
		p = &unwound{rest: unwindRest}
	}
	if time.Since(p.at) < p.rest {
		return
	}
	ranges, err := u.callers.Ranges(int(pid))
	if err != nil {
		return
	}
	if len(u.known) >= object.MaxUnwound {
		u.forget()
	}
	p.at, p.rest = time.Now(), min(2*p.rest, unwindMost)
	u.known[pid] = p
	_ = u.maps[object.UnwindMap].Put(pid, rangesOf(ranges))
	u.tell()
}

// forget makes room: what is wanted still comes again.
func (u *unwinder) forget() {
	for pid := range u.known {
		_ = u.maps[object.UnwindMap].Delete(pid)
	}
	clear(u.known)
}

func (u *unwinder) tell() {
	if u.callers.Full && !u.told {
		u.told = true
		u.notices.notice("Stacks of some programs are followed by frame pointers: "+
			"the tables of all take more than %d MiB", object.MaxShards*object.ShardRows*cfi.RowSize>>20)
	}
}

// rangesOf is the value of the kernel map. The first range is empty, so that a search
// finds one for every address.
func rangesOf(ranges []symbols.Range) []byte {
	words := []uint64{uint64(len(ranges) + 1), 0, 0, 0, 0}
	for _, r := range ranges {
		rows := uint64(r.Shard) | uint64(r.First)<<8 | uint64(r.Rows)<<32
		words = append(words, r.Start, r.End, r.Base, rows)
	}
	value := make([]byte, object.UnwindSize)
	for i, word := range words {
		binary.NativeEndian.PutUint64(value[8*i:], word)
	}
	return value
}

// shard is the one that rows are added to: in the kernel, and as we wrote it.
type shard struct {
	number int
	list   *ebpf.Map
	text   []byte
}

// store writes rows into a shard: the last, or a new one behind it. The kernel copies the
// whole of it, which changes nothing in the rows that are there.
func (u *unwinder) store(number, first int, rows []cfi.Row) error {
	if u.shard.list == nil || u.shard.number != number {
		if err := u.newShard(number); err != nil {
			return err
		}
	}
	at := u.shard.text[first*cfi.RowSize : first*cfi.RowSize]
	for _, row := range rows {
		at = row.Append(at)
	}
	return u.shard.list.Put(uint32(0), u.shard.text)
}

func (u *unwinder) newShard(number int) error {
	text := make([]byte, object.ShardRows*cfi.RowSize)
	list, err := ebpf.NewMap(&ebpf.MapSpec{
		Type: ebpf.Array, KeySize: 4, ValueSize: uint32(len(text)), MaxEntries: 1,
	})
	if err != nil {
		return err
	}
	u.close()
	u.shard = shard{number, list, text}
	return u.maps[object.FramesMap].Put(uint32(number), list)
}

// close leaves the shards to the kernel.
func (u *unwinder) close() {
	if u != nil && u.shard.list != nil {
		u.shard.list.Close()
	}
}
