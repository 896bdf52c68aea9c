//go:build guest

package guest

import (
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// Functions of programs are counted exactly, with their arguments and results, however the
// program was built: position-independent or not, linked statically, with and without
// endbr64, with symbols for other files only, in a debug file, or packed.
func TestUprobes(t *testing.T) {
	script := `
		uprobe:P:add { @entry[probe, func] = count(); @a = sum((int32)arg0); @b[(int32)arg1] = count(); }
		uretprobe:P:add { @returned = sum((int32)retval); }
		u:P:eight { @args[arg0, arg5, (int16)arg6, arg7] = count(); }
		u:P:des*nd { @last[func, (int32)arg0 == 3] = count(); }
		u:P:greet { @greeted[str(arg0)] = count(); }
		u:P:[ag]*d, u:P:leaf { @some[func] = count(); }`
	variants := []string{
		"c", "c-O0", "c-frames", "c-endbr", "c-fixed", "c-static", "c-static-pie", "c-stripped", "c-debuglink", "c-debugdata",
	}
	// Before 6.0 no program can wait for a text that is only in the file yet.
	greeted := "@greeted[round]: 300\n"
	if !AtLeast(t, 6, 0) {
		script, greeted = strings.ReplaceAll(script, "str(arg0)", `"text"`), "@greeted[text]: 300\n"
	}
	for _, variant := range variants {
		program, nested := "/programs/"+variant, ""
		if variant == "c-O0" { // all others call themselves once and jump then
			nested = "@last[descend, false]: 900\n"
		}
		out := MustRun(t, "ponytrace", "-e", strings.ReplaceAll(script, "P", program), "-c", program+" 100 3")
		equal(t, variant, withoutRounds(out), strings.ReplaceAll(`
@a: 14850
@args[1, 6, -7, 8]: 300
@b[2]: 300
@entry[uprobe:P:add, add]: 300
`+greeted+`@last[descend, true]: 300
`+nested+`@returned: 15450
@some[add]: 300
@some[leaf]: 300
`, "P", program))
	}
}

// withoutRounds is what the script has printed, without what the program has.
func withoutRounds(out Output) string {
	var kept []string
	for line := range strings.Lines(out.Stdout) {
		if line != "\n" && !strings.Contains(line, "rounds in each") {
			kept = append(kept, line)
		}
	}
	return "\n" + strings.Join(kept, "")
}

// A place may be an offset, an address or a line; a library is found by its name; paths of
// one file are one, and so are names of one function.
func TestUprobePlaces(t *testing.T) {
	for _, path := range []string{"/tmp/uprobe-link", "/tmp/uprobe-hard"} {
		os.Remove(path)
	}
	if err := os.Symlink("/programs/c-O0", "/tmp/uprobe-link"); err != nil {
		t.Fatal(err)
	}
	if err := os.Link("/programs/c-O0", "/tmp/uprobe-hard"); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf(`
		u:/programs/c-O0:%#x { @address = count(); }
		u:/programs/c-O0:add+1 { @offset = count(); }
		u:/programs/c-O0:target.c:49 { @line[func] = count(); }
		u:/programs/c-O0:add@target.c:49 { @again = count(); }
		u:libc:pthread_create /comm == "c-O0"/ { @threads = count(); }
		u:/programs/c-O0:add, u:/tmp/uprobe-link:add, u:/tmp/uprobe-hard:add, u:/programs/c-O0:also { @once = count(); }
		u:/tmp/uprobe-hard:add { @other = count(); }`, addressOf(t, "/programs/c-O0", "add"))
	out := MustRun(t, "ponytrace", "-e", script, "-c", "/programs/c-O0 100 3")
	equal(t, "places", withoutRounds(out), `
@address: 300
@again: 300
@line[add]: 300
@offset: 300
@once: 300
@other: 300
@threads: 3
`)
}

// addressOf is where the linker has put a function.
func addressOf(t *testing.T, program, name string) uint64 {
	t.Helper()
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	symbols, err := file.Symbols()
	for _, symbol := range symbols {
		if symbol.Name == name {
			return symbol.Value
		}
	}
	t.Fatalf("%s has no %s: %v", program, name, err)
	return 0
}

// Of two processes the one of -p is traced, with all of its threads, by the cheapest way
// that the kernel has.
func TestUprobeOfProcess(t *testing.T) {
	by := "uprobe, because this kernel has no uprobe_multi (Linux 6.6)"
	if AtLeast(t, 6, 6) {
		by = "uprobe_multi"
	}
	traced, start := waiting(t, "/programs/c", "100", "3")
	_, startOther := waiting(t, "/programs/c", "50", "2")
	p := tracing(t, `u:/programs/c:add { @path = count(); } u:leaf { @own = count(); } u:*:eight { @all = count(); } ur::leaf { @ret[tid == pid] = count(); }`,
		"-v", "-p", fmt.Sprint(traced.Process.Pid))
	startOther()
	start()
	out := p.Wait()
	if !strings.Contains(out.Stderr, "uprobe:/programs/c:add: attached by "+by) {
		t.Errorf("attached otherwise: %s", out.Stderr)
	}
	equal(t, "one process", withoutRounds(out), `
@all: 300
@own: 300
@path: 300
@ret[false]: 300
`)
}

// waiting starts a program that waits until start is called, which returns when it has
// ended.
func waiting(t *testing.T, program string, args ...string) (cmd *exec.Cmd, start func()) {
	t.Helper()
	cmd = exec.Command(program, append(args, "wait")...)
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, func() {
		if _, err := io.WriteString(in, "\n"); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// What cannot be traced is said at once, in the terms of the script.
func TestUprobeRefusals(t *testing.T) {
	if err := syscall.Mkfifo("/tmp/uprobe-fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/tmp/uprobe-text", []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for script, want := range map[string]string{
		"u:/programs/nosuch:f { @ = count(); }":   "there is no file /programs/nosuch",
		"u:/programs:f { @ = count(); }":          "it is not a regular file",
		"u:/tmp/uprobe-fifo:f { @ = count(); }":   "it is not a regular file",
		"u:/tmp/uprobe-text:f { @ = 1; }":         "not an ELF file",
		"u:/programs/c:ad { @ = count(); }":       "did you mean add",
		"u:/programs/c:add+100000 { @ = 1; }":     "nothing of it is at +100000",
		"u:/programs/c-bare:add { @ = count(); }": "/programs/c-bare has no function add: it was stripped",
		"u:nosuchprogram:f { @ = count(); }":      "no program or library nosuchprogram is found",
		"ur:/programs/c-static:_start { @ = 1; }": "it is entered by no call",
		"u:/programs/c:add { @ = args.nosuch; }":  "nosuch is not among the args of add",
	} {
		out := Run(t, "ponytrace", "-e", script)
		if out.Code != 1 || !strings.Contains(out.Stderr, want) {
			t.Errorf("%s ended with %d, not with 1 and %q: %s", script, out.Code, want, out.Stderr)
		}
	}
}
