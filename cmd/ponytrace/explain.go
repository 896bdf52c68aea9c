package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/internal/teach/explain"
	"golang.org/x/sys/unix"
)

type explainCommand struct {
	traced  traceCommand // the script, its parameters, -e, --attach, --unsafe
	kernel  checkCommand // that it is compiled for
	columns []string
}

func explainFlags() *command {
	c := &explainCommand{traced: traceCommand{flags: newFlags("explain")}}
	f := c.traced.flags
	f.SetInterspersed(false)
	f.StringArrayVarP(&c.traced.Texts, "text", "e", nil,
		"The script itself: `TEXT`. Several are one script, a line each.")
	oneOf(f, &c.traced.Format, "format", "f", "FORMAT", "Output format", "text", "json")
	f.Var(&columnNames{&c.columns}, "columns",
		"Only these columns, `LIST`, joined by commas: "+strings.Join(explain.ColumnNames, ", ")+".")
	oneOf(f, &c.traced.Color, "color", "", "WHEN",
		"Colours in the output; auto is on a terminal, unless NO_COLOR is set", "auto", "always", "never")
	f.StringVar(&c.kernel.Kernel, "kernel", "",
		"Compile for another kernel than this one, `VERSION`: "+alternatives(explain.Kernels())+"; with --btf, the version of that kernel.")
	f.StringVar(&c.kernel.BTF, "btf", "",
		"Compile for the kernel whose types the `FILE` holds.")
	f.StringVar(&c.kernel.Arch, "arch", "",
		"With --btf: the `ARCHITECTURE` of that kernel, x86_64 or arm64.")
	oneOf(f, &c.traced.Attach, "attach", "", "WAY", "Force how probes are attached", append([]string{"auto"}, ponytrace.Ways()...)...)
	f.BoolVar(&c.traced.Unsafe, "unsafe", false,
		"Allow functions that change the system: system, signal, override.")
	return &command{
		name:      "explain",
		arguments: []string{"SCRIPT|-e TEXT", "[PARAMETERS]"},
		summary:   "Explain what a script becomes: each instruction with its reason, maps, helpers and cost. It traces nothing.",
		details:   explainDetails,
		flags:     f,
		run:       c.run,
	}
}

const explainDetails = `A long explanation goes through the program that PAGER names, else less.

Examples:
  ponytrace explain -e 'kprobe:vfs_read { @[comm] = count() }'
  ponytrace explain --kernel 5.10 --columns number,instruction,reason tool.pt`

func (c *explainCommand) run(arguments []string) error {
	if err := c.traced.takeScript(arguments); err != nil {
		return usageError{err}
	}
	if len(c.traced.Texts) == 0 && !c.traced.Named {
		return usageError{errors.New("nothing to explain: give a script file, or a one-liner with -e 'kprobe:vfs_read { @[comm] = count() }'")}
	}
	source, err := c.traced.source()
	if err != nil {
		return err
	}
	script, err := ponytrace.Parse(source)
	if err != nil {
		return say(err)
	}
	machine, notices, err := c.target()
	if err != nil {
		return err
	}
	options := c.traced.compilation()
	options.Stages = &ponytrace.Stages{}
	program, err := ponytrace.Compile(script, machine, options)
	if err != nil {
		return say(err)
	}
	c.traced.notices(program)
	explanation := explain.New(program.Object(), options.Stages, machine)
	explanation.Notices = append(notices, c.kernelColumns()...)
	if c.traced.Format == "json" {
		return explanation.JSON(stdout)
	}
	return c.print(explanation)
}

// target is the kernel to compile for: a kept one that is named, the one of the types, or
// this one where it describes itself to this user.
func (c *explainCommand) target() (machine *ponytrace.Target, notices []string, err error) {
	if c.kernel.BTF != "" {
		machine, err = c.kernel.machine()
		return machine, nil, err
	}
	if version := c.kernel.Kernel; version != "" {
		if !slices.Contains(explain.Kernels(), version) {
			return nil, nil, fmt.Errorf("there is no description of Linux %s here, only of %s; --btf takes that of any kernel", version, alternatives(explain.Kernels()))
		}
		return explain.KernelOf(version), []string{keptNotice(version)}, nil
	}
	if c.kernel.Arch != "" {
		return nil, nil, errors.New("--arch needs --btf with a file that holds the kernel's types")
	}
	if machine, err = ponytrace.Detect(); err == nil && machine.Typed() {
		return machine, nil, nil
	}
	return explain.KernelOf(usualKernel), []string{"This kernel does not describe its types here. " + keptNotice(usualKernel)}, nil
}

// kernelColumns tells why the columns are left out that only a kernel can fill.
func (c *explainCommand) kernelColumns() []string {
	switch {
	case !c.wants("verifier") && !c.wants("machine"):
		return nil
	case c.kernel.BTF != "" || c.kernel.Kernel != "":
		return []string{"The columns verifier and machine are left out: only the kernel that runs here can fill them."}
	}
	return []string{"The columns verifier and machine are left out: the kernel fills them for root alone."}
}

func (c *explainCommand) wants(column string) bool {
	return len(c.columns) == 0 || slices.Contains(c.columns, column)
}

func (c *explainCommand) print(explanation *explain.Explanation) error {
	look := explain.Look{Color: c.traced.Color == "always", Columns: c.columns}
	if width := columns(unix.Stdout); width >= 0 {
		look.Width = width
		look.Color = look.Color || c.traced.Color == "auto" && wantsColor()
	}
	var text strings.Builder
	if err := explanation.Print(&text, look); err != nil {
		return err
	}
	return page(text.String())
}

// columnNames is a flag for names of columns, joined by commas.
type columnNames struct{ to *[]string }

func (c *columnNames) String() string { return strings.Join(*c.to, ",") }
func (c *columnNames) Type() string   { return "names" }

func (c *columnNames) Set(text string) error {
	*c.to = nil
	for word := range strings.SplitSeq(text, ",") {
		name := ""
		if err := (&choice{to: &name, words: explain.ColumnNames}).Set(strings.TrimSpace(word)); err != nil {
			return err
		}
		*c.to = append(*c.to, name)
	}
	return nil
}
