package lang

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/lang/diag"
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
	if s.atForeign(s.pos) {
		s.unknown()
		s.pos = lineEnd(s.text, s.pos)
		return
	}
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
	keyword := p.next()
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

// Imported is what a path of an import leads to.
type Imported struct {
	Text   string   // of a file
	Folder bool     // it is a folder
	Names  []string // of the entries of a folder, in any order
}

// Merge adds to a script what it imports, and what that imports: the lists of an imported
// script stand before those of the importer, in the order of the imports, and each file
// counts once. A path is looked up in the folder of the file that imports it, and then as
// it is. A folder stands for its scripts (.pt, .bt) and headers (.h), by name; folders in
// it are not looked into. A header holds definitions of types. The function read returns
// a file's text or a folder's entries; its error must wrap [fs.ErrNotExist] when there is
// neither. Every node keeps the [Source] that it is from.
//
// The script is unchanged when the Diagnostics have errors.
func Merge(script *Script, read func(path string) (Imported, error)) diag.Diagnostics {
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
	return m.diagnostics.Sorted().Limited()
}

// merger collects scripts into one.
type merger struct {
	read        func(path string) (Imported, error)
	merged      *Script
	seen        map[string]bool
	chain       []string // from the first script to the one at hand
	size        int      // of all files so far
	diagnostics diag.Diagnostics
}

func (m *merger) add(script *Script) {
	for _, i := range script.Imports {
		if path, found, ok := m.find(script, i); ok {
			m.imported(i, path, found)
		}
	}
	all := m.merged
	all.Directives = append(all.Directives, script.Directives...)
	all.Types = append(all.Types, script.Types...)
	all.Maps = append(all.Maps, script.Maps...)
	all.Functions = append(all.Functions, script.Functions...)
	all.Macros = append(all.Macros, script.Macros...)
	all.Clauses = append(all.Clauses, script.Clauses...)
}

func (m *merger) imported(i *Import, path string, found Imported) {
	if found.Folder {
		m.folder(i, path, found.Names)
		return
	}
	if cycle := slices.Index(m.chain, path); cycle >= 0 {
		links := append(slices.Clone(m.chain[cycle:]), path)
		m.fail(i, "this import never ends", "it goes "+strings.Join(links, " -> "))
		return
	}
	if m.seen[path] || !m.within(i, len(found.Text)) {
		return
	}
	m.seen[path] = true
	if strings.HasSuffix(path, ".bpf.c") {
		m.fail(i, quote(path)+" is a program in C, which ponytrace does not translate", "write its functions as fn name($a : int64) : int64 { ... }")
		return
	}
	script, diagnostics := Parse(diag.NewSource(path, found.Text))
	m.diagnostics = append(m.diagnostics, diagnostics...)
	m.refuse(script, strings.HasSuffix(path, ".h"))
	m.chain = append(m.chain, path)
	m.add(script)
	m.chain = m.chain[:len(m.chain)-1]
}

// refuse reports what an imported script, or a header, must not have.
func (m *merger) refuse(script *Script, header bool) {
	if script.Config.Source != nil {
		m.diagnostics = append(m.diagnostics, diag.Diagnostic{
			Span: script.Config, Message: "an imported script has no config", Hint: "put the settings into the script that imports it"})
	}
	if span, found := script.beyondTypes(); header && found {
		m.diagnostics = append(m.diagnostics, diag.Diagnostic{
			Span: span, Message: "an imported header holds definitions of types only", Hint: "a file that ends in .pt or .bt may hold the rest"})
	}
}

// beyondTypes returns the place of a part of the script that is no definition of a type.
func (s *Script) beyondTypes() (span diag.Span, found bool) {
	switch {
	case len(s.Clauses) > 0:
		return s.Clauses[0].Probes[0].Span, true
	case len(s.Functions) > 0:
		return s.Functions[0].NameSpan, true
	case len(s.Macros) > 0:
		return s.Macros[0].NameSpan, true
	case len(s.Maps) > 0:
		return s.Maps[0].Span, true
	}
	return diag.Span{}, false
}

// folder imports the files of a folder that can be imported.
func (m *merger) folder(i *Import, path string, names []string) {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !importable(name) })
	if len(names) == 0 {
		m.fail(i, quote(path)+" is a folder without scripts", "files that end in .pt, .bt or .h are imported")
		return
	}
	slices.Sort(names)
	for _, name := range names {
		inside := filepath.Join(path, name)
		found, err := m.read(inside)
		switch {
		case err != nil:
			m.fail(i, fmt.Sprintf("%s cannot be imported: %v", quote(inside), err), "")
		case !found.Folder:
			m.imported(i, inside, found)
		}
	}
}

// importable tells the files of a folder that count from others, hidden ones too.
func importable(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	for _, end := range []string{".pt", ".bt", ".h", ".bpf.c"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// find reads the file or folder that an import means.
func (m *merger) find(by *Script, i *Import) (path string, found Imported, ok bool) {
	candidates := []string{filepath.Clean(i.Path)}
	if !filepath.IsAbs(i.Path) {
		if beside := filepath.Join(filepath.Dir(by.Source.Name), i.Path); beside != candidates[0] {
			candidates = append([]string{beside}, candidates...)
		}
	}
	for _, path := range candidates {
		found, err := m.read(path)
		if err == nil {
			return path, found, true
		}
		if !errors.Is(err, fs.ErrNotExist) {
			m.fail(i, fmt.Sprintf("%s cannot be imported: %v", quote(path), err), "")
			return "", Imported{}, false
		}
	}
	m.fail(i, "there is no file "+strings.Join(candidates, ", and no "), "a path is looked up beside the script, and then as it is")
	return "", Imported{}, false
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

//go:noinline
func (m *merger) fail(i *Import, message, hint string) {
	m.diagnostics = append(m.diagnostics, diag.Diagnostic{Span: i.PathSpan, Message: message, Hint: hint})
}
