package binary

import (
	"path"
	"strings"
)

// maxGoFiles bounds how often the code of one function goes from one file to another.
const maxGoFiles = 1 << 14

// golang looks for a line by Go's table, which a program has that lacks debug information.
func (s *lineSearch) golang(t *goTable) error {
	var files fileRuns
	return t.each(func(start, _, _ uint64) bool {
		if d, ok := t.describe(t.text + start); ok {
			files = s.goFiles(t, d, files[:0])
			s.goLines(t, d, files)
		}
		return t.pages.step(1) == nil
	})
}

// fileRuns are the parts of a function by file; nil is one that is not looked for.
type fileRuns []fileRun

type fileRun struct {
	until uint64
	file  *source
}

// goFiles collects the parts of a function that come from the file, if any do.
func (s *lineSearch) goFiles(t *goTable, d goFunction, runs fileRuns) fileRuns {
	found := false
	t.runs(d, d.file, func(_, until uint64, index int64) bool {
		run := fileRun{until: until}
		if index >= 0 {
			unit := t.from(t.units + 4*(uint64(d.unit)+uint64(index)))
			at := t.from(t.files + uint64(unit.u32()))
			if name := string(at.view(maxName)); name == s.file || strings.HasSuffix(name, "/"+s.file) {
				run.file, found = s.source(path.Clean(name)), true
			}
		}
		runs = append(runs, run)
		return len(runs) < maxGoFiles
	})
	if !found {
		return nil
	}
	return runs
}

// goLines takes the lines of those parts. Each run of a line is a statement.
func (s *lineSearch) goLines(t *goTable, d goFunction, files fileRuns) {
	if len(files) == 0 {
		return
	}
	t.runs(d, d.line, func(from, _ uint64, line int64) bool {
		for len(files) > 1 && files[0].until <= from {
			files = files[1:]
		}
		if file := files[0].file; file != nil && from < files[0].until {
			file.row(row{address: t.text + from, line: line}, s.line, false)
		}
		return true
	})
}

// runs visits what a table of values has for a function, from where to where.
func (t *goTable) runs(d goFunction, table uint32, visit func(from, until uint64, value int64) bool) {
	if table == 0 {
		return
	}
	c, value := t.from(t.values+uint64(table)), int64(-1)
	for at := d.start; at < d.end && c.more(); {
		difference := uint32(c.uleb())
		if difference == 0 && at != d.start {
			return
		}
		value += int64(int32(difference>>1) ^ -int32(difference&1))
		from := at
		at += c.uleb() * t.quantum
		if c.err != nil || at <= from || !visit(from, at, value) {
			return
		}
	}
}
