package main

import (
	"fmt"
	"testing"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]string{
		"4096x100,512x1": "[{4096 100} {512 1}]",
		"4096":           `"4096" is not SIZExCOUNT with a multiple of 512`,
		"100x1":          `"100x1" is not SIZExCOUNT with a multiple of 512`,
		"4096x1,":        `"" is not SIZExCOUNT with a multiple of 512`,
	} {
		list, err := parseSizes(text)
		got := fmt.Sprint(list)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
