// Command ponyvm runs a command on a real kernel in a virtual machine:
//
//	ponyvm [flags] -- COMMAND ARGS... [--then|--with COMMAND ARGS...]...
//	ponyvm setup            install QEMU
//	ponyvm fetch            download the kernels
//	ponyvm extract          copy BTF, symbols and tracepoint formats out of the kernels
//	ponyvm soak             boot each kernel again and again
//
// The guest has no shell. Its /bin holds the files given with -f and the workload program; its working folder is
// /tmp. Standard output, standard error and the exit code are those of the command. A command after --then
// starts when the one before has ended, one after --with at the same time.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ponytrace/ponytrace/internal/vmtest"
	"github.com/ponytrace/ponytrace/internal/vmtest/kernel"
	"github.com/ponytrace/ponytrace/internal/vmtest/wire"
)

type cli struct {
	Run     runCmd     `cmd:"" default:"withargs" help:"Run a command in a machine (the default)."`
	Fetch   fetchCmd   `cmd:"" help:"Download the kernels."`
	Extract extractCmd `cmd:"" help:"Copy BTF, symbols and tracepoint formats out of the kernels."`
}

// shape is the part of the machine that flags choose.
type shape struct {
	Kernel  string        `short:"k" default:"6.12" help:"Kernel: 5.10, 6.1, 6.12, 7.x, several with commas, or all."`
	Icount  bool          `help:"Count guest instructions as time; one CPU."`
	SMP     int           `name:"smp" default:"2" help:"Number of CPUs."`
	Mem     int           `default:"1024" help:"Memory in MB."`
	Tracefs bool          `help:"Mount tracefs."`
	Timeout time.Duration `default:"5m" help:"Time until the machine is killed."`
	Verbose bool          `short:"v" help:"Show the kernel's log."`
}

func (s shape) kernels() []string {
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

type runCmd struct {
	Shape   shape    `embed:""`
	File    []string `short:"f" sep:"none" help:"Put a file or folder into the guest: HOST[:GUEST]."`
	Get     []string `sep:"none" help:"Copy a file or folder back afterwards: GUEST[:HOST]."`
	Env     []string `sep:"none" help:"Set a variable for the commands: NAME=VALUE."`
	Command []string `arg:"" passthrough:"" help:"The command and its arguments."`
}

func (r *runCmd) Run(ctx context.Context) error {
	worst := 0
	for _, name := range r.Shape.kernels() {
		m, err := r.Shape.machine(name)
		if err != nil {
			return err
		}
		m.Commands = commands(r.Command)
		m.Env = r.Env
		if m.Files, err = files(r.File); err != nil {
			return err
		}
		m.Get = fetched(r.Get)
		result, err := m.Start(ctx)
		if err != nil {
			return err
		}
		worst = max(worst, result.ExitCode())
	}
	os.Exit(worst)
	return nil
}

func commands(words []string) []wire.Command {
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	list := []wire.Command{{}}
	for _, word := range words {
		switch last := &list[len(list)-1]; word {
		case "--then", "--with":
			last.Background = word == "--with"
			list = append(list, wire.Command{})
		default:
			last.Args = append(last.Args, word)
		}
	}
	return list
}

func files(specs []string) (list []vmtest.File, err error) {
	for _, spec := range specs {
		host, guest, _ := strings.Cut(spec, ":")
		if guest == "" {
			info, err := os.Stat(host)
			if err != nil {
				return nil, err
			}
			guest = "/tmp/" + filepath.Base(host)
			if info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				guest = "/bin/" + filepath.Base(host)
			}
		}
		list = append(list, vmtest.File{Host: filepath.Clean(host), Guest: guest})
	}
	return list, nil
}

func fetched(specs []string) (list []vmtest.Fetched) {
	for _, spec := range specs {
		guest, host, ok := strings.Cut(spec, ":")
		if !ok {
			host = filepath.Base(guest)
		}
		list = append(list, vmtest.Fetched{Guest: filepath.Clean(guest), Host: host})
	}
	return list
}

type fetchCmd struct {
	Kernels []string `arg:"" optional:"" help:"Which ones; all without arguments."`
}

func (f *fetchCmd) Run() error {
	if len(f.Kernels) == 0 {
		f.Kernels = kernel.Names
	}
	for _, name := range f.Kernels {
		k, err := vmtest.FindKernel(name)
		if err != nil {
			return err
		}
		fmt.Println(k.Name, k.Image)
	}
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c cli
	k := kong.Parse(&c, kong.Name("ponyvm"), kong.Description("Runs a command on a real kernel in a virtual machine."), kong.BindTo(ctx, (*context.Context)(nil)))
	if err := k.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "ponyvm:", err)
		os.Exit(125)
	}
}
