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
	for _, program := range programs {
		fmt.Fprintf(stdout, "-- %s of %s\n", t.Stages, program.Name)
		if t.Stages == "verifier" {
			printLog(program.Log)
		} else if len(program.Functions) > 0 {
			printMachineCode(program.Functions)
		} else if err == nil {
			err = errors.New("the kernel shows no machine code: it has no JIT compiler for this machine, " +
				"or /proc/sys/net/core/bpf_jit_enable is 0, or /proc/sys/kernel/kptr_restrict hides it")
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

// printMachineCode prints bytes, not names of instructions: a disassembler for each
// machine would be a tenth of the binary.
func printMachineCode(functions []ponytrace.MachineCode) {
	for i, f := range functions {
		if i > 0 {
			fmt.Fprintf(stdout, "function %d:\n", i)
		}
		lines := append(f.Lines, ponytrace.MachineLine{Offset: len(f.Code)})
		printBytes(f.Code, 0, lines[0].Offset)
		for n, line := range lines[:len(lines)-1] {
			fmt.Fprintf(stdout, "; %s\n", diag.Printable(line.Line))
			printBytes(f.Code, line.Offset, lines[n+1].Offset)
		}
	}
}

func printBytes(code []byte, start, end int) {
	const most = 16 // on a line
	for at := start; at < end; at += most {
		fmt.Fprintf(stdout, "%4x: % x\n", at, code[at:min(at+most, end)])
	}
}
