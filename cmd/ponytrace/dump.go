package main

import "github.com/ponytrace/ponytrace"

// printText prints the stages that need nothing but the text, before the machine is asked for anything.
func (t *traceCommand) printText(script *ponytrace.Script) (done bool) {
	if t.Stages != "ast" && t.Stages != "tokens" {
		return false
	}
	script.Stages().Print(stdout, t.Stages)
	return true
}

// printStages prints what the compiler makes of the script.
func (t *traceCommand) printStages(script *ponytrace.Script, machine *ponytrace.Target) error {
	options := t.compilation()
	options.Stages = &ponytrace.Stages{}
	if _, err := ponytrace.Compile(script, machine, options); err != nil {
		return say(err)
	}
	options.Stages.Print(stdout, t.Stages)
	return nil
}
