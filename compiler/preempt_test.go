package compiler_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
)

// ofCPU are clauses that use memory which each CPU has one of, not by atomic instructions
// alone.
var ofCPU = []string{
	`kprobe:vfs_read { @ = min(arg2) }`,
	`kprobe:vfs_read /arg2 > 4/ { @a = max(arg2); @ = count() }`,
	`kprobe:vfs_read /comm == "bash"/ { @[comm] = min(arg2) }`,
	`kprobe:vfs_read { if (arg2 == 5) { return; } @ = tseries(arg2, 1ms, 10); if (arg2 > 6) { exit(); } }`,
	`kprobe:vfs_read { $i = 0; while ($i < arg2 && $i < 9) { @ = min($i); $i++; if ($i == 3) { return; } } }`,
	`kprobe:vfs_read { $n = 0; for $i : 0..50 { $n += $i; if ($n == 40) { break; } } @ = sum($n); }`,
	`config = { max_strlen = 400 } kprobe:vfs_read { @[str(arg1)] = count() }`,
	`config = { max_strlen = 400 } kprobe:vfs_read /str(arg1) == "x"/ { @ = count() }`,
	largeClause,
}

var largeClause = "kprobe:vfs_read { " + strings.Repeat("@a = max(arg2); if (arg2 > 5) { @b[comm] = min(arg2) } ", 200) + "}"

// ofAll are clauses that use no such memory.
var ofAll = []string{
	`kprobe:vfs_read { @ = count(); @h = hist(arg2); @c[comm] = sum(arg2); @s[tid] = nsecs; @n++ }`,
	`kprobe:vfs_read { @x = arg2; printf("%s %d\n", comm, @x) }`,
}

func compilePreempted(t *testing.T, script string, machine *target.Target, attach string) *object.Object {
	t.Helper()
	built, err := compileText(script, machine, compiler.Options{Attach: attach})
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func callsKernel(program *object.ProgramSpec) bool {
	return slices.ContainsFunc(program.Instructions, func(i asm.Instruction) bool { return i.IsKfuncCall() })
}

// A program that the kernel preempts uses memory of its CPU only while preemption is off,
// and leaves it on, whatever way it takes. One that needs no such memory, or that is not
// preempted, does not pay.
func TestPreemption(t *testing.T) {
	for _, script := range ofCPU {
		t.Run(script[:min(len(script), 60)], func(t *testing.T) {
			unpreempted(t, compilePreempted(t, script, frozen.Target("7.x"), "fentry"))
			if callsKernel(compilePreempted(t, script, frozen.Target("7.x"), "kprobe").Programs[0]) {
				t.Error("a kprobe is not preempted, and pays")
			}
			if callsKernel(compilePreempted(t, script, frozen.Target("6.12"), "fentry").Programs[0]) {
				t.Error("this kernel does not preempt, and its programs pay")
			}
		})
	}
	for _, script := range ofAll {
		if callsKernel(compilePreempted(t, script, frozen.Target("7.x"), "fentry").Programs[0]) {
			t.Errorf("pays without need: %s", script)
		}
	}
	user := `uprobe:/bin/bash:readline { @ = min(nsecs) } uretprobe:/bin/bash:readline { @n = count() }`
	if programs := compilePreempted(t, user, frozen.Target("7.x"), "").Programs; !callsKernel(programs[0]) || callsKernel(programs[1]) {
		t.Error("uprobes are preempted, and pay where they change values in steps")
	}
	iterated := `iter:task { @ = max(ctx->task->pid) }`
	if built := compilePreempted(t, iterated, frozen.Target("7.x"), ""); !callsKernel(built.Programs[0]) {
		t.Error("iterators are preempted")
	}
	raw := `rawtracepoint:sched_switch { @ = min(nsecs) } tracepoint:sched:sched_switch { @ = min(nsecs) }`
	built := compilePreempted(t, raw, frozen.Target("7.x"), "")
	if !callsKernel(built.Programs[0]) || callsKernel(built.Programs[1]) {
		t.Error("raw tracepoints are preempted from 7.0 on, those of perf are not")
	}
}

// From 6.13 on the frame of a program at a uprobe is memory of the CPU where it has 49 bytes
// or more, and preemption is off from the first instruction on.
func TestPreemptionOfFrames(t *testing.T) {
	const small, large = `{ @[arg0, arg1, arg2, arg0, arg1] = count() }`, `{ @[arg0, arg1, arg2, arg0, arg1, arg2] = count() }`
	for _, test := range []struct {
		kernel, probe, clause string
		off                   bool
	}{
		{"7.x", "uprobe:/bin/bash:readline", small, false},
		{"7.x", "uprobe:/bin/bash:readline", large, true},
		{"7.x", "kprobe:vfs_read", large, false},
		{"6.12", "uprobe:/bin/bash:readline", large, false},
	} {
		program := compilePreempted(t, test.probe+" "+test.clause, frozen.Target(test.kernel), "").Programs[0]
		first := slices.IndexFunc(program.Instructions, func(i asm.Instruction) bool { return i.OpCode.JumpOp() == asm.Call })
		if off := program.Instructions[first].IsKfuncCall(); off != test.off {
			t.Errorf("%s: %s %s: preemption is off: %t", test.kernel, test.probe, test.clause, off)
		}
		if before := program.Instructions[:first]; test.off && slices.ContainsFunc(before, storesInFrame) {
			t.Errorf("%s: uses its frame before preemption is off: %v", test.probe, before)
		}
	}
}

func storesInFrame(i asm.Instruction) bool { return i.OpCode.Class().IsStore() && i.Dst == asm.RFP }

// unpreempted runs the programs, with contexts that lead different ways.
func unpreempted(t *testing.T, built *object.Object) {
	t.Helper()
	uses := 0
	for size := range uint64(8) {
		scene := &scene{memory: make([]byte, memorySize), context: make([]byte, contextSize)}
		for at := 0; at < contextSize; at += 8 {
			scene.context[at] = byte(size)
		}
		e := scene.environment(built)
		for _, program := range built.Programs {
			off := false
			e.Trace = func(s *emu.Step) {
				i := &program.Instructions[s.Index]
				if s.Call != nil && s.Call.Kernel != "" {
					off = s.Call.Kernel == "bpf_preempt_disable"
				}
				for _, name := range append(handed(s), plainAccess(s, i)) {
					if !perCPU(built, name) {
						continue
					}
					uses++
					if !off {
						t.Errorf("size %d: instruction %d, %v, uses %s with preemption on", size, s.Index, i, name)
					}
				}
			}
			scene.run(t, program, e)
		}
	}
	if uses == 0 {
		t.Error("no memory of the CPU was used")
	}
}

// plainAccess is the kernel map that an instruction reads or writes, if not atomically.
func plainAccess(s *emu.Step, i *asm.Instruction) string {
	base := i.Dst
	switch class := i.OpCode.Class(); {
	case class == asm.LdXClass:
		base = i.Src
	case !class.IsStore() || i.OpCode.Mode() == asm.AtomicMode:
		return ""
	}
	place, known := s.Locate(s.Before[base] + uint64(int64(i.Offset)))
	if !known || place.Kind != emu.MapValue {
		return ""
	}
	return place.Map
}

// handed are the kernel maps whose memory a helper is handed.
func handed(s *emu.Step) (names []string) {
	if s.Call == nil || s.Call.Function {
		return nil
	}
	for _, argument := range s.Call.Arguments {
		if place, known := s.Locate(argument); known && place.Kind == emu.MapValue {
			names = append(names, place.Map)
		}
	}
	return names
}

func perCPU(built *object.Object, name string) bool {
	for _, m := range built.Maps {
		if name != "" && (m.Kernel == name || m.Other == name) {
			return m.Storage == object.CPUHash
		}
	}
	return strings.HasPrefix(name, object.SharedMap) || strings.HasPrefix(name, object.ScratchMap) || name == object.PerCPUMap
}

// Before 6.15 a function of its own may not be called with preemption off, so a large
// clause stays whole. Before 6.10 nothing switches it off: the guard leaves events out.
func TestPreemptionOfOlderKernels(t *testing.T) {
	machine := frozen.Target("6.12")
	machine.Features.Preemptible = true
	built := compilePreempted(t, largeClause, machine, "fentry")
	if whole := built.Programs[0].Instructions; !callsKernel(built.Programs[0]) || slices.ContainsFunc(whole, callsPart) {
		t.Error("a clause in parts, or not guarded")
	}
	machine = frozen.Target("6.1")
	machine.Features.Preemptible = true
	for _, script := range ofCPU {
		built := compilePreempted(t, script, machine, "fentry")
		if callsKernel(built.Programs[0]) || built.Kernel[object.GuardMap] == nil {
			t.Errorf("not guarded: %.60s", script)
		}
	}
	for _, script := range ofAll {
		if built := compilePreempted(t, script, machine, "fentry"); built.Kernel[object.GuardMap] != nil {
			t.Errorf("guarded without need: %s", script)
		}
	}
}

func callsPart(i asm.Instruction) bool {
	return i.IsFunctionCall() && strings.Contains(i.Reference(), "_part")
}
