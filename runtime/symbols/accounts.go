package symbols

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Accounts names user IDs by a file such as /etc/passwd, which it reads when first asked.
// (Rejected: os/user, whose version without cgo reads the file again for each ID.)
type Accounts struct {
	open  func() (io.ReadCloser, error)
	once  sync.Once
	names map[uint64]string
}

// maxAccounts bounds what is read of the file.
const maxAccounts = 16 << 20

// NewAccounts returns the accounts of this machine.
func NewAccounts() *Accounts {
	return &Accounts{open: func() (io.ReadCloser, error) { return os.Open("/etc/passwd") }}
}

// Lookup returns the name of a user, as the first line for the ID says.
func (a *Accounts) Lookup(id uint64) (string, bool) {
	a.once.Do(a.load)
	name, ok := a.names[id]
	return name, ok
}

// load reads lines such as "root:x:0:0:root:/root:/bin/bash".
func (a *Accounts) load() {
	a.names = map[uint64]string{}
	file, err := a.open()
	if err != nil {
		return
	}
	defer file.Close()
	lines := bufio.NewScanner(io.LimitReader(file, maxAccounts))
	for lines.Scan() {
		fields := strings.SplitN(lines.Text(), ":", 4)
		if len(fields) < 4 || fields[0] == "" {
			continue
		}
		if id, err := strconv.ParseUint(fields[2], 10, 32); err == nil && a.names[id] == "" {
			a.names[id] = fields[0]
		}
	}
}
