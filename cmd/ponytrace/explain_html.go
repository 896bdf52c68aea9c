package main

import (
	"errors"
	"fmt"

	"github.com/ponytrace/ponytrace/internal/teach/event"
	"github.com/ponytrace/ponytrace/internal/teach/explain"
	webpage "github.com/ponytrace/ponytrace/internal/teach/page"
	"github.com/ponytrace/ponytrace/internal/teach/step"
	"github.com/spf13/pflag"
)

// explainPage is the explanation as a page, with the events that it steps through.
type explainPage struct {
	file   string
	events []string
	source string
}

func (p *explainPage) declare(f *pflag.FlagSet) {
	f.StringVar(&p.file, "html", "",
		"Write a page for a web browser to `FILE`: it needs nothing else, and steps events through the programs.")
	f.StringArrayVar(&p.events, "event", nil,
		"With --html, what happens there: `EVENT`, as in 'comm=\"dd\" arg2=4096 x10' (see ponytrace help step). May be given several times.")
	f.StringVar(&p.source, "events", "", "With --html, read what happens there from a `FILE`, an event a line.")
}

func (p *explainPage) check(flags *pflag.FlagSet) error {
	switch {
	case p.file == "" && flags.Changed("html"):
		return errors.New("--html needs the name of a file; - is standard output")
	case p.file != "" && flags.Changed("format"):
		return errors.New("--html and --format exclude each other")
	case p.file == "" && (p.source != "" || len(p.events) > 0):
		return errors.New("--event and --events are for the page of --html FILE; ponytrace step shows events on a terminal")
	case p.source != "" && len(p.events) > 0:
		return errors.New("--event and --events exclude each other")
	}
	return nil
}

// pageSteps bounds what a page holds: its reader steps by hand.
var pageSteps = step.Limits{Events: 100, Steps: 2000}

func (p *explainPage) write(explanation *explain.Explanation, c *compiled) error {
	script := event.Script{Object: c.program.Object(), Stages: c.stages, Target: c.machine}
	happens := stepCommand{events: p.events, file: p.source}
	events, err := happens.happening(script)
	if err != nil {
		return err
	}
	run, err := step.Record(script, events, pageSteps)
	if err != nil {
		return err
	}
	content := webpage.Content{Explanation: explanation, Run: run}
	if p.file == "-" {
		return webpage.Write(stdout, content)
	}
	file, err := createOutput(p.file)
	if err != nil {
		return err
	}
	if err = webpage.Write(file, content); err != nil {
		err = fmt.Errorf("%s could not be written: %w", p.file, plain(err))
	}
	return closeOutput(file, err)
}
