package lower

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/internal/sema"
	"github.com/ponytrace/ponytrace/compiler/object"
)

// syscallTable is what a program at the tracepoint of all system calls knows of them: by
// number, 4 bytes, 1 more than the index of the probe's name, 0 where the call is not
// traced. The size is a power of two.
type syscallTable struct {
	name   string
	probes map[int]int
	size   int  // how many numbers it has
	used   bool // by the program
}

const tableEntry = 4

// content is in the byte order of the machine, which is little endian on all that
// ponytrace runs on.
func (t *syscallTable) content() []byte {
	content := make([]byte, t.size*tableEntry)
	for number, probe := range t.probes {
		binary.LittleEndian.PutUint32(content[number*tableEntry:], uint32(probe+1))
	}
	return content
}

// systemCall leaves the program, before anything else, in system calls that its clauses
// do not trace: others, which a dispatcher has sorted out where there is one, and those
// of the other instruction set.
func (f *function) systemCall(program *sema.Program, number int) {
	if !program.Site.Scope.Mechanism.AllCalls() {
		return
	}
	f.instance = program.Instances[0]
	f.syscalls = &syscallTable{name: fmt.Sprintf("%s%d", object.SyscallMap, number), probes: map[int]int{}}
	for _, point := range program.Site.Points {
		number := point.At.(object.SyscallPoint).Number
		f.syscalls.probes[number] = point.ProbeName
		f.syscalls.size = max(f.syscalls.size, 1<<bits.Len(uint(number)))
	}
	before := f.b.Because(ir.SyscallNumber)
	defer func() { f.b.Why = before }()
	switch {
	case program.Dispatched:
	case len(f.syscalls.probes) == 1:
		f.guard(f.end, func(body, done *ir.Block) {
			wanted := f.b.Const(int64(program.Site.Points[0].At.(object.SyscallPoint).Number))
			f.b.If(ir.Equal, builtin.SyscallNumber(hooks{f}), wanted, body, done)
		})
	default:
		f.tracedCalls()
	}
	f.guard(f.end, func(body, done *ir.Block) {
		f.b.Because(ir.CompatCall)
		f.b.If(ir.Equal, builtin.CompatCall(hooks{f}), f.b.Const(0), body, done)
	})
}

// tracedCalls tests the number by the table.
func (f *function) tracedCalls() {
	f.guard(f.end, func(body, done *ir.Block) {
		f.b.If(ir.Less, builtin.SyscallNumber(hooks{f}), f.b.Const(int64(f.syscalls.size)), body, done)
	})
	f.guard(f.end, func(body, done *ir.Block) {
		f.b.If(ir.Equal, f.syscallEntry(), f.b.Const(0), done, body)
	})
}

func (f *function) syscallEntry() *ir.Value {
	f.syscalls.used = true
	number := f.b.Bound(builtin.SyscallNumber(hooks{f}), int64(f.syscalls.size-1))
	place := f.b.Binary(ir.Add, f.b.DataAddress(f.syscalls.name, 0), f.b.Binary(ir.ShiftLeft, number, f.b.Const(2)))
	return f.b.Load(ir.MapValue, place, 0, tableEntry, false)
}

// SyscallProbe is the index of the attach point's text by the number of the system call.
func (f *function) SyscallProbe() *ir.Value {
	return f.b.Binary(ir.Sub, f.syscallEntry(), f.b.Const(1))
}
