//go:build guest

package guest

import (
	"fmt"
	"testing"
)

func TestAggregations(t *testing.T) {
	out := trace(t, `kprobe:blk_mq_start_request {
		$len = arg0->__data_len;
		@count = count(); @sum = sum($len); @avg = avg($len); @min = min($len); @max = max($len);
		@stats = stats($len); @hist = hist($len); @lhist = lhist($len, 0, 40960, 8192);
	}`, "block --dev /dev/nullb0 --sizes 4096x100,32768x20,65536x7")
	equal(t, "aggregations", out.Stdout, `
@avg: 11997
@count: 127
@hist:
[4K, 8K)             100 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
[8K, 16K)              0 |                                                    |
[16K, 32K)             0 |                                                    |
[32K, 64K)            20 |@@@@@@@@@@                                          |
[64K, 128K)            7 |@@@                                                 |
@lhist:
[0, 8K)              100 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
[8K, 16K)              0 |                                                    |
[16K, 24K)             0 |                                                    |
[24K, 32K)             0 |                                                    |
[32K, 40K)            20 |@@@@@@@@@@                                          |
[40K, ...)             7 |@@@                                                 |
@max: 65536
@min: 4096
@stats: { .count = 127, .average = 11997, .total = 1523712 }
@sum: 1523712
`)
}

// One session sees several processes; each key must have exactly its own.
func TestKeys(t *testing.T) {
	p := tracing(t, `
		kprobe:__x64_sys_getpgid { @[comm, pid] = count(); @n[comm]++; @sum[pid, cpu] = sum(2); }
		kprobe:__x64_sys_dup { @gone[comm] = count(); }
		kprobe:__x64_sys_umask { delete(@gone[comm]); }
		kprobe:__x64_sys_getpriority /comm == "two"/ { @only = count(); }`)
	one := Workload(t, "--comm", "one", "syscalls", "--name", "getpgid", "--n", "1000", "--threads", "2")
	two := Workload(t, "--comm", "two", "syscalls", "--name", "getpgid", "--n", "333")
	for _, name := range []string{"dup", "getpriority"} {
		for _, comm := range []string{"one", "two"} {
			Workload(t, "--comm", comm, "syscalls", "--name", name, "--n", "100")
		}
	}
	Workload(t, "--comm", "one", "syscalls", "--name", "umask", "--n", "1")
	equal(t, "keys", ended(p).Stdout, fmt.Sprintf(`@[two, %d]: 333
@[one, %d]: 1000
@gone[two]: 100
@n[two]: 333
@n[one]: 1000
@only: 100
@sum[%[1]d, 0]: 666
@sum[%[2]d, 0]: 1000
@sum[%[2]d, 1]: 1000
`, two.Pid, one.Pid))
}

// Many threads on all CPUs at one probe: no increment may be lost, whatever kind of map
// it goes to.
func TestNoIncrementIsLost(t *testing.T) {
	out := trace(t, `kprobe:__x64_sys_getpgid {
		@x++; @y += 3; @z[0]++; @key[comm]++;
		@count = count(); @sum = sum(7); @stats = stats(4); @hist[comm] = hist(5); @s[1] = stats(4);
	}`, "--comm pony syscalls --name getpgid --n 60000 --threads 8")
	equal(t, "increments", out.Stdout, `
@count: 60000
@hist[pony]:
[4, 8)             60000 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
@key[pony]: 60000
@s[1]: { .count = 60000, .average = 4, .total = 240000 }
@stats: { .count = 60000, .average = 4, .total = 240000 }
@sum: 420000
@x: 60000
@y: 180000
@z[0]: 60000
`)
	equal(t, "increments", out.Stderr, "Attached 1 probe")
}

// What a full map has to refuse is counted, and what it holds stays right.
func TestFullMap(t *testing.T) {
	out := trace(t, `config = { max_map_keys = 3 }
		kprobe:__x64_sys_getpgid { @n++; @[@n] = count(); @m[@n / 2] = @n; }`, "syscalls --name getpgid --n 1000")
	equal(t, "full", out.Stdout, `
@[1]: 1
@[2]: 1
@[3]: 1
@m[0]: 1
@m[1]: 3
@m[2]: 5
@n: 1000
`)
	equal(t, "full", out.Stderr, `
Attached 1 probe
WARNING: the map @ was full at 3 keys: 997 updates were lost; more room: max_map_keys = 12
WARNING: the map @m was full at 3 keys: 995 updates were lost; more room: max_map_keys = 12
`)
}
