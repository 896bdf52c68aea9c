package main

import (
	"errors"

	"github.com/ponytrace/ponytrace"
)

type checkCommand struct{ BTF, Kernel, Arch string }

func checkFlags() *command {
	c, f := &checkCommand{}, newFlags("check")
	f.StringVar(&c.BTF, "btf", "",
		"Check for the kernel whose types the `FILE` holds: raw BTF, or a vmlinux with a .BTF "+
			"section.")
	f.StringVar(&c.Kernel, "kernel", "",
		"The `VERSION` of that kernel, such as 6.1; else as the vmlinux or the file's name "+
			"says, or as the running kernel's.")
	f.StringVar(&c.Arch, "arch", "",
		"The `ARCHITECTURE` of that kernel, x86_64 or arm64; else as the types say.")
	return &command{
		name:      "check",
		arguments: []string{"FILE..."},
		summary:   "Report the errors of scripts without tracing; - is standard input. It needs no privileges.",
		flags:     f,
		run:       c.run,
	}
}

func (c *checkCommand) run(files []string) error {
	if len(files) == 0 {
		return usageError{errors.New("which script is to be checked? - reads standard input")}
	}
	machine, err := c.machine()
	if err != nil {
		return err
	}
	return each(files, func(name string) error { return check(name, machine) })
}

func (c *checkCommand) machine() (*ponytrace.Target, error) {
	switch {
	case c.BTF != "":
		return ponytrace.Describe(c.BTF, ponytrace.Kernel{Version: c.Kernel, Arch: c.Arch})
	case c.Kernel != "" || c.Arch != "":
		return nil, errors.New("--kernel and --arch need --btf with a file that holds the kernel's types")
	}
	return ponytrace.Detect()
}

func check(name string, machine *ponytrace.Target) error {
	source, err := ponytrace.ReadSource(name)
	if err != nil {
		return err
	}
	script, err := ponytrace.Parse(source)
	if err != nil {
		return say(err)
	}
	_, err = ponytrace.Compile(script, machine, ponytrace.Options{})
	return say(err)
}
