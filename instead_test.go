package ponytrace

import (
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/runtime/attach"
)

func compiled(t *testing.T, text string, options Options) *Program {
	t.Helper()
	script, err := Parse(NewSource("-e", text))
	if err != nil {
		t.Fatal(err)
	}
	program, err := Compile(script, frozen.Target("6.12"), options)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// serves is the mechanism of each probe, once the program was compiled that serves
// instead.
func serves(t *testing.T, p *Program, refused *RefusedError) (mechanisms []string, next *Program) {
	t.Helper()
	if next = p.instead(refused); next == nil {
		return nil, nil
	}
	next, err := next.compile()
	if err != nil {
		t.Fatal(err)
	}
	for _, probe := range next.Probes() {
		mechanisms = append(mechanisms, probe.Mechanism)
	}
	return mechanisms, next
}

// A probe that was refused is served by a plainer mechanism, and no other is; then
// nothing is left.
func TestPlainerMechanism(t *testing.T) {
	p := compiled(t, "kprobe:vfs_read { @ = count() } kprobe:vfs_write { @ = count() }", Options{})
	refused := &RefusedError{Probes: []string{"kprobe:vfs_read"}, Instead: attach.Plainer}
	mechanisms, next := serves(t, p, refused)
	if len(mechanisms) != 2 || mechanisms[0] != "kprobe" || mechanisms[1] != "fentry" {
		t.Fatalf("%q serve", mechanisms)
	}
	if next.instead(refused) != nil {
		t.Error("the same is tried again")
	}
	if p.Probes()[0].Mechanism != "fentry" {
		t.Error("the program that was refused has changed")
	}
}

// Clauses that share a program get one each.
func TestSeparatePrograms(t *testing.T) {
	p := compiled(t, "kprobe:vfs_read { @ = count() } kprobe:vfs_read { @b = count() }", Options{})
	refused := &RefusedError{Probes: []string{"kprobe:vfs_read"}, Instead: attach.Separate}
	mechanisms, next := serves(t, p, refused)
	if len(p.Probes()) != 1 || len(mechanisms) != 2 {
		t.Fatalf("%d programs, then %q", len(p.Probes()), mechanisms)
	}
	if next.instead(refused) != nil {
		t.Error("the same is tried again")
	}
}

// Nothing serves instead of a mechanism that was asked for, or of what every way refuses.
func TestNothingInstead(t *testing.T) {
	forced := compiled(t, "kprobe:vfs_read { }", Options{Attach: "fentry"})
	if forced.instead(&RefusedError{Probes: []string{"kprobe:vfs_read"}, Instead: attach.Plainer}) != nil {
		t.Error("a mechanism that was forced is replaced")
	}
	free := compiled(t, "kprobe:vfs_read { }", Options{})
	if free.instead(&RefusedError{Probes: []string{"kprobe:vfs_read"}}) != nil {
		t.Error("something serves instead of what is always refused")
	}
}
