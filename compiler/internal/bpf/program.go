package bpf

import (
	"fmt"
	"math/bits"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
)

const (
	// stackSize is MAX_BPF_STACK of include/linux/filter.h: for all functions that are
	// active at once.
	stackSize = 512
	// stackUnit is what the kernel rounds the stack of each function up to, where there
	// are several: check_max_stack_depth of kernel/bpf/verifier.c. With a JIT, Linux 6.8
	// and later rounds to 16.
	stackUnit = 32
)

// program is what the functions of a program share.
type program struct {
	options   Options
	tight     bool
	calls     *ir.Calls
	functions map[*ir.Func]*function // those compiled so far
	needs     map[*ir.Func]need
	row       int           // bytes of a row of the scratch map, a power of two; 0 without one
	reads     []object.Read // places whose failures are counted
}

// need is what a function and those that it calls take of the stack, as the kernel
// counts, and of the scratch row.
type need struct{ stack, scratch int }

// compile generates the code of f, up to what only the whole program tells. Those that f
// calls are compiled.
func (p *program) compile(f *ir.Func) {
	below := p.below(f)
	scratch := scratchSlots{}
	var frame *frame
	for frame == nil {
		frame = p.attempt(f, below, scratch)
	}
	own := (max(frame.stack, 1) + stackUnit - 1) / stackUnit * stackUnit
	p.needs[f] = need{below.stack + own, max(below.scratch, frame.scratch)}
}

// attempt returns nil where the frame is too small. What shall go to the scratch map is
// then noted.
func (p *program) attempt(f *ir.Func, below need, scratch scratchSlots) *frame {
	frame := newFrame(f, below.scratch, scratch)
	function := p.selectInstructions(f, findDemands(f), frame)
	function.coalesce()
	function.allocate()
	frame.layout(function)
	above := p.calls.Above[f]
	allowed := share(below.stack, above)
	if p.tight && above > 0 {
		allowed = 0
	}
	if excess := frame.stack - allowed; excess > 0 && function.spillToMap(excess, scratch) {
		return nil
	}
	if most := stackSize - below.stack - above*stackUnit; frame.stack > most {
		panic(excess{
			Span:    f.Span,
			Message: fmt.Sprintf("this needs %d bytes of stack at once, and the kernel has %d left for it", frame.stack, most),
			Hint:    "spread the work over several clauses, or nest fewer loops and functions",
		})
	}
	p.functions[f] = function
	return frame
}

// below returns what the functions need that f calls.
func (p *program) below(f *ir.Func) (below need) {
	for _, callee := range p.calls.Callees[f] {
		needed := p.needs[callee]
		below = need{max(below.stack, needed.stack), max(below.scratch, needed.scratch)}
	}
	return below
}

// share divides what those below leave of the stack between a function and those above
// it. A function whose numbers and buffers have all left for the scratch map may take
// more.
func share(below, above int) int { return (stackSize - below) / (above + 1) / stackUnit * stackUnit }

func (p *program) link(f *ir.Func) *Result {
	if size := p.needs[f].scratch; size > 0 {
		p.row = 1 << bits.Len(uint(size-1))
	}
	l := &linker{main: f}
	for i := len(p.calls.Order) - 1; i >= 0; i-- {
		l.add(p.functions[p.calls.Order[i]].emit())
	}
	l.checkSize()
	l.describeFunctions()
	l.attachLines()
	result := &Result{
		Instructions: l.code,
		Lines:        l.lines(),
		Reads:        p.reads,
		Stack:        p.below(f).stack + p.functions[f].frame.stack,
		ScratchSize:  p.row,
		Static:       l.size,
	}
	if p.options.Trace {
		result.Origins, result.Places = l.trace(p)
	}
	return result
}
