package builtin

import (
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// Of a function of a program whose types are not known, arguments are words: the first in
// the registers of the calling convention, the others on the stack, above the return
// address where the CPU puts that there. What they lead to is memory of the process.
//
//	x86_64   rdi rsi rdx rcx r8 r9   then 8(%rsp), 16(%rsp), ...
//	arm64    x0 ... x7               then (sp), 8(sp), ...

// userWord is a number that is an address of the process where it is one at all.
var userWord = &types.Type{Kind: types.Int, Size: 8, User: true}

// untypedUser is the type of argument i at a place in a program.
func untypedUser(c Checker, name *lang.Call, i int) *types.Type {
	if c.Scope().Inside && i >= len(c.Target().Registers().Args) {
		c.Errorf(name.Span, "%s is on the stack, and where is known only at the entry of a function", name.Name)
		c.Hint("a probe without an offset is at the entry")
		return nil
	}
	return userWord
}

// lowerUserWord loads argument i.
func lowerUserWord(l Lowering, i int) *ir.Value {
	registers := l.Target().Registers().Args
	if i < len(registers) {
		return loadRegister(l, registers[i])
	}
	return l.IR().ReadUser(stackPointer(l), userStackArgument(l, i), 8, false)
}

// userStackArgument is how many bytes above the stack pointer an argument is at the entry
// of a function.
func userStackArgument(l Lowering, i int) int {
	at := 8 * (i - len(l.Target().Registers().Args))
	if l.Target().Arch == "arm64" {
		return at
	}
	return at + 8
}

// entryProbe is how a script traces the entry of what a probe traces the return of.
func entryProbe(scope *Scope) string {
	if scope.Mechanism.User() {
		return "uprobe:PROGRAM:f"
	}
	return "kprobe:f"
}

// returnProbe is the type of probes at the return of functions.
func returnProbe(scope *Scope) string {
	if scope.Mechanism.User() {
		return "uretprobe"
	}
	return "kretprobe"
}
