package testkit

import (
	"os"
	"slices"
	"testing"
)

// A slice of a soak begins where the one before has ended.
func TestSeeds(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("go.mod", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		soak string
		want []uint64
	}{
		{"", []uint64{0, 1}}, {"1", []uint64{0, 1, 2}}, {"1", []uint64{3, 4, 5}}, {"", []uint64{0, 1}}, {"1", []uint64{6, 7, 8}},
	} {
		t.Setenv("SOAK", c.soak)
		t.Run("slice", func(t *testing.T) {
			usual := Choose(20, 2, 2) // a short run takes a tenth
			if got := slices.Collect(Seeds(shared{t}, usual, 3)); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// shared is a test that has the same name each time.
type shared struct{ *testing.T }

func (shared) Name() string { return "TestSlice" }
