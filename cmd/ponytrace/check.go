package main

import (
	"errors"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/runtime/detect"
)

type checkCommand struct {
	BTF    string   `name:"btf" placeholder:"FILE" help:"Check for the kernel whose types the file holds: raw BTF, or a vmlinux with a .BTF section."`
	Kernel string   `placeholder:"VERSION" help:"The version of that kernel, such as 6.1; else as the vmlinux or the file's name says, or as the running kernel's."`
	Arch   string   `placeholder:"ARCH" help:"The architecture of that kernel, x86_64 or arm64; else as the types say."`
	Files  []string `arg:"" help:"Script files, - for standard input."`
}

// Run reports the errors of scripts; it needs no privileges.
func (c *checkCommand) Run() error {
	machine, err := c.machine()
	if err != nil {
		return err
	}
	return each(c.Files, func(name string) error { return check(name, machine) })
}

func (c *checkCommand) machine() (*target.Target, error) {
	switch {
	case c.BTF != "":
		return detect.Described(c.BTF, detect.Kernel{Version: c.Kernel, Arch: c.Arch})
	case c.Kernel != "" || c.Arch != "":
		return nil, errors.New("--kernel and --arch need --btf with a file that holds the kernel's types")
	}
	return detect.Detect()
}

func check(name string, machine *target.Target) error {
	source, err := readScript(name)
	if err != nil {
		return err
	}
	script, diagnostics := parse(source)
	if diagnostics.HasErrors() {
		return say(diagnostics)
	}
	_, err = compiler.Compile(script, machine, compiler.Options{})
	return say(err)
}
