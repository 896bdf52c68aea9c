//go:build guest

package guest

import (
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/runtime/detect"
	"github.com/ponytrace/ponytrace/runtime/symbols"
)

// The numbers of system calls that the compiler knows are those under which the kernel
// traces the calls, which its memory tells: struct syscall_metadata begins with a pointer
// to the name and the number.
func TestSyscallNumbers(t *testing.T) {
	machine, err := detect.Detect()
	if err != nil {
		t.Fatal(err)
	}
	points, err := machine.MatchTracepoints("syscalls", "sys_enter_*")
	if err != nil {
		t.Fatal(err)
	}
	kernel, memory, compared := symbols.NewKernel(), openMemory(t), 0
	for _, point := range points {
		_, name := target.SplitSyscall(strings.TrimPrefix(point, "syscalls:"))
		want, known := machine.SyscallNumber(name)
		if !known {
			t.Logf("%s is attached through perf", name)
			continue
		}
		address, found := kernel.Address("__syscall_meta__" + name)
		if !found {
			t.Errorf("the kernel has no number of %s", name)
			continue
		}
		if got := memory.word(t, address+8); int(int32(got)) != want {
			t.Errorf("%s has the number %d, want %d", name, int32(got), want)
		}
		compared++
	}
	if compared < 200 {
		t.Errorf("only %d system calls", compared)
	}
}

// kernelMemory reads /proc/kcore, in which the kernel shows its memory as that of a
// program that crashed.
type kernelMemory struct{ *elf.File }

func openMemory(t *testing.T) kernelMemory {
	t.Helper()
	file, err := elf.Open("/proc/kcore")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return kernelMemory{file}
}

func (m kernelMemory) word(t *testing.T, address uint64) uint32 {
	t.Helper()
	for _, part := range m.Progs {
		if part.Type == elf.PT_LOAD && address >= part.Vaddr && address < part.Vaddr+part.Memsz {
			var word [4]byte
			if _, err := part.ReadAt(word[:], int64(address-part.Vaddr)); err != nil {
				t.Fatal(err)
			}
			return binary.NativeEndian.Uint32(word[:])
		}
	}
	t.Fatalf("/proc/kcore does not have %#x", address)
	return 0
}

// A call of a program of 32 bits is none of those whose number it has.
func TestCompatibleCallsAreOthers(t *testing.T) {
	out := trace(t, `
		tracepoint:syscalls:sys_enter_semget /comm == "pony"/ { @semget = count(); }
		tracepoint:syscalls:sys_exit_semget /comm == "pony"/ { @semget_ret = count(); }
		tracepoint:raw_syscalls:sys_enter /comm == "pony" && args.id == 64/ { @number = count(); }`,
		"--comm pony syscalls --name getppid32 --n 500")
	equal(t, "calls", out.Stdout, "@number: 500")
}

// The argument registers of system calls are those of functions but for one: the sixth
// and fourth arguments are right, at the entry, and the result at the exit. One program
// serves each.
func TestSyscallArguments(t *testing.T) {
	for _, attach := range []string{"auto", "tracepoint"} {
		out := trace(t, `
			tracepoint:syscalls:sys_enter_mmap /comm == "pony"/ {
				@same[args.flags == (args.flags & 0xffffffff), (args.fd & 0xffffffff) == 0xffffffff || args.fd < 100, args.off & 4095] = count(); }
			tracepoint:syscalls:sys_enter_openat /comm == "pony" && str(args.filename) == "/ponytrace-workload"/ {
				@openat[args.dfd, args.flags, args.mode, args.__syscall_nr] = count(); }
			tracepoint:syscalls:sys_exit_openat /comm == "pony" && args.ret < 0/ { @[args.ret, args.__syscall_nr, probe] = count(); }`,
			"--comm pony syscalls --name openat --n 300", "--attach", attach)
		var kept []string
		for line := range strings.Lines(out.Stdout) {
			if !strings.HasPrefix(line, "@same[true, true, 0]") {
				kept = append(kept, line)
			}
		}
		equal(t, attach, strings.Join(kept, ""), `
@[-2, 257, tracepoint:syscalls:sys_exit_openat]: 300
@openat[-100, 0, 0, 257]: 300
`)
	}
}

// All system calls at once, each under its name, are attached through two programs, and
// detached without a word.
func TestAllSyscalls(t *testing.T) {
	out := trace(t, `tracepoint:syscalls:sys_* /comm == "pony"/ { @[probe] = count(); }
		tracepoint:syscalls:sys_enter_getppid, tracepoint:syscalls:sys_exit_getppid /comm == "pony"/ { @again[probe] = count(); }`,
		"--comm pony syscalls --name getppid --n 5000 --threads 4")
	for _, line := range []string{
		"@[tracepoint:syscalls:sys_enter_getppid]: 5000\n", "@[tracepoint:syscalls:sys_exit_getppid]: 5000\n",
		"@again[tracepoint:syscalls:sys_enter_getppid]: 5000\n", "@again[tracepoint:syscalls:sys_exit_getppid]: 5000\n",
	} {
		if !strings.Contains(out.Stdout, line) {
			t.Errorf("%q is not in\n%s", line, out.Stdout)
		}
	}
	if strings.Contains(out.Stderr, "WARNING") || strings.Contains(out.Stderr, "waiting") {
		t.Error(out.Stderr)
	}
}
