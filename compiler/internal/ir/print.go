package ir

import (
	"fmt"
	"strconv"
	"strings"
)

var spaceNames = [...]string{"", "context", "frame", "mapvalue", "record", "kernel"}

// String names the space as the printer does.
func (s Space) String() string { return spaceNames[s] }

var effectNames = [...]string{"writes", "reads", "pure", "invariant"}

// String names the effect as the printer does.
func (e Effect) String() string { return effectNames[e] }

var comparisonSigns = map[Op]string{
	Equal: "==", NotEqual: "!=", Less: "<", LessEqual: "<=", SignedLess: "s<", SignedLessEqual: "s<=",
}

// String returns the function as text, one value a line:
//
//	v3 = load8 kernel v2+44
//
// The callbacks of a program follow it.
func (f *Func) String() string {
	var text strings.Builder
	for _, function := range append([]*Func{f}, f.Callbacks...) {
		function.print(&text)
	}
	return text.String()
}

func (f *Func) print(text *strings.Builder) {
	fmt.Fprintf(text, "func %s\n", f.Name)
	for _, slot := range f.Slots {
		fmt.Fprintf(text, "  slot %s\n", slot.describe())
	}
	for _, cell := range f.Cells {
		fmt.Fprintf(text, "  cell %s\n", strings.TrimSpace(cell.String()+" "+cell.Name))
	}
	for _, block := range f.Blocks {
		text.WriteString(block.heading())
		for _, value := range block.Values {
			fmt.Fprintf(text, "  %s\n", value.Describe())
		}
	}
}

func (s *Slot) describe() string {
	return strings.TrimSpace(fmt.Sprintf("%s %d %s", s, s.Size, s.Name))
}

// String is the slot's name in the printed form.
func (s *Slot) String() string { return "s" + strconv.Itoa(s.ID) }

// String is the cell's name in the printed form.
func (c *Cell) String() string { return "c" + strconv.Itoa(c.ID) }

// String is the block's name in the printed form.
func (b *Block) String() string { return "b" + strconv.Itoa(b.ID) }

func (b *Block) heading() string {
	if b.Cold {
		return b.String() + " cold:\n"
	}
	return b.String() + ":\n"
}

// String is the value's name in the printed form.
func (v *Value) String() string { return "v" + strconv.Itoa(v.ID) }

// Describe returns the value's line in the printed form.
func (v *Value) Describe() string {
	text := v.operation()
	if Ops[v.Op].Result {
		return v.String() + " = " + text
	}
	return text
}

func (v *Value) operation() string {
	switch v.Op {
	case Const:
		return "const " + strconv.FormatInt(v.Int, 10)
	case SlotAddress:
		return "slot " + v.Slot.String()
	case MapPointer:
		return "map " + v.Map
	case DataAddress:
		return fmt.Sprintf("data %s+%d", v.Map, v.Int)
	case Parameter:
		return fmt.Sprintf("parameter %d", v.Int)
	case FuncAddress:
		return "func " + v.Callee.Name
	case Invoke:
		return strings.TrimSpace(fmt.Sprintf("invoke %s %s", v.Callee.Name, operands(v.Args)))
	case Kfunc:
		return strings.TrimSpace(fmt.Sprintf("kfunc %s %s", v.Kernel, operands(v.Args)))
	case SignExtend, ZeroExtend, ByteSwap:
		return fmt.Sprintf("%s%d %s", v.Op, v.Size, v.Args[0])
	case Bound:
		return fmt.Sprintf("bound %s %d", v.Args[0], v.Int)
	case Load:
		return fmt.Sprintf("load%s %s %s", v.width(), v.Space, v.place())
	case Store:
		return fmt.Sprintf("store%s %s %s %s", v.width(), v.Space, v.place(), v.Args[1])
	case AtomicAdd, FetchAdd, Exchange, CompareExchange:
		return fmt.Sprintf("%s %s %s %s", v.Op, v.Space, v.place(), operands(v.Args[1:]))
	case ReadKernel, ReadUser:
		return fmt.Sprintf("%s%s %s", v.Op, v.width(), v.place())
	case CellGet:
		return "get " + v.Cell.String()
	case CellSet:
		return fmt.Sprintf("set %s %s", v.Cell, v.Args[0])
	case Call:
		return strings.TrimSpace(fmt.Sprintf("call %s %s %s", v.Helper, v.Effect, operands(v.Args)))
	case Jump:
		return "jump " + v.Then.String()
	case If:
		return fmt.Sprintf("if %s %s %s %s %s", v.Args[0], comparisonSigns[v.Compare], v.Args[1], v.Then, v.Else)
	}
	return strings.TrimSpace(v.Op.String() + " " + operands(v.Args))
}

func (v *Value) width() string {
	if v.Signed {
		return strconv.Itoa(v.Size) + "s"
	}
	return strconv.Itoa(v.Size)
}

func (v *Value) place() string { return fmt.Sprintf("%s%+d", v.Args[0], v.Offset) }

func operands(args []*Value) string {
	names := make([]string, len(args))
	for i, arg := range args {
		names[i] = arg.String()
	}
	return strings.Join(names, " ")
}
