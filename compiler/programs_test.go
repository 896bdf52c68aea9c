package compiler_test

import (
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
)

// goProgram answers as if Go had made the functions of a program.
type goProgram struct {
	target.Binary
	made target.GoFunction
}

func (p goProgram) GoFunction(offset uint64) (target.GoFunction, bool, error) {
	f := p.made
	if f.Entry == 0 {
		f.Entry = offset
	}
	return f, true, nil
}

// madeByGo is a machine on which Go has made all programs.
func madeByGo(kernel string, made target.GoFunction) *target.Target {
	machine := frozen.Target(kernel)
	open := machine.Sources.Binary
	machine.Sources.Binary = func(path string) (target.Binary, error) {
		b, err := open(path)
		return goProgram{b, made}, err
	}
	return machine
}

// Where Go's functions return, probes go to the instructions that do, by one link or by
// perf events; what never returns has none.
func TestReturnsOfGo(t *testing.T) {
	const script = `uretprobe:/bin/demo:none { @ = count() }`
	for kernel, want := range map[string]object.Mechanism{"6.12": object.UprobeReturnsMulti, "5.10": object.UprobeReturns} {
		o, err := compileText(script, madeByGo(kernel, target.GoFunction{Returns: []uint64{0x170, 0x190}}), compiler.Options{})
		if err != nil {
			t.Fatal(err)
		}
		places := 0
		for _, point := range o.Programs[0].Points {
			places += len(point.At.(object.UserPoint).Places)
			if point.Mechanism != want {
				t.Errorf("%s: attached by %s, want %s", kernel, point.Mechanism, want)
			}
		}
		if places != 2 {
			t.Errorf("%s: %d places, want 2", kernel, places)
		}
	}
	for want, made := range map[string]target.GoFunction{
		"it never returns": {},
		"it returns by jumping to another function of Go": {Leaves: true, Returns: []uint64{0x170}},
	} {
		_, err := compileText(script, madeByGo("6.12", made), compiler.Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// foreignProgram is one of another machine.
type foreignProgram struct{ target.Binary }

func (foreignProgram) Facts() target.BinaryFacts { return target.BinaryFacts{Arch: "arm64"} }

// A program of another machine is refused.
func TestForeignPrograms(t *testing.T) {
	machine := frozen.Target("6.12")
	open := machine.Sources.Binary
	machine.Sources.Binary = func(path string) (target.Binary, error) {
		b, err := open(path)
		return foreignProgram{b}, err
	}
	_, err := compileText("uprobe:/bin/bash:readline { @ = count() }", machine, compiler.Options{})
	want := "1:8-17: ERROR: /bin/bash is a program for arm64, and arguments are found in those for x86_64 only"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Slices and strings of Go have a pointer, a length, and slices a capacity.
func TestSequencesOfGo(t *testing.T) {
	scripts := func(slice, text string) string {
		return "uprobe:/bin/server:main.total { @[args.list." + slice + ", args.list.len, args.list.cap] = count() }\n" +
			"uprobe:/bin/server:main.greet { @b[args.name." + text + ", args.name.len] = count() }"
	}
	want, err := compileText(scripts("array", "str"), frozen.Target("6.12"), compiler.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := compileText(scripts("ptr", "ptr"), frozen.Target("6.12"), compiler.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range got.Programs {
		for n, have := range want.Programs[i].Instructions {
			is := p.Instructions[n]
			if is.OpCode != have.OpCode || is.Dst != have.Dst || is.Src != have.Src ||
				is.Offset != have.Offset || is.Constant != have.Constant {
				t.Errorf("instruction %d is %v, want %v", n, is, have)
			}
		}
	}
	_, err = compileText("uprobe:/bin/server:main.greet { @ = args.name.cap }", frozen.Target("6.12"), compiler.Options{})
	if err == nil || !strings.Contains(err.Error(), "has no member cap") {
		t.Errorf("got %v", err)
	}
}
