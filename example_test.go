package ponytrace_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
)

// The examples that compile do so for kernels whose types are kept in this module, so
// that they print the same everywhere. Those that trace use probes that every kernel has,
// and need privileges (TestMain).

// compile makes a program of a text.
func compile(text string, machine *ponytrace.Target, options ponytrace.Options) (*ponytrace.Program, error) {
	script, err := ponytrace.Parse(ponytrace.NewSource("-e", text))
	if err != nil {
		return nil, err
	}
	return ponytrace.Compile(script, machine, options)
}

// load brings a text into the kernel of this machine. No maps are printed at the end: a
// program that reads them has seen them.
func load(text string, options ponytrace.Options) (*ponytrace.Session, error) {
	options.Environment = quietly
	machine, err := ponytrace.Detect()
	if err != nil {
		return nil, err
	}
	program, err := compile(text, machine, options)
	if err != nil {
		return nil, err
	}
	return program.Load(ponytrace.RunOptions{Stdout: os.Stdout, Stderr: os.Stderr, Quiet: true})
}

// quietly is an environment that sets print_maps_on_exit.
func quietly(name string) string {
	if name == "PONYTRACE_PRINT_MAPS_ON_EXIT" {
		return "false"
	}
	return ""
}

// The one-liner that the project began with, compiled for Linux 6.12, whose types tell
// what arg0 is.
func ExampleCompile() {
	source := ponytrace.NewSource("-e", "kprobe:blk_start_request < @ = hist(arg0->__data_len) >")
	script, err := ponytrace.Parse(source)
	if err != nil {
		fmt.Println(err)
		return
	}
	program, err := ponytrace.Compile(script, frozen.Target("6.12"), ponytrace.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, probe := range program.Probes() {
		fmt.Println(probe.Name, "is attached by", probe.Mechanism)
	}
	fmt.Println(program.Maps())
	// Output:
	// kprobe:blk_mq_start_request is attached by fentry
	// [@]
}

// What is wrong with a script is told with its place and what was meant.
func ExampleDiagnostics() {
	_, err := compile("kprobe:vfs_read { @ = hist(arg0->f_inod) }", frozen.Target("6.12"), ponytrace.Options{})
	var diagnostics ponytrace.Diagnostics
	if errors.As(err, &diagnostics) {
		diagnostics.Render(os.Stdout)
	}
	// Output:
	// -e:1:34-40: ERROR: struct file has no member f_inod
	// kprobe:vfs_read { @ = hist(arg0->f_inod) }
	//                                  ~~~~~~
	// HINT: did you mean f_inode?
}

// A script that describes itself prints that when --help is among its parameters.
func ExampleUsageError() {
	_, err := compile(`BEGIN { $every = getopt("every", 1, "seconds between two reports") }`, frozen.Target("6.12"),
		ponytrace.Options{Named: []string{"help"}})
	var usage *ponytrace.UsageError
	if errors.As(err, &usage) {
		fmt.Println(usage.Asked, strings.Contains(usage.Text, "--every"))
	}
	// Output: true true
}

func ExampleParse() {
	script, err := ponytrace.Parse(ponytrace.NewSource("exit.pt", "BEGIN { exit(3) }"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(script.Dump())
	_, err = ponytrace.Parse(ponytrace.NewSource("exit.pt", "BEGIN { exit(3) "))
	fmt.Println(err != nil)
	// Output:
	// clause
	//   probe "BEGIN"
	//   block
	//     do (call exit 3)
	// true
}

func ExampleFormat() {
	text, err := ponytrace.Format(ponytrace.NewSource("-e", "kprobe:vfs_read<@[comm]=count()>"))
	fmt.Print(text, err, "\n")
	// Output:
	// kprobe:vfs_read < @[comm] = count() >
	// <nil>
}

func ExampleReadSource() {
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	name := filepath.Join(folder, "tool.pt")
	if err := os.WriteFile(name, []byte("BEGIN { exit() }"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	source, err := ponytrace.ReadSource(name)
	fmt.Println(source.Text, err)
	// Output: BEGIN { exit() } <nil>
}

// A machine that is described by the types of its kernel may be any other than this one.
func ExampleDescribe() {
	types, err := frozen.Target("6.1").Sources.RawBTF()
	if err != nil {
		fmt.Println(err)
		return
	}
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	name := filepath.Join(folder, "types")
	if err := os.WriteFile(name, types, 0o600); err != nil {
		fmt.Println(err)
		return
	}
	machine, err := ponytrace.Describe(name, ponytrace.Kernel{Version: "6.1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(machine.Arch, machine.Version)
	// Output: x86_64 6.1.0
}

// Functions of the kernel that have another name now are found, and the program tells of
// it.
func ExampleProgram_Notices() {
	program, err := compile("kprobe:blk_start_request { @ = count() }", frozen.Target("6.12"), ponytrace.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(program.Notices()[0])
	// Output: blk_start_request is gone since Linux 5.0: tracing its successor blk_mq_start_request
}

// The maps of a script have the names that Session.Snapshot takes.
func ExampleProgram_Maps() {
	program, err := compile("kprobe:vfs_read { @[comm] = count(); @bytes = sum(arg2) }",
		frozen.Target("6.12"), ponytrace.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(program.Maps())
	// Output: [@ @bytes]
}

// A pattern is one probe with many names.
func ExampleProgram_Probes() {
	program, err := compile("kprobe:vfs_rea* { @ = count() }", frozen.Target("6.12"), ponytrace.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, probe := range program.Probes() {
		fmt.Println(probe.Mechanism, probe.Names)
	}
	// Output: kprobe_multi [kprobe:vfs_read kprobe:vfs_readlink kprobe:vfs_readv]
}

// What the kernel's verifier knows of the registers of arguments, before they are handed
// to the function that stores a value.
func ExampleProgram_Inspect() {
	machine, err := ponytrace.Detect()
	if err != nil {
		fmt.Println(err)
		return
	}
	program, err := compile("BEGIN { @[1] = 2 }", machine, ponytrace.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	programs, err := program.Inspect()
	if err != nil {
		fmt.Println(err)
		return
	}
	known := programs[0].Known()
	for _, number := range programs[0].Numbers {
		for _, fact := range known[number] {
			if slices.Contains([]string{"r1", "r2", "r3"}, fact.Place) {
				fmt.Println(fact.Place+":", fact.Text)
			}
		}
	}
	// Output:
	// r1: map @
	// r2: address of the end of the stack
	// r2: address of stack -16
	// r3: address of the end of the stack
	// r3: address of stack -8
}

func ExampleFormats() {
	fmt.Println(ponytrace.Formats())
	// Output: [text json]
}

// Text from a script or from the kernel must not steer a terminal.
func ExamplePrintable() {
	fmt.Println(ponytrace.Printable("a\x1b[31mb"))
	// Output: a␛[31mb
}

// A program is run until its script ends it.
func ExampleProgram_Run() {
	machine, err := ponytrace.Detect()
	if err != nil {
		fmt.Println(err)
		return
	}
	program, err := compile(`BEGIN { printf("from %s\n", str($1)); exit(3) } END { print("done") }`, machine,
		ponytrace.Options{Args: []string{"Go"}, Environment: quietly})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(program.Run(context.Background(), ponytrace.RunOptions{Stdout: os.Stdout}))
	// Output:
	// from Go
	// done
	// 3 <nil>
}

// A histogram is counted by the kernel and read while the tracing goes on.
func ExampleSession_Snapshot() {
	session, err := load("tracepoint:syscalls:sys_enter_getpriority /pid == $1/ { @[args.which] = hist(args.who) }",
		ponytrace.Options{Args: []string{fmt.Sprint(os.Getpid())}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()
	if err := session.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	for who := range 6 {
		_, _ = syscall.Getpriority(syscall.PRIO_USER, who)
	}
	table, err := session.Snapshot("@")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, row := range table.Rows {
		histogram := row.Value.(ponytrace.Histogram)
		fmt.Println(row.Key, histogram.Total())
		for _, bucket := range histogram {
			fmt.Println(bucket.Low, bucket.High, bucket.Count)
		}
	}
	// Output:
	// [2] 6
	// 0 1 1
	// 1 2 1
	// 2 4 2
	// 4 8 2
}

// The end of a context ends the tracing in order: END runs, and Wait returns no error.
func ExampleSession_Start() {
	session, err := load(`interval:ms:1 { @ticks++ } END { print(@ticks > 0) }`, ponytrace.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := session.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	for {
		table, err := session.Snapshot("@ticks")
		if err != nil || len(table.Rows) > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	fmt.Println(session.Wait())
	// Output:
	// true
	// 0 <nil>
}

// Stop asks for the end, as Ctrl-C does. What END leaves in a map is still read until
// Close.
func ExampleSession_Stop() {
	session, err := load("profile:hz:99 { @samples = count() } END { @last = 7 }", ponytrace.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()
	if err := session.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	session.Stop()
	if _, err := session.Wait(); err != nil {
		fmt.Println(err)
		return
	}
	table, err := session.Snapshot("@last")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(table.Map, table.Rows[0].Value)
	// Output: last 7
}

// A session tells which program it runs: the one compiled, or what serves instead.
func ExampleSession_Program() {
	session, err := load("tracepoint:sched:sched_switch { @ = count() }", ponytrace.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()
	for _, probe := range session.Program().Probes() {
		fmt.Println(probe.Name)
	}
	fmt.Println(session.Program().Maps())
	// Output:
	// tracepoint:sched:sched_switch
	// [@]
}

// A session has an end of its own where nothing is left to wait for.
func ExampleSession_Wait() {
	session, err := load(`BEGIN { @[1, "a"] = avg(4); @[1, "a"] = avg(6) }`, ponytrace.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()
	if err := session.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(session.Wait())
	table, err := session.Snapshot("@")
	fmt.Println(table.Rows, err)
	// Output:
	// 0 <nil>
	// [{[1 a] {2 10 5}}] <nil>
}

// The kernel's refusals are shown before another way is tried, here by a dry run: nothing
// of the script runs, and everything is attached.
func ExampleProgram_Load() {
	machine, err := ponytrace.Detect()
	if err != nil {
		fmt.Println(err)
		return
	}
	program, err := compile(`BEGIN { print("never") } tracepoint:sched:sched_switch { @ = count() }`, machine,
		ponytrace.Options{DryRun: true, Environment: quietly})
	if err != nil {
		fmt.Println(err)
		return
	}
	session, err := program.Load(ponytrace.RunOptions{
		Stdout: os.Stdout,
		Loaded: func(p *ponytrace.Program) { fmt.Println("loaded", len(p.Probes()), "probes") },
		Refused: func(e *ponytrace.RefusedError) bool {
			fmt.Println(e.Probes, e.Mechanism, "is refused:", e.Kernel)
			return true
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()
	fmt.Println(session.Start(context.Background()))
	fmt.Println(session.Wait())
	// Output:
	// loaded 2 probes
	// <nil>
	// 0 <nil>
}
