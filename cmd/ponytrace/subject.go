package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/internal/teach/explain"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// subject is the script of a command that shows what becomes of it, and the kernel that
// it is compiled for. It needs no privileges.
type subject struct {
	traced traceCommand // the script, its parameters, how it is attached
	kernel checkCommand // that it is compiled for
}

func newSubject(name string) subject { return subject{traced: traceCommand{flags: newFlags(name)}} }

func (s *subject) declareScript() {
	s.traced.flags.SetInterspersed(false)
	s.traced.flags.StringArrayVarP(&s.traced.Texts, "text", "e", nil,
		"The script itself: `TEXT`. Several are one script, a line each.")
}

func (s *subject) declareKernel() {
	f := s.traced.flags
	f.StringVar(&s.kernel.Kernel, "kernel", "",
		"Compile for another kernel than this one, `VERSION`: "+alternatives(explain.Kernels())+
			"; with --btf, the version of that kernel.")
	f.StringVar(&s.kernel.BTF, "btf", "",
		"Compile for the kernel whose types the `FILE` holds.")
	f.StringVar(&s.kernel.Arch, "arch", "",
		"With --btf: the `ARCHITECTURE` of that kernel, x86_64 or arm64.")
	oneOf(f, &s.traced.Attach, "attach", "", "WAY", "Force how probes are attached",
		append([]string{"auto"}, ponytrace.Ways()...)...)
	f.BoolVar(&s.traced.Unsafe, "unsafe", false,
		"Allow functions that change the system: system, signal, override.")
}

// compiled is a script with what became of it.
type compiled struct {
	program *ponytrace.Program
	stages  *ponytrace.Stages
	machine *ponytrace.Target
	notices []string // of the kernel that it is compiled for
}

// compile takes the script from the arguments. Mistakes in it are printed.
func (s *subject) compile(arguments []string) (*compiled, error) {
	if err := s.traced.takeScript(arguments); err != nil {
		return nil, usageError{err}
	}
	source, err := s.traced.source()
	if err != nil {
		return nil, err
	}
	script, err := ponytrace.Parse(source)
	if err != nil {
		return nil, say(err)
	}
	c := &compiled{stages: &ponytrace.Stages{}}
	if c.machine, c.notices, err = s.target(); err != nil {
		return nil, err
	}
	if err := s.compileFor(c, script); err != nil && !s.compileForKept(c, script) {
		return nil, say(err)
	}
	for _, notice := range c.program.Notices() {
		fmt.Fprintln(os.Stderr, diag.Printable(notice))
	}
	return c, nil
}

func (s *subject) compileFor(c *compiled, script *ponytrace.Script) (err error) {
	options := s.traced.compilation()
	*c.stages = ponytrace.Stages{}
	options.Stages = c.stages
	c.program, err = ponytrace.Compile(script, c.machine, options)
	return err
}

// compileForKept reports whether the script compiles for the kept kernel, where it may be
// that this one only shows too little to this user: the formats of its tracepoints are
// root's.
func (s *subject) compileForKept(c *compiled, script *ponytrace.Script) bool {
	if len(c.notices) > 0 || s.kernel.BTF != "" || ponytrace.Privilege(c.machine) == nil {
		return false
	}
	kept := &compiled{stages: c.stages, machine: explain.KernelOf(usualKernel)}
	if s.compileFor(kept, script) != nil {
		return false
	}
	*c = *kept
	c.notices = []string{
		"This kernel does not show all that the script asks for to this user. " + keptNotice(usualKernel),
	}
	return true
}

// target is the kernel to compile for: a kept one that is named, the one of the types, or
// this one where it describes itself to this user.
func (s *subject) target() (machine *ponytrace.Target, notices []string, err error) {
	if s.kernel.BTF != "" {
		machine, err = s.kernel.machine()
		return machine, nil, err
	}
	if version := s.kernel.Kernel; version != "" {
		if !slices.Contains(explain.Kernels(), version) {
			return nil, nil, fmt.Errorf("there is no description of Linux %s here, only of %s; "+
				"--btf takes that of any kernel", version, alternatives(explain.Kernels()))
		}
		return explain.KernelOf(version), []string{keptNotice(version)}, nil
	}
	if s.kernel.Arch != "" {
		return nil, nil, errors.New("--arch needs --btf with a file that holds the kernel's types")
	}
	if machine, err = ponytrace.Detect(); err == nil && machine.Typed() {
		return machine, nil, nil
	}
	notice := "This kernel does not describe its types here. " + keptNotice(usualKernel)
	return explain.KernelOf(usualKernel), []string{notice}, nil
}

const usualKernel = "6.12"

func keptNotice(version string) string {
	return fmt.Sprintf("The script is compiled for Linux %s from a description that has the types "+
		"and functions used most, not all of a real kernel.", version)
}
