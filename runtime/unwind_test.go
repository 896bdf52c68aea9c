package runtime

import (
	"bytes"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/runtime/binary/cfi"
	"github.com/ponytrace/ponytrace/runtime/symbols"
)

// Rows go to shards that the programs have, and to no other.
func TestRefusedShard(t *testing.T) {
	testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
	inner := &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4096, MaxEntries: 1, Flags: 1 << 10} // BPF_F_MMAPABLE
	outer := kernelMap(t, &ebpf.MapSpec{Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1, InnerMap: inner})
	u := &unwinder{maps: map[string]*ebpf.Map{object.FramesMap: outer}, shards: inner}
	defer u.close()
	if err := u.store(0, 0, []cfi.Row{{Place: 1}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := u.store(1, 0, []cfi.Row{{Place: 2}}); err == nil {
			t.Error("rows go to a shard that no program has")
		}
	}
	if err := u.store(0, 1, []cfi.Row{{Place: 3}}); err != nil || u.shard.number != 0 {
		t.Errorf("the last shard is %d, %v", u.shard.number, err)
	}
}

// What has no tables is told, each kind once.
func TestStacksWithoutTables(t *testing.T) {
	var out bytes.Buffer
	u := &unwinder{callers: symbols.NewCallers(nil), notices: &notices{to: &out}}
	u.tell()
	u.callers.Cut = true
	u.tell()
	u.callers.Full = true
	u.tell()
	u.tell()
	const want = "Stacks of some programs are followed by frame pointers in part: they have more than 255 pieces of code\n" +
		"Stacks of some programs are followed by frame pointers: the tables of all take more than 32 MiB\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
