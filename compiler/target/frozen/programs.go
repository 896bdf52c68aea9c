package frozen

import (
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// programs finds those of the record, as package detect finds those of a machine. A process
// runs /bin/demo and has the library mapped.
func programs(name string, pid int) (list []target.Program, err error) {
	if pid == 0 && (name == "" || name == "*") {
		return nil, errors.New("a probe names its program, unless -p PID says of which process it is")
	}
	for _, recorded := range recordedPaths() {
		matched, _ := path.Match(name, recorded)
		base := path.Base(recorded)
		switch {
		case name == "":
			matched = base == "demo"
		case name == "*":
			matched = base == "demo" || base == "libc.so.6"
		case !strings.Contains(name, "/"):
			matched = base == name || strings.HasPrefix(base, name+".so")
		}
		if matched {
			list = append(list, target.Program{Path: recorded, Opens: recorded})
		}
	}
	if len(list) == 0 {
		return nil, &target.UnknownProgramError{Text: "there is no file " + name}
	}
	return list, nil
}

func recordedPaths() (paths []string) {
	for line := range strings.Lines(binaryAnswers + serverAnswers) {
		words := strings.Fields(line)
		if len(words) > 1 && words[0] == "facts" && !slices.Contains(paths, words[1]) {
			paths = append(paths, words[1])
		}
	}
	return paths
}
