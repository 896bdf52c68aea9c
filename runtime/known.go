package runtime

import (
	"fmt"
	"strings"

	"github.com/ponytrace/ponytrace/runtime/verifierlog"
)

// Known is what the verifier knows after each instruction, by their numbers: what the
// first visit has found out, what holds where a jump is taken, how often it came by, and
// what became of instructions that it does not reach.
func (i *Inspected) Known() map[int][]verifierlog.Fact {
	known := map[int][]verifierlog.Fact{}
	if i.Verified == nil || len(i.Verified.Instructions) == 0 {
		return known
	}
	code := i.MachineCode()
	for _, number := range i.Numbers {
		at := i.Verified.At(number)
		var facts []verifierlog.Fact
		switch {
		case at != nil:
			facts = factsOf(at)
		case i.Accepted && !i.Verified.Cut:
			facts = append(facts, word("never reached", "no path leads here"))
		}
		if i.Accepted && len(i.Functions) > 0 && len(code[number]) == 0 {
			facts = append(facts, word("machine code", "none, the kernel leaves it out"))
		}
		if len(facts) > 0 {
			known[number] = facts
		}
	}
	return known
}

func word(place, text string) verifierlog.Fact { return verifierlog.Fact{Place: place, Text: text} }

func factsOf(at *verifierlog.Instruction) (facts []verifierlog.Fact) {
	facts = append(facts, at.Known...)
	switch at.Branch {
	case verifierlog.Never:
		facts = append(facts, word("jump", "never taken"))
	case verifierlog.Always:
		facts = append(facts, word("jump", "always taken"))
	case verifierlog.Both:
		for _, taken := range at.Taken {
			taken.Place += " if it jumps"
			facts = append(facts, taken)
		}
	}
	if at.Visits > 1 {
		facts = append(facts, word("walked", visits(at)))
	}
	return facts
}

func visits(at *verifierlog.Instruction) string {
	text := fmt.Sprintf("%d times", at.Visits)
	if len(at.Varies) > 0 {
		text += ", with other values of " + strings.Join(at.Varies, ", ")
	}
	return text
}
