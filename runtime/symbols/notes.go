package symbols

import (
	"slices"
	"strings"
)

// notes are executable mappings by what the kernel told when they were made (mapEvents), for
// processes that end before anybody reads /proc/PID/maps. Of each process all are kept that
// it ever had, as addresses may be of a program that it executed before; of two that
// overlap, the later one counts.
//
// Most of them are never asked for. So they have a part of the budget of their own, for
// which the process that was noted first is forgotten.
type notes struct {
	processes map[int]*noted
	order     []int // by the time of the first note, with some that are forgotten
	paths     map[string]string
	most      int // bytes
	used      int
	forgot    bool
	lost      uint64 // records that the kernel had no room for
}

// noted is what is known of a process: its mappings by time, and the process that it was
// forked from, whose mappings it had at first.
type noted struct {
	list   []note
	parent int
	bytes  int
}

// note is a mapping from a time on.
type note struct {
	mapping
	time uint64
}

const (
	// notesShare is the part of the budget for notes.
	notesShare = 8
	// maxNotes is how many mappings of one process are kept: runtimes that make code map it
	// again and again.
	maxNotes = 256
	// maxNotePaths is how many paths are kept once for all processes.
	maxNotePaths = 4096
	// maxAncestors is how far a fork of a fork is followed.
	maxAncestors = 8
	notedSize    = 128
)

func (n *notes) process(pid int) *noted {
	if p := n.processes[pid]; p != nil {
		return p
	}
	if n.processes == nil {
		n.processes = map[int]*noted{}
	}
	p := &noted{bytes: notedSize}
	n.processes[pid], n.order = p, append(n.order, pid)
	n.used += p.bytes
	return p
}

// mapped enters a mapping. Notes of several CPUs may come a little out of order.
func (n *notes) mapped(pid int, m mapping, time uint64) {
	p := n.process(pid)
	if len(p.list) >= maxNotes {
		n.cut(p, len(p.list)/2)
	}
	m.path = n.path(m.path)
	at := len(p.list)
	for at > 0 && p.list[at-1].time > time {
		at--
	}
	p.list = slices.Insert(p.list, at, note{m, time})
	n.take(p, noteSize(m))
	n.shrink()
}

// forked enters a new process. What was noted of an earlier one of that number is over.
func (n *notes) forked(pid, parent int, time uint64) {
	p := n.process(pid)
	older := 0
	for older < len(p.list) && p.list[older].time < time {
		older++
	}
	n.cut(p, older)
	p.parent = parent
	n.shrink()
}

// cut removes the first notes of a process.
func (n *notes) cut(p *noted, count int) {
	for _, one := range p.list[:count] {
		n.take(p, -noteSize(one.mapping))
	}
	p.list = slices.Delete(p.list, 0, count)
}

func noteSize(m mapping) int { return mappingSize + len(m.path) }

func (n *notes) take(p *noted, bytes int) {
	p.bytes += bytes
	n.used += bytes
}

// path returns the text that others have, too.
func (n *notes) path(path string) string {
	if known, ok := n.paths[path]; ok {
		return known
	}
	if n.paths == nil || len(n.paths) >= maxNotePaths {
		n.paths = map[string]string{}
	}
	path = strings.Clone(path)
	n.paths[path] = path
	return path
}

// shrink forgets processes while there are too many.
func (n *notes) shrink() {
	for n.used > n.most && len(n.order) > 1 {
		if p := n.processes[n.order[0]]; p != nil {
			n.used -= p.bytes
			delete(n.processes, n.order[0])
			n.forgot = true
		}
		n.order = n.order[1:]
	}
}

// find returns the mapping of an address that a process has, or had.
func (n *notes) find(pid int, address uint64) (mapping, bool) {
	p := n.processes[pid]
	if p == nil {
		return mapping{}, false
	}
	for _, one := range slices.Backward(p.list) {
		if address-one.start < one.end-one.start {
			return one.mapping, true
		}
	}
	return mapping{}, false
}

// before is mappings.before for what a process has, or had.
func (n *notes) before(pid int, address uint64) (found mapping, ok bool) {
	p := n.processes[pid]
	if p == nil {
		return found, false
	}
	for _, one := range slices.Backward(p.list) {
		if one.file.inode != 0 && one.start <= address && (!ok || one.start > found.start) {
			found, ok = one.mapping, true
		}
	}
	return found, ok
}

// parent is the process that one was forked from; 0 where that was not seen.
func (n *notes) parent(pid int) int {
	if p := n.processes[pid]; p != nil {
		return p.parent
	}
	return 0
}
