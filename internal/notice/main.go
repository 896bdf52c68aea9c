// Command notice writes the file NOTICE: whose code is in the binary, and under which
// licences.
//
//	go generate ./internal/notice
//
// The modules are those of the packages that the go command links for the architectures
// of a release, so what only tests and tools need is not among them. Modules under the
// same words stand together. The standard library of Go has those of golang.org/x/sys.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:generate go run .

const (
	file    = "../../NOTICE"
	program = "github.com/ponytrace/ponytrace/cmd/ponytrace"
	// withGo has the licence of the standard library.
	withGo = "golang.org/x/sys"
)

var architectures = []string{"amd64", "arm64"}

const heading = `ponytrace is under the Apache License, Version 2.0 (see the file LICENSE).

Its binary holds code of others, under the licences that follow. go generate ./internal/notice writes this file.
`

func main() {
	text, err := notice()
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		log.Fatal(err)
	}
}

// module is one that is linked.
type module struct{ path, version, folder string }

// notice returns the text of the file.
func notice() ([]byte, error) {
	modules, err := linked()
	if err != nil {
		return nil, err
	}
	under := map[string][]string{} // the names of what is under a licence
	var texts []string
	for _, m := range modules {
		text, err := m.licence()
		if err != nil {
			return nil, err
		}
		if under[text] == nil {
			texts = append(texts, text)
		}
		under[text] = append(under[text], m.names()...)
	}
	var out bytes.Buffer
	out.WriteString(heading)
	for _, text := range texts {
		fmt.Fprintf(&out, "\n%s\n\n%s\n\n%s\n", strings.Repeat("-", 80), strings.Join(under[text], "\n"), text)
	}
	return out.Bytes(), nil
}

// linked lists the modules of the binary, in the order of their names.
func linked() ([]module, error) {
	var list []module
	for _, architecture := range architectures {
		command := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}", program)
		command.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+architecture, "CGO_ENABLED=0")
		command.Stderr = os.Stderr
		text, err := command.Output()
		if err != nil {
			return nil, fmt.Errorf("listing what is linked: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) == 3 {
				list = append(list, module{fields[0], fields[1], fields[2]})
			}
		}
	}
	slices.SortFunc(list, func(a, b module) int { return strings.Compare(a.path, b.path) })
	return slices.Compact(list), nil
}

func (m module) names() []string {
	names := []string{m.path + " " + m.version}
	if m.path == withGo {
		names = append(names, "the standard library and the runtime of Go")
	}
	return names
}

// licence joins the files that say under what a module is.
func (m module) licence() (string, error) {
	var parts []string
	for _, pattern := range []string{"LICEN[CS]E*", "COPYING*", "NOTICE*", "PATENTS*"} {
		files, err := filepath.Glob(filepath.Join(m.folder, pattern))
		if err != nil {
			return "", err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			parts = append(parts, strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n")))
		}
	}
	if len(parts) == 0 {
		return "", fmt.Errorf("%s has no file with its licence", m.path)
	}
	return strings.Join(parts, "\n\n"), nil
}
