package runtime

import (
	"fmt"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// numberKfuncs puts the numbers of the kernel's functions into the calls of programs.
// They differ from kernel to kernel, so the compiler leaves the names.
func numberKfuncs(o *object.Object, machine *target.Target) error {
	for _, program := range o.All() {
		for i := range program.Instructions {
			call := &program.Instructions[i]
			if !call.IsKfuncCall() {
				continue
			}
			number, known := machine.Kfunc(call.Reference())
			if !known {
				return fmt.Errorf("%s needs the function %s of the kernel, which the kernel's types do not describe",
					program.Points[0].Probe, call.Reference())
			}
			call.Constant = int64(number)
		}
	}
	return nil
}
