package symbols

import (
	"reflect"
	"strings"
	"testing"
)

func TestNamesAt(t *testing.T) {
	const table = `ffffffff81000000 T _text
ffffffff81000010 t __pi_memcpy
ffffffff81000010 T memcpy
ffffffff81000010 W __memcpy
0000000000000000 A hidden
ffffffff81000020 t other
not a line
ffffffffc0a01000 t ext4_sync_file	[ext4]`
	wanted := map[uint64]bool{0: true, 0xffffffff81000010: true, 0xffffffffc0a01000: true, 0xffffffffc0a01001: true}
	got, err := namesAt(strings.NewReader(table), wanted)
	want := map[uint64]string{0xffffffff81000010: "memcpy", 0xffffffffc0a01000: "ext4_sync_file"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
}
