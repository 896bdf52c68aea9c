package builtin_test

import (
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/target"
)

func TestPlaceUser(t *testing.T) {
	linux := func(major, minor int) target.Features {
		return target.ByVersion("x86_64", target.Version{Major: major, Minor: minor})
	}
	at := func(class target.InstructionClass, next ...target.InstructionClass) target.Placement {
		p := target.Placement{Instruction: target.Instruction{Offset: 0x100, Class: class}}
		for i, c := range next {
			p.Next = append(p.Next, target.Instruction{Offset: 0x104 + uint64(i), Class: c})
		}
		return p
	}
	entry := func(p target.Placement) target.Placement {
		p.Entry = true
		return p
	}
	old, nop5, nop10 := linux(6, 12), linux(6, 18), linux(7, 3)
	for _, test := range []struct {
		name     string
		p        target.Placement
		features target.Features
		offset   uint64
		why      string // a part of the reason, or of the error where offset is 0
	}{
		{"push", entry(at(target.Emulated, target.Emulated)), old, 0x100, ""},
		{"sub", entry(at(target.SingleStepped)), old, 0x100, ""},
		{"nop and push", entry(at(target.SingleStepped, target.Emulated)), old, 0x104, "single-steps"},
		{"nop and sub", entry(at(target.SingleStepped, target.SingleStepped)), old, 0x100, ""},
		{"nops inside", at(target.SingleStepped, target.Emulated), old, 0x100, ""},
		{"nop5 at entry", entry(at(target.Nop5, target.Emulated)), nop5, 0x100, ""},
		{"the same, stepped", entry(at(target.Nop5, target.Emulated)), old, 0x104, "single-steps"},
		{"nop and nop5", entry(at(target.SingleStepped, target.Nop5)), nop5, 0x104, "single-steps"},
		{"nop5 inside", at(target.Nop5, target.SingleStepped), nop5, 0x104, "overwrites memory"},
		{"nop5 before a label", at(target.Nop5), nop5, 0, "overwrites memory"},
		{"nop5 before another", at(target.Nop5, target.Nop5), nop5, 0, "overwrites memory"},
		{"nop5 on others", at(target.Nop5), old, 0x100, ""},
		{"nop5 on later ones", at(target.Nop5), nop10, 0x100, ""},
		{"nop10", at(target.Nop10, target.SingleStepped), nop5, 0x104, "never fire"},
		{"nop10 before a label", at(target.Nop10), old, 0, "never fire"},
		{"nop10 where it is taken", at(target.Nop10, target.Emulated), nop10, 0x100, ""},
		{"lock", at(target.Refused), old, 0, "no kernel takes"},
		{"nop with a prefix", at(target.Refused, target.SingleStepped), old, 0x104, "no kernel takes"},
		{"int3", at(target.Trap, target.Emulated), old, 0, "breakpoint of its own"},
		{"inside", at(target.Within), old, 0, "the one at 0x100"},
		{"unknown", at(target.Undecodable), old, 0, "no instruction that is known"},
		{"data", at(target.NoCode), old, 0, "no code"},
	} {
		t.Run(test.name, func(t *testing.T) {
			placed, err := builtin.PlaceUser(test.p, test.features)
			why := placed.Why
			if err != nil {
				why = err.Error()
			}
			same := strings.Contains(why, test.why) && (why == "") == (test.why == "")
			if placed.Offset != test.offset || !same {
				t.Errorf("%#x, %q; want %#x, %q", placed.Offset, why, test.offset, test.why)
			}
			if (err != nil) != (test.offset == 0) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestHarmfulReturn(t *testing.T) {
	for _, test := range []struct {
		p    target.Placement
		name string
		want string // a part of the reason; empty for none
	}{
		{target.Placement{Entry: true}, "puts", ""},
		{target.Placement{Unchecked: true}, "", ""},
		{target.Placement{}, "", "no function begins there"},
		{target.Placement{Entry: true, Uncalled: true}, "_start", "it is entered by no call"},
		{target.Placement{Unchecked: true, Uncalled: true}, "", "it is entered by no call"},
		{target.Placement{Entry: true}, "_setjmp", "for a jump back there"},
		{target.Placement{Entry: true}, "longjmp", ""},
	} {
		err := builtin.HarmfulReturn(test.p, test.name)
		if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v %s: %v, want %q", test.p, test.name, err, test.want)
		}
	}
}
