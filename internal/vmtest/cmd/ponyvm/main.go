// Command ponyvm runs a command on a real kernel in a virtual machine:
//
//	ponyvm [flags] -- COMMAND ARGS... [--then|--with COMMAND ARGS...]...
//	ponyvm setup            install QEMU
//	ponyvm fetch            download the kernels
//	ponyvm extract          copy BTF, symbols and tracepoint formats out of the kernels
//	ponyvm soak             boot each kernel again and again
//
// The guest has no shell. Its /bin holds the files given with -f and the workload
// program; its working folder is /tmp. Standard output, standard error and the exit code
// are those of the command. A command after --then starts when the one before has ended,
// one after --with at the same time.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ponytrace/ponytrace/internal/vmtest"
	"github.com/ponytrace/ponytrace/internal/vmtest/kernel"
)

type cli struct {
	Run     runCmd     `cmd:"" default:"withargs" help:"Run a command in a machine (the default)."`
	Setup   setupCmd   `cmd:"" help:"Install QEMU, as root, on Debian 12 or 13."`
	Fetch   fetchCmd   `cmd:"" help:"Download the kernels."`
	Extract extractCmd `cmd:"" help:"Copy BTF, symbols and tracepoint formats out of the kernels."`
	Soak    soakCmd    `cmd:"" help:"Boot each kernel again and again."`
}

// shape is the part of the machine that flags choose.
type shape struct {
	Kernel  string        `short:"k" default:"6.12" help:"Kernel: 5.10, 6.1, 6.12, 7.x, several with commas, or all; 6.12-arm64."`
	Icount  bool          `help:"Count guest instructions as time; one CPU."`
	SMP     int           `name:"smp" default:"2" help:"Number of CPUs."`
	Mem     int           `default:"1024" help:"Memory in MB."`
	Tracefs bool          `help:"Mount tracefs."`
	Timeout time.Duration `default:"5m" help:"Time until the machine is killed."`
	Verbose bool          `short:"v" help:"Show the kernel's log."`
}

func (s shape) kernels() []string {
	if os.Getenv("KERNEL") != "" {
		return []string{"custom"}
	}
	if s.Kernel == "all" {
		return kernel.Names
	}
	return strings.Split(s.Kernel, ",")
}

func (s shape) machine(name string) (vmtest.Machine, error) {
	k, err := vmtest.FindKernel(name)
	m := vmtest.Machine{
		Kernel: k, Icount: s.Icount, CPUs: s.SMP, MemoryMB: s.Mem, Tracefs: s.Tracefs, Timeout: s.Timeout,
		Stdout: os.Stdout, Stderr: os.Stderr, Log: os.Stderr,
	}
	if s.Verbose {
		m.Console = os.Stderr
	}
	return m, err
}

// exitCode is how a command of the guest ended, handed on.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("the command ended with %d", int(e)) }

const (
	ownFailure  = 125
	interrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go whenParentDies(stop)
	var c cli
	parser := kong.Must(&c, kong.Name("ponyvm"), kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Description("Runs a command on a real kernel in a virtual machine."))
	command, err := parser.Parse(twoDashes(os.Args[1:]))
	parser.FatalIfErrorf(err)
	if err = command.Run(); err == nil {
		return
	}
	var code exitCode
	if errors.As(err, &code) {
		os.Exit(int(code))
	}
	if errors.Is(err, context.Canceled) {
		os.Exit(interrupted)
	}
	fmt.Fprintln(os.Stderr, "ponyvm:", err)
	os.Exit(ownFailure)
}

// whenParentDies stops the machine when `go run` or a script was killed without telling
// its children.
func whenParentDies(stop func()) {
	for parent := os.Getppid(); os.Getppid() == parent; time.Sleep(time.Second) {
	}
	stop()
}

var longFlag = regexp.MustCompile(`^-[a-z]{2}`)

// twoDashes lets -smp mean --smp, up to the guest's command.
func twoDashes(args []string) []string {
	end := slices.Index(args, "--")
	if end < 0 {
		end = len(args)
	}
	for i, arg := range args[:end] {
		if longFlag.MatchString(arg) {
			args[i] = "-" + arg
		}
	}
	return args
}
