// Package irtest serves the tests of the packages around the intermediate representation:
// it reads the printed form back, makes random functions from a seed, and evaluates a
// function directly, with nothing of the compiler's back end in between.
package irtest

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/asm"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Parse reads what Func.String prints. Values are numbered anew, in the order of the
// text.
func Parse(text string) (f *ir.Func, err error) {
	p := &parser{sections: map[string]*section{}}
	defer func() {
		if thrown := recover(); thrown != nil {
			f, err = nil, fmt.Errorf("line %d: %v", p.number, thrown)
		}
	}()
	lines := strings.Split(text, "\n")
	p.declare(lines)
	for i, line := range lines {
		p.number = i + 1
		p.line(strings.Fields(line))
	}
	for _, section := range p.sections {
		section.resolve()
	}
	return p.program, nil
}

type parser struct {
	*section // being read
	program  *ir.Func
	sections map[string]*section // by the name of the function
	number   int
}

// section is the text of one function.
type section struct {
	*ir.Builder
	blocks map[string]*ir.Block
	values map[string]*ir.Value
	// awaited stand for values that blocks further down define.
	awaited map[string]*ir.Value
}

func (s *section) resolve() {
	with := map[*ir.Value]*ir.Value{}
	for name, stand := range s.awaited {
		v, ok := s.values[name]
		if !ok {
			panic("no value " + name)
		}
		with[stand] = v
	}
	for _, block := range s.Func.Blocks {
		for _, value := range block.Values {
			for i, arg := range value.Args {
				if v, ok := with[arg]; ok {
					value.Args[i] = v
				}
			}
		}
	}
}

// declare makes all functions and blocks, which calls and jumps name before they begin.
func (p *parser) declare(lines []string) {
	for _, line := range lines {
		if name, ok := strings.CutPrefix(line, "func "); ok {
			p.function(name)
		}
		if label, ok := strings.CutSuffix(line, ":"); ok {
			label, cold := strings.CutSuffix(label, " cold")
			block := p.NewBlock()
			block.Cold = cold
			p.blocks[label] = block
		}
	}
}

func (p *parser) function(name string) {
	builder := ir.NewBuilder(name, diag.Span{})
	if p.program == nil {
		p.program = builder.Func
	} else {
		builder.Func.Program = p.program
		p.program.Callbacks = append(p.program.Callbacks, builder.Func)
	}
	builder.Func.Blocks = nil
	p.section = &section{builder, map[string]*ir.Block{}, map[string]*ir.Value{}, map[string]*ir.Value{}}
	p.sections[name] = p.section
}

func (p *parser) line(words []string) {
	switch {
	case len(words) == 0:
	case words[0] == "func":
		p.section = p.sections[words[1]]
	case strings.HasSuffix(words[len(words)-1], ":"):
		p.Enter(p.blocks[strings.TrimSuffix(words[0], ":")])
	case words[0] == "slot":
		p.NewSlot(strings.Join(words[3:], " "), atoi(words[2]))
	case words[0] == "cell":
		p.NewCell(strings.Join(words[2:], " "))
	case len(words) > 2 && words[1] == "=":
		p.values[words[0]] = p.value(words[2], words[3:])
	default:
		p.value(words[0], words[1:])
	}
}

// value reads one operation. The width is part of its name: load4s, sext2.
func (p *parser) value(name string, words []string) *ir.Value {
	signed := strings.HasSuffix(name, "4s") || strings.HasSuffix(name, "2s") || strings.HasSuffix(name, "1s") || strings.HasSuffix(name, "8s")
	if signed {
		name = strings.TrimSuffix(name, "s")
	}
	base := strings.TrimRight(name, "0123456789")
	v := ir.Value{Op: opNamed(base), Signed: signed}
	if digits := name[len(base):]; digits != "" {
		v.Size = atoi(digits)
	}
	p.fill(&v, words)
	return p.Append(v)
}

func (p *parser) fill(v *ir.Value, words []string) {
	switch v.Op {
	case ir.Const:
		v.Int, _ = strconv.ParseInt(words[0], 10, 64)
	case ir.SlotAddress:
		v.Slot = p.Func.Slots[atoi(words[0][1:])]
	case ir.MapPointer:
		v.Map = words[0]
	case ir.Parameter:
		v.Int = int64(atoi(words[0]))
	case ir.FuncAddress, ir.Invoke:
		v.Callee, v.Args = p.sections[words[0]].Func, p.args(words[1:])
	case ir.Kfunc:
		v.Kernel, v.Args = words[0], p.args(words[1:])
	case ir.DataAddress:
		name, offset, _ := strings.Cut(words[0], "+")
		v.Map, v.Int = name, int64(atoi(offset))
	case ir.Bound:
		v.Args, v.Int = p.args(words[:1]), int64(atoi(words[1]))
	case ir.Load, ir.Store, ir.AtomicAdd, ir.FetchAdd, ir.Exchange, ir.CompareExchange:
		v.Space = spaceNamed(words[0])
		p.place(v, words[1], words[2:])
		if v.Op.Atomic() {
			v.Size = 8
		}
	case ir.ReadKernel, ir.ReadUser:
		p.place(v, words[0], nil)
	case ir.CellGet, ir.CellSet:
		v.Cell, v.Args = p.Func.Cells[atoi(words[0][1:])], p.args(words[1:])
	case ir.Call:
		v.Helper, v.Effect, v.Args = helperNamed(words[0]), effectNamed(words[1]), p.args(words[2:])
	case ir.Jump:
		v.Then = p.blocks[words[0]]
	case ir.If:
		v.Args, v.Compare = p.args([]string{words[0], words[2]}), comparisons[words[1]]
		v.Then, v.Else = p.blocks[words[3]], p.blocks[words[4]]
	default:
		v.Args = p.args(words)
	}
}

// place reads an address like v2+44.
func (p *parser) place(v *ir.Value, text string, rest []string) {
	at := strings.IndexAny(text, "+-")
	v.Offset = atoi(text[at:])
	v.Args = p.args(append([]string{text[:at]}, rest...))
}

func (p *parser) args(words []string) []*ir.Value {
	var args []*ir.Value
	for _, word := range words {
		v, ok := p.values[word]
		if !ok {
			v = cmp.Or(p.awaited[word], &ir.Value{})
			p.awaited[word] = v
		}
		args = append(args, v)
	}
	return args
}

var comparisons = map[string]ir.Op{
	"==": ir.Equal, "!=": ir.NotEqual, "<": ir.Less, "<=": ir.LessEqual, "s<": ir.SignedLess, "s<=": ir.SignedLessEqual,
}

func opNamed(name string) ir.Op {
	for op, info := range ir.Ops {
		if info.Name == name {
			return ir.Op(op)
		}
	}
	panic("no op " + name)
}

func spaceNamed(name string) ir.Space {
	for s := ir.ContextSpace; s <= ir.Kernel; s++ {
		if s.String() == name {
			return s
		}
	}
	panic("no space " + name)
}

func effectNamed(name string) ir.Effect {
	for e := ir.Writes; e <= ir.Invariant; e++ {
		if e.String() == name {
			return e
		}
	}
	panic("no effect " + name)
}

func helperNamed(name string) asm.BuiltinFunc {
	for f := asm.FnMapLookupElem; f < asm.FnMapLookupElem+250; f++ {
		if f.String() == name {
			return f
		}
	}
	panic("no helper " + name)
}

func atoi(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}
