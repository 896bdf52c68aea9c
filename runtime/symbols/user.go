package symbols

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/ponytrace/ponytrace/runtime/binary"
	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

// User resolves addresses of processes.
type User struct {
	mutex     sync.Mutex
	processes map[int]*process
	images    map[fileID]*binary.Table // nil where a file could not be read
	budget    budget
	decoded   decoded
	lines     bool // frames have them
	sources   sources
	notes     notes
	told      *mapEvents // nil where nothing is noted
	versions  versions
	gone      goneFiles
}

// process is what is known of the memory of a process. It stays known when the process
// has gone.
type process struct {
	mappings mappings
	read     time.Time
	ended    bool
	made     jit
	dumped   dump
}

func (p *process) bytesUsed() int { return p.mappings.bytes + p.madeBytes() }

// madeBytes is what the lists of code occupy that the process made.
func (p *process) madeBytes() int { return p.made.bytesUsed() + p.dumped.bytesUsed() }

// The caches are emptied when they are larger; and a process may have loaded a library or
// another program after so long.
const (
	maxProcesses = 4096
	maxImages    = 4096
	freshness    = time.Second
)

// NewUser returns a resolver that knows nothing yet, and may know so many bytes. With
// demangle, names of C++ and Rust become those of their source.
func NewUser(demangle bool, bytes int) *User {
	return &User{
		processes: map[int]*process{}, images: map[fileID]*binary.Table{},
		decoded: decoded{raw: !demangle}, budget: budget{most: bytes}, notes: notes{most: bytes / notesShare}, versions: versions{},
		gone: goneFiles{},
	}
}

// Refused reports whether names found no room, so that addresses print as numbers.
func (u *User) Refused() bool {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return u.budget.refused
}

// Lookup returns the function that an address of a process lies in; Module is the file as
// the process sees it, "[unknown]" where there is none.
func (u *User) Lookup(pid int, address uint64) (Symbol, bool) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	m, ok := u.find(pid, address)
	if !ok {
		u.budget.refused = u.budget.refused || u.notes.forgot && u.processes[pid] == nil
		return Symbol{}, false
	}
	return u.lookup(pid, m, address)
}

func (u *User) lookup(pid int, m mapping, address uint64) (Symbol, bool) {
	if m.made() {
		return u.lookupMade(pid, address)
	}
	i := u.image(pid, m)
	if i == nil {
		return Symbol{}, false
	}
	name, distance, ok := i.Lookup(address - m.start + m.offset)
	if !ok {
		return Symbol{Module: m.path}, false
	}
	return Symbol{u.decoded.text(name), m.path, distance}, true
}

// lookupMade looks among the functions that the process made while it ran.
func (u *User) lookupMade(pid int, address uint64) (Symbol, bool) {
	p := u.processes[pid]
	if p == nil {
		return Symbol{}, false
	}
	if p.made.stale() {
		u.refreshMade(pid, p)
	}
	symbol, ok := p.dumped.lookup(address)
	if !ok {
		symbol, ok = p.made.lookup(address)
	}
	symbol.Module = "[unknown]"
	return symbol, ok
}

func (u *User) refreshMade(pid int, p *process) {
	before := p.madeBytes()
	p.made = p.made.refresh(pid, u.budget.room(p.bytesUsed())+p.made.bytesUsed())
	u.budget.take(p.madeBytes() - before)
	before = p.madeBytes()
	if m, has := p.mappings.dumpOf(pid); has {
		p.dumped = p.dumped.refresh(pid, m, u.lines, u.budget.room(p.bytesUsed())+p.dumped.bytesUsed())
	}
	u.budget.take(p.madeBytes() - before)
	u.budget.refused = u.budget.refused || p.made.cut || p.dumped.cut
}

// Remember reads the memory map of a process now, for the time when it will have gone;
// but not if that was done less than age ago.
func (u *User) Remember(pid int, age time.Duration) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if p := u.processes[pid]; p == nil || time.Since(p.read) >= age {
		u.refresh(pid)
	}
}

// find returns the mapping of an address that a process has or had, or the one that it was
// forked from. A child of ours has nothing of ours: it executes at once.
func (u *User) find(pid int, address uint64) (mapping, bool) {
	return u.findBy(holding, pid, address)
}

// relation finds a mapping by how it lies to an address.
type relation struct {
	inMappings func(*mappings, uint64) (mapping, bool)
	inNotes    func(n *notes, pid int, address uint64) (mapping, bool)
}

var (
	holding   = relation{(*mappings).find, (*notes).find}
	preceding = relation{(*mappings).before, (*notes).before}
)

func (u *User) findBy(r relation, pid int, address uint64) (m mapping, ok bool) {
	for range maxAncestors {
		if m, ok = u.findIn(r, pid, address); ok {
			return u.versioned(pid, m), ok
		}
		if pid = u.notes.parent(pid); pid == 0 || pid == os.Getpid() {
			break
		}
	}
	return m, ok
}

// findIn looks among the mappings of a process, and among those that were noted: these
// first where it has ended, as it may have executed another program since it was read.
func (u *User) findIn(r relation, pid int, address uint64) (m mapping, ok bool) {
	p := u.processes[pid]
	if p == nil || time.Since(p.read) > freshness {
		p = u.refresh(pid)
	}
	if p != nil && !p.ended {
		if m, ok = r.inMappings(&p.mappings, address); ok {
			return m, ok
		}
	}
	if u.told != nil {
		u.told.drain(&u.notes)
	}
	if m, ok = r.inNotes(&u.notes, pid, address); !ok && p != nil {
		m, ok = r.inMappings(&p.mappings, address)
	}
	return m, ok
}

// Note has the mappings noted that processes make from now on, until Close. It fails where
// the kernel does not tell; then only those are known that are read in time.
func (u *User) Note() error {
	told, err := openMapEvents()
	if err != nil {
		return err
	}
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.told = told
	return nil
}

// Await enters what was noted, when there is much of it or after some milliseconds.
func (u *User) Await(milliseconds int) {
	u.told.wait(milliseconds)
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.told.drain(&u.notes)
}

// Relax ends Await, now and later.
func (u *User) Relax() { u.told.end() }

// Lost is how many notes the kernel had no room for.
func (u *User) Lost() uint64 {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return u.notes.lost
}

// Close ends what Note began.
func (u *User) Close() {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if u.told != nil {
		u.told.close()
	}
	u.told = nil
}

// refresh reads the mappings anew. Of a process that has ended the old ones remain.
func (u *User) refresh(pid int) *process {
	p := u.processes[pid]
	if aboutToExecute(pid) {
		return p
	}
	if p == nil && len(u.processes) >= maxProcesses {
		u.forgetProcesses()
	}
	before, made := 0, 0
	if p != nil {
		before, made = p.mappings.bytes, p.madeBytes()
	}
	fresh, err := readMappings(pid, u.budget.room(made)+before)
	if fresh.cut && before == 0 && u.forgetImages() {
		fresh, err = readMappings(pid, u.budget.room(made))
	}
	if err != nil || len(fresh.list) == 0 && !fresh.cut {
		if p != nil {
			p.read, p.ended = time.Now(), true
		}
		return p
	}
	if p == nil {
		p = &process{}
		u.processes[pid] = p
	}
	u.budget.take(fresh.bytes - before)
	u.budget.refused = u.budget.refused || fresh.cut
	p.mappings, p.read, p.ended = fresh, time.Now(), false
	return p
}

func (u *User) forgetProcesses() {
	for _, p := range u.processes {
		u.budget.take(-p.bytesUsed())
	}
	clear(u.processes)
}

// forgetImages makes room by forgetting what can be read again: the functions of files,
// and the lists of code that processes made. It does so now and then only.
func (u *User) forgetImages() bool {
	if !u.budget.mayEmpty() {
		return false
	}
	for _, i := range u.images {
		u.budget.take(-i.Bytes())
	}
	clear(u.images)
	for _, p := range u.processes {
		u.budget.take(-p.madeBytes())
		p.made, p.dumped = jit{}, dump{}
	}
	if u.budget.used > u.budget.most/2 {
		u.forgetProcesses()
	}
	return true
}

// image returns the functions of the file behind a mapping, or nil.
func (u *User) image(pid int, m mapping) *binary.Table {
	if m.path == vdso {
		m.file = fileID{device: vdso}
	} else if m.file.inode == 0 {
		return nil
	}
	i, known := u.images[m.file]
	if !known {
		i = u.load(pid, m)
	}
	return i
}

func (u *User) load(pid int, m mapping) *binary.Table {
	if len(u.images) >= maxImages && !u.forgetImages() {
		u.budget.refused = true
		return nil
	}
	if u.lacks(pid, m) {
		return nil
	}
	i, err := u.readMapped(pid, m)
	if errors.Is(err, binary.ErrNoRoom) && u.forgetImages() {
		i, err = u.readMapped(pid, m)
	}
	u.budget.refused = u.budget.refused || errors.Is(err, binary.ErrNoRoom)
	if passing(pid, err) {
		u.gone.add(pid, m, err)
		return nil
	}
	if err != nil {
		i = nil
	}
	u.images[m.file] = i
	if i != nil {
		u.budget.take(i.Bytes())
	}
	return i
}

// loadPatience is for how long a file's functions may be read. The largest programs take
// a part of a second.
const loadPatience = 5 * time.Second

func (u *User) readMapped(pid int, m mapping) (*binary.Table, error) {
	room := u.budget.most - u.budget.used
	if m.path == vdso {
		return readVDSO()
	}
	return safeopen.WithinFor(pid, loadPatience, func() (*binary.Table, error) {
		file, err := openMapped(pid, m)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return readTable(file, m.located(pid), room)
	})
}

// readTable reads the functions of a file, which has a path where its debug file may have
// them.
func readTable(from io.ReaderAt, path string, room int) (*binary.Table, error) {
	file, err := binary.New(from)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	file.Locate(path)
	return file.Table(room)
}

// vdso is the name of the code that the kernel maps into every process.
const vdso = "[vdso]"

// maxVDSO bounds it, and what is known of our own mappings.
const maxVDSO = 1 << 20

// readVDSO reads the functions of our own copy, which is everybody's.
func readVDSO() (*binary.Table, error) {
	text, err := vdsoText()
	if err != nil {
		return nil, err
	}
	return readTable(bytes.NewReader(text), "", maxVDSO)
}

func vdsoText() ([]byte, error) {
	own, err := readMappings(os.Getpid(), maxVDSO)
	if err != nil {
		return nil, err
	}
	memory, err := os.Open("/proc/self/mem")
	if err != nil {
		return nil, err
	}
	defer memory.Close()
	for _, m := range own.list {
		if m.path == vdso && m.end-m.start <= maxVDSO {
			text := make([]byte, m.end-m.start)
			_, err := memory.ReadAt(text, int64(m.start))
			return text, err
		}
	}
	return nil, os.ErrNotExist
}
