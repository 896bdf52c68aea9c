package builtin

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// The first part of a pattern is the program, as in a script:
//
//	uprobe:/bin/bash:read*    the functions of a file; the name of a program or library is searched for
//	uprobe:*:malloc           with -p in all that the process has mapped, uprobe::main in its own program
//	uprobe:main, usdt:*       with -p as well, where there is no / in the only part
//
// Without -p a pattern that names no program matches nothing: there are too many.

var errNoProgram = errors.New("the pattern names no program: write its path or name before the last part, " +
	"or -p PID for those of a process")

// ofPrograms tells the program from what is written behind it. Where none is written,
// with -p it is the one given here.
func (l *Lister) ofPrograms(patterns []string, unnamed string) (program string, rest []string, any bool) {
	inProcess := len(l.Pids) > 0
	switch {
	case len(patterns) == 0:
		return unnamed, nil, inProcess
	case len(patterns) == 1 && strings.Contains(patterns[0], "/"):
		return patterns[0], nil, true
	case len(patterns) == 1:
		return unnamed, patterns, inProcess
	case patterns[0] == "":
		return unnamed, patterns[1:], inProcess
	}
	return patterns[0], patterns[1:], inProcess || patterns[0] != "*"
}

// listedFile is a program or library.
type listedFile struct {
	path   string // as a script would write it
	binary target.Binary
}

// files visits the files that the name of a program stands for, each once. Of several,
// those that cannot be read are passed over.
func (l *Lister) files(name string, visit func(listedFile) error) error {
	programs, err := l.programs(name)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, program := range programs {
		binary, err := l.Target.Binary(program.Opens)
		if err == nil {
			identity := target.Identity(binary, program.Opens)
			if known[identity] {
				continue
			}
			known[identity] = true
			err = visit(listedFile{quotedPath(program.Path), binary})
		}
		if err != nil && len(programs) == 1 {
			return fmt.Errorf("%s: %w", program.Path, err)
		}
	}
	return nil
}

// programs are those of each process, or of the machine.
func (l *Lister) programs(name string) (list []target.Program, err error) {
	if len(l.Pids) == 0 {
		return l.Target.Programs(name, 0)
	}
	for _, pid := range l.Pids {
		programs, err := l.Target.Programs(name, pid)
		if err != nil {
			return nil, err
		}
		list = append(list, programs...)
	}
	return list, nil
}

// listUser visits functions, with the arguments that are declared.
func listUser(declared func(*target.Function) []string) func(*ProbeType, *Lister, []string) error {
	return func(p *ProbeType, l *Lister, patterns []string) error {
		program, rest, any := l.ofPrograms(patterns, "")
		if !any {
			return errNoProgram
		}
		pattern := strings.Join(rest, ":")
		if pattern == "" {
			pattern = "*"
		}
		return l.files(program, func(file listedFile) error {
			return eachLike(file.binary, pattern, func(f target.BinaryFunction) bool {
				l.Visit(p.Name+":"+file.path+":"+shown(f), func() []string {
					function, err := file.binary.Signature(f)
					if err != nil {
						return nil
					}
					return declared(function)
				})
				return true
			})
		})
	}
}

// eachLike visits the functions that a text names in full, or else those that are like it.
func eachLike(binary target.Binary, text string, visit func(target.BinaryFunction) bool) error {
	functions, err := namedInFull(binary, text)
	if err != nil {
		return err
	}
	if len(functions) == 0 {
		return binary.Match(text, visit)
	}
	for _, f := range functions {
		if !visit(f) {
			break
		}
	}
	return nil
}

// parameters lists the arguments of a function of a program as -lv shows them.
func parameters(function *target.Function) (list []string) {
	for _, param := range function.Params {
		list = append(list, typed(param.Type, param.Name))
	}
	if function.Variadic {
		list = append(list, "...")
	}
	return list
}

func result(function *target.Function) []string {
	if function.Return == nil {
		return nil
	}
	return []string{typed(function.Return, "retval")}
}

func userEntry(t *target.Target, parts []string) []string {
	if function := userFunction(t, parts); function != nil {
		return parameters(function)
	}
	return nil
}

func userReturn(t *target.Target, parts []string) []string {
	if function := userFunction(t, parts); function != nil {
		return result(function)
	}
	return nil
}

// userFunction is the function that an attach point of a script names; nil for a place
// inside of one, and for one that the program does not describe.
func userFunction(t *target.Target, parts []string) *target.Function {
	if len(parts) < 2 {
		return nil
	}
	name := strings.Trim(strings.Join(parts[1:], ":"), `"`)
	binary := onlyBinary(t, parts[0])
	if binary == nil {
		return nil
	}
	functions, err := binary.Functions(name)
	if err != nil || len(functions) == 0 {
		return nil
	}
	function, err := binary.Signature(functions[0])
	if err != nil {
		return nil
	}
	return function
}

// onlyBinary is the one file that a name stands for, or nil.
func onlyBinary(t *target.Target, name string) target.Binary {
	programs, err := t.Programs(name, 0)
	if err != nil || len(programs) != 1 {
		return nil
	}
	binary, err := t.Binary(programs[0].Opens)
	if err != nil {
		return nil
	}
	return binary
}

// listMarkers visits USDT probes, each name once.
func listMarkers(p *ProbeType, l *Lister, patterns []string) error {
	program, rest, any := l.ofPrograms(patterns, "*")
	if !any {
		return errNoProgram
	}
	provider, name := "", ""
	if len(rest) > 0 {
		name = rest[len(rest)-1]
	}
	if len(rest) > 1 {
		provider = rest[0]
	}
	return l.files(program, func(file listedFile) error {
		markers, err := file.binary.Markers()
		for _, marker := range onceByName(matchingMarkers(markers, provider, name)) {
			l.Visit(p.Name+":"+file.path+":"+marker.Provider+":"+marker.Name, func() []string {
				return markerWords(l.Target, file.binary, marker)
			})
		}
		return err
	})
}

// onceByName sorts markers by name, and keeps the first place of each.
func onceByName(markers []target.Marker) []target.Marker {
	byName := func(a, b target.Marker) int {
		return cmp.Or(strings.Compare(a.Provider, b.Provider), strings.Compare(a.Name, b.Name))
	}
	slices.SortStableFunc(markers, byName)
	return slices.CompactFunc(markers, func(a, b target.Marker) bool { return byName(a, b) == 0 })
}

// markerArguments lists the arguments of the first place of a name; those of others
// differ in where they are, and seldom in size.
func markerArguments(t *target.Target, parts []string) []string {
	if len(parts) != 3 {
		return nil
	}
	binary := onlyBinary(t, parts[0])
	if binary == nil {
		return nil
	}
	markers, _ := binary.Markers()
	i := slices.IndexFunc(markers, func(m target.Marker) bool { return m.Provider == parts[1] && m.Name == parts[2] })
	if i < 0 {
		return nil
	}
	return markerWords(t, binary, markers[i])
}

func markerWords(t *target.Target, binary target.Binary, marker target.Marker) (list []string) {
	for n, a := range argumentsOf(t, binary, marker) {
		if a.Unreadable != "" {
			list = append(list, fmt.Sprintf("unknown arg%d", n))
			continue
		}
		list = append(list, typed(markerType(a), fmt.Sprintf("arg%d", n)))
	}
	return list
}
