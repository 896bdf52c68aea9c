package cpus

import (
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string][]int{
		"0": {0}, "0-3": {0, 1, 2, 3}, "0-1,3,6-7": {0, 1, 3, 6, 7}, "5-5": {5}, "65535": {65535},
		"": nil, ",": nil, "0,": nil, "-": nil, "-1": nil, "0-": nil, "+1": nil, "0 ,1": nil, "0x1": nil,
		"3-0": nil, "0,0": nil, "0-3,2": nil, "2,1": nil, "65536": nil, "0-4294967295": nil,
		"0-18446744073709551615": nil, "18446744073709551616": nil, "0-3:1/2": nil,
	} {
		list, err := parse(text)
		if !slices.Equal(list, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: %d CPUs, %v; want %v", text, len(list), err, want)
		}
	}
}

func TestOnline(t *testing.T) {
	list, err := Online()
	if err != nil || len(list) < runtime.NumCPU() {
		t.Errorf("%v, %v; the test runs on %d", list, err, runtime.NumCPU())
	}
	if list, err := onlineIn(filepath.Join(t.TempDir(), "online")); !errors.Is(err, ErrNoList) {
		t.Errorf("%v, %v", list, err)
	}
}
