package sema

import "github.com/ponytrace/ponytrace/lang"

// A #define is written out at each of its uses. Thirty that each mention the one before
// twice would stand for a thousand million nodes, so what each stands for is counted
// first.

// define enters the #defines of a script; it reports one that stands for too much.
func (c *checker) define(script *lang.Script) bool {
	c.Constants.define(script.Directives)
	for _, d := range script.Directives {
		if size := c.Constants.size(d); size > maxCopied {
			c.Errorf(d.NameSpan, "%s stands for more than %d numbers, names and operators, with the #defines that it leads to", d.Name, maxCopied)
			return false
		}
	}
	return true
}

// size is how many nodes a #define stands for, those that it leads to included;
// maxCopied+1 where there are more.
func (c *Constants) size(d *lang.Directive) int {
	if size, known := c.sizes[d]; known || d.Value == nil {
		return size
	}
	c.sizes[d] = 0 // for those that lead back here
	n := 0
	lang.Walk(d.Value, func(node any) bool {
		n++
		if name, ok := node.(*lang.Name); ok {
			n += c.largest(name.Name)
		}
		return true
	})
	c.sizes[d] = min(n, maxCopied+1)
	return c.sizes[d]
}

// largest is the size of the largest of the #defines of a name.
func (c *Constants) largest(name string) (size int) {
	for _, d := range c.defines[name] {
		size = max(size, c.size(d))
	}
	return size
}

// writeOut counts a use of a #define; it reports, once, a clause that they make too
// large.
func (c *checker) writeOut(e *lang.Name) bool {
	if c.instance.written > maxCopied {
		return false
	}
	c.instance.written += c.instance.repeats * c.Constants.largest(e.Name)
	if c.instance.written <= maxCopied {
		return true
	}
	c.Errorf(e.Span, "what the #defines and unrolls of this clause write out is too large together")
	return false
}
