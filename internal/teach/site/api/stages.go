package api

import (
	"strings"

	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/internal/teach/explain"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Stages are the script between its text and its instructions.
type Stages struct {
	Tree      string  `json:"tree"`
	Types     []Typed `json:"types"`
	IR        []Part  `json:"ir"`
	Optimized []Part  `json:"optimized"`
	Bytecode  string  `json:"bytecode"`
}

// Typed is an expression with its type.
type Typed struct {
	Span explain.Span `json:"span"`
	Text string       `json:"text"`
	Type string       `json:"type"`
}

// Part is a line of the intermediate representation: an operation, or where Heading is
// set the start of a program, a function or a block.
type Part struct {
	Heading string       `json:"heading,omitempty"`
	Number  string       `json:"number,omitempty"` // unique in the list
	Span    explain.Span `json:"span"`
	Text    string       `json:"text,omitempty"`
	Reason  string       `json:"reason,omitempty"`
	Passes  string       `json:"passes,omitempty"` // what the passes did with it
	Removed bool         `json:"removed,omitempty"`
}

func stagesOf(w *work) *Stages {
	s := &Stages{}
	var tree, bytecode strings.Builder
	w.stages.Print(&tree, "ast")
	w.stages.Print(&bytecode, "asm")
	s.Tree, s.Bytecode = tree.String(), bytecode.String()
	seen := map[diag.Span]bool{}
	for _, program := range w.stages.Programs {
		for _, t := range program.Types {
			if !seen[t.Span] {
				s.Types = append(s.Types, Typed{spanOf(t.Span), t.Span.Text(), t.Type})
			}
			seen[t.Span] = true
		}
		s.IR = append(s.IR, partsOf(program, program.IR)...)
		s.Optimized = append(s.Optimized, partsOf(program, program.Optimized)...)
	}
	return s
}

func partsOf(program *stage.Program, functions []*stage.Function) (list []Part) {
	for _, f := range functions {
		list = append(list, Part{Heading: strings.Join(append([]string{f.Name}, program.Probes...), " ")})
		for _, block := range f.Blocks {
			list = append(list, Part{Heading: headingOf(&block)})
			for i := range block.Operations {
				list = append(list, partOf(f, &block.Operations[i]))
			}
		}
	}
	return list
}

func headingOf(block *stage.Block) string {
	if block.Cold {
		return block.Name + ", rarely run"
	}
	return block.Name
}

func partOf(f *stage.Function, op *stage.Operation) Part {
	p := Part{Span: spanOf(op.Span), Text: op.Text, Reason: op.Reason, Removed: op.Removed != ""}
	var passes []string
	if op.Pass != "" {
		passes = append(passes, "added by "+op.Pass)
	}
	if len(op.Changed) > 0 {
		passes = append(passes, "changed by "+strings.Join(op.Changed, ", "))
	}
	if op.Removed != "" {
		passes = append(passes, "removed by "+op.Removed)
	}
	p.Passes = strings.Join(passes, "; ")
	return p
}

// spanOf leaves what lies outside of the script without a place.
func spanOf(span diag.Span) explain.Span {
	if span.Source == nil || span.Source.Name != scriptName {
		return explain.Span{}
	}
	line, column := span.Source.Position(span.Start)
	return explain.Span{Start: span.Start, End: span.End, Line: line, Column: column}
}
