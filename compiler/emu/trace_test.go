package emu

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// describe is a step in a line.
func describe(s *Step) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", s.Index)
	if s.Depth > 0 {
		fmt.Fprintf(&b, " depth %d", s.Depth)
	}
	for r := range s.Registers {
		if s.Changed&(1<<r) == 0 {
			continue
		}
		fmt.Fprintf(&b, ", r%d ", r)
		place, known := s.Locate(s.Registers[r])
		switch {
		case s.Written&(1<<r) == 0:
			b.WriteString("gone")
		case known:
			fmt.Fprintf(&b, "-> %s", describePlace(place))
		default:
			fmt.Fprintf(&b, "%d", s.Registers[r])
		}
	}
	for _, w := range s.Writes {
		fmt.Fprintf(&b, ", %s: %v to %v", describePlace(w.Place), w.Old, w.New)
	}
	if s.Taken {
		b.WriteString(", taken")
	}
	if s.Call != nil {
		fmt.Fprintf(&b, ", call %d of %d arguments", s.Call.Helper, len(s.Call.Arguments))
	}
	if s.Enters {
		b.WriteString(", enters")
	} else if s.Call != nil && s.Call.Result < 1<<32 {
		fmt.Fprintf(&b, " = %d", s.Call.Result)
	}
	return b.String()
}

func describePlace(p Place) string {
	return fmt.Sprintf("%d%s%v%+d", p.Kind, p.Map, p.Key, p.Offset)
}

func traceOf(t *testing.T, e *Environment, code asm.Instructions) string {
	t.Helper()
	var lines []string
	e.Trace = func(s *Step) { lines = append(lines, describe(s)) }
	if _, err := Run(code, e); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// TestTrace follows a store to the stack, a lookup that fails, an update that makes the
// key, and the address of the new value.
func TestTrace(t *testing.T) {
	code := asm.Instructions{
		asm.StoreImm(asm.R10, -4, 7, asm.Word),
		asm.LoadMapPtr(asm.R1, 0).WithReference("h"),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JNE.Imm(asm.R0, 0, "found"),
		asm.LoadMapPtr(asm.R1, 0).WithReference("h"),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, -4),
		asm.Mov.Reg(asm.R3, asm.R2),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
		asm.StoreImm(asm.R0, 0, 9, asm.Word).WithSymbol("found"),
		asm.Return(),
	}
	hash := NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: 2}, 1)
	e := &Environment{Maps: map[string]*Map{"h": hash}, Context: make([]byte, 8)}
	want := []string{`0, 0[]-4: [0 0 0 0] to [7 0 0 0]
1, r1 -> 6h[]+0
2, r2 -> 0[]+0
3, r2 -> 0[]-4
4, r0 0, r1 gone, r2 gone, call 1 of 2 arguments = 0
5
6, r1 -> 6h[]+0
7, r2 -> 0[]+0
8, r2 -> 0[]-4
9, r3 -> 0[]-4
10, r4 0
11, r1 gone, r2 gone, r3 gone, r4 gone, 2h[7 0 0 0]+0: [] to [7 0 0 0], call 2 of 4 arguments = 0
12
13`, `0, 0[]-4: [0 0 0 0] to [7 0 0 0]
1, r1 -> 6h[]+0
2, r2 -> 0[]+0
3, r2 -> 0[]-4
4, r0 -> 2h[7 0 0 0]+0, r1 gone, r2 gone, call 1 of 2 arguments
5, taken
14, 2h[7 0 0 0]+0: [7 0 0 0] to [9 0 0 0]
15`}
	for round := range want {
		if got := traceOf(t, e, code); got != want[round] {
			t.Errorf("round %d: got\n%s\nwant\n%s", round, got, want[round])
		}
	}
}

// TestTraceCallback: the call is told before its callback runs, and again at its end.
func TestTraceCallback(t *testing.T) {
	code := asm.Instructions{
		asm.Mov.Imm(asm.R1, 2),
		asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: asm.R2, Src: asm.PseudoFunc}.WithReference("callback"),
		asm.Mov.Imm(asm.R3, 5),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnLoop.Call(),
		asm.Return(),
		asm.Mov.Reg(asm.R0, asm.R1).WithSymbol("callback"),
		asm.Return(),
	}
	const want = `0, r1 2
1, r2 -> 7[]+6
2, r3 5
3, r4 0
4, call 181 of 4 arguments, enters
6 depth 1, r0 0
7 depth 1
6 depth 1, r0 1
7 depth 1
4, r0 2, r1 gone, r2 gone, r3 gone, r4 gone, call 181 of 4 arguments = 2
5`
	if got := traceOf(t, &Environment{}, code); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestTraceKeys: a callback gets a key and a value, and a deletion leaves no value.
func TestTraceKeys(t *testing.T) {
	code := asm.Instructions{
		asm.LoadMapPtr(asm.R1, 0).WithReference("h"),
		asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: asm.R2, Src: asm.PseudoFunc}.WithReference("callback"),
		asm.Mov.Imm(asm.R3, 0),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnForEachMapElem.Call(),
		asm.Return(),
		asm.Mov.Reg(asm.R4, asm.R3).WithSymbol("callback"),
		asm.FnMapDeleteElem.Call(),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}
	hash := NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 2, MaxEntries: 2}, 1)
	if err := hash.update([]byte{7, 0, 0, 0}, []byte{1, 2}, 0, 0); err != nil {
		t.Fatal(err)
	}
	e := &Environment{Maps: map[string]*Map{"h": hash}}
	got := traceOf(t, e, code)
	for _, want := range []string{
		"6 depth 1, r4 -> 2h[7 0 0 0]+0\n",
		"7 depth 1, r0 0, r1 gone, r2 gone, r3 gone, r4 gone, 2h[7 0 0 0]+0: [1 2] to [], call 3 of 2 arguments = 0\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwhich lacks\n%s", got, want)
		}
	}
}

// countdown is a loop of three instructions a round.
func countdown(rounds int32) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Imm(asm.R1, rounds),
		asm.StoreMem(asm.R10, -8, asm.R1, asm.DWord).WithSymbol("again"),
		asm.Sub.Imm(asm.R1, 1),
		asm.JNE.Imm(asm.R1, 0, "again"),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}
}

func BenchmarkRun(b *testing.B) {
	for name, trace := range map[string]func(*Step){"plain": nil, "traced": func(*Step) {}} {
		b.Run(name, func(b *testing.B) {
			code, e := countdown(10_000), &Environment{Trace: trace}
			for b.Loop() {
				if _, err := Run(code, e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestTraceAgrees: a step for each executed instruction, with the same outcome.
func TestTraceAgrees(t *testing.T) {
	steps := 0
	last := Step{}
	e := &Environment{Trace: func(s *Step) {
		if steps > 0 && s.Before != last.Registers {
			t.Errorf("registers %v became %v between two steps", last.Registers, s.Before)
		}
		steps, last = steps+1, *s
		if s.Written&(1<<asm.R1) != 0 && s.Registers[1] == 3 && len(s.Writes) == 1 {
			if got := binary.LittleEndian.Uint64(s.Writes[0].New); got != 3 {
				t.Errorf("wrote %d", got)
			}
		}
	}}
	got, err := Run(countdown(5), e)
	if err != nil || got.Executed != steps || steps != 18 {
		t.Errorf("%+v, %v, %d steps", got, err, steps)
	}
}
