package sema

import (
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/glob"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// maxPattern bounds the code that a pattern becomes.
const maxPattern = 1024

// match checks =~ and !~: a text on the left, a pattern that is known before tracing
// starts on the right.
func (c *checker) match(e *lang.Binary, x, y *types.Type) *types.Type {
	if x.Kind != types.String && x.Kind != types.ProbeName {
		c.Errorf(e.X.Range(), "%s matches a text, not %s", e.Op, x)
		if x.Kind == types.Pointer || x.Kind == types.Int || x.ByteArray() {
			c.Hint("read it first: str(%s)", e.X.Range().Text())
		}
		return nil
	}
	text, known := c.Text(e.Y)
	if !known {
		c.Errorf(e.Y.Range(), "the pattern of %s must be known before tracing starts, and this is %s", e.Op, y)
		if y.Kind == types.String {
			c.Hint("whether a text contains another is strcontains(%s, %s)", e.X.Range().Text(), e.Y.Range().Text())
		} else {
			c.Hint("a pattern is a text in quotes: %s \"*.so\"", e.Op)
		}
		return nil
	}
	if len(text) > maxPattern {
		c.Errorf(e.Y.Range(), "this pattern has %d bytes, and %d is the limit", len(text), maxPattern)
		return types.Boolean
	}
	pattern, err := glob.Parse(text)
	if err != nil {
		c.Errorf(e.Y.Range(), "%v", err)
		return nil
	}
	if x.Kind == types.String {
		builtin.CheckSteps(hooks{c}, e.Span, matchSteps(pattern, x.Size))
	}
	return types.Boolean
}

// matchSteps is how often the segments between two stars are looked for.
func matchSteps(pattern *glob.Pattern, size int) (steps int) {
	for i := 1; i < len(pattern.Segments)-1; i++ {
		steps += builtin.SearchSteps(size, len(pattern.Segments[i]))
	}
	return steps
}
