package bpf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"

	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/internal/ir/irtest"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

// TestGolden compares the instructions for a function and what they cost in one run.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no goldens", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { golden(t, path) })
	}
}

func golden(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	comment, rest, _ := strings.Cut(string(text), "-- ir --\n")
	source, want, _ := strings.Cut(rest, "-- instructions --\n")
	f, err := irtest.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	if err := ir.Check(f); err != nil {
		t.Fatal(err)
	}
	code := generate(t, f)
	listing := stage.Program{Code: stage.Disassemble(code.Instructions)}
	got := cost(t, code) + listing.Listing()
	if *testkit.Update {
		golden := comment + "-- ir --\n" + f.String() + "-- instructions --\n" + got
		if err := os.WriteFile(path, []byte(golden), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if !hasHelpers(t, code) {
		wantRefused(t, code)
		return
	}
	runOnKernel(t, code, make([]byte, irtest.ContextSize))
}

func cost(t *testing.T, code *Result) string {
	t.Helper()
	_, run, err := emulate(code, make([]byte, irtest.ContextSize))
	if _, misbehaved := err.(*emu.Error); misbehaved {
		t.Fatalf("%v\n%v", err, code.Instructions)
	}
	return fmt.Sprintf("static %d - executed %d - helpers %d - stack %d - scratch %d\n",
		code.Static, run.Executed, run.Helpers, code.Stack, code.ScratchSize)
}

// TestLongJumpsOnKernel has a loop whose body is longer than a jump can be, with jumps
// from all over it to its start and its end.
func TestLongJumpsOnKernel(t *testing.T) {
	testkit.Long(t)
	b := ir.NewBuilder("long", count().Span)
	counter, data := b.NewCell("i"), b.DataAddress(irtest.DataMap, 0)
	head, after := b.NewBlock(), b.NewBlock()
	x := b.Load(ir.ContextSpace, b.Context(), 0, 8, false)
	b.Jump(head)
	b.Enter(head)
	i := b.CellGet(counter)
	b.CellSet(counter, b.Binary(ir.Add, i, b.Const(1)))
	parts, rounds := testkit.Choose(8, 8, 12), testkit.Choose[int64](2, 2, 3) // of 5,000 instructions; a jump reaches 32,767
	for part := range parts {
		near, far := b.NewBlock(), b.NewBlock()
		b.If(ir.LessEqual, i, b.Const(int64(part)), near, []*ir.Block{far, after, head}[part%3])
		b.Enter(near)
		for range 5000 {
			b.AtomicAdd(ir.MapValue, data, 8*(part%8), x)
		}
		b.Jump(far)
		b.Enter(far)
	}
	b.If(ir.Less, i, b.Const(rounds), head, after)
	b.Enter(after)
	b.Return(i)
	if err := ir.Check(b.Func); err != nil {
		t.Fatal(err)
	}
	context := randomContext(1)
	want := evaluate(b.Func, context)
	code := generate(t, b.Func)
	got, _, err := emulate(code, context)
	if err != nil || !same(got, want) {
		t.Fatalf("got %v, want %v, %v", got, want, err)
	}
	if got := runOnKernel(t, code, context); !same(got, want) {
		t.Errorf("the kernel: got %v, want %v", got, want)
	}
}

// TestTooLong wants the statement that most of a program comes from.
func TestTooLong(t *testing.T) {
	testkit.Long(t)
	f := count()
	b := ir.NewBuilder("long", f.Span)
	b.Const(0)
	b.Span = f.Blocks[0].Values[0].Span
	x := b.Load(ir.ContextSpace, b.Context(), 0, 8, false)
	address := b.DataAddress(irtest.DataMap, 0)
	for range maxProgram {
		b.AtomicAdd(ir.MapValue, address, 0, x)
	}
	b.Span = f.Span
	b.Return(x)
	_, err := Generate(b.Func, Options{CPUs: 1})
	if want := "one.pt:2:3-14: ERROR: the clause has 1000"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// TestFullFrame wants an error where nothing can leave the frame: pointers.
func TestFullFrame(t *testing.T) {
	b := ir.NewBuilder("full", count().Span)
	key := b.SlotAddress(b.NewSlot("key", 8))
	b.Store(ir.Frame, key, 0, 8, b.Const(1))
	var values []*ir.Value
	for range 70 {
		values = append(values, b.Call(asm.FnMapLookupElem, ir.Writes, b.MapPointer(irtest.HashMap), key))
	}
	sum := values[0]
	for _, v := range values[1:] {
		sum = b.Binary(ir.Add, sum, v)
	}
	b.Return(sum)
	_, err := Generate(b.Func, Options{CPUs: 1})
	if err == nil || !strings.Contains(err.Error(), "bytes of stack at once") {
		t.Errorf("got %v", err)
	}
}

// TestManyNumbersOnKernel keeps more numbers than the frame holds, in variables and out
// of them.
func TestManyNumbersOnKernel(t *testing.T) {
	b := ir.NewBuilder("many", count().Span)
	var cells []*ir.Cell
	var values []*ir.Value
	for i := range 100 {
		read := b.Load(ir.ContextSpace, b.Context(), 8*(i%12), 8, false)
		if i%2 == 0 {
			cells = append(cells, b.NewCell("x"))
			b.CellSet(cells[i/2], read)
		}
		values = append(values, b.Bound(b.Binary(ir.And, b.Binary(ir.Xor, read, b.Const(int64(i))), b.Const(63)), 63))
	}
	key := b.SlotAddress(b.NewSlot("key", 8))
	b.Store(ir.Frame, key, 0, 8, b.Const(1))
	b.Call(asm.FnMapLookupElem, ir.Writes, b.MapPointer(irtest.HashMap), key)
	sum := b.Const(0)
	for i, v := range values {
		sum = b.Binary(ir.Add, sum, v)
		if i%2 == 0 {
			sum = b.Binary(ir.Xor, sum, b.CellGet(cells[i/2]))
		}
	}
	b.Return(sum)
	context := randomContext(1)
	expected := evaluate(b.Func, context)
	code := generate(t, b.Func)
	got, _, err := emulate(code, context)
	if err != nil || !same(got, expected) || code.Stack > stackSize || code.ScratchSize == 0 {
		t.Errorf("got %v, want %v, %v, stack %d, scratch %d", got, expected, err, code.Stack, code.ScratchSize)
	}
	if got := runOnKernel(t, code, context); !same(got, expected) {
		t.Errorf("the kernel: got %v, want %v", got, expected)
	}
}

// BenchmarkGenerate compiles a clause of a thousand statements; the time per statement
// must not depend on how many.
func BenchmarkGenerate(b *testing.B) {
	for _, statements := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(statements), func(b *testing.B) {
			f := longFunction(statements)
			for b.Loop() {
				if _, err := Generate(f, Options{CPUs: 4}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*statements), "ns/statement")
		})
	}
}

// longFunction has the given number of `if (x < n) { @data += x }`.
func longFunction(statements int) *ir.Func {
	b := ir.NewBuilder("long", count().Span)
	cell := b.NewCell("x")
	b.CellSet(cell, b.Load(ir.ContextSpace, b.Context(), 0, 8, false))
	for i := range statements {
		body, after := b.NewBlock(), b.NewBlock()
		b.If(ir.Less, b.CellGet(cell), b.Const(int64(i)), body, after)
		b.Enter(body)
		b.AtomicAdd(ir.MapValue, b.DataAddress(irtest.DataMap, 0), 0, b.CellGet(cell))
		b.Jump(after)
		b.Enter(after)
	}
	b.Return(b.Const(0))
	return b.Func
}
