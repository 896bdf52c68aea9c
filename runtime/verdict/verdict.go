// Package verdict explains what the kernel's verifier says of a program that it refuses,
// to somebody who knows Linux but not eBPF.
//
//	v := verdict.Read(log)
//	if v.Known() { fmt.Println(v.Means, v.Remedy) }
//
// # How a log is read
//
// The verifier writes down each instruction that it walks, and ends with what it does not
// accept:
//
//	5: (85) call bpf_map_lookup_elem#1
//	6: (79) r1 = *(u64 *)(r0 +0)
//	R0 invalid mem access 'map_value_or_null'
//	processed 7 insns (limit 1000000) ...
//
// [Decisive] is the part from the last instruction on. Its first line that the table
// (rules.txt) has a pattern for is the one that is explained. Where there is none, what
// stands before is searched, from its end. Logs are pasted together with the messages of
// loaders, in one line, indented, or with the time in front.
//
// The patterns are those of Linux 5.10, 6.1, 6.12 and 7.3, which word many things
// differently; their sources are kernel/bpf/verifier.c and, in 7.x, diagnostics.c beside
// it. From 7.x on the kernel adds a report with a reason and a suggestion of its own, which
// explains what the table does not.
// https://elixir.bootlin.com/linux/v6.12/source/kernel/bpf/verifier.c
package verdict

import (
	"slices"
	"strconv"
	"strings"
)

// Verdict is what a log says.
type Verdict struct {
	// Words are the decisive end of the log: the instruction and what is wrong.
	Words []string `json:"words"`
	// Instruction is the number of the last instruction in the log, or of the one that the
	// words name, -1 without one, and Text what it is. Source is the line of the program's
	// source that precedes it.
	Instruction int    `json:"instruction"`
	Text        string `json:"text,omitempty"`
	Source      string `json:"source,omitempty"`
	// Line is the line that is explained, empty where the table does not have it.
	Line string `json:"line,omitempty"`
	// Means explains the line, Remedy tells what usually helps.
	Means  string `json:"means,omitempty"`
	Remedy string `json:"remedy,omitempty"`
	// Examples name programs with this mistake in the gallery of wrong ones.
	Examples []string `json:"examples,omitempty"`
}

// Known reports whether the table explains the log.
func (v Verdict) Known() bool { return v.Means != "" }

// most bounds what is looked at: lines from the end, and bytes of each.
const (
	mostLines = 200
	mostBytes = 1000
)

// Read explains a log. The log may come from anywhere: what is longer than a verifier
// writes it is cut.
func Read(log []string) Verdict {
	log = bounded(log)
	t := newTrace(log)
	v := Verdict{Words: t.words(), Instruction: t.last.number, Text: t.last.text, Source: t.source()}
	if !v.explainOne(v.Words) {
		before := slices.Clone(t.before)
		slices.Reverse(before)
		v.explainOne(before)
	}
	if !v.Known() {
		v.takeReport()
	}
	if t.last.number < 0 {
		v.shorten()
	}
	return v
}

// explainOne explains the first line that the table has.
func (v *Verdict) explainOne(lines []string) bool { return slices.ContainsFunc(lines, v.explain) }

// fewLines are shown of what may be no log at all.
const fewLines = 12

// shorten leaves out what stands in front of the words where no instruction was walked.
func (v *Verdict) shorten() {
	if v.Known() {
		first := slices.IndexFunc(v.Words, func(line string) bool { return strings.HasSuffix(line, v.Line) })
		v.Words = v.Words[max(first, 0):]
		v.Words = v.Words[:min(len(v.Words), fewLines)]
	}
	v.Words = v.Words[max(0, len(v.Words)-fewLines):]
}

// takeReport explains by the report that some kernels write themselves.
func (v *Verdict) takeReport() {
	for _, line := range v.Words {
		if reason, ok := strings.CutPrefix(line, "Reason: "); ok {
			v.Line, v.Means = line, reason
		}
		if suggestion, ok := strings.CutPrefix(line, "Suggestion: "); ok && v.Known() {
			v.Remedy = suggestion
		}
	}
}

func bounded(log []string) []string {
	log = log[max(0, len(log)-mostLines):]
	kept := make([]string, len(log))
	for i, line := range log {
		kept[i] = strings.TrimRight(line[:min(len(line), mostBytes)], " \t\r\n")
	}
	return kept
}

// explain looks a line up, at each of its words: loaders put messages in front, and some
// kernels put the words behind the instruction.
func (v *Verdict) explain(line string) bool {
	for at := 0; at >= 0; at = nextWord(line, at) {
		if r, values := ruleOf(line[at:]); r != nil {
			v.Line, v.Examples = line[at:], r.examples
			v.Means, v.Remedy = fill(r.means, values), fill(r.remedy, values)
			v.takeNumber(values)
			return true
		}
	}
	return false
}

// ruleOf is the first rule that explains a line, with what its pattern's holes take.
func ruleOf(line string) (*rule, []string) {
	list := rules()
	for i := range list {
		for j := range list[i].patterns {
			pattern := &list[i].patterns[j]
			if !pattern.mayMatch(line) {
				continue
			}
			if values, ok := pattern.match(line); ok {
				return &list[i], values
			}
		}
	}
	return nil, nil
}

// takeNumber: what is refused before any instruction is walked names one in its words.
func (v *Verdict) takeNumber(values []string) {
	if i := slices.Index(values, "{insn}"); i >= 0 && v.Instruction < 0 {
		if number, err := strconv.Atoi(values[i+1]); err == nil {
			v.Instruction = number
		}
	}
}

// nextWord is where the next word of a line begins, or -1.
func nextWord(line string, at int) int {
	blank := strings.IndexAny(line[at:], " \t")
	if blank < 0 {
		return -1
	}
	rest := strings.TrimLeft(line[at+blank:], " \t")
	if rest == "" {
		return -1
	}
	return len(line) - len(rest)
}

func fill(text string, values []string) string {
	return strings.NewReplacer(values...).Replace(text)
}
