package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/internal/teach/explain"
	"golang.org/x/sys/unix"
)

type explainCommand struct {
	subject
	columns []string
	wrong   bool   // show programs that the verifier refuses
	log     string // a file that holds a verifier's log
	page    explainPage
}

func explainFlags() *command {
	c := &explainCommand{subject: newSubject("explain")}
	f := c.traced.flags
	c.declareScript()
	oneOf(f, &c.traced.Format, "format", "f", "FORMAT", "Output format", "text", "json")
	f.Var(&columnNames{&c.columns}, "columns",
		"Only these columns, `LIST`, joined by commas: "+strings.Join(explain.ColumnNames, ", ")+".")
	oneOf(f, &c.traced.Color, "color", "", "WHEN",
		"Colours in the output; auto is on a terminal, unless NO_COLOR is set", "auto", "always", "never")
	c.declareKernel()
	f.BoolVar(&c.wrong, "wrong", false,
		"List programs that the kernel's verifier refuses; with names from that list after it, show those.")
	f.StringVar(&c.log, "log", "",
		"Explain the verifier's log in `FILE`, whatever program it is about; - is standard input.")
	c.page.declare(f)
	return &command{
		name:      "explain",
		arguments: []string{"SCRIPT|-e TEXT", "[PARAMETERS]"},
		summary: "Explain what a script becomes: each instruction with its reason, maps, helpers " +
			"and cost. It traces nothing.",
		details: explainDetails,
		flags:   f,
		run:     c.run,
	}
}

const explainDetails = `A long explanation goes through the program that PAGER names, else less.

Examples:
  ponytrace explain -e 'kprobe:vfs_read { @[comm] = count() }'
  ponytrace explain --kernel 5.10 --columns number,instruction,reason tool.pt
  ponytrace explain --html page.html --event 'comm="dd" arg2=4096 x3' tool.pt
  ponytrace explain --wrong null-check
  bpftool prog load p.o /sys/fs/bpf/p 2>&1 | ponytrace explain --log -`

func (c *explainCommand) run(arguments []string) error {
	if c.wrong || c.log != "" {
		return c.refusals(arguments)
	}
	if len(c.traced.Texts) == 0 && len(arguments) == 0 {
		return usageError{errors.New("nothing to explain: give a script file, or a one-liner with " +
			"-e 'kprobe:vfs_read { @[comm] = count() }'")}
	}
	if err := c.page.check(c.traced.flags); err != nil {
		return usageError{err}
	}
	compiled, err := c.compile(arguments)
	if err != nil {
		return err
	}
	explanation := explain.New(compiled.program.Object(), compiled.stages, compiled.machine)
	explanation.Notices = append(compiled.notices, c.addKernel(explanation, compiled)...)
	if c.page.file != "" {
		return c.page.write(explanation, compiled)
	}
	if c.traced.Format == "json" {
		return explanation.JSON(stdout)
	}
	return c.print(explanation)
}

// addKernel fills the columns that only the kernel can fill, or tells why not.
func (c *explainCommand) addKernel(to *explain.Explanation, from *compiled) (notices []string) {
	const leftOut = "The columns verifier and machine are left out: "
	switch {
	case !c.wants("verifier") && !c.wants("machine"):
		return nil
	case c.kernel.BTF != "" || c.kernel.Kernel != "" || len(from.notices) > 0:
		return []string{leftOut + "only the kernel that runs here can fill them."}
	case ponytrace.Privilege(from.machine) != nil:
		return []string{leftOut + "the kernel fills them for root alone."}
	}
	kernels, notices, err := kernelOf(from.program)
	to.Add(kernels)
	if err != nil {
		why, _, _ := strings.Cut(err.Error(), "\n")
		notices = append(notices, "This kernel does not load the programs: "+why+
			"; -d verifier prints all that it says.")
	}
	return notices
}

func (c *explainCommand) wants(column string) bool {
	return len(c.columns) == 0 || slices.Contains(c.columns, column)
}

func (c *explainCommand) print(explanation *explain.Explanation) error {
	look := explain.Look{Columns: c.columns}
	look.Width, look.Color = c.screen()
	var text strings.Builder
	if err := explanation.Print(&text, look); err != nil {
		return err
	}
	return page(text.String())
}

// screen is how wide the terminal is, 0 for none, and whether it is to be coloured.
func (c *explainCommand) screen() (width int, color bool) {
	width, color = columns(unix.Stdout), c.traced.Color == "always"
	if width < 0 {
		return 0, color
	}
	return width, color || c.traced.Color == "auto" && wantsColor()
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
