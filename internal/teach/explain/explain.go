// Package explain describes what became of a script, for people who learn eBPF: each
// instruction with the part of the script that it comes from and the reason why it is
// there, the maps, the helpers, the context that each program is handed, and what a run
// costs.
//
//	stages := &stage.Stages{}
//	object, err := compiler.Compile(script, machine, compiler.Options{Stages: stages})
//	explanation := explain.New(object, stages, machine)
//	explanation.Add(kernels)                 // what a live kernel knows; may be left out
//	explanation.Print(os.Stdout, explain.Look{Width: 100})
//
// # The model
//
// An Explanation is plain data that is complete in itself: it refers to no compiler and
// no machine, so that it travels as JSON to a page. Spans count bytes of a source text
// that is in it, too. Instructions are numbered as the kernel does it, in units of 8
// bytes: a load of 64 bits takes two numbers.
//
// What only a kernel can tell, the verifier's knowledge and the machine code, comes from
// outside as Kernel, one for each program. Without it Row.Known and Row.Machine are nil,
// and the columns are left out.
//
// # Reasons
//
// The compiler gives a reason to each operation that the script does not contain
// (stage.Operation.Reason). The rest follows from the operation itself: which argument a
// register carries, which word of the context a load reads, what a jump decides.
// reason.go puts both into one line for each instruction.
package explain

// Explanation is all that is told of a script.
type Explanation struct {
	Sources  []Source  `json:"sources"` // the script comes first, then what it imports
	Target   string    `json:"target"`  // the machine that it is compiled for: "Linux 6.12 on x86_64"
	Programs []Program `json:"programs"`
	Maps     []Map     `json:"maps,omitempty"`
	Helpers  []Helper  `json:"helpers,omitempty"`
	Terms    []Term    `json:"terms"` // words that the explanation uses
	// Notices tell what is left out, and why, a sentence each.
	Notices []string `json:"notices,omitempty"`
}

// Source is a text that spans refer to.
type Source struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Span is a part of a source: the bytes from Start up to End. Line and Column, from 1,
// are where it begins.
type Span struct {
	Source int `json:"source"` // index into Explanation.Sources
	Start  int `json:"start"`
	End    int `json:"end"`
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Program is what became of clauses at attach points.
type Program struct {
	Name    string   `json:"name"`
	Probes  []string `json:"probes"`
	Source  Span     `json:"source"` // the first of its clauses
	Context Context  `json:"context"`
	Rows    []Row    `json:"rows"`
	Cost    Cost     `json:"cost"`
}

// Row is one instruction.
type Row struct {
	Number int    `json:"number"` // in units of 8 bytes
	Opcode byte   `json:"opcode"`
	Text   string `json:"text"`   // in the kernel's notation
	Span   Span   `json:"span"`   // the part of the script that it comes from
	Reason string `json:"reason"` // in plain words
	// Why is what Reason begins with, where several rows have it in common; "" for none.
	Why string `json:"why,omitempty"`
	// Target is the number of the instruction that it jumps to or calls; -1 for none.
	Target int `json:"target"`
	// Function names the function that starts here, where it is not the program itself.
	Function string `json:"function,omitempty"`
	// Known is what the verifier knows once the instruction was executed, of registers and
	// stack slots that changed by it.
	Known []Fact `json:"known,omitempty"`
	// Machine is the machine code that it became: none where the kernel left it out.
	Machine []Machine `json:"machine,omitempty"`
}

// Fact is what the verifier knows of a register or of a stack slot.
type Fact struct {
	Place string `json:"place"` // "r0", "stack -8"
	Text  string `json:"text"`  // "value of map @, or null"
}

// Machine is one instruction of the processor.
type Machine struct {
	Offset int    `json:"offset"` // in bytes, from the start of the program's machine code
	Bytes  string `json:"bytes"`  // in hexadecimal digits
	Text   string `json:"text"`   // as a disassembler writes it
}

// Context is what a program is handed, in words.
type Context struct {
	Type      string `json:"type"`      // the program type, by the kernel's name: "kprobe"
	Mechanism string `json:"mechanism"` // how it is attached
	When      string `json:"when"`      // when it runs, in a sentence
	Holds     string `json:"holds"`     // what r1 points to at the start, in a sentence
}

// Cost is what one run of a program costs, counted on the usual path: the emulator fires
// each program twice and counts the second time, when its keys are in the maps.
type Cost struct {
	Instructions int `json:"instructions"` // of the program, in units of 8 bytes
	Executed     int `json:"executed"`     // on the usual path; 0 where the emulator cannot run it
	Helpers      int `json:"helpers"`      // calls of helpers on the usual path
	Stack        int `json:"stack"`        // bytes
	// Verified is how many instructions the verifier walked, over all paths; 0 where no
	// kernel was asked.
	Verified int `json:"verified,omitempty"`
}

// Map is a map of the kernel.
type Map struct {
	Name    string `json:"name"` // as instructions call it
	Type    string `json:"type"` // as the kernel calls it: "percpu_hash"
	Purpose string `json:"purpose"`
	// Holds are the maps of the script that lie in it: "@reads".
	Holds     []string `json:"holds,omitempty"`
	Key       string   `json:"key,omitempty"` // of what the key consists
	Value     string   `json:"value,omitempty"`
	KeySize   int      `json:"keySize"` // in bytes
	ValueSize int      `json:"valueSize"`
	Entries   int      `json:"entries"` // at most
	// Memory is what the kernel sets aside at once, Full what it takes when all entries
	// are there; in bytes.
	Memory int `json:"memory"`
	Full   int `json:"full"`
}

// Helper is a function of the kernel that the programs call.
type Helper struct {
	Name      string `json:"name"` // "bpf_map_lookup_elem"
	Number    int    `json:"number"`
	Signature string `json:"signature"`
	Sentence  string `json:"sentence"` // what it does
	Calls     int    `json:"calls"`    // places in the programs that call it
}

// Term is a word of eBPF, explained.
type Term struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Kernel is what a kernel made of one program: the states of its verifier, the machine
// code of its JIT compiler. Keys are instruction numbers, as Row.Number.
type Kernel struct {
	Program  string            `json:"program"` // by name
	Known    map[int][]Fact    `json:"known,omitempty"`
	Machine  map[int][]Machine `json:"machine,omitempty"`
	Verified int               `json:"verified,omitempty"` // instructions that the verifier walked
	Stack    int               `json:"stack,omitempty"`    // bytes, as the verifier counted them
}

// Add puts what a kernel knows beside the instructions. Programs are found by their
// names; what has no instruction here is left out.
func (e *Explanation) Add(kernels []Kernel) {
	for _, kernel := range kernels {
		for i := range e.Programs {
			if e.Programs[i].Name == kernel.Program {
				e.Programs[i].add(kernel)
			}
		}
	}
}

func (p *Program) add(kernel Kernel) {
	p.Cost.Verified = kernel.Verified
	if kernel.Stack > 0 {
		p.Cost.Stack = kernel.Stack
	}
	for i := range p.Rows {
		row := &p.Rows[i]
		row.Known, row.Machine = kernel.Known[row.Number], kernel.Machine[row.Number]
	}
}
