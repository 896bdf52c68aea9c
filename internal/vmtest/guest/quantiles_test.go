//go:build guest

package guest

import (
	"fmt"
	"strings"
	"testing"
)

// The sizes are known, and so are the buckets that they lie in: 4096 to 4159, 32768 to
// 33279, 65536 to 66559, and below 0 as many.
func TestQuantiles(t *testing.T) {
	out := trace(t, `kprobe:blk_mq_start_request {
		$len = (int64)arg0->__data_len;
		@all = quantiles($len, 0, 50, 90, 99, 99.9);
		@moved = quantiles($len - 40000);
		@exact = quantiles($len / 4096, 50, 90, 100);
		@keyed[$len / 32768, "x"] = quantiles($len - 40000, 50, 100);
		@spread["all"] = quantiles($len, 50, 90, 99);
	}`, "block --dev /dev/nullb0 --sizes 4096x100,32768x20,65536x7")
	equal(t, "quantiles", out.Stdout, `
@all: count 127, p0 4127, p50 4127, p90 33023, p99 66047, p99.9 66047
@exact: count 127, p50 1, p90 8, p100 16
@keyed[0, x]: count 100, p50 -36095, p100 -36095
@keyed[1, x]: count 20, p50 -7263, p100 -7263
@keyed[2, x]: count 7, p50 25471, p100 25471
@moved: count 127, p50 -36095, p90 -7263, p99 25471, p99.9 25471
@spread[all]: count 127, p50 4127, p90 33023, p99 66047
`)
}

// The counts of what is printed and cleared every 100 ms add up to what happened, on all
// CPUs and with keys in parts.
func TestQuantilesAddUp(t *testing.T) {
	out := trace(t, `
		kprobe:__x64_sys_getpgid { @ = quantiles(nsecs); @k[comm, cpu] = quantiles(elapsed % 100000, 50); }
		interval:ms:100 { print(@); clear(@); print(@k); clear(@k); }`,
		"--comm pony syscalls --name getpgid --n 300000 --threads 4")
	one, keyed, reports := 0, 0, 0
	for line := range strings.Lines(out.Stdout) {
		var n int
		if _, err := fmt.Sscanf(line, "@: count %d,", &n); err == nil {
			one += n
			reports++
		} else if _, text, ok := strings.Cut(line, "]: count "); ok {
			fmt.Sscan(text, &n)
			keyed += n
		}
	}
	if want := 300000 - missed(t, out); one != want || keyed != want || reports < 3 {
		t.Errorf("%d reports add up to %d and, by keys, %d, want %d\n%s%s", reports, one, keyed, want, out.Stdout, out.Stderr)
	}
}
