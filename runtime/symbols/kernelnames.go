package symbols

import (
	"bufio"
	"fmt"
	"io"
	"os"

	"github.com/ponytrace/ponytrace/lang/diag"
)

// NamesAt returns the names of the kernel's symbols that begin at some of the addresses.
// It reads the table once and keeps nothing else of it.
func NamesAt(addresses map[uint64]bool) (map[uint64]string, error) {
	if len(addresses) == 0 {
		return nil, nil
	}
	file, err := os.Open("/proc/kallsyms")
	if err != nil {
		return nil, fmt.Errorf("kernel symbols: %w", err)
	}
	defer file.Close()
	return namesAt(file, addresses)
}

// NamesLike returns a few names of the kernel's symbols that are like one.
func NamesLike(name string) []string {
	file, err := os.Open("/proc/kallsyms")
	if err != nil {
		return nil
	}
	defer file.Close()
	lines := bufio.NewReaderSize(file, 64<<10)
	return diag.Nearest(name, func(yield func(string) bool) {
		for {
			line, err := lines.ReadSlice('\n')
			if _, name, _ := symbolOf(line); err != nil || !yield(string(name)) {
				return
			}
		}
	}, 3)
}

// namesAt takes the shortest of several names: others add a prefix to it.
func namesAt(from io.Reader, addresses map[uint64]bool) (map[uint64]string, error) {
	names := map[uint64]string{}
	lines := bufio.NewReaderSize(from, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("kernel symbols: %w", err)
		}
		address, name, _ := symbolOf(line)
		if address != 0 && len(name) > 0 && addresses[address] {
			if old := names[address]; old == "" || len(name) < len(old) {
				names[address] = string(name)
			}
		}
		if err == io.EOF {
			return names, nil
		}
	}
}
