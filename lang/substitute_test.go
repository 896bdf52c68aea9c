package lang

import (
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang/diag"
)

func parseBody(t *testing.T, text string) *Block {
	t.Helper()
	script, diagnostics := Parse(diag.NewSource("script", "BEGIN {"+text+"}"))
	if diagnostics != nil {
		t.Fatal(diagnostics)
	}
	return script.Clauses[0].Body
}

func parseValue(t *testing.T, text string) Expr {
	t.Helper()
	return parseBody(t, text).Statements[0].(*ExprStatement).X
}

func dumpBlock(b *Block) string {
	d := &dumper{}
	d.block(0, b)
	lines := strings.Split(strings.TrimSpace(d.String()), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines[1:], "; ")
}

// TestSubstitute expands bodies as macros are: $v is @pid's variable $seen, @m the map
// @counts, n is arg0 + $t.
func TestSubstitute(t *testing.T) {
	tests := []struct{ body, want string }{
		{`$t = n; @m[$t, n] = $v`, `= $t'1 (+ arg0 $t); = @counts[$t'1, (+ arg0 $t)] $seen`},
		{`let $t = 1; let $v = 2; let $x : uint64; let $y`, `let $t'1 1; let $seen 2; let $x'1 "uint64"; let $y'1`},
		{`for ($t : 0..n) { @m[$t]++; break } for ($kv : @m) { print($kv.n); continue }`,
			`for $t'1 0 (+ arg0 $t); block; do (post++ @counts[$t'1]); break; for $kv'1 @counts; block; do (call print (.n $kv'1)); continue`},
		{`while n > 1 { } unroll (2) { _ = @other; } return n; return`,
			`while (> (+ arg0 $t) 1); block; unroll (paren 2); block; discard @other; return (+ arg0 $t); return`},
		{`if n { } else if $v { } else if @m { } else { $v++ }`,
			`if (+ arg0 $t); block; else if $seen; block; else if @counts; block; else; block; do (post++ $seen)`},
		{`if n { } else if $v { }`, `if (+ arg0 $t); block; else if $seen; block`},
		{`f(n, sizeof(struct file), "s", $1, $#, -n, n ? 1 : $v, n ?: 2, (n, 1), a->n[n], (uint64)n)`,
			`do (call f (+ arg0 $t) (call sizeof (type "struct file")) "s" $1 $# (- (+ arg0 $t)) (? (+ arg0 $t) 1 $seen) (?: (+ arg0 $t) 2) (tuple (+ arg0 $t) 1) (index (->n a) (+ arg0 $t)) (cast "uint64" (+ arg0 $t)))`},
		{`{ $t = (n) }`, `block; = $t'1 (paren (+ arg0 $t))`},
	}
	for _, test := range tests {
		s := &Substitution{
			Variables: map[string]*Variable{"v": parseValue(t, "$seen").(*Variable)},
			Maps:      map[string]*Map{"m": parseValue(t, "@counts").(*Map)},
			Names:     map[string]Expr{"n": parseValue(t, "arg0 + $t")},
			Rename:    func(name string) string { return name + "'1" },
			Left:      1000,
		}
		body := parseBody(t, test.body)
		if got := dumpBlock(s.Block(body)); got != test.want {
			t.Errorf("%s\nis    %s\nwants %s", test.body, got, test.want)
		}
	}
}

// TestSubstituteNothing copies every script of the goldens: the copy reads the same and
// shares no node.
func TestSubstituteNothing(t *testing.T) {
	for _, path := range testkit.Glob(t, "testdata/ast/*.txtar") {
		text := scripts(t, path)
		script, _ := Parse(diag.NewSource(path, text[len(text)-1]))
		for _, clause := range script.Clauses {
			copied := (&Substitution{Left: 10000}).Block(clause.Body)
			if got, want := dumpBlock(copied), dumpBlock(clause.Body); got != want {
				t.Errorf("%s: got\n%s\nwants\n%s", path, got, want)
			}
			checkFresh(t, clause.Body, copied)
		}
	}
}

func checkFresh(t *testing.T, original, copied *Block) {
	t.Helper()
	seen := map[any]bool{}
	Walk(original, func(node any) bool { seen[node] = true; return true })
	count := 0
	Walk(copied, func(node any) bool {
		if seen[node] {
			t.Errorf("%T is shared", node)
		}
		count++
		return true
	})
	if count != len(seen) {
		t.Errorf("%d nodes became %d", len(seen), count)
	}
}

// TestSubstitutePlace copies every script of the goldens to one place.
func TestSubstitutePlace(t *testing.T) {
	place := diag.Span{Source: diag.NewSource("call", "f(1)"), Start: 0, End: 4}
	argument := parseValue(t, "pid + 1")
	for _, path := range testkit.Glob(t, "testdata/ast/*.txtar") {
		text := scripts(t, path)
		script, _ := Parse(diag.NewSource(path, text[len(text)-1]))
		for _, clause := range script.Clauses {
			copied := (&Substitution{Left: 10000, At: place}).Block(clause.Body)
			checkPlace(t, copied, place)
		}
	}
	s := &Substitution{Left: 100, At: place, Names: map[string]Expr{"x": argument}}
	sum := s.Expr(parseValue(t, "x * 2")).(*Binary)
	if sum.Span != place || sum.Y.Range() != place || sum.X.Range() != argument.Range() {
		t.Errorf("the copy stands at %v, its argument at %v", sum.Span, sum.X.Range())
	}
}

func checkPlace(t *testing.T, copied *Block, place diag.Span) {
	t.Helper()
	Walk(copied, func(node any) bool {
		ranged, ok := node.(interface{ Range() diag.Span })
		if ok && ranged.Range() != place {
			t.Errorf("%T stands at %v", node, ranged.Range())
		}
		return true
	})
}

// TestSubstituteLimit grows a tree by squaring: the limit must end it, long before memory
// does.
func TestSubstituteLimit(t *testing.T) {
	s := &Substitution{Left: 100_000}
	for range 64 {
		s.Names = map[string]Expr{"n": s.Expr(parseValue(t, "n * n"))}
	}
	if s.Left >= 0 {
		t.Errorf("%d nodes are left", s.Left)
	}
}
