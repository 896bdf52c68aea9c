package builtin

import (
	"strings"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// userEntry lists the arguments of a program's function as -lv shows them.
func userEntry(t *target.Target, parts []string) (list []string) {
	function := userFunction(t, parts)
	if function == nil {
		return nil
	}
	for _, param := range function.Params {
		list = append(list, typed(param.Type, param.Name))
	}
	if function.Variadic {
		list = append(list, "...")
	}
	return list
}

func userReturn(t *target.Target, parts []string) []string {
	function := userFunction(t, parts)
	if function == nil || function.Return == nil {
		return nil
	}
	return []string{typed(function.Return, "retval")}
}

// userFunction is the function that an attach point of a list names; nil for a place
// inside of one, and for one that the program does not describe.
func userFunction(t *target.Target, parts []string) *target.Function {
	if len(parts) < 2 {
		return nil
	}
	name := strings.Trim(strings.Join(parts[1:], ":"), `"`)
	programs, err := t.Programs(parts[0], 0)
	if err != nil || len(programs) != 1 {
		return nil
	}
	binary, err := t.Binary(programs[0].Opens)
	if err != nil {
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
