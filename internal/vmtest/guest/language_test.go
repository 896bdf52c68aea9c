//go:build guest

package guest

import (
	"strings"
	"testing"
)

// languageCase is a script and the exact text that it prints. Lacking, where it is not
// empty, is what the message says on a kernel before Since.
type languageCase struct {
	name, script, want string
	since              [2]int
	lacking            string
}

// walksMaps marks a case that needs bpf_for_each_map_elem.
var walksMaps = [2]int{5, 13}

var languageCases = []languageCase{
	{name: "numbers", script: `BEGIN {
		printf("%d %d %d %d %d\n", 7/2, -7/2, -7%3, 7%-3, 5 & 3 == 1);
		printf("%x %X %#x %o %c|%5d|%-5d|%05d|%+d|% d|%.3d\n", 255, 255, 255, 8, 65, 42, 42, 42, 5, 5, 7);
		printf("%hhd %hd %u %p %%\n", 300, 65537, (uint32)-1, 4096);
		print((uint8)300); print((int8)200); print((int32)0xffffffff); print((uint64)-1); print((bool)5);
		$x = 5; $x += 3; $x *= 4; $x %= 10; $x |= 16; $x ^= 1; $x <<= 2; $x >>= 1; print($x);
		print($x++ + ++$x); @m = 1; print((@m++, ++@m, @m--, --@m)); @k[1]++; @k[1]++; @k[2]--;
		$zero = 0; print((7 / $zero, 7 % $zero, 0 ?: 7, $zero && @n++, 1 || @n++));
	}`, want: `
3 -3 -1 1 0
ff FF 0xff 10 A|   42|42   |00042|+5| 5|007
44 1 4294967295 0x1000 %
44
-56
-1
18446744073709551615
true
38
78
(1, 3, 3, 1)
(0, 0, 7, false, true)
@k[2]: -1
@k[1]: 2
@m: 1
`},
	{name: "values", script: `
		enum color { RED, GREEN = 5, BLUE };
		struct point { int x; char c; unsigned long y; union { u32 all; u8 part[4]; }; struct { short s; } in; unsigned int low:3, high:5; };
		BEGIN {
			print((GREEN, (enum color)0, (enum color)99)); printf("%d %s %-6s|\n", BLUE, BLUE, RED); @colors[BLUE] = GREEN;
			print((sizeof(struct point), offsetof(struct point, y), offsetof(struct point, part), sizeof(int *), sizeof(char[5])));
			$a = (uint8[4])0x04030201; print(($a, $a[2], (uint32)$a));
			$r = (a = 1, b = "x"); print($r); print($r.b); print((x = (y = 1, z = 2))); @records[(p = 1, q = 2)] = 7;
			$t = (1, "b", (2, "c")); print($t.2.1); @tuples[$t.2, 1] = $t;
			let $small: uint8 = 255; $small++; print($small); let $s: string[8] = "abc"; print($s);
			print({ let $b = 1; $b + 1 }); _ = { @x++; @x };
			$p = (struct point *)0; print(($p, $p->x, $p->high)); @at = (int32 *)0x32; @at += 6; @at--; @at -= 2; ++@at;
			printf("%r %rx\n", buf("text\0", 5), buf(curtask->comm, 4)); @bytes[buf("key", 3)] = 1;
		}`, want: `
(GREEN, RED, 99)
6 BLUE RED   |
(24, 8, 16, 8, 5)
([1,2,3,4], 3, 67305985)
{ .a = 1, .b = x }
x
{ .x = { .y = 1, .z = 2 } }
c
0
abc
2
(0x0, 0, 0)
text\x00 \x70\x6f\x6e\x79
@at: 0x42
@bytes[key]: 1
@colors[BLUE]: GREEN
@records[{ .p = 1, .q = 2 }]: 7
@tuples[(2, c), 1]: (1, b, (2, c))
@x: 1
`},
	{name: "strings", script: `BEGIN {
		$s = "hello"; print(($s[1], strlen($s), strcontains($s, "ell"), strstr($s, "lo"), strstr($s, "zz"), strncmp("abc", "abd", 2)));
		print((str_concat("foo", "bar"), "a" < "b", "b" <= "a", $s == "hello", $s != "help"));
		print(("libc.so.6" =~ "*.so*", "x" !~ "y?", "a1" =~ "[a-c][0-9]", "d1" =~ "[!a-c]?", "a*b" =~ "a\\*b"));
		printf("%s|%8s|%-8s|%.2s\n", $s, $s, $s, $s); @["a" , $s] = "value"; @long = "a longer one"; @long = $s;
	}`, want: `
(101, 5, true, 3, -1, 0)
(foobar, true, false, true, true)
(true, true, true, true, true)
hello|   hello|hello   |he
@[a, hello]: value
@long: hello
`},
	{name: "loops", script: `BEGIN {
		$i = 0; while ($i < 5) { if ($i == 3) { $i++; continue } printf("%d ", $i); $i++ }
		for ($j : 0..4) { printf("<%d>", $j); if ($j == 2) { break } } unroll (3) { printf("u") } print("");
		for ($i2 : 0..3) { for ($j : 0..3) { if ($i2 == $j) { continue } @[$i2, $j] = $i2 * 10 + $j } }
		$start = -2; $n = 0; for ($k : $start..3) { $n += $k * $k } print($n); for ($k : 3..1) { print("never") }
	}`, want: `
0 1 2 4 <0><1><2>uuu
10
@[0, 1]: 1
@[0, 2]: 2
@[1, 0]: 10
@[1, 2]: 12
@[2, 0]: 20
@[2, 1]: 21
`},
	{name: "maps in loops", since: walksMaps, lacking: "5.13", script: `
		BEGIN {
			@a[1, "x"] = (10, "p"); @a[2, "y"] = (20, "q"); @c[1] = count(); @c[1] = count(); @c[2] = count(); @g["k"] = avg(4); @g["k"] = avg(8);
			@t[1] = 1; @t[2] = 2; @t[3] = 3;
		}
		END {
			for ($kv : @a) { @by[$kv.0.1] = $kv.1.0; @names[$kv.0.0] = $kv.1.1; @sum += $kv.1.0 }
			for ($kv : @c) { @twice[$kv.0] = (int64)$kv.1 * 2 } for ($kv : @g) { print(($kv.0, (int64)$kv.1)) }
			for ($kv : @t) { if ($kv.0 == 2) { continue } delete(@t, $kv.0) } print(len(@t));
			clear(@a); clear(@c); clear(@g);
		}`, want: `
(k, 6)
1
@by[x]: 10
@by[y]: 20
@names[1]: p
@names[2]: q
@sum: 30
@t[2]: 2
@twice[2]: 2
@twice[1]: 4
`},
	{name: "kinds of maps", script: `
		let @h = hash(3); let @l = lruhash(64); let @p = percpuhash(5); let @q = percpulruhash(100);
		BEGIN {
			@h[1] = 1; @h[2] = 2; @p[1] = count(); @q[1] = sum(4); @l[1] = 1; print((has_key(@h, 1), has_key(@h, 5)));
			delete(@h, 1); delete(@h[2]); print((has_key(@h, 1), @h[1]));
			if (delete(@l, 1)) { print("gone") } if (!delete(@l, 1)) { print("none") }
			@s = 5; delete(@s); @z[1] = 7; zero(@z); @c[1] = 1; clear(@c);
		}`, want: `
(true, false)
(false, 0)
gone
none
@p[1]: 1
@q[1]: 4
@z[1]: 0
`},
	{name: "aggregations", script: `BEGIN {
		@stats = stats(4); @stats = stats(8); @avg = avg(1); @avg = avg(2); @min = min(-5); @max = max(7); @sum = sum(-3); @n = count();
		@fine = hist(40, 2); @fine = hist(47, 2); @h = hist(0); @h = hist(-1); @h = hist(5);
		@l = lhist(5, 0, 10, 5); @l = lhist(-1, 0, 10, 5); @l = lhist(100, 0, 10, 5); @keyed["a", 1] = hist(1);
		print(((int64)@sum + @n * 10, (int64)@avg, @max > 6));
	}`, want: `
(7, 1, true)
@avg: 1
@fine:
[40, 48)               2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
@h:
(..., 0)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
[0]                    1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
[1]                    0 |                                                    |
[2, 4)                 0 |                                                    |
[4, 8)                 1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
@keyed[a, 1]:
[1]                    1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
@l:
(..., 0)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
[0, 5)                 0 |                                                    |
[5, 10)                1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
[10, ...)              1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
@max: 7
@min: -5
@n: 1
@stats: { .count = 2, .average = 6, .total = 12 }
@sum: -3
`},
	{name: "functions and macros", script: `
		#define LIMIT 10
		#ifdef BPFTRACE_HAVE_BTF
		#define ANSWER (LIMIT * 4 + 2)
		#endif
		fn add($a: int64, $b: int64) : int64 { return $a + $b; }
		fn factorial($n: int64) : int64 { $r = 1; for ($i : 1..$n + 1) { $r *= $i; } return $r; }
		fn hello($s: string[16]) : void { printf("hi %s\n", $s); }
		macro add_to(@m, $k) { @m[$k]++; } macro twice(x) { x * 2 } macro swap($a, $b) { let $t = $a; $a = $b; $b = $t; }
		BEGIN {
			print((add(2, 3), factorial(LIMIT), twice(3 + 1), ANSWER)); hello("you");
			$k = 5; add_to(@z, $k); add_to(@z, $k); $p = 1; $q = 2; swap($p, $q); print(($p, $q));
		}`, want: `
(5, 3628800, 8, 42)
hi you
(2, 1)
@z[5]: 2
`},
	{name: "tables", script: `BEGIN {
		@a["x"] = 3; @a["y"] = 1; @b["x"] = 30; printa("%-4s %@4d %@d\n", @a, @b); clear(@a); clear(@b);
		@c[1] = 1; @c[2] = 2; @c[3] = 3; trunc(@c, 2); @d[1] = 1000; normalize(@d, 10); print(@d);
		@e[1] = 100; @e[2] = 200; @e[3] = 300; print(@e, 2); print(@e, 1, 10); print(@e[1]); clear(@e);
	}`, want: `
y       1 0
x       3 30
@d[1]: 100
@e[2]: 200
@e[3]: 300
@e[3]: 30
100
@c[2]: 2
@c[3]: 3
@d[1]: 100
`},
	{name: "names", script: `BEGIN {
		print((ntop(0x0100007f), ntop(pton("10.0.0.1")), ntop(pton("::1")), pton("1.2.3.4")));
		print((bswap((uint16)0x1234), bswap((uint32)1))); print((strerror(13), signal_name(9), syscall_name(0)));
		printf("%s %s\n", strftime("%%", nsecs), strftime("%H", 0)); @e[strerror(2), comm] = 1; print(curtask->comm == comm);
		cat("/proc/sys/kernel/%s", "ostype"); errorf("no %d", 1);
	}`, want: `
(127.0.0.1, 10.0.0.1, ::1, [1,2,3,4])
(13330, 16777216)
(Permission denied, SIGKILL, read)
% (?)
true
Linux
@e[No such file or directory, ponytrace]: 1
`},
	{name: "order", script: `
		BEGIN { @n = 1; print(@n); @s = stats(3); print(@s); print(*(struct list_head *)0); printf("%lx %llu %x\n", -1, -1, -1); }
		END { @n = 2; @s = stats(5); printf("end\n"); }`, want: `
@n: 1
@s: { .count = 1, .average = 3, .total = 3 }
{ .next = 0x0, .prev = 0x0 }
ffffffffffffffff 18446744073709551615 ffffffff
end
@n: 2
@s: { .count = 2, .average = 4, .total = 8 }
`},
	{name: "settings", script: `
		config = { max_strlen = 8; str_trunc_trailer = "~"; print_maps_on_exit = false; max_map_keys = 2 }
		BEGIN { @a[2] = 1; @a[1] = 2; print(@a); print(str_concat("abcdefgh", "ijk")); exit(0); print("never") }
		END { print("end"); }`, want: `
@a[2]: 1
@a[1]: 2
abcdefgh~
end
`},
}

// TestLanguage runs the language's constructs together, as scripts have them, on every
// kernel.
func TestLanguage(t *testing.T) {
	for _, c := range languageCases {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			out := Run(t, "ponytrace", "-e", c.script)
			if c.lacking != "" && !AtLeast(t, c.since[0], c.since[1]) {
				if out.Code != 1 || !strings.Contains(out.Stderr, c.lacking) {
					t.Fatalf("ended with %d and said\n%s%s", out.Code, out.Stdout, out.Stderr)
				}
				return
			}
			if out.Code != 0 {
				t.Fatalf("ended with %d\n%s%s", out.Code, out.Stdout, out.Stderr)
			}
			equal(t, c.name, withoutLoad(out).Stdout, c.want)
		})
	}
}
