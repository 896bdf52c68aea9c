package lang

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

const (
	maxImports     = 100
	maxImportDepth = 20
	maxImported    = 4 * maxSize // bytes of all files together
)

// atImport takes the word for an import unless it is part of a probe.
func (s *scanner) atImport() bool {
	end := s.pos + len("import")
	return s.wordHere() == "import" && (end == len(s.text) || s.text[end] != ':')
}

func (s *scanner) importLine() {
	start := s.pos
	s.take(importToken, len("import"))
	s.pos = skipInline(s.text, s.pos)
	if s.peek() != '"' {
		s.fail(start, start+len("import"), "expected the path of a script after import", `write import "file.pt";`)
		s.pos = lineEnd(s.text, s.pos)
		return
	}
	s.quoted()
	s.space()
	if s.peek() == ';' {
		s.take(semicolonToken, 1)
	}
}

func (p *parser) importLine(script *Script) {
	keyword := p.lex.Next()
	path := p.stringLiteral(p.lex.Peek()).(*String)
	i := &Import{Path: path.Value, PathSpan: path.Span, Span: p.tokenSpan(keyword).To(path.Span)}
	switch {
	case len(script.Clauses) > 0:
		p.fail(i.Span, "import must stand before the first probe", "")
	case path.Value == "" || strings.ContainsRune(path.Value, 0):
		p.fail(i.PathSpan, "this is no path", `write import "file.pt";`)
	}
	script.Imports = append(script.Imports, i)
}

// Merge adds to a script what it imports, and what that imports: the lists of an imported script stand before those
// of the importer, in the order of the imports, and each file counts once. A path is looked up in the folder of
// the file that imports it, and then as it is. The function read returns a file's text; its error must wrap
// [fs.ErrNotExist] when there is no such file. Every node keeps the [Source] that it is from.
//
// The script is unchanged when the Diagnostics have errors.
func Merge(script *Script, read func(path string) (string, error)) Diagnostics {
	if len(script.Imports) == 0 {
		return nil
	}
	m := &merger{read: read, seen: map[string]bool{}, merged: &Script{Source: script.Source}}
	m.chain = []string{filepath.Clean(script.Source.Name)}
	m.add(script)
	if !m.diagnostics.HasErrors() {
		m.merged.Config, m.merged.Settings = script.Config, script.Settings
		m.merged.Comments, m.merged.Imports = script.Comments, script.Imports
		*script = *m.merged
	}
	return m.diagnostics.Sorted().limited()
}

// merger collects scripts into one.
type merger struct {
	read        func(path string) (string, error)
	merged      *Script
	seen        map[string]bool
	chain       []string // from the first script to the one at hand
	size        int      // of all files so far
	diagnostics Diagnostics
}

func (m *merger) add(script *Script) {
	for _, i := range script.Imports {
		m.imported(script, i)
	}
	all := m.merged
	all.Directives = append(all.Directives, script.Directives...)
	all.Types = append(all.Types, script.Types...)
	all.Maps = append(all.Maps, script.Maps...)
	all.Functions = append(all.Functions, script.Functions...)
	all.Macros = append(all.Macros, script.Macros...)
	all.Clauses = append(all.Clauses, script.Clauses...)
}

func (m *merger) imported(by *Script, i *Import) {
	path, text, found := m.find(by, i)
	if !found {
		return
	}
	if cycle := slices.Index(m.chain, path); cycle >= 0 {
		links := append(slices.Clone(m.chain[cycle:]), path)
		m.fail(i, "this import never ends", "it goes "+strings.Join(links, " -> "))
		return
	}
	if m.seen[path] || !m.within(i, len(text)) {
		return
	}
	m.seen[path] = true
	script, diagnostics := Parse(NewSource(path, text))
	m.diagnostics = append(m.diagnostics, diagnostics...)
	if script.Config.Source != nil {
		m.diagnostics = append(m.diagnostics, Diagnostic{
			Span: script.Config, Message: "an imported script has no config", Hint: "put the settings into the script that imports it"})
	}
	m.chain = append(m.chain, path)
	m.add(script)
	m.chain = m.chain[:len(m.chain)-1]
}

// find reads the file that an import means.
func (m *merger) find(by *Script, i *Import) (path, text string, found bool) {
	candidates := []string{filepath.Clean(i.Path)}
	if !filepath.IsAbs(i.Path) {
		if beside := filepath.Join(filepath.Dir(by.Source.Name), i.Path); beside != candidates[0] {
			candidates = append([]string{beside}, candidates...)
		}
	}
	for _, path := range candidates {
		text, err := m.read(path)
		if err == nil {
			return path, text, true
		}
		if !errors.Is(err, fs.ErrNotExist) {
			m.fail(i, fmt.Sprintf("%s cannot be imported: %v", quote(path), err), "")
			return "", "", false
		}
	}
	m.fail(i, "there is no file "+strings.Join(candidates, ", and no "), "a path is looked up beside the script, and then as it is")
	return "", "", false
}

// within checks the limits.
func (m *merger) within(i *Import, size int) bool {
	m.size += size
	switch {
	case len(m.chain) > maxImportDepth:
		m.fail(i, fmt.Sprintf("imports are nested more than %d levels deep", maxImportDepth), "")
	case len(m.seen) == maxImports:
		m.fail(i, fmt.Sprintf("more than %d files are imported", maxImports), "")
	case m.size > maxImported:
		m.fail(i, fmt.Sprintf("the imported files have more than %d bytes together", maxImported), "")
	default:
		return true
	}
	return false
}

func (m *merger) fail(i *Import, message, hint string) {
	m.diagnostics = append(m.diagnostics, Diagnostic{Span: i.PathSpan, Message: message, Hint: hint})
}
