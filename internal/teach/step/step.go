// Package step records what the programs of a script do in the emulator, instruction by
// instruction, in words for people who learn eBPF.
//
//	run, err := step.Record(script, events, step.Limits{})
//	state := run.Events[0].At(3) // after three instructions
//
// # The model
//
// A Run is plain data that refers to no compiler and no machine, so that it travels as
// JSON to a page; rows of instructions are those of package explain, by their index. What
// an instruction changed is a list of places with their new text:
//
//	{"kind": "register", "place": "r2", "text": "stack -16"}
//	{"kind": "stack", "place": "stack -16", "text": "\"dd\""}
//	{"kind": "map", "place": "@[dd]", "before": "none", "text": "1"}
//
// The state at a moment is what the changes up to then leave, so that going backwards is
// going to a smaller index: Event.At does it, and a page can do it with a dictionary.
//
// Values are told by what they lead to: a place on the stack, a word of the context, the
// value of a key, a member of a struct. Numbers stand for themselves.
//
// # How it differs from a kernel
//
// Difference has it in words, for the people who step.
package step

// Run is a recorded session.
type Run struct {
	Events []Event `json:"events"`
	// Left is how many events were not recorded, for want of room.
	Left int `json:"left,omitempty"`
	// Error is why one of these ended before its exit, and the session with it.
	Error string `json:"error,omitempty"`
	// Output is what the script printed at its end, after the last event: the maps.
	Output string `json:"output,omitempty"`
}

// Event is one run of one program.
type Event struct {
	Program string `json:"program"` // by name
	Probe   string `json:"probe"`
	// Task is the process and the CPU in which it happened: `comm="dd" pid=12 cpu=0`.
	Task string `json:"task"`
	Time uint64 `json:"time"` // nsecs
	// Start is what there is before the first instruction: the registers, and what lies in
	// the context and in the memory that its pointers lead to.
	Start []Change `json:"start"`
	Steps []Step   `json:"steps"`
	// Cut is how many more steps there were, for which there was no room.
	Cut int `json:"cut,omitempty"`
	// Error is why the program ended before its exit; empty where it did not.
	Error string `json:"error,omitempty"`
	// Output is what the script printed because of the event.
	Output string `json:"output,omitempty"`
	// Maps are the maps of the script that differ from those before the event, as print()
	// draws them.
	Maps []Map `json:"maps,omitempty"`
	// Executed and Helpers count instructions and calls of helpers.
	Executed int `json:"executed"`
	Helpers  int `json:"helpers"`
}

// Map is a map of the script with its values.
type Map struct {
	Name string `json:"name"` // "@reads"
	Text string `json:"text"`
}

// Step is an executed instruction. A call that runs functions of the program has two:
// before they run, with Enters set, and after it.
type Step struct {
	Row int `json:"row"` // index into the rows of the program
	// Depth is how many functions of the program called one another to get here.
	Depth   int      `json:"depth,omitempty"`
	Enters  bool     `json:"enters,omitempty"`
	Changes []Change `json:"changes,omitempty"`
	// Branch is "taken" or "passed" at a jump that depends on something.
	Branch string `json:"branch,omitempty"`
	// Next is the row that follows, -1 at the end.
	Next int `json:"next"`
	// What tells what happened, where the changes do not: "r0 is 0: r0 == 0 holds, jumps
	// to 14".
	What string `json:"what,omitempty"`
}

// Change is a place that has another value from now on.
type Change struct {
	Kind  Kind   `json:"kind"`
	Place string `json:"place"` // "r0", "stack -16", "@[dd]"
	// Before is what was there: empty where nothing was known.
	Before string `json:"before,omitempty"`
	Text   string `json:"text,omitempty"`
	// Gone: there is nothing to read at the place from now on.
	Gone bool `json:"gone,omitempty"`
}

// Kind is what a place is part of.
type Kind string

const (
	Register Kind = "register"
	Stack    Kind = "stack"
	Context  Kind = "context"
	Memory   Kind = "memory" // of the kernel or the process, and records on their way
	Value    Kind = "map"
)

// Fact is what is at a place.
type Fact struct {
	Kind  Kind
	Place string
	Text  string
	// Changed: by the step before.
	Changed bool
}

// At is what there is after so many steps, in the order in which the places came up.
func (e *Event) At(steps int) []Fact {
	s := state{index: map[string]int{}}
	s.apply(e.Start, false)
	for i := range e.Steps[:steps] {
		s.apply(e.Steps[i].Changes, i == steps-1)
	}
	return s.present()
}

// state is what was seen of each place.
type state struct {
	facts []Fact
	gone  []bool
	index map[string]int
}

//go:noinline
func (s *state) apply(changes []Change, last bool) {
	for _, c := range changes {
		i, known := s.index[c.Place]
		if !known {
			i = len(s.facts)
			s.index[c.Place] = i
			s.facts, s.gone = append(s.facts, Fact{}), append(s.gone, false)
		}
		s.facts[i], s.gone[i] = Fact{c.Kind, c.Place, c.Text, last}, c.Gone
	}
}

func (s *state) present() (list []Fact) {
	for i, fact := range s.facts {
		if !s.gone[i] {
			list = append(list, fact)
		}
	}
	return list
}

// Difference tells where the emulator differs from a kernel.
const Difference = "The emulator runs the same instructions as a kernel would, but it is no kernel. " +
	"There is no verifier: it sees the one path that an event takes, and complains only of what " +
	"goes wrong there. Only what an event says and what follows from the types is in memory; other " +
	"addresses read as zero, or fail as a bad address does. Programs run one at a time, to their " +
	"end: nothing happens on other CPUs but events that are said to come meanwhile, no event is " +
	"lost but those that are said to find the ring buffer full, no map is changed by anybody else. " +
	"A map's keys come in their order, where a kernel has its own. Times, random " +
	"numbers, addresses and names of functions are made up, and stay the same from run to run. " +
	"Machine code is not made."
