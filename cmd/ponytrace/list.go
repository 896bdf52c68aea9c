package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// listing prints attach points as they are found, with what they know when that is asked
// for.
type listing struct {
	machine   *ponytrace.Target
	out       *bufio.Writer
	arguments bool
	pids      []int // of -p
	found     int
}

// list prints the attach points that match patterns, or those of a script.
func (t *traceCommand) list() error {
	machine, err := (&checkCommand{BTF: t.BTF}).machine()
	if err != nil {
		return err
	}
	l := &listing{machine: machine, out: bufio.NewWriterSize(stdout, 64<<10), arguments: t.Verbose, pids: t.Pids}
	defer l.out.Flush()
	if len(t.Texts) > 0 || isScript(t.Script) {
		return t.listScript(l)
	}
	return l.patterns(strings.Join(append([]string{t.Script}, t.Params...), ","))
}

// isScript tells the name of a script from a pattern.
func isScript(name string) bool {
	if extension := filepath.Ext(name); name == "-" || extension == ".pt" || extension == ".bt" {
		return true
	}
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

func (l *listing) patterns(patterns string) error {
	for pattern := range strings.SplitSeq(patterns, ",") {
		before := l.found
		if err := l.pattern(strings.TrimSpace(pattern)); err != nil {
			return err
		}
		switch {
		case l.found > before:
		case l.machine.Problem() != nil:
			return l.machine.Problem()
		default:
			return fmt.Errorf("no probe matches %s", pattern)
		}
	}
	if problem := l.machine.Problem(); problem != nil {
		fmt.Fprintln(os.Stderr, "not all is listed:", diag.Printable(problem.Error()))
	}
	return nil
}

func (l *listing) pattern(pattern string) error {
	for _, tag := range []string{"struct", "union"} {
		if name, found := strings.CutPrefix(pattern, tag+" "); found {
			return l.structure(tag, strings.TrimSpace(name))
		}
	}
	lister := builtin.Lister{Target: l.machine, Pids: l.pids, Visit: l.probe}
	return lister.List(pattern)
}

func (l *listing) probe(probe string, arguments func() []string) {
	l.found++
	l.out.WriteString(oneLine(probe))
	l.out.WriteByte('\n')
	if !l.arguments {
		return
	}
	for _, argument := range arguments() {
		fmt.Fprintln(l.out, "    "+oneLine(argument))
	}
}

// oneLine shows a name that a program may have chosen: it is no two of the list.
func oneLine(name string) string { return strings.ReplaceAll(diag.Printable(name), "\n", "␊") }

// structure prints the members of a type of the kernel.
func (l *listing) structure(tag, name string) error {
	found, known := l.machine.Struct(tag, name)
	if !known {
		message := fmt.Sprintf("this kernel has no %s %s", tag, name)
		if near := l.machine.NearestType(name); len(near) > 0 {
			message += "; did you mean " + strings.Join(near, ", ") + "?"
		}
		return errors.New(message)
	}
	l.found++
	fmt.Fprintf(l.out, "vmlinux: %s {\n", diag.Printable(found.String()))
	for _, name := range l.machine.MemberNames(found) {
		if member, readable := l.machine.Member(found, name); readable && member.Type != nil {
			fmt.Fprintf(l.out, "        %s %s;\n", diag.Printable(member.Type.String()), diag.Printable(name))
		}
	}
	fmt.Fprintln(l.out, "};")
	return nil
}

func (t *traceCommand) listScript(l *listing) error {
	source, err := t.source()
	if err != nil {
		return err
	}
	script, err := ponytrace.Parse(source)
	if err != nil {
		return say(err)
	}
	program, err := ponytrace.Compile(script, l.machine, t.compilation())
	if err != nil {
		return say(err)
	}
	t.notices(program)
	listed := map[string]bool{}
	for _, probe := range program.Probes() {
		for _, name := range probe.Names {
			if !listed[name] {
				listed[name] = true
				l.probe(name, func() []string { return builtin.ArgumentsAt(l.machine, name) })
			}
		}
	}
	return nil
}
