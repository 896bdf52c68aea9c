package sema

import "github.com/ponytrace/ponytrace/lang"

// The verifier walks a function the slower, the longer it is, and gives up on one that
// branches more than 8,192 times (BPF_COMPLEXITY_LIMIT_JMP_SEQ). So a large body is cut
// into parts: runs of statements that become functions of the program, each of which the
// verifier walks once and by itself. A variable that two parts mention is Shared.
//
//	{ s1; s2; s3; if (c) { t1; t2 } }      { part1(); part2(); if (c) { part3(); } }
//
// A part is never cut again. A statement that is too large for a part is cut inside,
// where it can be; its own conditions stay where they are.

const (
	// cutFrom is from how many nodes of the syntax tree on a body is cut: some hundred
	// statements.
	cutFrom = 600
	// partSize is how many nodes a part has at most, if it is not a single statement.
	partSize = 200
	// fullParts is how many parts of full size a clause has at most. With those that are
	// half full they keep well below BPF_MAX_SUBPROGS, 256 functions, and leave room for
	// loops and functions of the script.
	fullParts = 80
)

// cutter finds the parts of a clause.
type cutter struct {
	checker *checker
	size    int // of a part
	weights map[lang.Statement]int
	bodies  map[any]int // the weights of functions and macros; 0 for those being weighed
	parts   map[lang.Statement]int
}

// partsOf returns how many statements the part has that begins with a statement. It is
// empty for a small clause.
func (c *checker) partsOf(clause *lang.Clause) map[lang.Statement]int {
	if parts, known := c.cuts[clause]; known {
		return parts
	}
	cut := &cutter{
		checker: c, weights: map[lang.Statement]int{}, bodies: map[any]int{},
		parts: map[lang.Statement]int{},
	}
	from := cutFrom
	cut.size = partSize
	if c.options.PartSize > 0 {
		from, cut.size = c.options.PartSize, c.options.PartSize
	}
	if whole := cut.weight(clause.Body); whole > from && c.options.PartSize >= 0 {
		cut.size = max(cut.size, whole/fullParts)
		cut.list(clause.Body.Statements)
	}
	c.cuts[clause] = cut.parts
	return cut.parts
}

// list cuts a list of statements: those that follow one another go together as far as the
// size allows.
func (c *cutter) list(statements []lang.Statement) {
	first, sum := 0, 0
	end := func(next int) {
		if sum > c.size/2 {
			c.parts[statements[first]] = next - first
		}
		first, sum = next, 0
	}
	for i, s := range statements {
		weight := c.weight(s)
		if sum+weight > c.size {
			end(i)
		}
		if weight > c.size && c.inside(s) {
			first = i + 1
			continue
		}
		sum += weight
	}
	end(len(statements))
}

// inside cuts what a statement consists of, and reports whether it can be.
func (c *cutter) inside(s lang.Statement) bool {
	switch s := s.(type) {
	case *lang.Block:
		c.list(s.Statements)
	case *lang.If:
		c.list(s.Then.Statements)
		if s.Else != nil && !c.inside(s.Else) {
			c.list([]lang.Statement{s.Else})
		}
	case *lang.While:
		c.list(s.Body.Statements)
	case *lang.For:
		c.list(s.Body.Statements)
	default:
		return false
	}
	return true
}

// weight counts the nodes of a statement, and of what it calls.
func (c *cutter) weight(s lang.Statement) int {
	weight, known := c.weights[s]
	if !known {
		weight = c.nodes(s)
		c.weights[s] = weight
	}
	return weight
}

func (c *cutter) nodes(body any) (n int) {
	lang.Walk(body, func(node any) bool {
		n++
		if below := c.checker.calleeBody(node); below != nil {
			n += c.body(below)
		}
		return true
	})
	return n
}

func (c *cutter) body(body any) int {
	weight, known := c.bodies[body]
	if !known {
		c.bodies[body] = 0
		weight = min(c.nodes(body), maxCopied)
		c.bodies[body] = weight
	}
	return weight
}

// partOfClause checks the statements of a part.
func (c *checker) partOfClause(statements []lang.Statement) {
	outer := c.instance.part
	c.instance.part = statements[0]
	for _, s := range statements {
		c.statement(s)
	}
	c.instance.part = outer
}
