package runtime

import (
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/runtime/binary/cfi"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/symbols"
	"golang.org/x/sys/unix"
)

// unwinder hands the programs the tables by which they walk stacks of processes. The
// processes of -p have theirs from the beginning, and the command of -c since it was held
// (held.go). A program gives those of a process to its children, and takes them off when it
// executes another program. Of all others a program notes that it wanted one, and walks by
// frame pointers until it is there.
//
// Rows and notes are memory that the kernel and we share. Rejected: the system call for
// elements of maps. It raises bpf_prog_active of its CPU, and a thread that is preempted
// in it while it copies half a megabyte keeps every probe of that CPU from running.
type unwinder struct {
	maps    map[string]*ebpf.Map
	shards  *ebpf.MapSpec
	wanted  []byte
	callers *symbols.Callers
	traced  *atomic.Int64 // the process of -c or -p
	pids    []int         // of -p
	shard   shard
	notices *notices
	opening sync.WaitGroup // of the first shard

	mutex sync.Mutex // of all that follows, the callers and the shard
	known map[uint64]*unwound
	// toldFull and toldCut: each is told once.
	toldFull, toldCut bool
}

// unwound is what was found when the code of a process was looked at, and for how long it
// is not again.
type unwound struct {
	at     time.Time
	rest   time.Duration
	ranges []symbols.Range
}

const (
	unwindRest = 5 * time.Millisecond // between two looks at what is wanted
	unwindMost = time.Second          // a process that makes code wants it all the time
)

// newUnwinder returns nil where no program walks by tables.
func newUnwinder(o *object.Object, maps map[string]*ebpf.Map, traced *atomic.Int64, pids []int, n *notices) *unwinder {
	if maps[object.UnwindMap] == nil {
		return nil
	}
	u := &unwinder{
		maps: maps, traced: traced, pids: pids, notices: n, known: map[uint64]*unwound{},
		shards: o.Kernel[object.FramesMap].InnerMap,
	}
	u.callers = symbols.NewCallers(u.store)
	return u
}

// prepare brings the processes of -p their tables.
func (u *unwinder) prepare() (err error) {
	if u == nil {
		return nil
	}
	if u.wanted, err = events.MapMemory(u.maps[object.WantedMap]); err != nil {
		return err
	}
	for _, pid := range u.pids {
		u.bring(pid)
	}
	u.opening.Go(u.openShard)
	return nil
}

// openShard makes the first shard before there are rows: the kernel waits some 10 ms when a
// shard is entered, during which the session attaches.
func (u *unwinder) openShard() {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if u.shard.memory == nil {
		_ = u.newShard(0)
	}
}

// bring brings a process its tables at once: those of -p before anything is attached, what
// descends from them before it is followed, and the command of -c while it is held.
func (u *unwinder) bring(pid int) {
	if u == nil {
		return
	}
	u.mutex.Lock()
	defer u.mutex.Unlock()
	delete(u.known, uint64(pid))
	u.refresh(uint64(pid))
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

// look brings the tables that are wanted. A process whose note is taken off before its
// table is there notes itself again.
func (u *unwinder) look() {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if pid := u.traced.Load(); pid > 0 && u.known[uint64(pid)] == nil {
		u.refresh(uint64(pid))
	}
	for at := 0; at < len(u.wanted); at += 8 {
		word := (*uint64)(unsafe.Pointer(&u.wanted[at]))
		if atomic.LoadUint64(word) != 0 {
			u.want(atomic.SwapUint64(word, 0))
		}
	}
}

// want brings what a note asks for.
func (u *unwinder) want(note uint64) {
	pid := note &^ object.WantedAll
	if pid != note {
		delete(u.known, pid)
	}
	u.refresh(pid)
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
		clear(u.known)
	}
	p.at, p.rest = time.Now(), min(2*p.rest, unwindMost)
	if u.known[pid] == nil || !slices.Equal(p.ranges, ranges) {
		u.put(pid, ranges)
	}
	u.known[pid], p.ranges = p, ranges
	u.tell()
}

// put makes room where there is none: what is wanted still comes again.
func (u *unwinder) put(pid uint64, ranges []symbols.Range) {
	processes, value := u.maps[object.UnwindMap], rangesOf(ranges)
	if err := processes.Put(pid, value); !errors.Is(err, unix.E2BIG) {
		return
	}
	clear(u.known)
	var one uint64
	for range object.MaxUnwound {
		if processes.NextKey(nil, &one) != nil {
			break
		}
		_ = processes.Delete(one)
	}
	_ = processes.Put(pid, value)
}

func (u *unwinder) tell() {
	if u.callers.Cut && !u.toldCut {
		u.toldCut = true
		u.notices.notice("Stacks of some programs are followed by frame pointers in part: "+
			"they have more than %d pieces of code", object.MaxRanges-1)
	}
	if u.callers.Full && !u.toldFull {
		u.toldFull = true
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

// shard is the one that rows are added to.
type shard struct {
	number int
	memory []byte
}

// store writes rows into a shard: the last, or a new one behind it.
func (u *unwinder) store(number, first int, rows []cfi.Row) error {
	if u.shard.memory == nil || u.shard.number != number {
		if err := u.newShard(number); err != nil {
			return err
		}
	}
	at := u.shard.memory[first*cfi.RowSize : first*cfi.RowSize]
	for _, row := range rows {
		at = row.Append(at)
	}
	return nil
}

func (u *unwinder) newShard(number int) error {
	list, err := ebpf.NewMap(u.shards)
	if err != nil {
		return err
	}
	defer list.Close()
	memory, err := events.MapMemory(list)
	if err != nil {
		return err
	}
	if err := u.maps[object.FramesMap].Put(uint32(number), list); err != nil {
		events.UnmapMemory(memory)
		return err
	}
	u.closeShard()
	u.shard = shard{number, memory}
	return nil
}

func (u *unwinder) closeShard() {
	if u.shard.memory != nil {
		events.UnmapMemory(u.shard.memory)
	}
	u.shard = shard{}
}

// close leaves the shards to the kernel.
func (u *unwinder) close() {
	if u == nil {
		return
	}
	u.opening.Wait()
	u.closeShard()
	if u.wanted != nil {
		events.UnmapMemory(u.wanted)
	}
}
