package ir

import "slices"

// Root returns the program that f belongs to: f itself where it is one.
func (f *Func) Root() *Func {
	if f.Program != nil {
		return f.Program
	}
	return f
}

// Functions returns the program f and its callbacks.
func (f *Func) Functions() []*Func { return append([]*Func{f}, f.Callbacks...) }

// Callees returns the functions that f names, each once.
func (f *Func) Callees() []*Func {
	var callees []*Func
	for _, block := range f.Blocks {
		for _, value := range block.Values {
			if value.Callee != nil && !slices.Contains(callees, value.Callee) {
				callees = append(callees, value.Callee)
			}
		}
	}
	return callees
}

// Calls is the call graph of a program.
type Calls struct {
	// Order holds the functions that may run, each behind all that it calls: the program
	// comes last.
	Order   []*Func
	Callees map[*Func][]*Func
	// Above is the number of functions that may be active when one is called.
	Above map[*Func]int
}

// Calls walks the program and what it calls. It fails on recursion and on more than
// MaxFrames functions at once, which the verifier refuses.
func (f *Func) Calls() *Calls {
	c := &Calls{Callees: map[*Func][]*Func{}, Above: map[*Func]int{}}
	c.visit(f, map[*Func]bool{})
	for _, caller := range slices.Backward(c.Order) {
		for _, callee := range c.Callees[caller] {
			c.Above[callee] = max(c.Above[callee], c.Above[caller]+1)
			if c.Above[callee] >= MaxFrames {
				callee.Fail(callee.Span, "more than %d functions at once", MaxFrames)
			}
		}
	}
	return c
}

func (c *Calls) visit(f *Func, active map[*Func]bool) {
	if active[f] {
		f.Fail(f.Span, "%s calls itself", f.Name)
	}
	if _, done := c.Callees[f]; done {
		return
	}
	active[f] = true
	callees := f.Callees()
	for _, callee := range callees {
		c.visit(callee, active)
	}
	active[f] = false
	c.Callees[f] = callees
	c.Order = append(c.Order, f)
}
