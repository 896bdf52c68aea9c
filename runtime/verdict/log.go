package verdict

import (
	"slices"
	"strings"
)

// Decisive is the end of a verifier's log that tells why the program is refused: the last
// instruction that was walked, and the words about it, without states of registers and
// without counts. Of the report that Linux 7.x adds, the reason and the suggestion stay,
// a line each:
//
//	Verification failed: Program Structure: Unreachable instruction
//	Reason:
//	  Instruction 2 is not reachable from the program entry point.
//	At:
//	  insn 2
//	Suggestion:
//	  Remove the unreachable instruction.
func Decisive(log []string) []string { return newTrace(log).words() }

// trace is a log from its last instruction on. What programs that keep logs put in front
// of each line, such as the time, is taken off.
type trace struct {
	before []string // up to the last instruction
	last   instruction
	lines  []string // from it on; all where there is none
}

// instruction is a line "12: (79) r1 = *(u64 *)(r0 +0)".
type instruction struct {
	number int // -1 for none
	text   string
	at     int // where it begins in the line
}

func newTrace(log []string) *trace {
	t := &trace{last: instruction{number: -1}, lines: log}
	for i := len(log) - 1; i >= 0; i-- {
		if walked, ok := readInstruction(log[i]); ok {
			t.last = walked
			t.before, t.lines = log[:i], slices.Clone(log[i:])
			break
		}
	}
	if len(t.lines) > 0 && t.last.at > 0 {
		prefix := t.lines[0][:t.last.at]
		for i, line := range t.lines {
			t.lines[i] = strings.TrimPrefix(line, prefix)
		}
	}
	return t
}

// readInstruction finds an instruction at the beginning of a word.
func readInstruction(line string) (found instruction, ok bool) {
	if strings.Contains(line, " before ") { // "regs=1 stack=0 before 9: (67) r0 <<= 3"
		return found, false
	}
	for at := 0; at >= 0; at = nextWord(line, at) {
		if number, text, ok := instructionAt(line[at:]); ok {
			return instruction{number, text, at}, true
		}
	}
	return found, false
}

func instructionAt(line string) (number int, text string, ok bool) {
	count := 0
	for count < len(line) && count < 7 && line[count] >= '0' && line[count] <= '9' {
		number = 10*number + int(line[count]-'0')
		count++
	}
	rest, ok := strings.CutPrefix(line[count:], ": (")
	if count == 0 || !ok || len(rest) < 4 || rest[2] != ')' {
		return 0, "", false
	}
	text, _, _ = strings.Cut(rest[3:], " ; ") // the state of registers follows
	return number, strings.TrimSpace(text), true
}

// What becomes of a section of a report.
const (
	kept    = "kept"
	dropped = "dropped"
)

func (t *trace) words() (words []string) {
	section := ""
	for _, line := range t.lines {
		indented := strings.HasPrefix(line, "  ")
		switch {
		case indented && section == kept:
			words[len(words)-1] += " " + strings.TrimSpace(line)
		case indented && section == dropped:
		case line == "Reason:" || line == "Suggestion:":
			section, words = kept, append(words, line)
		case line == "At:" || line == "Causal path:":
			section = dropped
		case !isNoise(line):
			section, words = "", append(words, line)
		}
	}
	return words
}

// source is the line "; @[pid] = count(); @ one.pt:2" before the last instruction.
func (t *trace) source() string {
	for _, line := range slices.Backward(t.before) {
		line = line[min(len(line), t.last.at):]
		if source, ok := strings.CutPrefix(line, "; "); ok {
			return strings.TrimSpace(source)
		}
		if _, walked := readInstruction(line); !walked && !isNoise(line) {
			return ""
		}
	}
	return ""
}

// noise begins lines that tell what the verifier did, not what is wrong.
var noise = []string{
	"processed ", "verification time", "stack depth", "insns_processed", "subprog ", "Live regs",
	"cur state:", "old state:", "last_idx ", "regs=", "parent ", "mark_precise:", "from ",
	"propagating ", "func#", "Func#", "Validating ", "; ", "-- END PROG LOAD LOG --",
	"Unrecognized arg#",
}

func isNoise(line string) bool {
	text := strings.TrimSpace(line)
	for _, start := range noise {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return text == "" || isState(text) || strings.Contains(text, "size cannot be determined")
}

// isState recognises "R0_w=inv1 R10=fp0", with or without the number of an instruction or
// a function's frame in front.
func isState(text string) bool {
	if i := strings.Index(text, ": R"); i >= 0 && (i < 8 || strings.HasPrefix(text, "frame")) {
		text = text[i+2:]
	}
	end := strings.IndexByte(text, '=')
	return strings.HasPrefix(text, "R") && end > 0 && end < 8 && !strings.ContainsAny(text[:end], " (")
}
