package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// asksKernel: what the kernel makes of programs is known when they are loaded.
func (t *traceCommand) asksKernel() bool { return t.Stages == "verifier" || t.Stages == "jit" }

// printText prints the stages that need nothing but the text, before the machine is asked
// for anything.
func (t *traceCommand) printText(script *ponytrace.Script) (done bool) {
	if t.Stages != "ast" && t.Stages != "tokens" {
		return false
	}
	script.Stages().Print(stdout, t.Stages)
	return true
}

// printStages prints what the compiler makes of the script, or the kernel of that.
func (t *traceCommand) printStages(script *ponytrace.Script, machine *ponytrace.Target) error {
	options := t.compilation()
	options.Stages = &ponytrace.Stages{}
	compiled, err := ponytrace.Compile(script, machine, options)
	if err != nil {
		return say(err)
	}
	if !t.asksKernel() {
		options.Stages.Print(stdout, t.Stages)
		return nil
	}
	programs, err := compiled.Inspect()
	for i, program := range programs {
		fmt.Fprintf(stdout, "-- %s of %s\n", t.Stages, program.Name)
		if t.Stages == "verifier" {
			printLog(program.Log)
		} else if len(program.Functions) > 0 {
			printMachineCode(options.Stages, &programs[i])
		} else if err == nil {
			err = errors.New(program.Hidden)
		}
		fmt.Fprintln(stdout)
	}
	return say(err)
}

func printLog(log string) {
	for line := range strings.Lines(log) {
		fmt.Fprintln(stdout, diag.Printable(strings.TrimSuffix(line, "\n")))
	}
}

// printMachineCode prints the instructions of a program with what each became.
func printMachineCode(stages *ponytrace.Stages, inspected *ponytrace.Inspected) {
	lines := map[int][]string{}
	for number, code := range inspected.MachineCode() {
		for _, at := range code {
			lines[number] = append(lines[number], machineLine(at))
		}
	}
	for _, program := range stages.Programs {
		if program.Name == inspected.Name {
			program.ListOver(stdout, lines)
		}
	}
}

// machineLine is an instruction of the processor: offset, bytes, assembly.
func machineLine(at ponytrace.MachineInstruction) string {
	line := fmt.Sprintf("      %4x: %-30s %s", at.Offset, fmt.Sprintf("% x", at.Bytes), at.Text)
	return strings.TrimRight(line, " ")
}
