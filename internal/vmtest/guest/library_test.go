//go:build guest

package guest

import (
	"context"
	"testing"

	"github.com/ponytrace/ponytrace"
)

// The one-liner that the project began with, counted from Go: the histogram that a
// program reads is the load, request for request, and more of it when it reads again.
func TestLibrary(t *testing.T) {
	script, err := ponytrace.Parse(ponytrace.NewSource("-e", "kprobe:blk_start_request < @ = hist(arg0->__data_len) >"))
	if err != nil {
		t.Fatal(err)
	}
	machine, err := ponytrace.Detect()
	if err != nil {
		t.Fatal(err)
	}
	program, err := ponytrace.Compile(script, machine, ponytrace.Options{})
	if err != nil {
		t.Fatal(err)
	}
	session, err := program.Load(ponytrace.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if err := session.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	for round := uint64(1); round <= 2; round++ {
		Workload(t, "block", "--dev", "/dev/nullb0", "--sizes", "4096x100,32768x20,65536x7")
		wantSizes(t, session, map[int64]uint64{4096: 100 * round, 32768: 20 * round, 65536: 7 * round})
	}
	session.Stop()
	if code, err := session.Wait(); code != 0 || err != nil {
		t.Error(code, err)
	}
}

// wantSizes wants the histogram to hold the requests of each size, and no other.
func wantSizes(t *testing.T, session *ponytrace.Session, want map[int64]uint64) {
	t.Helper()
	table, err := session.Snapshot("@")
	if err != nil || len(table.Rows) != 1 {
		t.Fatalf("%+v, %v", table, err)
	}
	for _, bucket := range table.Rows[0].Value.(ponytrace.Histogram) {
		if bucket.Count != want[bucket.Low] {
			t.Errorf("%d requests of %d to %d bytes, want %d", bucket.Count, bucket.Low, bucket.High, want[bucket.Low])
		}
	}
}
