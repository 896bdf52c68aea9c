package binary

import (
	"debug/dwarf"
	"debug/elf"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// What package debug/dwarf reads, which needs files that can be trusted.
func TestOracle(t *testing.T) {
	for _, name := range []string{"demo", "demo-dwarf4", "demo-packed", "names-cc", "names-rs"} {
		t.Run(name, func(t *testing.T) {
			headers, err := elf.Open(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			defer headers.Close()
			data, err := headers.DWARF()
			if err != nil {
				t.Fatal(err)
			}
			info, err := fixture(t, name).debugInfo()
			if err != nil {
				t.Fatal(err)
			}
			functions, rows := compareUnits(t, data, info)
			if functions < 2 || rows < 5 {
				t.Errorf("only %d functions and %d rows are the same", functions, rows)
			}
		})
	}
}

// compareUnits returns how many functions and rows of line tables were compared.
func compareUnits(t *testing.T, data *dwarf.Data, info *debugInfo) (functions, rows int) {
	entries := data.Reader()
	for {
		e, err := entries.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e == nil {
			return functions, rows
		}
		low, has := e.Val(dwarf.AttrLowpc).(uint64)
		switch {
		case e.Tag == dwarf.TagCompileUnit:
			rows += compareLines(t, data, e, info)
		case e.Tag == dwarf.TagSubprogram && has && low != 0: // the linker left out those at 0
			functions++
			compareFunction(t, data, e, info, low)
		}
		*info.pages.steps = maxSteps
	}
}

func compareFunction(t *testing.T, data *dwarf.Data, e *dwarf.Entry, info *debugInfo, low uint64) {
	u, err := info.unitWith(low)
	if err != nil || u == nil {
		t.Fatalf("%#x: %v, %v", low, u, err)
	}
	found, err := u.chain(low)
	if err != nil || len(found.entries) == 0 || found.entries[0].at != uint64(e.Offset) {
		t.Fatalf("%#x: %+v, %v, want the function at %#x", low, found.entries, err, e.Offset)
	}
	declared, err := info.prototype(target.BinaryFunction{Address: low})
	if err != nil {
		t.Fatal(err)
	}
	var names, want []string
	for _, a := range declared.Params {
		names = append(names, a.Name)
	}
	children := data.Reader()
	children.Seek(e.Offset)
	children.Next()
	for e.Children {
		child, err := children.Next()
		if err != nil || child.Tag == 0 {
			break
		}
		result, _ := child.Val(dwarf.AttrVarParam).(bool) // of Go
		if child.Tag == dwarf.TagFormalParameter && !result {
			want = append(want, nameOf(t, data, child))
		}
		if child.Children {
			children.SkipChildren()
		}
	}
	if !slices.Equal(names, want) {
		t.Errorf("%#x has the arguments %q, want %q", low, names, want)
	}
}

func nameOf(t *testing.T, data *dwarf.Data, e *dwarf.Entry) string {
	name, _ := e.Val(dwarf.AttrName).(string)
	origin, instance := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
	if name != "" || !instance {
		return name
	}
	other := data.Reader()
	other.Seek(origin)
	e, err := other.Next()
	if err != nil {
		t.Fatal(err)
	}
	return nameOf(t, data, e)
}

func compareLines(t *testing.T, data *dwarf.Data, unit *dwarf.Entry, info *debugInfo) (count int) {
	table, err := data.LineReader(unit)
	if err != nil || table == nil {
		return 0
	}
	u := info.unitOf(uint64(unit.Offset))
	if u == nil || u.root.at != uint64(unit.Offset) {
		t.Fatalf("no unit at %#x", unit.Offset)
	}
	lines := u.lines()
	var row, next dwarf.LineEntry
	for err := table.Next(&row); err == nil; row = next {
		if err = table.Next(&next); err != nil || row.EndSequence || row.Address >= next.Address || row.File == nil {
			continue
		}
		if row.Address == 0 {
			continue // the linker left it out
		}
		*info.pages.steps = maxSteps
		file, line := lines.findIn(row.Address)
		same := line == row.Line && strings.HasSuffix(file, filepath.Clean(row.File.Name))
		if count++; !same {
			t.Errorf("%#x: %s:%d, want %s:%d", row.Address, file, line, row.File.Name, row.Line)
		}
	}
	return count
}
