package target

import (
	"debug/dwarf"
	"debug/elf"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

var withCompiler = flag.String("cc", "", `write the goldens of layouts anew, with this compiler: "gcc" or "aarch64-linux-gnu-gcc"`)

// TestLayout compares with what gcc 12 made of testdata/layout.h. The goldens are not
// ours but the compiler's:
//
//	go test ./compiler/target -run Layout/x86_64 -cc gcc
//	go test ./compiler/target -run Layout/arm64 -cc aarch64-linux-gnu-gcc
func TestLayout(t *testing.T) {
	header := filepath.Join("testdata", "layout.h")
	text, err := os.ReadFile(header)
	if err != nil {
		t.Fatal(err)
	}
	script, diagnostics := lang.Parse(diag.NewSource(header, string(text)))
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	for _, arch := range []string{"x86_64", "arm64"} {
		t.Run(arch, func(t *testing.T) {
			golden := filepath.Join("testdata", "layout."+arch+".txt")
			if *withCompiler != "" {
				if err := os.WriteFile(golden, compiled(t, *withCompiler, header), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			own, messages := define(t, build(t, arch), script.Types...)
			if len(messages) > 0 {
				t.Fatal(messages)
			}
			got := laidOut(own)
			for line := range strings.Lines(string(want)) {
				name, _, _ := strings.Cut(line, ":")
				if got[name] != line {
					t.Errorf("%swant %s", got[name], line)
				}
				delete(got, name)
			}
			for name := range got {
				t.Errorf("the compiler has no %s", name)
			}
		})
	}
}

// laidOut writes each struct, union and enum as a line: its size and the bits that its
// members take.
func laidOut(own *Target) map[string]string {
	all := map[string]string{}
	if own.script == nil {
		return all
	}
	for name, defined := range own.script.types {
		for _, d := range defined {
			tag := tagOf(d)
			found, ok := own.Struct(strings.TrimPrefix(tag, "typedef"), name)
			if !ok {
				continue
			}
			line := fmt.Sprintf("%s %s: %d", tag, name, found.Size)
			for _, f := range own.Complete(found).Fields {
				line += fmt.Sprintf(" %s@%d", f.Name, f.Offset*8+f.BitOffset)
				if f.BitSize > 0 {
					line += fmt.Sprintf("+%d", f.BitSize)
				}
			}
			all[tag+" "+name] = line + "\n"
		}
	}
	return all
}

// compiled writes the same lines from what the compiler says for debuggers.
func compiled(t *testing.T, compiler, header string) []byte {
	object := filepath.Join(t.TempDir(), "layout.o")
	command := exec.Command(compiler, "-g", "-fno-eliminate-unused-debug-types", "-c", "-x", "c", "-o", object, header)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	file, err := elf.Open(object)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	data, err := file.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for reader := data.Reader(); ; {
		entry, err := reader.Next()
		if err != nil {
			t.Fatal(err)
		}
		if entry == nil {
			return []byte(text.String())
		}
		if found, err := data.Type(entry.Offset); err == nil {
			text.WriteString(debugLine(found))
		}
	}
}

func debugLine(found dwarf.Type) string {
	switch found := found.(type) {
	case *dwarf.StructType:
		if found.StructName != "" {
			return fmt.Sprintf("%s %s: %d%s\n", found.Kind, found.StructName, found.ByteSize, debugFields(found, 0))
		}
	case *dwarf.EnumType:
		if found.EnumName != "" {
			return fmt.Sprintf("enum %s: %d\n", found.EnumName, found.ByteSize)
		}
	case *dwarf.TypedefType:
		inner := ""
		if of, ok := found.Type.(*dwarf.StructType); ok {
			inner = debugFields(of, 0)
		}
		return fmt.Sprintf("typedef %s: %d%s\n", found.Name, found.Size(), inner)
	}
	return ""
}

func debugFields(of *dwarf.StructType, base int64) (text string) {
	for _, f := range of.Field {
		at := base + f.ByteOffset*8 + f.DataBitOffset
		switch inner, nested := f.Type.(*dwarf.StructType); {
		case f.Name == "" && nested:
			text += debugFields(inner, at)
		case f.BitSize > 0:
			text += fmt.Sprintf(" %s@%d+%d", f.Name, at, f.BitSize)
		default:
			text += fmt.Sprintf(" %s@%d", f.Name, at)
		}
	}
	return text
}

// FuzzDefine defines what the parser takes: whatever sizes, cycles and kinds, there is an
// answer.
func FuzzDefine(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "layout.h"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("typedef a b; typedef b a; struct s { a x; struct s y; int z[1 << 30][4]; };")
	f.Add("typedef a *a; struct t { a x[3]; enum { A = 9, B } b : 40; union t *u; };")
	f.Fuzz(func(t *testing.T, text string) {
		script, _ := lang.Parse(diag.NewSource("fuzz", text))
		if script == nil {
			return
		}
		own, _ := define(t, build(t, "x86_64", &btf.Struct{Name: "kernels", Size: 4}), script.Types...)
		laidOut(own)
	})
}
