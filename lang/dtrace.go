package lang

import (
	"fmt"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
)

// noDTraceVariable knows DTrace's clause-local and thread-local variables.
func (p *parser) noDTraceVariable(x Expr, op *lexer.Token) {
	name, ok := x.(*Name)
	if !ok || op.Value != "->" {
		return
	}
	span := name.Span.To(p.tokenSpan(op))
	switch name.Name {
	case "this":
		p.fail(span, "this-> is DTrace's clause-local variable", "write $name")
	case "self":
		p.fail(span, "self-> is DTrace's thread-local variable", "write @name[tid]")
	}
}

// checkDTrace reports probes in DTrace's spelling, provider:module:function:name.
func (p *parser) checkDTrace(clause *Clause) {
	for _, probe := range clause.Probes {
		if hint := dtraceHint(probe); hint != "" {
			p.report(probe.Span, fmt.Sprintf("%s is DTrace's spelling", quote(probe.Span.Text())), "write "+hint)
			return
		}
	}
}

func dtraceHint(probe *Probe) string {
	provider, last := probe.Parts[0].Text, probe.Parts[len(probe.Parts)-1].Text
	if len(probe.Parts) == 1 || len(probe.Parts) == 4 {
		if kind, rate, found := strings.Cut(last, "-"); found && kind == "profile" {
			return "profile:hz:" + rate
		} else if found && kind == "tick" {
			return "interval:" + rate
		}
	}
	if len(probe.Parts) != 4 {
		return ""
	}
	function := probe.Parts[2].Text
	switch provider + ":" + last {
	case "syscall:entry":
		return "tracepoint:syscalls:sys_enter_" + function
	case "syscall:return":
		return "tracepoint:syscalls:sys_exit_" + function
	case "fbt:entry":
		return "kprobe:" + function
	case "fbt:return":
		return "kretprobe:" + function
	case "dtrace:BEGIN", "dtrace:END":
		return last
	}
	return ""
}
