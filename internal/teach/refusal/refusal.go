// Package refusal is a gallery of programs that the kernel's verifier refuses, each of
// them a small change to one that it accepts, with the kernel's own words. It is what
// `ponytrace explain --wrong` shows.
//
//	for _, name := range refusal.Names() { ... }
//	example, err := refusal.Find("null-check")
//	code, err := refusal.Assemble(example.Wrong())
//
// # A file of the gallery
//
// Each is a txtar file in the folder gallery, which begins with a header:
//
//	title: a value of a map is used without a null check
//	program: kprobe
//	map: counts hash, key 4, value 8, entries 16
//
// Further lines of the header are optional: "attach: NAME" names the kernel function or
// tracepoint of a typed program, "license: NAME" is another one than GPL, and
// "capabilities: CAP_BPF" loads with nothing but that capability, which turns on the
// rules for those who may not see kernel addresses. "slow: yes" is for a program that takes
// the verifier so long that it is not loaded in every run of the tests. A map whose values
// begin with a lock has "lock" at the end of its line.
//
// Then come the files of the archive: "program", "why" (what goes wrong in this program),
// "mend" (what the right one does instead), and one for each kernel of [Kernels] with its
// words, or with "accepted".
//
// The program has one instruction a line, in the notation of package stage, but for
// labels instead of distances (see [Assemble]). Both programs are in it: a line that
// begins with "-" is in the wrong one only, one with "+" in the right one only. Text after
// ";" tells what the instruction is for.
//
// # The words
//
// What a kernel says is what its log has from the last instruction that it walked to the
// end, without the counts of the last lines. A test loads the gallery on each kernel and
// compares. When programs or kernels change, this writes the words into the files:
//
//	go run ./internal/vmtest/cmd/words
//
// What the words mean is explained by package verdict, for these as for every other log.
package refusal

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/lang/diag"
)

// Kernels are those whose words each file has.
var Kernels = []string{"5.10", "6.1", "6.12", "7.x"}

// Example is a wrong program beside the right one.
type Example struct {
	Name, Title  string
	Program      string // its type: kprobe, socket filter
	Attach       string // the kernel function or tracepoint of a typed program
	License      string
	Capabilities string // "" for all
	Slow         bool   // takes the verifier seconds
	Maps         []Map
	Lines        []Line // of both programs, in order
	Why, Mend    string
	Words        []Words // in the order of Kernels
}

// Map is a map that both programs use.
type Map struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"` // hash, array, ringbuf
	Key     int    `json:"keySize"`
	Value   int    `json:"valueSize"`
	Entries int    `json:"entries"`
	Lock    bool   `json:"lock,omitempty"` // the value begins with a bpf_spin_lock
}

// In tells which of the two programs a line is in.
type In byte

const (
	Both  In = ' '
	Wrong In = '-'
	Right In = '+'
)

// Line is an instruction, or a label before one, which is in both programs.
type Line struct {
	In            In
	Text, Comment string
	Label         string
}

// Words are what a kernel says of the wrong program.
type Words struct {
	Kernel   string
	Accepted bool
	Lines    []string
}

//go:embed gallery/*.txtar
var gallery embed.FS

// Names lists the gallery, in the order in which it is best read.
func Names() []string { return slices.Clone(order) }

// order has what beginners meet first in front.
var order = []string{
	"null-check",
	"null-arithmetic",
	"beyond-value",
	"unbounded-index",
	"negative-index",
	"uninitialised-register",
	"call-clobbers",
	"no-result",
	"stack-overflow",
	"stack-of-calls",
	"stack-uninitialised",
	"stack-misaligned",
	"frame-pointer",
	"unbounded-loop",
	"too-complex",
	"too-long",
	"pointer-leak",
	"pointer-arithmetic",
	"moved-context",
	"context-offset",
	"context-size",
	"helper-not-here",
	"license",
	"wrong-argument",
	"unbounded-size",
	"missing-release",
	"missing-unlock",
	"call-under-lock",
	"unreachable-code",
	"missing-exit",
	"kernel-pointer",
	"write-kernel",
	"sleeping",
	"packet-bounds",
	"result-range",
	"division",
}

// Find reads an example.
func Find(name string) (*Example, error) {
	if !slices.Contains(order, name) {
		return nil, unknown(name)
	}
	text, err := gallery.ReadFile(path.Join("gallery", name+".txtar"))
	if err != nil {
		return nil, err
	}
	return Parse(name, text)
}

func unknown(name string) error {
	near := diag.Nearest(name, slices.Values(order), 3)
	if len(near) == 0 {
		return fmt.Errorf("no wrong program is named %s; ponytrace explain --wrong lists them", name)
	}
	return fmt.Errorf("no wrong program is named %s; did you mean %s?", name, strings.Join(near, ", "))
}

// Of returns the lines of one of the two programs.
func (e *Example) Of(which In) []Line {
	return slices.DeleteFunc(slices.Clone(e.Lines), func(line Line) bool {
		return line.In != Both && line.In != which
	})
}
