package compiler_test

import (
	"fmt"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"os"
	"strings"
	"testing"
)

// semantics holds expressions against what C makes of them with 64-bit integers. A
// division by zero is 0. Where the text is more than an expression, it assigns to @r
// itself.
var semantics = []struct {
	script string
	want   int64
}{
	{"1 + 2 * 3", 7},
	{"(1 + 2) * 3", 9},
	{"10 - 4 - 3", 3},
	{"100 / 10 / 5", 2},
	{"1 << 2 + 1", 8},
	{"1 | 2 ^ 3 & 5", 1 | (2 ^ (3 & 5))},
	{"6 & 3 == 3", 6 & 1},
	{"1 << 40", 1 << 40},
	{"-7 / 2", -3},
	{"-7 % 2", -1},
	{"7 % -2", 1},
	{"7 / -2", -3},
	{"(-9223372036854775807 - 1) / -1", -9223372036854775808},
	{"(-9223372036854775807 - 1) % -1", 0},
	{"-9223372036854775808 / -1", -9223372036854775808},
	{"0xffffffffffffffff / 2", 0x7fffffffffffffff},
	{"0xffffffffffffffff % 10", 5},
	{"0xffffffffffffffff >> 60", 15},
	{"-16 >> 2", -4},
	{"-1u >> 60", 15},
	{"~0", -1},
	{"~5", -6},
	{"~true", -2},
	{"~(uint32)5", 0xfffffffa},
	{"!5", 0},
	{"!!5", 1},
	{"-(-5)", 5},
	{"-1 < 1", 1},
	{"-1 < 1u", 0},
	{"-1 > 0xffffffff", 0},
	{"0xffffffffffffffff > 1", 1},
	{"pid > -1", 1},
	{"(int64)pid > -1", 1},
	{"(int8)200", -56},
	{"(uint8)300", 44},
	{"(int16)65535", -1},
	{"(uint16)-1", 65535},
	{"(int32)0xffffffff", -1},
	{"(uint32)-1", 0xffffffff},
	{"(bool)8", 1},
	{"(uint8)5 - (uint8)7", -2},
	{"(uint8)255 + (uint8)1", 256},
	{"1 < 2 == 1", 1},
	{"3 > 2 > 1", 0},
	{"1 ? 2 : 3 ? 4 : 5", 2},
	{"0 ? 2 : 0 ? 4 : 5", 5},
	{"0 ?: 5", 5},
	{"3 ?: 5", 3},
	{"pid ?: 5", 7},
	{"5ms", 5_000_000},
	{"2s / 1ms", 2000},
	{"1e6", 1_000_000},
	{"0x10 + 010 + 0b11", 16 + 8 + 3},
	{"1_000", 1000},
	{"pid", 7},
	{"tid", 8},
	{"uid * 100 + gid", 1009},
	{"pid()", 7},
	{`comm() == "pony"`, 1},
	{"pid(init) * 10 + tid(init)", 78},
	{"nsecs * 10 + nsecs(monotonic)", 11000},
	{"nsecs(boot)", 3000},
	{"nsecs(tai)", 5000},
	{"nsecs(sw_tai)", 1000 + 400},
	{"jiffies + rand + numaid + cgroup", 250 + 4 + 1 + 77},
	{"ncpus", 4},
	{`cgroupid("/abc")`, 4},
	{`kaddr("jiffies") * 2 - kaddr("jiffies")`, 107},
	{`percpu_kaddr("x", 5000)`, 0},
	{"(int64)strerror(2) + (int64)signal_name(9) + (int64)syscall_name(0) + (int64)ksym(7)", 18},
	{"(int64)username", 10},
	{"bswap((uint16)0x1234)", 0x3412},
	{"bswap((uint32)0x12345678)", 0x78563412},
	{"bswap((uint64)0x123456789abcdef0)", -0x0f21436587a9cbee},
	{"bswap((uint8)5)", 5},
	{"bswap(bswap((int16)-2))", 0xfffe},
	{"$p = (uint16)pid; @r = bswap($p)", 7 << 8},
	{`@m[macaddr(0xffff888000001000), 1] = 5; @r = @m[macaddr(0xffff888000001000), 1]`, 5},
	{`@m[kstack(3), ustack(2), comm] = 6; @r = @m[kstack(3), ustack(2), comm]`, 6},
	{`$s = ustack(2); @r = 100 * len(kstack(5)) + 10 * len($s) + len(ustack)`, 123},
	{`@m[kstack, ustack, comm, pid] = 7; @r = @m[kstack, ustack, comm, pid]`, 7},
	{`@m[ntop(1)] = 8; @r = @m[ntop(AF_INET, 1)]`, 8},
	{`$b = buf(0xffff888000001000, 4); @m[$b] = 9; @r = @m[buf(0xffff888000001000, 4)]`, 9},
	{`(uint32)pton("1.2.3.4")`, 0x04030201},
	{`$u = usym(3); @m[$u] = 3; @r = @m[usym(3)]`, 3},
	{"sizeof(uint32) * 100 + sizeof(struct list_head)", 416},
	{"$x = (uint8)1; @r = sizeof(comm) + sizeof((uint8)1)", 17},
	{`sizeof("abc")`, 4},
	{"offsetof(struct list_head, prev)", 8},
	{"offsetof(struct file, f_path.dentry) - offsetof(struct file, f_path)", 8},
	{"(uint64)container_of(100, struct list_head, prev)", 92},
	{"1 << sizeof(uint16)", 4},
	{"is_integer(1) + is_unsigned_integer(pid) + is_ptr(curtask) + is_str(comm) + is_array(pton(\"::1\"))", 5},
	{"is_integer(comm) + is_unsigned_integer(-1) + is_ptr(1) + is_str(1) + is_array(1) + is_literal(pid)", 0},
	{`is_literal(5) + is_literal("a") * 2 + is_literal(sizeof(pid)) * 4`, 7},
	{`kfunc_exist("nothing")`, 0},
	{`getopt("n", 5) + getopt("b", true) + getopt("c")`, 6},
	{`getopt("s", "pony") == comm`, 1},
	{"pid / (pid - 7)", 0},
	{"pid % (pid - 7)", 0},
	{"-(int64)pid / 2", -3},
	{"-(int64)pid % 2", -1},
	{"pid && 0 || 1", 1},
	{"!pid || !tid", 0},
	{`comm == "pony"`, 1},
	{`comm == "pon"`, 0},
	{`comm == "ponyt"`, 0},
	{`comm != "pony"`, 0},
	{`"a" == "b"`, 0},
	{`"abc" == "abc"`, 1},
	{`$s = "pony"; @r = $s == comm`, 1},
	{`$s = "ponytrace is longer"; @r = $s == comm`, 0},
	{`$s = pid ? "pony" : "x"; @r = $s == comm`, 1},
	{"$x = 5; @r = $x++ * 10 + $x", 56},
	{"$x = 5; @r = ++$x * 10 + $x", 66},
	{"$x = 5; @r = $x-- * 10 + $x", 54},
	{"$x = 5; @r = --$x * 10 + $x", 44},
	{"@x = 5; @r = @x++ * 10 + @x", 56},
	{"@x = 5; @r = ++@x * 10 + @x", 66},
	{"@x[1] = 5; @r = @x[1]-- * 10 + @x[1]", 54},
	{"@x[1] = 5; @r = --@x[1] * 10 + @x[1]", 44},
	{"$x = 0; $y = 0 && $x++; @r = $x * 10 + $y", 0},
	{"$x = 0; $y = pid && $x++; @r = $x * 10 + $y", 10},
	{"$x = 0; $y = pid || $x++; @r = $x * 10 + $y", 1},
	{"$x = 0; $y = pid ? 3 : $x++; @r = $x * 10 + $y", 3},
	{"$x = 1; $x ? clear(@m) : delete(@m, 1); $x ? { $x = 5; clear(@m) } : { $x = 6; clear(@m) }; @m[1] = 1; @r = $x", 5},
	{"$x = 0; $y = $x++ ?: 7; @r = $x * 10 + $y", 17},
	{"$x = 1; @r = (bool)$x++ * 10 + $x", 12},
	{"$x = -7; $x /= 2; @r = $x", -3},
	{"$x = -7; $x %= 4; @r = $x", -3},
	{"$x = -16; $x >>= 2; @r = $x", -4},
	{"$x = 1; $x <<= 5; $x |= 3; $x ^= 1; $x &= 0x3e; @r = $x", 34},
	{"$x = 7; $x *= 6; $x -= 2; $x += 1; @r = $x", 41},
	{"@r = -7; @r /= 2", -3},
	{"@r = -7; @r %= 4", -3},
	{"@r = -16; @r >>= 2", -4},
	{"@r = 7; @r *= 6; @r -= 2; @r += 1; @r |= 64; @r ^= 1", 104},
	{"$z = 0; @r = 9; @r /= $z", 0},
	{"$z = 0; @r = 9; @r %= $z", 0},
	{"@k[1, \"a\"] = 3; @k[(uint8)1, \"a\"] += 4; @r = @k[1, \"a\"]", 7},
	{"$t = (1, 2); @k[$t] = 3; @r = @k[(1, 2)]", 3},
	{`$t = ("a", 2); @k[$t] = 3; @k[("a much longer text", 4)] = 5; @r = @k[("a", 2)]`, 3},
	{`$t = ("a", ("b", 2)); @k[$t] = 3; @k[("longer text", ("a much longer text", 4))] = 5; @r = @k[("a", ("b", 2))]`, 3},
	{`$t = ("a", 2); @t = $t; @t = ("a much longer text", 4); @t = $t; @k[@t] = 3; @r = @k[("a", 2)]`, 3},
	{`$t = (true, "a"); @k[$t] = 3; @k[(5, "b")] = 4; @r = @k[(1, "a")]`, 3},
	{"$b = true; $b += true; @r = $b", 2},
	{"@b = true; @b += true; @r = @b", 2},
	{"$x = 1; if (pid == 7) { $x = 2 } else { $x = 3 } @r = $x", 2},
	{"$x = 1; { $x = 5; } @r = $x", 5},
	{"@r = 1; return; @r = 2", 1},
	{"pid << 64", 7},
	{"pid >> 65", 3},
	{"-9223372036854775807 - 1", -9223372036854775808},
	{"9223372036854775807 + 1", -9223372036854775808},

	{"let $x; @r = $x; $x = 5", 0},
	{"let $x = 5; @r = $x", 5},
	{"let $x: uint8 = 300; @r = $x", 44},
	{"let $x: int8 = 200; @r = $x", -56},
	{"let $x: uint8 = 255; $x++; @r = $x", 0},
	{"let $x: uint8 = 255; $x += 2; @r = $x", 1},
	{"let $x: bool = 7; @r = $x", 1},
	{"let $x: int16; $x = 70000; @r = $x", 4464},
	{"$x = 1; { let $x = 2; $x = 3; } @r = $x", 1},
	{`let $s: string[16] = "pony"; @r = $s == comm`, 1},
	{"_ = 5; @r = 1", 1},
	{"{ let $y = 3; $y * 2 }", 6},
	{"{ 1; 2 } + { let $z = 3; $z }", 5},
	{"if pid == 7 { 1 } else { 2 }", 1},
	{"if pid == 8 { 1 } else if tid == 8 { 2 } else { 3 }", 2},
	{"(a=1, b=2).b", 2},
	{`$r = (a=1, b=(c=3, d="x")); @r = $r.b.c`, 3},
	{`$r = (a=1, b="pony"); @r = $r.b == comm`, 1},
	{"(1, 2).1", 2},
	{"$t = (1, (2, 3)); @r = $t.1.0", 2},
	{`$t = ("pony", 5); @r = $t.0 == comm`, 1},
	{"@t = (1, 2, 3); @r = @t.2", 3},
	{"@t[1] = (4, 5); @r = @t[1].1", 5},
	{"@t[1] = (4, 5); @r = @t[2].1", 0},
	{"(1, 2) == (1, 2)", 1},
	{"(1, 2) == (1, 3)", 0},
	{"(1, 2) != (1, 3)", 1},
	{`$a = ("a", 1); $b = ("a", 1); @r = $a == $b`, 1},
	{"$a = (uint8[4])0x04030201; @r = $a[2]", 3},
	{"$a = (uint8[4])0x04030201; $i = pid - 6; @r = $a[$i]", 2},
	{"$a = (uint8[4])0x04030201; $i = pid; @r = $a[$i]", 0},
	{"$a = (uint8[8])0x0807060504030201; @r = (uint64)$a", 0x0807060504030201},
	{"$a = (uint8[])(uint32)0x04030201; @r = $a[3]", 4},
	{"comm[1]", 'o'},
	{"$i = pid - 7; @r = comm[$i]", 'p'},
	{"$x = 5; $p = &$x; @r = *$p", 5},
	{"$x = 5; $p = &$x; $x = 6; @r = *$p + 1", 7},
	{"$x = (1, 2); $p = &$x; @r = (*$p).1", 2},
	{"$p = (int32 *)100; $p++; @r = (int64)$p", 104},
	{"$p = (int32 *)100; $p += 2; @r = (int64)$p", 108},
	{"$p = (int32 *)100; $q = $p + 3; @r = $q - $p", 3},
	{"$x = 0; unroll(5) { $x += 2; } @r = $x", 10},
	{"$x = 0; unroll(5) { $x++; if ($x == 3) { break } } @r = $x", 3},
	{"$x = 0; unroll(5) { $x++; if ($x > 1) { continue } $x += 10; } @r = $x", 15},
	{"$x = 0; for ($i : 0..5) { $x += $i; } @r = $x", 10},
	{"$x = 0; for ($i : -3..2) { $x += $i; } @r = $x", -5},
	{"$x = 0; for ($i : 5..0) { $x += $i; } @r = $x", 0},
	{"$x = 0; $n = pid; for ($i : $n..$n+3) { $x += $i; } @r = $x", 24},
	{"$x = 0; for ($i : 0..10) { if ($i == 4) { break } $x += $i; } @r = $x", 6},
	{"$x = 0; for ($i : 0..10) { if ($i % 2) { continue } $x += $i; } @r = $x", 20},
	{"$x = 0; for ($i : 0..3) { for ($j : 0..4) { $x += $i * $j; } } @r = $x", 18},
	{"$x = 0; for ($i : 0..3) { $y = $i; for ($j : 0..4) { if ($j > $y) { break } $x++; } } @r = $x", 6},
	{"@r = 1; for ($i : 0..10) { if ($i == 4) { return } @r = $i; }", 3},
	{"@r = 1; for ($i : 0..10) { for ($j : 0..10) { if ($i + $j == 4) { return } @r = $i * 10 + $j; } }", 3},
	{"$x = 0; while ($x < 100) { $x += 7; } @r = $x", 105},
	{"$x = 10; while ($x) { $x--; if ($x == 3) { break } } @r = $x", 3},
	{"$x = 0; $n = 0; while ($x < 10) { $x++; if ($x & 1) { continue } $n += $x; } @r = $n", 30},
	{`$s = "a"; for ($i : 0..3) { if ($i == 1) { $s = "pony"; } } @r = $s == comm`, 1},
	{"$t = (0, 0); for ($i : 0..5) { $t = ($i, $t.1 + $i); } @r = $t.1", 10},
	{"for ($i : 0..5) { @m[$i] = $i * $i; } @r = 0; for ($kv : @m) { @r += $kv.0 * 100 + $kv.1; }", 1030},
	{"for ($i : 0..5) { @m[$i, 1] = $i; } @r = 0; for ($kv : @m) { @r += $kv.0.0 * 100 + $kv.1; }", 1010},
	{"for ($i : 0..5) { @m[$i] = count(); } @r = 0; for ($kv : @m) { @r += $kv.1; }", 5},
	{`@m["pony"] = 3; @r = 0; for ($kv : @m) { if ($kv.0 == comm) { @r = $kv.1; } }`, 3},
	{"@m[1] = (5, 6); @r = 0; for ($kv : @m) { @r = $kv.1.1; }", 6},
	{"@m[1] = 2; @r = 0; for ($kv : @m) { $t = $kv; @r = $t.0 * 10 + $t.1; }", 12},
	{"@m[1] = 2; @r = 0; for ($kv : @m) { for ($i : 0..2) { @r += $kv.1; } }", 4},
	{"@m[1] = 2; @m[2] = 3; @r = 0; for ($kv : @m) { @r++; if ($kv.1) { break } }", 1},
	{"@m[1] = 2; @r = has_key(@m, 1) * 10 + has_key(@m, 2)", 10},
	{"@m[1, comm] = 2; @r = has_key(@m, (1, \"pony\")) * 10 + has_key(@m[2, comm])", 10},
	{"@m[1] = 2; @m[7] = 2; @m[1] = 3; @r = len(@m)", 2},
	{"$a = (uint8[4])(int32)1; @r = len($a)", 4},
	{"@k[0] = 1; @k[(struct task_struct *)5] = 2; @r = @k[0]", 1},
	{"$x = 5; $a = (uint64)&$x; @r = *$a", 5},
	{"@c = count(); @c = count(); @r = @c + 1", 3},
	{"@c[1] = count(); @c[1] = count(); @r = (int64)@c[1] * 10 + @c[2]", 20},
	{"@a = avg(10); @a = avg(20); @r = @a", 15},
	{"@a = sum(10); @a = sum(-20); @r = @a", -10},
	{"@a = max(10); @a = max(20); @a = max(5); @r = @a", 20},
	{"@a[7] = min(10); @a[7] = min(20); @r = @a[pid]", 10},
	{"if (@c > 5) { @r = 1 } else { @r = 2 } @c = count();", 2},
	{"for ($i : 0..0xffffffffffffffff) { if ($i == 1) { @r = 1; break } }", 1},
	{"for ($i : -9223372036854775807..9223372036854775807) { @r = $i; break }", -9223372036854775807},
	{"@r = 1; for ($i : 0xffffffffffffffff..5) { @r = 2; }", 1},
	{"@r = 1; $n = 0xffffffffffffffff; for ($i : -1..$n) { @r = 2; }", 1},
	{"let $x: bool = 1; $x += 1; @r = $x", 1},
	{"let $x: bool = 1; $x++; @r = $x", 1},
	{"let $x: bool = 1; $x--; @r = $x", 0},
	{"@t = (1, 2); @t = (@t.1, @t.0); @r = @t.0 * 10 + @t.1", 21},
	{"$t = (1, 2); $t = ($t.1, $t.0); @r = $t.0 * 10 + $t.1", 21},
	{"$t = (1, 2); $p = &$t; $t = ((*$p).1, (*$p).0); @r = $t.0 * 10 + $t.1", 21},
	{`$s = "pony"; $p = &$s; $s = *$p; @r = $s == comm`, 1},
	{"@m[1] = 2; @r = 0; for ($kv : @m) { @m[$kv.0] = 50; @r += $kv.1; }", 2},
	{"@m[1] = 2; @r = 0; for ($kv : @m) { @m[$kv.0]++; @r += $kv.1; }", 2},
	{"@m[1] = 2; @r = 0; for ($kv : @m) { delete(@m[$kv.0]); @m[7] = 3; @r += $kv.0 * 10 + $kv.1; break }", 12},
	{`$s = "po"; for ($i : 0..20) { if ($i < 1) { $s = str_concat($s, "ny"); } else if ($i > 18) { $s = str_concat($s, "!") } } @r = $s == "pony!"`, 1},
}

// largeBody is the body of a function that is large enough for calls to share it.
const largeBody = `$x = $n; $x = $x * 3 + 1; $x ^= $x >> 3; $x = $x * 5 - 2; $x ^= $x << 2; $x = $x + 7; $x |= 1; $x = $x * 3; $x -= 4; $x ^= 11; $x = $x & 0xffff; $x += 3; $x *= 2; if ($x > 100000) { return 1; } `

// deep is what the deepest loops may do that takes functions of the program itself.
const deep = `config = { max_strlen = 8192 } BEGIN { @r = 0; $n = pid - 5;
for ($a : 0..$n) { for ($b : 0..$n) { for ($c : 0..$n) { for ($d : 0..$n) { for ($e : 0..$n) { @m[$e] = 1; @r += strcontains(str(curtask), str(curtask)) + len(@m) } } } } } }`

// programs are scripts of more than one clause's statements; each assigns to @r.
var programs = []struct {
	script string
	want   int64
}{
	{"fn twice($a : int64) : int64 { return $a * 2 } BEGIN { @r = twice(4) + twice(1) }", 10},
	{"fn f($n : int64) : int64 { " + largeBody + "return $x } BEGIN { @r = f(5) * 1000000 + f(77) }", 1898036706},
	{"fn f($n : int64) : int64 { " + largeBody + "if ($n == 77) { exit() } return $x } BEGIN { @r = f(5); @r = f(77) }", 1898},
	{"fn f($n : int64) : int64 { " + largeBody + "for ($i : 0..10) { if ($i == 3) { return $i + $n } } return $x } BEGIN { for ($i : 0..3) { @r = f(5) + f($i) } }", 13},
	{deep, 95},
	{"fn clip($a : uint8) : uint8 { return $a } BEGIN { @r = clip(300) }", 44},
	{"fn f($a : int64) : int64 { if ($a > 5) { return 1 } return 2 } BEGIN { @r = f(6) * 10 + f(1) }", 12},
	{"fn none($a : int64) : int64 { } BEGIN { @r = none(6) }", 0},
	{"fn set($a : int64) { @r = $a } BEGIN { set(9) }", 9},
	{"fn find($n : int64) : int64 { for ($i : 0..100) { if ($i * $i > $n) { return $i } } return -1 } BEGIN { @r = find(50) * 10 + find(1) }", 82},
	{"fn a($n : int64) : int64 { return $n + 1 } fn b($n : int64) : int64 { return a($n) * a($n) } BEGIN { @r = b(3) }", 16},
	{"fn pair($n : int64) : typeof((int64)1) { return $n } BEGIN { @r = pair(3) }", 3},
	{`fn same($s : string) : bool { return $s == comm } BEGIN { @r = same("pony") + same("x") }`, 1},
	{`fn name($n : int64) : string[16] { if ($n) { return "pony" } return "x" } BEGIN { @r = name(1) == comm }`, 1},
	{"macro add($v, n) { $v += n; $v } BEGIN { $x = 1; @r = add($x, 5) * 10 + $x }", 66},
	{"macro swap($a, $b) { $t = $a; $a = $b; $b = $t; } BEGIN { $t = 1; $u = 2; swap($t, $u); @r = $t * 10 + $u }", 21},
	{"macro bump(@m, k) { @m[k]++; @m[k] } BEGIN { bump(@x, 3); @r = bump(@x, 3) }", 2},
	{"config = { max_strlen = 100 } BEGIN { @r = config.max_strlen + config().max_map_keys * 1000 }", 65536100},
	{`config = { sort_by = "key" } BEGIN { $c = config; @r = ($c.sort_by == "key") + config.cpp_demangle * 10 + ($c.license == "GPL") * 100 }`, 111},
	{"BEGIN { @r = sizeof(__builtin_config.max_probes) }", 8},
	{"struct foo { char m; }; macro sizes(a, b) { sizeof(a[2]) + sizeof(b*) + sizeof(b) } BEGIN { @r = sizes(typeof(uint64*), struct foo) }", 25},
	{"macro inner(t) { sizeof(t) + 2 } macro outer(z) { inner(typeof(z)) } BEGIN { @r = outer(uint16) }", 4},
	{"macro cut(t, n) { (t)n } BEGIN { @r = cut(uint8, 300) * 1000 + cut(typeof((uint16)0), 300) }", 44300},
	{"macro first(t, p) { *(t *)p } BEGIN { $x = 258; $p = &$x; @r = first(uint8, $p) }", 2},
	{"macro twice(e) { e + e } BEGIN { @r = twice({ 3 }) }", 6},
	{"macro m(e) { $s = e; for ($i : 0..10) { $s += e; } $s } BEGIN { $x = 2; @r = m($x) }", 22},
	{"macro m() { @r = 1; } BEGIN { m; }", 1},
	{"fn none($a : int64) { @r = $a; }\n#define X none(1)\nBEGIN { X; }", 1},
	{"fn none($a : int64) { @r = $a; } macro m() { none(1) } BEGIN { pid ? m() : none(2) }", 1},
	{"macro flip() { (@t.1, @t.0) } BEGIN { @t = (1, 2); @t = flip; @r = @t.0 * 10 + @t.1 }", 21},
	{"#define FLIP (@t.1, @t.0)\nBEGIN { @t = (1, 2); @t = FLIP; @r = @t.0 * 10 + @t.1 }", 21},
	{"macro total() { $z = 0; for ($i : 0..30) { $z += $i } $z } BEGIN { @r = 0; for ($i : 0..3) { @r += total } }", 1305},
	{`fn name($n : int64) : string[16] { for ($i : 0..500) { if ($i == $n) { return "pony" } } return "x" } BEGIN { @r = (name(3) == comm) * 10 + (name(500) == "x") }`, 11},
	{`fn name($n : int64) : string[16] { for ($i : 0..10) { for ($j : 0..500) { if ($i + $j == $n) { return "pony" } } } return "x" } BEGIN { @r = 0; for ($k : 0..5) { @r += name(3) == comm } }`, 5},
	{`macro find(n) { for ($i : 0..500) { if ($i == n) { return "pony" } } } fn name($n : int64) : string[16] { find($n); return "x" } BEGIN { @r = name(3) == comm }`, 1},
	{"fn swap($t : typeof((1, 2))) : typeof((1, 2)) { while (1) { return ($t.1, $t.0) } return (0, 0) } BEGIN { $t = (1, 2); $t = swap($t); @r = $t.0 * 10 + $t.1 }", 21},
	{"enum e { A, B = 5, C }; BEGIN { @r = C * 10 + B }", 65},
	{"#define N 5\n#define M (N * 2)\nBEGIN { @r = M + N }", 15},
	{"#define WHO comm\nBEGIN { @r = WHO == \"pony\" }", 1},
	{"#define T uint8\nBEGIN { @r = (T)300 }", 44},
}

func TestPrograms(t *testing.T) {
	for _, c := range programs {
		t.Run(c.script, func(t *testing.T) { evaluateScript(t, strings.ReplaceAll(c.script, "\\n", "\n"), c.want) })
	}
}

func TestSemantics(t *testing.T) {
	for _, c := range semantics {
		t.Run(c.script, func(t *testing.T) { evaluate(t, c.script, c.want) })
	}
}

func evaluate(t *testing.T, script string, want int64) {
	text := fmt.Sprintf("BEGIN { @r = %s }", script)
	if _, err := compileWith(text); err != nil {
		text = fmt.Sprintf("BEGIN { %s }", script)
	}
	evaluateScript(t, text, want)
}

// evaluateScript compares for a kernel with bpf_loop and for one without.
func evaluateScript(t *testing.T, text string, want int64) {
	t.Helper()
	for _, kernel := range []string{"6.12", "5.10"} {
		o, err := compileText(text, frozen.Target(kernel), compiler.Options{Unsafe: true})
		if err != nil && kernel == "5.10" && strings.Contains(err.Error(), "needs Linux") {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		machine, err := emulate(o)
		if err != nil {
			t.Fatalf("%s: %v\n%v", kernel, err, o.Programs[0].Instructions)
		}
		if got := word(o, machine, "r"); got != want {
			t.Errorf("%s: got %d, want %d\n%v", kernel, got, want, o.Programs[0].Instructions)
		}
		if os.Geteuid() == 0 {
			loads(t, o)
		}
	}
}

// costly are loops that a verifier which walks every round must be kept from walking too
// long.
var costly = map[string]string{
	"macro in a loop":     "macro work($x) { " + strings.Repeat("$x = $x * 3 + 1; if ($x & 4) { @z += $x } ", 60) + "} BEGIN { for ($i : 0..600) { $y = $i; work($y) } }",
	"function in a loop":  "fn work($n : int64) : int64 { $x = $n; " + strings.Repeat("$x = $x * 3 + 1; if ($x & 4) { @z += $x } ", 60) + "return $x } BEGIN { for ($i : 0..1000000) { @r += work($i) + work($i + 1) } }",
	"loop in a function":  "fn work($n : int64) : int64 { " + largeBody + "for ($i : 0..1000000) { $x += $i; @z[$x] = 1 } return $x } BEGIN { " + strings.Repeat("@r += work(pid); ", 10) + "}",
	"one after the other": "BEGIN { " + strings.Repeat("for ($i : 0..1000000) { @m += $i * $i; if ($i & 8) { @n += $i } } ", 20) + "}",
}

// TestCostlyLoops wants the kernel to take them as they are compiled for one without
// bpf_loop.
func TestCostlyLoops(t *testing.T) {
	for name, script := range costly {
		t.Run(name, func(t *testing.T) {
			o, err := compileText(script, frozen.Target("5.10"), compiler.Options{Unsafe: true})
			if err != nil {
				t.Fatal(err)
			}
			loads(t, o)
		})
	}
}
