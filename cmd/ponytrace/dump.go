package main

import (
	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang"
)

// printText prints the stages that need nothing but the text, before the machine is asked for anything.
func (t *traceCommand) printText(script *lang.Script) (done bool) {
	if t.Stages != "ast" && t.Stages != "tokens" {
		return false
	}
	stages := stage.Stages{Tokens: lang.Tokens(script.Source), Script: script}
	stages.Print(stdout, t.Stages)
	return true
}

// printStages prints what the compiler makes of the script.
func (t *traceCommand) printStages(script *lang.Script, machine *target.Target) error {
	options := t.compilation()
	options.Stages = &stage.Stages{}
	if _, err := compiler.Compile(script, machine, options); err != nil {
		return say(err)
	}
	options.Stages.Print(stdout, t.Stages)
	return nil
}
