package step

import (
	"fmt"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// contextNames say what lies in a program's context, by offset: "rsi: arg1, buf".
func contextNames(machine *target.Target, point *object.Point, function string) map[int]string {
	c := contextNamer{machine, point, map[int]string{}}
	switch point.Mechanism.Context() {
	case object.FunctionRegs, object.ClockRegs, object.UserRegs:
		c.registers(function)
	case object.FunctionWords:
		c.words(function)
	case object.EventWords:
		c.event()
	case object.ObjectWords:
		at, _ := point.At.(object.IterPoint)
		params, _ := machine.Iterator(at.Name)
		for _, param := range params {
			c.names[8*param.Slot] = "ctx." + param.Name
		}
	case object.Record:
		at, _ := point.At.(object.TracepointPoint)
		c.fields(at.Category, at.Name)
	case object.CallWords, object.CallRecord:
		c.call()
	}
	return c.names
}

type contextNamer struct {
	machine *target.Target
	point   *object.Point
	names   map[int]string
}

func (c contextNamer) registers(function string) {
	registers := c.machine.Registers()
	for name, offset := range registers.Named {
		short := len(name) == 2 && name[0] != 'r' && !strings.HasSuffix(name, "s") // not cs, ss
		if c.machine.Arch == "x86_64" && short {
			name = "r" + name
		}
		c.names[offset] = name
	}
	if c.point.Mechanism.Fires() == object.AtReturn {
		c.names[registers.Return] += ": retval"
	}
	if c.point.Mechanism.Fires() != object.AtEntry {
		return
	}
	described, known := c.machine.Function(function)
	for i, offset := range registers.Args {
		if !known {
			c.names[offset] += fmt.Sprintf(": arg%d", i)
		}
	}
	if known {
		for i, param := range described.Params {
			if param.Register >= 0 {
				c.names[registers.Args[param.Register]] += ": " + argument(i, param.Name)
			}
		}
	}
}

// argument is "arg1, buf".
func argument(i int, name string) string {
	if name == "" {
		return fmt.Sprintf("arg%d", i)
	}
	return fmt.Sprintf("arg%d, %s", i, name)
}

func (c contextNamer) words(function string) {
	described, known := c.machine.Function(function)
	if !known {
		return
	}
	for i, param := range described.Params {
		if param.Slot >= 0 {
			c.names[8*param.Slot] = argument(i, param.Name)
		}
	}
	if c.point.Mechanism.Fires() == object.AtReturn {
		c.names[8*described.Slots] = "retval"
	}
}

func (c contextNamer) event() {
	at, _ := c.point.At.(object.TracepointPoint)
	params, _ := c.machine.RawTracepoint(at.Name)
	for i, param := range params {
		if param.Slot >= 0 {
			c.names[8*param.Slot] = argument(i, param.Name)
		}
	}
}

func (c contextNamer) fields(category, name string) {
	tracepoint, err := c.machine.Tracepoint(category, name)
	if err != nil {
		return
	}
	for _, field := range tracepoint.Fields() {
		c.names[field.Offset] = field.Name
	}
}

func (c contextNamer) call() {
	at, _ := c.point.At.(object.SyscallPoint)
	switch {
	case c.point.Mechanism.Context() == object.CallRecord:
		c.fields("syscalls", at.Name)
		c.names[8] = "number of the system call"
	case at.All == target.SyscallExit:
		c.names[0], c.names[8] = "registers of the process", "result of the system call"
	default:
		c.names[0], c.names[8] = "registers of the process", "number of the system call"
	}
}
