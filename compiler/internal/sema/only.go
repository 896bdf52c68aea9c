package sema

import (
	"regexp"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// keepMatches leaves out the attach points whose names --probe-filter does not match, and
// programs that have no others. BEGIN, END and what -p adds always stay. The clauses are
// checked all the same, so that maps have the types that the whole script gives them.
func (c *checker) keepMatches() {
	if c.options.Only == nil || len(c.diagnostics) > 0 || len(c.Programs) == 0 {
		return
	}
	found, first := false, c.firstWritten()
	c.Programs = slices.DeleteFunc(slices.Clone(c.Programs), func(p *Program) bool {
		if always(p.Site) {
			return false
		}
		kept := c.keepPoints(p.Site)
		found = found || kept
		return !kept && !p.onlyHidden()
	})
	if !found {
		c.Errorf(first, "--probe-filter %q leaves no probe of the script", c.options.Only)
		c.Hint("it is matched against names such as kprobe:vfs_read")
	}
}

// firstWritten is the place of the first probe that the user wrote.
func (c *checker) firstWritten() diag.Span {
	i := slices.IndexFunc(c.Instances, func(i *Instance) bool { return !i.Hidden })
	return c.Instances[max(i, 0)].Clause.Probes[0].Span
}

// onlyHidden leaves out the clauses of the script, and reports whether others are left.
func (p *Program) onlyHidden() bool {
	p.Instances = slices.DeleteFunc(slices.Clone(p.Instances), func(i *Instance) bool { return !i.Hidden })
	return len(p.Instances) > 0
}

// keepPoints reports whether any is left; if none, the site stays as it is.
func (c *checker) keepPoints(site *builtin.Site) bool {
	var kept []object.Point
	for _, point := range site.Points {
		if keepFunctions(c.options.Only, site, &point) {
			kept = append(kept, point)
		}
	}
	if len(kept) == 0 {
		return false
	}
	site.Points = kept
	c.nameProbes(site)
	return true
}

func always(site *builtin.Site) bool {
	point := &site.Points[0]
	return point.Once()
}

// keepFunctions matches a point, or each function of one that has many.
func keepFunctions(only *regexp.Regexp, site *builtin.Site, point *object.Point) bool {
	names := point.Shown()
	if len(names) <= 1 {
		return only.MatchString(point.Probe)
	}
	var kept []int
	for i, name := range names {
		if only.MatchString(site.Scope.Probe.Name + ":" + name) {
			kept = append(kept, i)
		}
	}
	*point = point.Picked(kept...)
	if len(kept) == 1 {
		point.Probe = site.Scope.Probe.Name + ":" + names[kept[0]]
	}
	return len(kept) > 0
}
