// Package symbols turns numbers into names: addresses of the kernel and of processes,
// users, control groups, system calls, errors and signals.
//
// # Kernel
//
// /proc/kallsyms has 120,000 to 250,000 lines and takes the kernel 50 to 100 ms to write,
// so it is read once, when the first address is to be printed, and kept compactly: one
// text of all names and a sorted table of 16 bytes a symbol, 7 MB for 250,000. A script
// that prints no kernel address pays nothing.
//
// Modules and programs of BPF may be loaded later. They lie outside of the kernel's own
// text; for an address there that was not looked up since the table was read, what is
// loaded is compared with what was loaded then (loadedCode), and the table read again if
// there is more. That takes a part of a second at first, and a 20th of the time.
//
// Of several names at one address the first that the kernel lists is taken, as the kernel
// does itself. Of several addresses with one name (static functions) Address returns the
// lowest.
//
// The file is not trusted: lines that make no sense are left out, long ones and too many
// are refused.
//
// When the kernel hides addresses (sysctl kernel.kptr_restrict, no CAP_SYSLOG) the file
// is full of zeroes. That is an error here and not a table in which everything is at
// zero.
//
// Rejected: reading the file for each batch of addresses, which needs no memory but 50 ms
// for every table printed at an interval; and System.map, which does not know where the
// kernel was moved to (KASLR) nor modules.
//
// # Processes
//
// /proc/PID/maps lists which file lies where in a process; package runtime/binary reads
// which function lies where in the file. Functions are kept by device, inode, size and
// time, so that a library is read once however many processes have it, and a program that
// was compiled again has its own. A memory map is read again after
// a second, since programs load libraries and become other programs. That of a process
// which has ended stays as it was. One that ends before anybody asked about it is known
// by what the kernel tells while mappings are made (mapEvents, notes), as long as its files
// are there; without that, nothing is known, and its addresses print as numbers.
//
// Files are opened as the process sees them (/proc/PID/map_files, /proc/PID/root), for
// processes in containers. All of it is hostile: paths lead to regular files or are not
// opened, reading takes a bounded time, and a file that makes no sense has no functions.
// All that is known of processes shares one budget (max_symbol_bytes), of which the
// mappings and the made code of one process get a quarter. What finds no room stays
// without names; now and then what can be read again is forgotten for it.
//
// A stack has, besides its first address, those that calls return to. What is looked up is
// the byte before, which is of the call. Which lines and inlined functions an address
// comes from is read from the debug information when it is printed (frames.go), once for
// each address; only Go's inlined functions are always looked for. Up to 8 files stay
// open for that; all that is kept of it takes half of the budget again. A file may take 5
// seconds in all, and a twentieth of the time of the session: then its frames have names
// only, which is told at the end.
//
// Names of C++ and Rust are decoded; those of Go need no decoding. Code that a runtime
// made is looked up in the lists that it may keep for perf: a dump of the code that it has
// mapped (dump.go), or /tmp/perf-PID.map in its own tree. Both must belong to the
// process's user or to root, as anybody may put files into /tmp.
//
// Sources: https://elixir.bootlin.com/linux/v6.12/source/kernel/kallsyms.c (s_show,
// get_symbol_pos), proc_pid_maps(5)
package symbols

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Symbol is what lies at an address.
type Symbol struct {
	Name   string
	Module string // empty for the kernel proper
	Offset uint64 // bytes from the start of the symbol
}

// String writes the symbol as in a stack: vfs_read+12.
func (s Symbol) String() string { return s.Name + "+" + strconv.FormatUint(s.Offset, 10) }

// ErrHidden means that the kernel shows this process no addresses.
var ErrHidden = errors.New("the kernel hides its addresses from this process (sysctl kernel.kptr_restrict; run as root)")

// Kernel resolves addresses of the running kernel. It reads its table when first asked.
type Kernel struct {
	open   func() (io.ReadCloser, error)
	loaded func() loadedCode
	mutex  sync.Mutex
	read   bool
	table  table
	err    error
	later  laterCode
}

// NewKernel returns the symbols of the running kernel.
func NewKernel() *Kernel {
	return &Kernel{
		open:   func() (io.ReadCloser, error) { return os.Open("/proc/kallsyms") },
		loaded: newCodeWatch().loaded,
	}
}

// Lookup returns the symbol that an address lies in.
func (k *Kernel) Lookup(address uint64) (Symbol, bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.load()
	if k.err == nil && !k.table.own(address) {
		k.refresh(address)
	}
	return k.table.lookup(address)
}

// Address returns where a symbol is.
func (k *Kernel) Address(name string) (uint64, bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.load()
	return k.table.address(name)
}

// Err returns why nothing can be resolved, or nil.
func (k *Kernel) Err() error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.load()
	return k.err
}

func (k *Kernel) load() {
	if k.read {
		return
	}
	k.read = true
	k.later.begin(k.loaded())
	k.table, k.err = k.readTable()
}

func (k *Kernel) readTable() (table, error) {
	file, err := k.open()
	if err != nil {
		return table{}, fmt.Errorf("kernel symbols: %w", err)
	}
	defer file.Close()
	return read(file)
}

// refresh reads the table again if the address may be of code that was loaded since. What
// cannot be read leaves the old table.
func (k *Kernel) refresh(address uint64) {
	if !k.later.unseen(address) || !k.later.changed(k.loaded()) {
		return
	}
	start := time.Now()
	if fresh, err := k.readTable(); err == nil {
		k.table = fresh
	}
	k.later.spent += time.Since(start)
}

// The largest table that is taken, and the farthest that an address may lie behind a
// symbol.
const (
	maxSymbols = 4 << 20
	maxNames   = 128 << 20
	maxOffset  = 16 << 20
)

// table holds the symbols by address.
type table struct {
	entries []entry
	names   []byte // each ended by a zero
	modules []string
	// start and end are those of the kernel's own text; 0 where they are not listed.
	start, end uint64
}

type entry struct {
	address uint64
	name    uint32 // where it starts in names
	module  uint32 // index into modules
}

func read(from io.Reader) (table, error) {
	b := builder{table: table{modules: []string{""}}, indices: map[string]uint32{"": 0}}
	lines := bufio.NewReaderSize(from, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil && err != io.EOF {
			return table{}, fmt.Errorf("kernel symbols: %w", err)
		}
		if !b.add(line) {
			return table{}, errors.New("kernel symbols: more than any kernel has")
		}
		if err == io.EOF {
			return b.finish()
		}
	}
}

type builder struct {
	table
	indices map[string]uint32
	hidden  int // symbols at address zero
}

// add takes a line. It refuses only when there are too many.
func (b *builder) add(line []byte) bool {
	address, name, module := symbolOf(line)
	if len(name) == 0 {
		return true
	}
	if address == 0 {
		b.hidden++
		return true
	}
	switch string(name) {
	case "_stext":
		b.start = address
	case "_etext":
		b.end = address
	}
	b.entries = append(b.entries, entry{address, uint32(len(b.names)), b.module(bytes.Trim(module, "[]"))})
	b.names = append(append(b.names, name...), 0)
	return len(b.entries) <= maxSymbols && len(b.names) <= maxNames
}

// symbolOf reads a line such as "ffffffffc0a01000 t ext4_sync_file\t[ext4]". The name is
// empty where it is none.
func symbolOf(line []byte) (address uint64, name, module []byte) {
	digits, rest, _ := bytes.Cut(line, []byte{' '})
	_, rest, _ = bytes.Cut(rest, []byte{' '})
	name, module, _ = bytes.Cut(bytes.TrimSpace(rest), []byte{'\t'})
	address, err := strconv.ParseUint(string(digits), 16, 64)
	if err != nil {
		return 0, nil, nil
	}
	return address, name, module
}

func (b *builder) module(name []byte) uint32 {
	index, known := b.indices[string(name)]
	if !known {
		index = uint32(len(b.modules))
		b.modules = append(b.modules, string(name))
		b.indices[string(name)] = index
	}
	return index
}

func (b *builder) finish() (table, error) {
	if len(b.entries) == 0 && b.hidden > 0 {
		return table{}, ErrHidden
	}
	slices.SortStableFunc(b.entries, func(x, y entry) int { return cmp.Compare(x.address, y.address) })
	b.entries, b.names = slices.Clip(b.entries), slices.Clip(b.names)
	return b.table, nil
}

// own reports an address in the kernel's own text, where nothing is loaded later.
func (t *table) own(address uint64) bool { return address >= t.start && address < t.end }

func (t *table) lookup(address uint64) (Symbol, bool) {
	after, _ := slices.BinarySearchFunc(t.entries, address, func(e entry, a uint64) int {
		if e.address <= a {
			return -1
		}
		return 1
	})
	if after == 0 || address-t.entries[after-1].address > maxOffset {
		return Symbol{}, false
	}
	start := t.entries[after-1].address
	at, _ := slices.BinarySearchFunc(t.entries, start, func(e entry, a uint64) int { return cmp.Compare(e.address, a) })
	return Symbol{t.name(t.entries[at]), t.modules[t.entries[at].module], address - start}, true
}

func (t *table) name(e entry) string {
	name, _, _ := bytes.Cut(t.names[e.name:], []byte{0})
	return string(name)
}

func (t *table) address(name string) (uint64, bool) {
	wanted := append([]byte(name), 0)
	for _, e := range t.entries {
		if bytes.HasPrefix(t.names[e.name:], wanted) {
			return e.address, true
		}
	}
	return 0, false
}
