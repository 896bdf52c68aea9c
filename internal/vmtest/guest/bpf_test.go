//go:build guest

package guest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// tracedProgram loads a program that calls two functions. It describes the kernel's task
// as loaders' programs do: by the members that it uses, at places of its own.
func tracedProgram(t *testing.T) *ebpf.Program {
	long := &btf.Int{Name: "long", Size: 8, Encoding: btf.Signed}
	number := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	task := &btf.Struct{Name: "task_struct", Size: 4, Members: []btf.Member{{Name: "tgid", Type: number}}}
	function := func(name string, result btf.Type, params ...btf.FuncParam) func(asm.Instruction) asm.Instruction {
		proto := &btf.FuncProto{Return: result, Params: params}
		return func(first asm.Instruction) asm.Instruction {
			return btf.WithFuncMetadata(first.WithSymbol(name), &btf.Func{Name: name, Type: proto})
		}
	}
	context := btf.FuncParam{Name: "ctx", Type: &btf.Pointer{Target: &btf.Void{}}}
	handle := function("pony_handle", number, context)
	add := function("pony_add", long, btf.FuncParam{Name: "a", Type: long}, btf.FuncParam{Name: "b", Type: long})
	look := function("pony_look", number, btf.FuncParam{Name: "task", Type: &btf.Pointer{Target: task}})
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "pony_handle", Type: ebpf.RawTracepoint, License: "GPL",
		Instructions: asm.Instructions{
			handle(asm.Mov.Imm(asm.R1, -10)), asm.Mov.Imm(asm.R2, 52), asm.Call.Label("pony_add"),
			asm.Mov.Reg(asm.R6, asm.R0),
			asm.FnGetCurrentTask.Call(), asm.Mov.Reg(asm.R1, asm.R0), asm.Call.Label("pony_look"),
			asm.Mov.Reg(asm.R0, asm.R6), asm.Add.Imm(asm.R0, 1), asm.Return(),
			add(asm.Mov.Reg(asm.R0, asm.R1)), asm.Add.Reg(asm.R0, asm.R2), asm.Return(),
			look(asm.Mov.Imm(asm.R0, 7)), asm.Return(),
		}})
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// A BPF program of others is traced as functions of the kernel are.
func TestProgramsAreTraced(t *testing.T) {
	unlimited := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY} // below 5.11
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unlimited); err != nil {
		t.Fatal(err)
	}
	program := tracedProgram(t)
	defer program.Close()
	info, err := program.Info()
	if err != nil {
		t.Fatal(err)
	}
	id, _ := info.ID()
	script := fmt.Sprintf(`
		fentry:bpf:pony_handle { @entered[func] = count(); }
		fentry:bpf:%d:pony_a* { @passed[args.a, arg1] = count(); @probe[probe] = count(); }
		fentry:bpf:pony_look { @task[args.task->comm, args.task->tgid == pid] = count(); @half[(uint64)args.task / 2 > 0] = count(); }
		fexit:bpf:pony_handle { @left = count(); }`, id)
	want := fmt.Sprintf(`
@entered[pony_handle]: 7
@half[true]: 7
@left: 7
@passed[-10, 52]: 7
@probe[fentry:bpf:%d:pony_add]: 7
@task[guest.test, true]: 7
`, id)
	if AtLeast(t, 5, 17) {
		script += ` fexit:bpf:pony_* { @returned[func] = max(retval); }`
		want = strings.Replace(want, "@task", "@returned[pony_look]: 7\n@returned[pony_add]: 42\n@returned[pony_handle]: 43\n@task", 1)
	}
	got := lookAt(t, script, func() {
		for range 7 {
			if _, err := program.Run(&ebpf.RunOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	})
	equal(t, "counts", got, want)
	listed := MustRun(t, "ponytrace", "-lv", "fexit:bpf:pony_a*")
	equal(t, "list", listed.Stdout, fmt.Sprintf("fexit:bpf:%d:pony_add\n    long a\n    long b\n    long retval", id))
}
