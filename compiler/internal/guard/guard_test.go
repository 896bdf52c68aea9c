package guard

import (
	"slices"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/internal/ir/irtest"
	"github.com/ponytrace/ponytrace/compiler/internal/opt"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

// TestRegion follows every edge of random programs, loops and functions included: the
// word is set wherever the program changes what others see, two ways that meet agree, and
// no program ends with it. It holds before and after the passes.
func TestRegion(t *testing.T) {
	guarded, inserted := 0, 0
	for seed := range testkit.Seeds(t, 100, 20_000) {
		for _, words := range []Words{{CPUs: 4}, {CPUs: 4, Atomic: true}} {
			for _, g := range []Guard{{Tests: true, Sets: true}, {Sets: true}, {Tests: true, Sets: true, Whole: true}} {
				f := irtest.Random(seed)
				g.Insert(f, words)
				inserted++
				if err := ir.Check(f); err != nil {
					t.Fatalf("seed %d: %v\n%v", seed, err, f)
				}
				guarded += follow(t, seed, f)
				if err := opt.Run(f, nil); err != nil {
					t.Fatal(err)
				}
				follow(t, seed, f)
			}
		}
	}
	if guarded*5 < inserted {
		t.Errorf("only %d of %d programs have a guard", guarded, inserted)
	}
}

// follow returns 1 where the program has a guard.
func follow(t *testing.T, seed uint64, f *ir.Func) (guarded int) {
	set := map[*ir.Block]bool{} // whether the word is set where the block starts
	todo := []*ir.Block{f.Blocks[0]}
	set[f.Blocks[0]] = false
	for len(todo) > 0 {
		block := todo[0]
		todo = todo[1:]
		now := set[block]
		for _, v := range block.Values {
			switch {
			case ofWord(v) && v.Op == ir.Exchange:
				now, guarded = true, 1
			case ofWord(v) && v.Op == ir.Store:
				now, guarded = !now, 1
			case v.Op == ir.Return && now, visible(v) && !now && !counts(v):
				t.Fatalf("seed %d: the word is set: %v at %s\n%v", seed, now, v.Describe(), f)
			}
		}
		for _, next := range block.Successors() {
			// The event is left out on the way from the test.
			known, seen := set[next]
			at := now && !leavesOut(next)
			if seen && known != at {
				t.Fatalf("seed %d: ways that meet at %s differ\n%v", seed, next, f)
			}
			if !seen {
				set[next] = at
				todo = append(todo, next)
			}
		}
	}
	return guarded
}

// ofWord reports whether a value writes the word.
func ofWord(v *ir.Value) bool {
	return (v.Op == ir.Store || v.Op == ir.Exchange) && base(v.Args[0]).Map == object.GuardMap
}

func base(v *ir.Value) *ir.Value {
	for v.Op == ir.Add {
		v = v.Args[0]
	}
	return v
}

// counts reports whether a value counts an event that is left out.
func counts(v *ir.Value) bool {
	return v.Op == ir.AtomicAdd && v.Block.Cold && v.Block.Terminator().Op == ir.Return && v.Args[0].Op == ir.DataAddress && v.Args[0].Int == object.DataMissed
}

func leavesOut(block *ir.Block) bool {
	for _, v := range block.Values {
		if counts(v) {
			return true
		}
	}
	return false
}

// Who is kept apart by the kernel, or takes other locks, has no guard.
func TestChoose(t *testing.T) {
	both := Guard{Tests: true, Sets: true}
	for _, test := range []struct {
		name     string
		programs []Program
		features target.Features
		want     []Guard
	}{
		{"kprobes", []Program{{object.Kprobe, RingBuffer, false, false}, {object.Profile, RingBuffer, false, false}}, newest, []Guard{{}, {}}},
		{"one", []Program{{object.Fentry, Hashes, false, false}}, newest, []Guard{{}}},
		{"latency", []Program{{object.Fentry, Hashes, false, false}, {object.Fexit, Hashes, false, false}}, newest, []Guard{both, both}},
		{"others", []Program{{object.Fentry, Hashes, false, false}, {object.Fexit, RingBuffer, false, false}}, newest, []Guard{{}, {}}},
		{"no lock", []Program{{object.Fentry, 0, false, false}, {object.Run, RingBuffer, false, false}}, newest, []Guard{{}, {}}},
		{"intervals", []Program{{object.Run, RingBuffer, false, false}, {object.Run, RingBuffer, false, false}}, newest, []Guard{{}, {}}},
		{"interval and kprobe", []Program{{object.Run, RingBuffer, false, false}, {object.Kprobe, RingBuffer, false, false}}, newest, []Guard{{Sets: true}, {Tests: true}}},
		{"interval and fentry", []Program{{object.Run, RingBuffer, false, false}, {object.Fentry, RingBuffer, false, false}, {object.Kprobe, 0, false, false}}, newest,
			[]Guard{{Sets: true}, both, {}}},
		{"before 5.12", []Program{{object.Fentry, Hashes, false, false}}, target.Features{}, []Guard{both}},
		{"memory", []Program{{object.RawTracepoint, 0, true, false}}, target.Features{}, []Guard{{Tests: true, Sets: true, Whole: true}}},
		{"preempted", []Program{{object.Fentry, 0, false, true}, {object.Fentry, 0, true, false}}, preempting, []Guard{{}, {}}},
		{"not by kfuncs", []Program{{object.Fentry, 0, false, true}, {object.Fentry, 0, false, false}, {object.Kprobe, 0, true, true}}, older,
			[]Guard{{Tests: true, Sets: true, Whole: true}, {}, {}}},
		{"uprobe and kprobe", []Program{{object.Uprobe, Hashes, false, false}, {object.Kprobe, Hashes, false, false}}, preempting,
			[]Guard{{Sets: true}, {Tests: true}}},
		{"preempted in the guard", []Program{{object.Uprobe, Hashes, false, false}, {object.Kprobe, Hashes, false, false}}, older,
			[]Guard{both, {Tests: true}}},
		{"counter", []Program{{object.RawTracepoint, 0, false, false}}, target.Features{}, []Guard{{}}},
	} {
		got := Choose(test.programs, &test.features)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

var (
	newest     = target.Features{TracingGuard: true, RawTracepointGuard: true}
	older      = target.Features{TracingGuard: true, RawTracepointGuard: true, Preemptible: true}
	preempting = target.Features{TracingGuard: true, RawTracepointGuard: true, Preemptible: true, PreemptGuard: true}
)

// TestKeepCPU follows every edge of random programs, as TestRegion does.
func TestKeepCPU(t *testing.T) {
	kept, all := 0, 0
	for seed := range testkit.Seeds(t, 100, 20_000) {
		for _, whole := range []bool{false, true} {
			f := irtest.Random(seed)
			if !KeepCPU(f, whole, &target.Features{UnpreemptedParts: true}) {
				t.Fatalf("seed %d: parts are in the way", seed)
			}
			all++
			if err := ir.Check(f); err != nil {
				t.Fatalf("seed %d: %v\n%v", seed, err, f)
			}
			kept += followPreemption(t, seed, f)
			if err := opt.Run(f, nil); err != nil {
				t.Fatal(err)
			}
			followPreemption(t, seed, f)
		}
	}
	if kept*2 < all {
		t.Errorf("only %d of %d programs use memory of the CPU", kept, all)
	}
}

// followPreemption returns 1 where preemption is switched off.
func followPreemption(t *testing.T, seed uint64, f *ir.Func) (kept int) {
	off := map[*ir.Block]bool{f.Blocks[0]: false}
	for todo := f.Blocks[:1]; len(todo) > 0; todo = todo[1:] {
		now := off[todo[0]]
		for _, v := range todo[0].Values {
			switch {
			case v.Op == ir.Kfunc && now == (v.Kernel == disablePreemption), v.Op == ir.Return && now, ofCPU(v) && !now:
				t.Fatalf("seed %d: preemption is off: %v at %s\n%v", seed, now, v.Describe(), f)
			case v.Op == ir.Kfunc:
				now, kept = !now, 1
			}
		}
		for _, next := range todo[0].Successors() {
			known, seen := off[next]
			if seen && known != now {
				t.Fatalf("seed %d: ways that meet at %s differ\n%v", seed, next, f)
			}
			if !seen {
				off[next] = now
				todo = append(slices.Clone(todo), next)
			}
		}
	}
	return kept
}
