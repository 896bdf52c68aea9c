package runtime

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/object"
	"golang.org/x/sys/unix"
)

func TestFindFacts(t *testing.T) {
	found := map[int]uint64{}
	set := func(offset int, value uint64) { found[offset] = value }
	consts := []object.RuntimeConst{
		{Kind: object.NamespaceInode, Offset: 0}, {Kind: object.NamespaceDevice, Offset: 8}, {Kind: object.TAIOffset, Offset: 16},
	}
	if err := findRuntimeConsts(consts, set); err != nil {
		t.Fatal(err)
	}
	link, err := os.Readlink("/proc/self/ns/pid")
	if err != nil || !strings.Contains(link, "["+strconv.FormatUint(found[0], 10)+"]") {
		t.Errorf("the namespace is %s (%v), found %d", link, err, found[0])
	}
	if found[8] == 0 || found[8]>>20 != 0 {
		t.Errorf("nsfs has no major number, found %#x", found[8])
	}
	difference := clock(unix.CLOCK_TAI) - clock(unix.CLOCK_MONOTONIC) - int64(found[16])
	if difference < -1e9 || difference > 1e9 {
		t.Errorf("the offset of TAI is wrong by %d ns", difference)
	}
}

func TestFactsThatAreNot(t *testing.T) {
	for _, c := range []struct {
		fact object.RuntimeConst
		want string
	}{
		{object.RuntimeConst{Kind: object.CgroupID, Text: "/nowhere"}, `there is no folder "/nowhere"`},
		{object.RuntimeConst{Kind: object.CgroupID, Text: "/proc"}, `"/proc" is not the folder of a cgroup (version 2)`},
	} {
		err := findRuntimeConsts([]object.RuntimeConst{c.fact}, func(int, uint64) {})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %v, want %s", c.fact, err, c.want)
		}
	}
}

func TestLackingHelper(t *testing.T) {
	for text, want := range map[string]string{
		"9: (85) call bpf_override_return#58\nunknown func bpf_override_return#58":                      "bpf_override_return",
		"   >>> 1 | override(-5)\n  | ^-- error: policy check failed for helper bpf_override_return#58": "bpf_override_return",
		"9: (85) call bpf_get_stack#67\nprogram of this type cannot use helper bpf_get_stack#67":        "bpf_get_stack",
		"R1 type=scalar expected=fp": "",
	} {
		if got := lackingHelper(strings.Split(text, "\n")); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
