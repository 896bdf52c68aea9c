package symbols

import (
	"bufio"
	"bytes"
	"hash/maphash"
	"os"
	"time"

	"github.com/cilium/ebpf"
)

// loadedCode tells what is loaded apart from what is loaded at another time: a sum over the
// modules with their addresses, and the number of the last program of BPF. Numbers of
// programs only grow, so that one that was unloaded is no reason to read: the table that
// has it may name it still.
type loadedCode struct {
	modules uint64
	program ebpf.ProgramID
}

// codeWatch asks the kernel for it.
type codeWatch struct {
	seed maphash.Seed
	last ebpf.ProgramID
}

func newCodeWatch() *codeWatch { return &codeWatch{seed: maphash.MakeSeed()} }

func (w *codeWatch) loaded() loadedCode {
	for {
		next, err := ebpf.ProgramGetNextID(w.last)
		if err != nil {
			break
		}
		w.last = next
	}
	text, _ := os.ReadFile("/proc/modules")
	return loadedCode{sumOfModules(w.seed, text), w.last}
}

// sumOfModules is one over lines such as "ext4 1056768 1 - Live 0xffffffffc0a01000", without
// the number of users.
func sumOfModules(seed maphash.Seed, text []byte) (sum uint64) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if fields := bytes.Fields(lines.Bytes()); len(fields) > 5 {
			sum += maphash.Bytes(seed, fields[0])*3 + maphash.Bytes(seed, fields[5])
		}
	}
	return sum
}

// laterCode bounds how often is asked what was loaded later, and how long reading the
// table again may take.
type laterCode struct {
	known loadedCode
	seen  map[uint64]bool // addresses that were looked up since
	begun time.Time
	spent time.Duration
}

const (
	maxSeen = 1 << 16
	// laterTime is how long reading may take in any case, and laterShare the part of the
	// time that it may take besides.
	laterTime  = 500 * time.Millisecond
	laterShare = 20
)

func (l *laterCode) begin(known loadedCode) { l.known, l.begun = known, time.Now() }

// unseen reports an address that was not looked up since, when there is time to read.
func (l *laterCode) unseen(address uint64) bool {
	if l.seen[address] || l.spent > laterTime+time.Since(l.begun)/laterShare {
		return false
	}
	if l.seen == nil || len(l.seen) >= maxSeen {
		l.seen = map[uint64]bool{}
	}
	l.seen[address] = true
	return true
}

// changed reports whether more is loaded than was known, which is known then.
func (l *laterCode) changed(now loadedCode) bool {
	before := l.known
	l.known = now
	if before == now {
		return false
	}
	clear(l.seen)
	return true
}
