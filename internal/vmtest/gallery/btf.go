package gallery

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"

	"github.com/cilium/ebpf/btf"
)

// typedefOf finds a typedef of the kernel by name. It scans the raw types: an index of
// them takes seconds in an emulated machine.
// https://docs.kernel.org/bpf/btf.html
func typedefOf(name string) (id uint32, err error) {
	raw, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if err != nil {
		return 0, err
	}
	word := binary.LittleEndian.Uint32
	header := raw[word(raw[4:]):]
	types := header[word(raw[8:]):][:word(raw[12:])]
	names := header[word(raw[16:]):]
	const typedef = 8
	wanted := append([]byte(name), 0)
	for id = 1; len(types) > 0; id++ {
		kind, count := word(types[4:])>>24&31, int(word(types[4:])&0xffff)
		if kind == typedef && bytes.HasPrefix(names[word(types):], wanted) {
			return id, nil
		}
		types = types[12+extra[kind]+count*each[kind]:]
	}
	return 0, fmt.Errorf("%s: %w", name, btf.ErrNotFound)
}

// extra is what follows a type of each kind, each what follows for each of its members.
var (
	extra = [20]int{1: 4, 3: 12, 14: 4, 17: 4}
	each  = [20]int{4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}
)
