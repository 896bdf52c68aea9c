//go:build guest

package guest

import (
	"debug/elf"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// dupCaller is the beginning of a stack of dup(), which kernels call from one or the other.
var dupCaller = regexp.MustCompile(`<\n +__x64_sys_dup\+\d+\n +(do_syscall_64|x64_sys_call)\+`)

// However a probe is attached, the kernel's stack begins with the function that it is on,
// and the process's in its own code.
func TestStacks(t *testing.T) {
	const script = `
		kprobe:__x64_sys_dup { printf("<%s>", kstack(2)); @deep[kstack, ustack(3)] = count(); }
		tracepoint:sched:sched_process_exec { printf("[%s]", kstack(1)); }`
	for _, attach := range []string{"fentry", "kprobe"} {
		p := tracing(t, script, "--attach", attach)
		Workload(t, "syscalls", "--name", "dup", "--n", "5")
		out := ended(p)
		if n := strings.Count(out.Stdout, "<\n        __x64_sys_dup+"); n != 5 {
			t.Errorf("%s: %d of 5 stacks begin with the probe's function\n%s", attach, n, out.Stdout)
		}
		if n := len(dupCaller.FindAllString(out.Stdout, -1)); n != 5 {
			t.Errorf("%s: %d of 5 stacks have the caller next\n%s", attach, n, out.Stdout)
		}
		if !strings.Contains(out.Stdout, "        do_syscall_64+") {
			t.Errorf("%s: no stack leads to do_syscall_64\n%s", attach, out.Stdout)
		}
		if AtLeast(t, 6, 1) && strings.Contains(out.Stdout, "bpf_prog_") {
			t.Errorf("%s: the stack of a program of ponytrace shows\n%s", attach, out.Stdout)
		}
	}
}

// At the entry of a function its caller is the second frame, once, whatever the function
// begins with: with a frame pointer, without, with endbr64. So it is where Go returns. One
// that calls itself is there as often as it does.
func TestCallers(t *testing.T) {
	script, command := "", ""
	for _, name := range []string{"c_O0", "c", "c_frames", "c_endbr", "go"} {
		program := "/programs/" + strings.ReplaceAll(name, "_", "-")
		command += program + " 1 1; "
		function := "eight"
		if name == "go" {
			function = "main.add"
			script += "uretprobe:" + program + ":main.add { @go_returns[ustack(2)] = count() }\n"
		}
		script += "uprobe:" + program + ":" + function + " { @" + name + "[ustack(2)] = count() }\n"
	}
	script += "uprobe:/programs/c-O0:descend /(int32)arg0 == 0/ { @deep[ustack(6)] = count() }"
	out := MustRun(t, "ponytrace", "-e", script, "-c", "/bin/bash -c '"+command+"'")
	got := regexp.MustCompile(`\+\d+|\n+ *|\]: `).ReplaceAllString(withoutRounds(out), " ")
	equal(t, "stacks", strings.Join(strings.Fields(got), " "), strings.Join(strings.Fields(`
		@c[ eight round_of 1  @c_O0[ eight round_of 1  @c_endbr[ eight round_of 1
		@c_frames[ eight round_of 1
		@deep[ descend descend descend descend round_of rounds 1
		@go[ main.add main.round 2  @go_returns[ main.add main.round 2`), " "))
}

// Lines and inlined functions of stacks of processes, in C by debug information and in a
// stripped program of Go by its own table.
func TestLinesOfStacks(t *testing.T) {
	const script = `config = { show_debug_info = true } `
	out := MustRun(t, "ponytrace", "-q", "-e", script+`uprobe:/programs/c-frames:add { @[ustack(2)] = count(); @in[ustack(build_id, 2)] = count() }`,
		"-c", "/programs/c-frames 500")
	if !regexp.MustCompile(`@\[\n +add\+\d+@/.*/c/target\.c:\d+\n +round_of\+\d+@/.*/c/target\.c:\d+\n\]: 500\n`).MatchString(out.Stdout) {
		t.Errorf("C: %s", out.Stdout)
	}
	if id := buildIDOf(t, "/programs/c-frames"); !regexp.MustCompile(`@in\[\n` + id + ` 0x[0-9a-f]+\n` + id + ` 0x[0-9a-f]+\n\]: 500\n`).MatchString(out.Stdout) {
		t.Errorf("places in the file %s: %s", id, out.Stdout)
	}
	out = MustRun(t, "ponytrace", "-q", "-e", script+`uprobe:/programs/go-stripped:os.init.0 { @[ustack] = count() }`,
		"-c", "/programs/go-stripped 50")
	if !regexp.MustCompile(`@\[\n +os\.init\.0\+\d+@.*/os/proc\.go:\d+\n(.*\n)*` +
		` +\[inlined\] runtime\.doInit@.*/runtime/proc\.go:\d+\n +runtime\.main\+\d+@.*/runtime/proc\.go:\d+\n`).MatchString(out.Stdout) {
		t.Errorf("Go: %s", out.Stdout)
	}
}

// buildIDOf reads it where the linker writes it: behind the 16 bytes of a note's head.
func buildIDOf(t *testing.T, program string) string {
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	note, err := file.Section(".note.gnu.build-id").Data()
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(note[16:])
}

// By tables, stacks of programs without frame pointers are whole, from a function, a thread
// and a system call, in programs with shared libraries and without. A system call has the
// same stack by a tracepoint, a kprobe and fentry.
func TestUnwoundStacks(t *testing.T) {
	if !AtLeast(t, 5, 17) {
		out := Run(t, "ponytrace", "-e", "profile:hz:99 { @[ustack(dwarf)] = count() }")
		if out.Code != 1 || !strings.Contains(out.Stderr, "needs Linux 5.17") {
			t.Errorf("ended with %d: %s", out.Code, out.Stderr)
		}
		return
	}
	traced, start := waiting(t, "/programs/c", "100", "1")
	static, startStatic := waiting(t, "/programs/c-static", "100", "1")
	p := tracing(t, `
		u:/programs/c:leaf { @leaf[ustack(dwarf, 3)] = count(); @short[ustack(3)] = count() }
		u:/programs/c:descend { @thread[ustack(perf, dwarf)] = count() }
		u:/programs/c-static:descend { @static[len(ustack(dwarf))] = count() }
		tracepoint:syscalls:sys_enter_write /strncmp(comm, "c-static", 8) != 0/ { @write[ustack(dwarf)] = count() }
		kprobe:__x64_sys_write /strncmp(comm, "c-static", 8) != 0/ { @write[ustack(dwarf)] = count() }
		fentry:__x64_sys_write /strncmp(comm, "c-static", 8) != 0/ { @write[ustack(dwarf)] = count() }`,
		"--attach", "kprobe", "-p", fmt.Sprint(traced.Process.Pid), "-p", fmt.Sprint(static.Process.Pid))
	start()
	startStatic()
	out := p.Wait()
	for _, want := range []string{
		`@leaf\[\n +leaf\+0\n +round_of\+\d+\n +rounds\+\d+\n\]: 100\n`,
		`@thread\[\n.* descend\+0 .*\n.* round_of\+\d+ .*\n.* rounds\+\d+ .*\n.*\n.*\n\]: 100\n`,
		`@static\[5\]: 100\n`,
	} {
		if !regexp.MustCompile(want).MatchString(out.Stdout) {
			t.Errorf("no %s", want)
		}
	}
	for _, stack := range strings.Split(out.Stdout, "@write[")[1:] {
		if !regexp.MustCompile(`\n +_start\+\d+\n\]: 3\n`).MatchString(stack) {
			t.Errorf("does not lead to _start in three ways: %s", stack)
		}
	}
	if t.Failed() || !strings.Contains(out.Stdout, "@write[") {
		t.Errorf("%s%s", out.Stdout, out.Stderr)
	}
}

// A command is held until its tables are there, those of libraries included: no stack of it
// is followed without. Its children have them, too: here subshells, which execute nothing.
func TestUnwoundFromTheStart(t *testing.T) {
	if !AtLeast(t, 5, 17) {
		return // TestUnwoundStacks has the message
	}
	out := MustRun(t, "ponytrace", "-q", "-e", "u:/programs/c-static:leaf { @[ustack(dwarf, 3)] = count() }",
		"-c", "/programs/c-static 1000")
	whole := regexp.MustCompile(`@\[\n +leaf\+0\n +round_of\+\d+\n +rounds\+\d+\n\]: 1000\n`)
	if !whole.MatchString(out.Stdout) || strings.Count(out.Stdout, "@[") != 1 {
		t.Errorf("a static program: %s%s", out.Stdout, out.Stderr)
	}
	out = MustRun(t, "ponytrace", "-q", "-e", `
		u:libc:malloc /pid == cpid/ { @calls[len(ustack(dwarf)) > 4] = count() }
		tracepoint:syscalls:sys_enter_write /pid != cpid && comm == "bash"/ { @writes[len(ustack(dwarf)) > 8] = count() }`,
		"-c", "/bin/bash -c 'for i in 1 2 3 4 5; do (echo $i); done'")
	if !regexp.MustCompile(`^1\n2\n3\n4\n5\n\s*@calls\[true\]: \d+\s+@writes\[true\]: 5\s+$`).MatchString(out.Stdout) {
		t.Errorf("bash: %s%s", out.Stdout, out.Stderr)
	}
}
