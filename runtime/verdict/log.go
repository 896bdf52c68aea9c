package verdict

import "strings"

// Decisive is the end of a verifier's log that tells why the program is refused: the last
// instruction that was walked, and the words about it, without states of registers and
// without counts.
func Decisive(log []string) []string {
	last := max(0, lastInstruction(log))
	var words []string
	for _, line := range log[last:] {
		if !isNoise(line) {
			words = append(words, strings.TrimRight(line, " \t\r"))
		}
	}
	return words
}

// lastInstruction is the place of the last "12: (79) r1 = ...", or -1.
func lastInstruction(log []string) int {
	for i := len(log) - 1; i >= 0; i-- {
		if _, _, ok := instruction(log[i]); ok {
			return i
		}
	}
	return -1
}

// instruction reads "12: (79) r1 = *(u64 *)(r0 +0)".
func instruction(line string) (number int, text string, ok bool) {
	digits := 0
	for digits < len(line) && digits < 7 && line[digits] >= '0' && line[digits] <= '9' {
		number = 10*number + int(line[digits]-'0')
		digits++
	}
	if digits == 0 || !strings.HasPrefix(line[digits:], ": (") || len(line) < digits+6 || line[digits+5] != ')' {
		return 0, "", false
	}
	return number, strings.TrimSpace(line[digits+6:]), true
}

// noise begins lines that tell what the verifier did, not what is wrong.
var noise = []string{
	"processed ", "verification time", "stack depth", "insns_processed", "Live regs",
	"cur state:", "old state:", "last_idx ", "regs=", "parent ", "mark_precise:", "from ", "propagating ",
	"func#", "; ",
}

func isNoise(line string) bool {
	text := strings.TrimSpace(line)
	for _, start := range noise {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return text == "" || isState(text)
}

// isState recognises "R0_w=inv1 R10=fp0", with or without the number of an instruction or
// a function's frame in front.
func isState(text string) bool {
	if i := strings.Index(text, ": R"); i >= 0 && i < 8 {
		text = text[i+2:]
	}
	if i := strings.Index(text, ": R"); i >= 0 && strings.HasPrefix(text, "frame") {
		text = text[i+2:]
	}
	end := strings.IndexByte(text, '=')
	return strings.HasPrefix(text, "R") && end > 0 && end < 8 && !strings.ContainsAny(text[:end], " (")
}
