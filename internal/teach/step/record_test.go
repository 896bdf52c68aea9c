package step_test

import (
	"fmt"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/teach/event"
	"github.com/ponytrace/ponytrace/internal/teach/step"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

func compile(t testing.TB, text, kernel string, options compiler.Options) event.Script {
	t.Helper()
	parsed, problems := lang.Parse(diag.NewSource("script", text))
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	machine := frozen.Target(kernel)
	options.Stages = &stage.Stages{}
	built, err := compiler.Compile(parsed, machine, options)
	if err != nil {
		t.Fatal(err)
	}
	return event.Script{Object: built, Stages: options.Stages, Target: machine}
}

func record(t testing.TB, script event.Script, lines string) *step.Run {
	t.Helper()
	events, problems := event.Parse(diag.NewSource("events", lines), script)
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	run, err := step.Record(script, events, step.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func TestX(t *testing.T) {
	s := compile(t, `kprobe:blk_mq_start_request { @[comm] = hist(arg0->__data_len); printf("%s\n", comm) }`, "6.12", compiler.Options{})
	run := record(t, s, `arg0.__data_len=4096 comm="dd" x2`)
	for _, e := range run.Events {
		fmt.Println("EVENT", e.Program, e.Probe, e.Task, e.Time, e.Executed, e.Error)
		for _, c := range e.Start {
			fmt.Printf("     %+v\n", c)
		}
		for _, st := range e.Steps {
			fmt.Println(st.Row, s.Stages.Programs[0].Code[st.Row].Text, st.Branch, st.What)
			for _, c := range st.Changes {
				fmt.Printf("     %+v\n", c)
			}
		}
		fmt.Println(e.Output, e.Maps)
	}
	fmt.Println(run.Output)
}
