package lower_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/internal/lower"
	"github.com/ponytrace/ponytrace/compiler/internal/opt"
	"github.com/ponytrace/ponytrace/compiler/internal/sema"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/sizes"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// checked returns the meaning of a script.
func checked(text string, machine *target.Target, parts int) (*sema.Info, error) {
	script, diagnostics := lang.Parse(diag.NewSource("script", text))
	if diagnostics.HasErrors() {
		return nil, diagnostics
	}
	return sema.Check(script, machine, sema.Options{Unsafe: true, PartSize: parts})
}

// lowered returns the programs of a script as this package leaves them.
func lowered(info *sema.Info, machine *target.Target) (programs []*lower.Code) {
	unit := lower.NewUnit(info, machine)
	for number, program := range info.Programs {
		programs = append(programs, unit.Program(program, "p", number))
	}
	return programs
}

// TestIR shows what each script of the golden becomes before any pass looks at it. A line
// may begin with the name of a frozen kernel, else it is for 6.12.
func TestIR(t *testing.T) {
	testkit.Lines(t, "testdata/ir.txt", func(t *testing.T, line string) string {
		kernel := "6.12"
		if name, script, named := strings.Cut(line, "> "); named && !strings.Contains(name, " ") {
			kernel, line = name, script
		}
		machine := frozen.Target(kernel)
		info, err := checked(line, machine, 0)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, program := range lowered(info, machine) {
			for _, f := range program.Functions() {
				b.WriteString(f.String())
			}
		}
		return b.String()
	})
}

// scripts are what the properties are tried with: every example of the table, statements
// of each kind, and these.
func scripts() []string {
	list := []string{
		"struct gap { char a; uint64 b; }; kprobe:vfs_read { @[(1, (uint8)2, 3)] = count() }",
		"kprobe:vfs_read { @[comm, (uint8)arg0, pid] = sum(arg2); @x[tid, (int16)1]++ }",
		"kprobe:vfs_read { @a[pid] = comm; @b[@a[pid], 1] = 2; print(@b[@a[tid], 1]) }",
		"kprobe:vfs_read { @[kstack(3), (uint8)1] = count(); @s[ustack, comm] = count() }",
		"kprobe:vfs_read { @a[pid] = (1, \"ab\", (uint8)2); @b[@a[pid]] = 1; clear(@b) }",
		"kprobe:vfs_read { for ($i : 0..5) { @[$i, comm] = count() } while (@n < 3) { @n++ } }",
		"kprobe:vfs_read { @m[pid, (uint16)1] = nsecs; for ($k : @m) { @c[$k.0.0] = $k.1 } }",
		"kprobe:vfs_read { $t = (1, (uint8)2); @[$t] = count(); if (has_key(@, $t)) { delete(@, $t) } }",
		"kprobe:vfs_read /strcontains(comm, \"a\")/ { @[str_concat(comm, \"/\", pcomm)] = avg(arg2) }",
		"kprobe:vfs_read { @[args.file->f_path.dentry->d_name.name] = count() }",
		"kprobe:vfs_read { @h[(bool)1] = hist(arg2) }",
		"fn f($a : uint8) : uint64 { if ($a > 1) { return @m[$a] } return 2 } " +
			"kprobe:vfs_read { @[f(1), f(2)] = count(); @m[1] = 5 }",
	}
	for _, section := range builtin.Sections() {
		for _, entry := range section.Entries {
			list = append(list, entry.Example)
		}
	}
	for _, kind := range sizes.Statements {
		list = append(list, sizes.Large("kprobe:vfs_read", "arg2", kind.Name, 20))
	}
	return list
}

// TestProperties holds what is true of all that is lowered, on the oldest kernel and on
// the one that has everything, whole and cut into parts: the invariants of the IR, that
// every byte of a key was written, gaps included, and that what a lookup or a reservation
// gave is compared with 0 before it is used.
func TestProperties(t *testing.T) {
	for _, kernel := range []string{"5.10", "6.12"} {
		for _, parts := range []int{0, 10} {
			t.Run(fmt.Sprintf("%s/parts of %d", kernel, parts), func(t *testing.T) {
				testProperties(t, frozen.Target(kernel), parts)
			})
		}
	}
}

func testProperties(t *testing.T, machine *target.Target, parts int) {
	functions, keys, rows := 0, 0, 0
	for _, text := range scripts() {
		info, err := checked(text, machine, parts)
		if err != nil { // the kernel lacks what it needs
			continue
		}
		for _, program := range lowered(info, machine) {
			if err := ir.Check(program.Func); err != nil {
				t.Fatalf("%s\n%v", text, err)
			}
			if err := opt.RunLeast(program.Func, nil); err != nil {
				t.Fatal(err)
			}
			for _, f := range program.Functions() {
				a := analyse(f)
				functions, keys, rows = functions+1, keys+a.keys, rows+a.rows
				for _, wrong := range a.wrong {
					t.Errorf("%s\n%s\n%s", text, wrong, f)
				}
			}
		}
	}
	if functions < 150 || keys < 200 || rows < 200 {
		t.Errorf("only %d functions, %d keys and %d rows were looked at", functions, keys, rows)
	}
}
