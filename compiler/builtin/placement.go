package builtin

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// Placed is where a probe on a place of a program goes.
type Placed struct {
	Offset uint64
	// Why is the reason why that is not where it was asked for; empty where it is.
	Why string
	// Opens and Lands are those of the instruction there.
	Opens, Lands bool
}

// placedAt is a place at an instruction.
func placedAt(i target.Instruction, why string) Placed {
	return Placed{i.Offset, why, i.Opens, i.Lands}
}

// PastLanding moves a place that is at endbr64 to the instruction behind, where a probe
// may be there.
func PastLanding(p target.Placement, placed Placed, features target.Features) Placed {
	i := slices.IndexFunc(p.Next, func(next target.Instruction) bool { return next.Offset > placed.Offset })
	if !placed.Lands || i < 0 {
		return placed
	}
	p.Instruction = p.Next[i]
	if worse, err := harmful(p, features); worse != "" || err != nil {
		return placed
	}
	return placedAt(p.Next[i], "some kernels add the caller to a stack at endbr64, and others do not")
}

// PlaceUser decides where a probe on a place of a program goes: there, or on an instruction
// behind it that runs exactly when that one does, because it would be lost or do harm
// there or because the kernel is several times faster with the other. An error says why
// there is no such place.
func PlaceUser(p target.Placement, features target.Features) (Placed, error) {
	harm, err := harmful(p, features)
	if err != nil {
		return Placed{}, err
	}
	if harm == "" && (!p.Entry || quick(p.Class, features)) {
		return placedAt(p.Instruction, ""), nil
	}
	for _, next := range p.Next {
		moved := p
		moved.Instruction = next
		worse, err := harmful(moved, features)
		if err != nil || worse != "" || harm == "" && !quick(next.Class, features) {
			continue
		}
		why := harm
		if why == "" {
			why = "the kernel single-steps the instruction there, which takes several times as long"
		}
		return placedAt(next, why), nil
	}
	if harm != "" {
		return Placed{}, errors.New(harm)
	}
	return placedAt(p.Instruction, ""), nil
}

// quick reports whether a probe costs the process no single step.
func quick(c target.InstructionClass, features target.Features) bool {
	return c == target.Emulated || c == target.Nop5 && features.Nop5Call ||
		c == target.Nop10 && features.Nop10Call
}

// harmful says why there can be no probe on an instruction, though there might be one on
// one behind it; an error is why there can be none at all.
func harmful(p target.Placement, features target.Features) (string, error) {
	switch p.Class {
	case target.NoCode:
		return "", errors.New("there is no code there")
	case target.Within:
		return "", fmt.Errorf("no instruction begins there: the one at %#x has the byte inside", p.Offset)
	case target.Undecodable:
		return "", errors.New("the bytes there are no instruction that is known")
	case target.Trap:
		return "", errors.New("the program has a breakpoint of its own there (int3)")
	case target.Refused:
		return "no kernel takes a probe on the instruction there", nil
	case target.Nop10:
		if !features.Nop10Call {
			return "a probe on the nop of ten bytes there would never fire on this kernel", nil
		}
	case target.Nop5:
		if features.Nop5Call && !p.Entry {
			return "this kernel puts a call in the place of the nop of five bytes there, " +
				"which overwrites memory of the function", nil
		}
	}
	return "", nil
}

// rememberReturn are functions of C libraries that note the address to return to, for a
// jump there later on.
var rememberReturn = []string{
	"setjmp", "_setjmp", "__setjmp", "sigsetjmp", "_sigsetjmp", "__sigsetjmp", "getcontext", "__getcontext",
}

// HarmfulReturn is why a probe on the return of a function that begins at a place would
// end the program. The kernel puts an address of its own where it takes the one to return
// to to be, on top of the stack.
func HarmfulReturn(p target.Placement, name string) error {
	switch {
	case !p.Unchecked && !p.Entry:
		return errors.New("no function begins there, so the address to return to is not known")
	case p.Uncalled:
		return errors.New("it is entered by no call, so that what the kernel takes for the address to return to is other data")
	case slices.Contains(rememberReturn, name):
		return errors.New("it keeps the address to return to for a jump back there, and the kernel exchanges that address")
	}
	return nil
}
