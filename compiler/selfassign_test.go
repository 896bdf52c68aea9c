package compiler_test

import (
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target/frozen"
)

// selfAssigned are scripts whose maps and variables have no other evidence of their type
// than assignments from themselves, and what @r, or the map named, holds afterwards.
var selfAssigned = []struct{ script, want string }{
	{`@r = @r + 1; @r = @r + 1`, "2"},
	{`@r = 5 > @r ? 5 : @r`, "5"},
	{`@r = !@r`, "true"},
	{`@a = @b; @b = @a + 1; @r = (@a, @b)`, "(0, 1)"},
	{`@b = @a + 1; @a = @b; @r = (@a, @b)`, "(1, 1)"},
	{`@a = @b; @b = @a; @r = @a`, "0"},
	{`@r = str_concat(@r, "x"); @r = str_concat(@r, "y")`, `"xy"`},
	{`@r = (@r.1, comm); @r = (@r.1, "a")`, `("pony", "a")`},
	{`@r = (@r.0 + 1, @r.1); @r = (@r.0 + 1, @r.1 - 2)`, "(2, -2)"},
	{`@k["a"] = @k["a"] + 2; @k["a"] = @k["a"] * 3; @r = @k["a"]`, "6"},
	{`@k[@n] = 7; @n = @k[0]; @r = @n`, "7"},
	{`@a -= @b; @b = @a - 1; @r = @b`, "-1"},
	{`let $x; $x = $x + 1; @r = $x`, "1"},
	{`$y = @r; @r = $y + 1; $y = @r; @r = $y + 1`, "2"},
	{`@a = @b; @b = @a; @b = 18446744073709551615; @r = @b`, "18446744073709551615"},
	{`@a = @a; @a = comm; @r = @a`, `"pony"`},
	{`@r = (uint8)@r + 300`, "300"},
	{`@x[@x[1]] = @x[1] + 1; for ($kv : @x) { @r = $kv.1 }`, "1"},
}

func TestSelfAssigned(t *testing.T) {
	for _, c := range selfAssigned {
		t.Run(c.script, func(t *testing.T) {
			o, err := compileWith("BEGIN { " + c.script + " }")
			if err != nil {
				t.Fatal(err)
			}
			result, err := observeEmulated(o)
			if err != nil {
				t.Fatal(err)
			}
			if got := result.Maps["r"][""]; got != c.want {
				t.Errorf("@r: got %s, want %s", got, c.want)
			}
		})
	}
}

// TestSelfAssignedInAnyOrder puts what tells the type of a map into each of three
// clauses.
func TestSelfAssignedInAnyOrder(t *testing.T) {
	for _, script := range []string{
		"BEGIN { @a = @b } BEGIN { @b = @c } BEGIN { @c = @a + 1 }",
		"BEGIN { @c = @a + 1 } BEGIN { @b = @c } BEGIN { @a = @b }",
		"BEGIN { @b = @c } BEGIN { @c = @a + 1 } BEGIN { @a = @b }",
		"BEGIN /@a == 0/ { @a = @b } END /!@c/ { @c = @a + 1; @b = @c }",
	} {
		if err := judge(script, frozen.Target("6.12"), nil); err != nil {
			t.Errorf("%s: %v", script, err)
		}
	}
}
