package simulate_test

import (
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/runtime/simulate"
)

// TestMeanwhile: what reads and writes loses the update of the other CPU, the rest does
// not; and the program goes on with its own context, CPU and name.
func TestMeanwhile(t *testing.T) {
	const script = `kprobe:vfs_read {
		@naive = @naive + 1; @keyed[1] = @keyed[1] + 1; @atomic++; @percpu = count(); @most = max(arg2);
		printf("%s %d %d\n", comm, cpu, arg2);
	}`
	const want = "cat 1 200\ndd 0 100\n\n\n@atomic: 2\n@keyed[1]: 2\n@most: 200\n@naive: 1\n@percpu: 2\n"
	for _, kernel := range []string{"5.10", "6.12", "7.x"} {
		o := compile(t, script, frozen.Target(kernel))
		outer, inner := function(o, 0, dd, 1, 2, 100), function(o, 0, simulate.Task{Comm: "cat"}, 1, 2, 200)
		inner.CPU = 1
		outer.Meanwhile = []*simulate.Event{&inner}
		if p := play(t, o, simulate.Options{}, outer); p.out.String() != want {
			t.Errorf("%s: printed %q, want %q", kernel, p.out.String(), want)
		}
	}
}

// TestMeanwhileEnd: where the program reads no map, the other one runs after it.
func TestMeanwhileEnd(t *testing.T) {
	o := compile(t, `kprobe:vfs_read { @ = sum(arg2) }`, frozen.Target("6.12"))
	outer, inner := function(o, 0, dd, 1, 2, 100), function(o, 0, bash, 1, 2, 200)
	outer.Meanwhile = []*simulate.Event{&inner}
	if p := play(t, o, simulate.Options{}, outer); p.out.String() != "\n\n@: 300\n" {
		t.Errorf("printed %q", p.out.String())
	}
}

// TestFull: what finds the ring buffer full is lost, counted and told.
func TestFull(t *testing.T) {
	o := compile(t, `kprobe:vfs_read { printf("%d\n", arg2) }`, frozen.Target("6.12"))
	events := []simulate.Event{function(o, 0, dd, 1, 2, 1), function(o, 0, dd, 1, 2, 2), function(o, 0, dd, 1, 2, 3)}
	events[1].Full = true
	p := play(t, o, simulate.Options{}, events...)
	if p.out.String() != "1\n3\n\n\n" || !strings.Contains(p.notices.String(), "1 events were lost because the buffer was full") {
		t.Errorf("printed %q, told %q", p.out.String(), p.notices.String())
	}
}
