package binary

import (
	"bytes"
	"debug/elf"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// askTypes asks for a function and all that its types lead to.
func askTypes(f *File, address uint64) error {
	function, err := f.Signature(target.BinaryFunction{Name: "function", Address: address})
	if err != nil {
		return err
	}
	machine := &target.Target{Arch: f.arch()}
	left := 100
	walkType(machine, function.Return, &left)
	for _, p := range function.Params {
		if err := checkPlace(p, f.arch()); err != nil {
			panic(err)
		}
		walkType(machine, p.Type, &left)
	}
	if function.Types != nil { // those of Go have none
		function.Types.Named("struct", "point")
	}
	return nil
}

// walkType asks for members, and for what a pointer leads to.
func walkType(machine *target.Target, t *types.Type, left *int) {
	if *left--; *left < 0 || t == nil {
		return
	}
	switch t.Kind {
	case types.Pointer:
		if t.Elem != nil {
			walkType(machine, machine.Whole(t).Elem, left)
		}
	case types.Array:
		walkType(machine, t.Elem, left)
	case types.Struct:
		machine.Complete(t)
		names := machine.MemberNames(t)
		for _, name := range names[:min(len(names), 50)] {
			if m, ok := machine.Member(t, name); ok {
				walkType(machine, m.Type, left)
			}
		}
	}
}

// checkPlace fails for a place that a program could not be made for.
func checkPlace(p target.Param, arch string) error {
	registers := target.RegistersOf(arch)
	switch {
	case p.Absent != "" || len(p.Pieces) == 0 && p.Register < 0:
		return nil
	case p.Register >= 0 && p.Register+p.Words > len(registers.Args):
		return fmt.Errorf("%s is in registers that are not there: %+v", p.Name, p)
	}
	for _, piece := range p.Pieces {
		if piece.At < 0 || piece.Size < 0 || piece.At+piece.Size > p.Type.Size || piece.Register < 0 || piece.Register > 35*8 {
			return fmt.Errorf("%s has the piece %+v of %d bytes", p.Name, piece, p.Type.Size)
		}
		if !piece.InMemory && piece.Size > 8 {
			return fmt.Errorf("%s has %d bytes in a register", p.Name, piece.Size)
		}
	}
	return nil
}

// debugSections are those that the types are read from.
var debugSections = [...]string{
	".debug_info", ".debug_abbrev", ".debug_str", ".debug_loclists", ".debug_loc",
}

func debugTexts(f *testing.F, name string) (texts [len(debugSections)][]byte) {
	f.Helper()
	file, err := elf.Open(filepath.Join("testdata", name))
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close()
	for i, name := range debugSections {
		if s := file.Section(name); s != nil {
			if texts[i], err = s.Data(); err != nil {
				f.Fatal(err)
			}
		}
	}
	return texts
}

// Whatever the debug information holds, questions end, and places can be read.
func FuzzSignature(f *testing.F) {
	for _, seed := range []struct {
		program string
		address uint64
	}{{"demo", 0x400190}, {"demo-dwarf4", 0x400190}, {"names-cc", 0x400144}, {"names-rs", 0x201230}} {
		s := debugTexts(f, seed.program)
		f.Add(s[0], s[1], s[2], s[3], s[4], seed.address)
	}
	f.Fuzz(func(t *testing.T, info, abbrev, str, lists, loc []byte, address uint64) {
		var parts []part
		for i, text := range [][]byte{info, abbrev, str, lists, loc} {
			parts = append(parts, part{debugSections[i], text})
		}
		file, err := New(bytes.NewReader(madeUp(parts...)))
		if err != nil {
			return
		}
		file.patience, file.most = time.Minute, 100_000
		askTypes(file, address)
		if *file.pages.steps < -maxVain {
			t.Errorf("a question went on for %d steps more than it may", -*file.pages.steps)
		}
	})
}
