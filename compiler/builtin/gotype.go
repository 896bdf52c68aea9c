package builtin

import (
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// An interface of Go has two words: what tells its type, and where the value is. The first
// is 0 for nil, and else
//
//	interface{}, any       the address of the type's description
//	one with methods       that of a table, whose second word is that address
//
// A table that the file has need not be in memory yet, and then it is not read. Its own
// address is kept instead, marked by bit 0, and followed in the file when it is printed.
// All addresses are multiples of 8.
//
// https://github.com/golang/go/blob/go1.26.0/src/internal/abi/iface.go

// The structs by which debug information describes interfaces, and where a table has the
// type.
const (
	goAnyStruct       = "runtime.eface"
	goInterfaceStruct = "runtime.iface"
	typeInTable       = 8
)

// interfaceOf returns the name of the struct of an interface, or of a pointer to one.
func interfaceOf(t *types.Type) (name string, is bool) {
	if t.Kind == types.Pointer && t.Elem != nil {
		t = t.Elem
	}
	_, described := t.Origin.(target.Composite)
	named := t.Name == goAnyStruct || t.Name == goInterfaceStruct
	return t.Name, described && named && t.Kind == types.Struct
}

func checkGoType(c Checker, call *lang.Call) *types.Type {
	t := c.Type(call.Args[0])
	_, is := interfaceOf(t)
	switch {
	case is, t.Integer(), t.Kind == types.Pointer:
		return types.GoType
	case t.Kind != types.None:
		c.Errorf(call.Args[0].Range(), "gotype() wants an interface of a Go program, not %s", t)
	}
	return types.NoValue
}

func lowerGoType(l Lowering, call *lang.Call, to Place) {
	e := call.Args[0]
	name, is := interfaceOf(l.Type(e))
	var described *ir.Value
	switch {
	case !is:
		described = l.Value(e)
	case name == goAnyStruct:
		described = structWord(l, e)(0)
	default:
		described = behindTable(l, structWord(l, e)(0))
	}
	storeWord(l, to, 0, described)
	storeWord(l, to, 8, namingProcess(l, call))
}

// behindTable is the address of the type that the table of an interface has.
func behindTable(l Lowering, table *ir.Value) *ir.Value {
	b := l.IR()
	cell, some, read, join := b.NewCell("type"), b.NewBlock(), b.NewBlock(), b.NewBlock()
	b.CellSet(cell, table)
	b.If(ir.NotEqual, table, b.Const(0), some, join)
	b.Enter(some)
	described := b.ReadUser(table, typeInTable, 8, false)
	b.CellSet(cell, b.Binary(ir.Or, table, b.Const(1)))
	b.If(ir.NotEqual, described, b.Const(0), read, join)
	b.Enter(read)
	b.CellSet(cell, described)
	b.Jump(join)
	b.Enter(join)
	return b.CellGet(cell)
}
