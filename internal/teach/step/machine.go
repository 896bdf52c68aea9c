package step

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// machine is what has been told of registers and memory in the event at hand.
type machine struct {
	raw     [11]uint64
	written uint16
	shown   [11]string
	pieces  map[region][]*piece
}

// region is an object by what it is, so that it can be found again.
type region struct {
	kind  emu.RegionKind
	frame int
	name  string // of a map
	key   string
	cpu   int
	start uint64
}

func regionOf(p emu.Place) region {
	return region{p.Kind, p.Frame, p.Map, string(p.Key), p.CPU, p.Start}
}

// piece is a part of a region that was written at once.
type piece struct {
	offset int64
	bytes  []byte
	place  string
	text   string
}

func (p *piece) end() int64 { return p.offset + int64(len(p.bytes)) }

// begin tells what there is before the first instruction.
func (r *recorder) begin(e *emu.Environment) {
	r.machine = machine{pieces: map[region][]*piece{}}
	r.shown[asm.R1], r.shown[asm.R10] = "context", stackName(0, 0)
	r.current.Start = []Change{
		{Kind: Register, Place: "r1", Text: r.shown[asm.R1]},
		{Kind: Register, Place: "r10", Text: r.shown[asm.R10]},
	}
	locate := memoryLocator(e.Memory)
	for _, offset := range slices.Sorted(maps.Keys(r.context)) {
		if offset+8 > len(e.Context) {
			continue
		}
		value := binary.LittleEndian.Uint64(e.Context[offset:])
		name := r.context[offset]
		argument := strings.Contains(name, "arg") || strings.Contains(name, "retval")
		if value == 0 && !argument {
			continue
		}
		at := emu.Place{Region: emu.Region{Kind: emu.Context}, Offset: int64(offset)}
		r.start(Context, at, r.number(r.ofField(offset, value), locate))
	}
	r.startMemory(e, locate)
}

// ofField cuts a word of a record to the field that begins there.
func (r *recorder) ofField(offset int, value uint64) uint64 {
	for next := offset + 1; next < offset+8; next++ {
		if r.context[next] != "" {
			return value & (1<<(8*(next-offset)) - 1)
		}
	}
	return value
}

func (r *recorder) start(kind Kind, place emu.Place, text string) {
	r.current.Start = append(r.current.Start, Change{Kind: kind, Place: r.place(place), Text: text})
}

// mostMembers is how many members of an object are told of.
const mostMembers = 24

// startMemory tells of texts and of the members of structs that are not zero.
func (r *recorder) startMemory(e *emu.Environment, locate locator) {
	for _, start := range slices.Sorted(maps.Keys(e.Memory)) {
		raw, typ := e.Memory[start], r.types[start]
		at := func(offset int) emu.Place {
			return emu.Place{Region: emu.Region{Kind: emu.Memory, Start: start}, Offset: int64(offset)}
		}
		switch {
		case typ == nil:
		case texts(typ):
			r.start(Memory, at(0), quoted(raw))
		case typ.Kind == types.Struct && typ.Size > 0:
			r.member(typ, 0)
			left := mostMembers
			r.startMembers(r.whole[typ], raw, 0, &left, at, locate)
		}
	}
}

func (r *recorder) startMembers(
	typ *types.Type, raw []byte, base int, left *int, at func(int) emu.Place, locate locator,
) {
	for _, f := range typ.Fields {
		start, end := base+f.Offset, base+f.Offset+f.Type.Size
		if *left <= 0 || start < 0 || end > len(raw) || len(bytes.Trim(raw[start:end], "\x00")) == 0 {
			continue
		}
		if f.Type.Kind == types.Struct && len(f.Type.Fields) > 0 {
			r.startMembers(f.Type, raw, start, left, at, locate)
			continue
		}
		*left--
		text := r.bytes(raw[start:end], locate)
		if f.BitSize > 0 {
			text = plain(little(raw[start:end]) >> f.BitOffset & (1<<f.BitSize - 1))
		}
		r.start(Memory, at(start), text)
	}
}

func quoted(raw []byte) string {
	text, _, _ := strings.Cut(string(raw), "\x00")
	if shown, ok := textOf([]byte(text)); ok {
		return shown
	}
	return fmt.Sprintf("%q", text)
}

// memoryLocator finds memory before a program runs.
func memoryLocator(memory map[uint64][]byte) locator {
	return func(address uint64) (emu.Place, bool) {
		for start, raw := range memory {
			if offset := address - start; address >= start && offset < uint64(len(raw)) {
				of := emu.Region{Kind: emu.Memory, Start: start, Size: len(raw)}
				return emu.Place{Region: of, Offset: int64(offset)}, true
			}
		}
		return emu.Place{}, false
	}
}

// registerChanges compares the registers with what was told last: at the border of a
// function, those of the other one.
func (r *recorder) registerChanges(s *emu.Step) (changes []Change) {
	first, set := r.written == 0, setBy(&r.namer.program.Instructions[s.Index])
	for i := range s.Registers {
		readable := s.Written&(1<<i) != 0
		same := readable == (r.written&(1<<i) != 0) && (s.Registers[i] == r.raw[i] || !readable)
		if !first && same && i != set {
			continue
		}
		text := ""
		if readable {
			text = r.registerText(s, i)
		}
		if text == r.shown[i] {
			continue
		}
		changes = append(changes, Change{
			Kind: Register, Place: fmt.Sprintf("r%d", i), Before: r.shown[i], Text: text, Gone: !readable,
		})
		r.shown[i] = text
	}
	r.raw, r.written = s.Registers, s.Written
	return changes
}

// setBy is the register that an instruction writes to, -1 for none. A null that is made a
// number is another value for people.
func setBy(i *asm.Instruction) int {
	switch class := i.OpCode.Class(); {
	case i.OpCode.JumpOp() == asm.Call:
		return int(asm.R0)
	case class.IsALU(), class.IsLoad():
		return int(i.Dst)
	}
	return -1
}

func (r *recorder) registerText(s *emu.Step, i int) string {
	if s.Registers[i] == 0 && s.Call != nil && i == int(asm.R0) && pointing(s.Call.Helper) {
		return "null"
	}
	return r.number(s.Registers[i], s.Locate)
}

// pointing are the helpers that return an address or null.
func pointing(helper asm.BuiltinFunc) bool {
	switch helper {
	case asm.FnMapLookupElem, asm.FnMapLookupPercpuElem, asm.FnRingbufReserve, asm.FnTaskStorageGet:
		return true
	}
	return false
}

func kindOf(kind emu.RegionKind) Kind {
	switch kind {
	case emu.Stack:
		return Stack
	case emu.MapValue, emu.MapKey:
		return Value
	case emu.Context:
		return Context
	}
	return Memory
}

func (r *recorder) memoryChanges(s *emu.Step) (changes []Change) {
	for _, w := range s.Writes {
		if w.New == nil {
			changes = append(changes, r.deleted(w, s)...)
			continue
		}
		changes = append(changes, r.wrote(w, s)...)
	}
	return changes
}

// deleted: the key of a map is gone, with all that was told of its value.
func (r *recorder) deleted(w emu.Write, s *emu.Step) (changes []Change) {
	where := regionOf(w.Place)
	for _, p := range r.pieces[where] {
		if p.offset != 0 {
			changes = append(changes, Change{Kind: Value, Place: p.place, Before: p.text, Gone: true})
		}
	}
	delete(r.pieces, where)
	return append(changes, Change{
		Kind: Value, Place: r.wholeValue(w.Place), Before: r.text(w.Place, 0, w.Old, s), Gone: true,
	})
}

// wholeValue names the value of a key.
func (r *recorder) wholeValue(p emu.Place) string {
	if m := r.scriptMap(p.Map); m != nil {
		return r.element(m, p, "")
	}
	return r.place(p)
}

// wrote tells of memory that was written. What was told of it before is brought up to
// date, or replaced.
func (r *recorder) wrote(w emu.Write, s *emu.Step) (changes []Change) {
	where, end := regionOf(w.Place), w.Offset+int64(len(w.New))
	for _, p := range r.pieces[where] {
		if p.offset <= w.Offset && end <= p.end() && len(p.bytes) > len(w.New) {
			copy(p.bytes[w.Offset-p.offset:], w.New)
			before := p.text
			p.text = r.text(w.Place, p.offset, p.bytes, s)
			return []Change{{Kind: kindOf(w.Kind), Place: p.place, Before: before, Text: p.text}}
		}
	}
	made := &piece{
		offset: w.Offset, bytes: bytes.Clone(w.New),
		place: r.place(w.Place), text: r.text(w.Place, w.Offset, w.New, s),
	}
	if len(w.New) == w.Size && w.Offset == 0 && w.Key != nil {
		made.place = r.wholeValue(w.Place)
	}
	change := Change{Kind: kindOf(w.Kind), Place: made.place, Text: made.text}
	if w.Kind == emu.MapValue && w.Old != nil {
		change.Before = r.text(w.Place, w.Offset, w.Old, s)
	}
	kept := []*piece{made}
	for _, p := range r.pieces[where] {
		switch {
		case p.end() <= w.Offset || end <= p.offset:
			kept = append(kept, p)
		case p.place == made.place:
			change.Before = p.text
		default:
			changes = append(changes, Change{Kind: change.Kind, Place: p.place, Before: p.text, Gone: true})
		}
	}
	r.pieces[where] = kept
	return append(changes, change)
}

// text tells of bytes of a region from an offset on.
func (r *recorder) text(p emu.Place, offset int64, raw []byte, s *emu.Step) string {
	whole := p.Kind == emu.MapValue && offset == 0 && len(raw) == p.Size
	if m := r.scriptMap(p.Map); m != nil && whole {
		return r.row(m.InKernel().Value, raw, s.Locate)
	}
	return r.bytes(raw, s.Locate)
}

// isBranch reports a jump that depends on something.
func isBranch(i *asm.Instruction) bool {
	op := i.OpCode.JumpOp()
	return i.OpCode.Class().IsJump() && op != asm.Call && op != asm.Exit && op != asm.Ja
}

// what tells of branches, calls and reads.
func (r *recorder) what(s *emu.Step, row *stage.Instruction) string {
	i := &r.namer.program.Instructions[s.Index]
	switch {
	case isBranch(i):
		return r.branch(s, i, row)
	case s.Call != nil:
		return r.call(s, row)
	case i.OpCode.Class() == asm.LdXClass:
		address := s.Before[i.Src] + uint64(int64(i.Offset))
		size := count(i.OpCode.Size().Sizeof())
		if place, known := s.Locate(address); known {
			return fmt.Sprintf("reads %s of %s", size, r.place(place))
		}
		return fmt.Sprintf("reads %s at %s, where nothing is: 0", size, plain(address))
	}
	return ""
}

func count(bytes int) string {
	if bytes == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", bytes)
}

func (r *recorder) branch(s *emu.Step, i *asm.Instruction, row *stage.Instruction) string {
	condition, _, _ := strings.Cut(strings.TrimPrefix(row.Text, "if "), " goto")
	operands := fmt.Sprintf("r%d is %s", i.Dst, r.operand(s, i.Dst))
	if i.OpCode.Source() == asm.RegSource {
		operands += fmt.Sprintf(", r%d is %s", i.Src, r.operand(s, i.Src))
	}
	if s.Taken {
		return fmt.Sprintf("%s: %s holds, so it jumps to %d", operands, condition, row.Target)
	}
	return fmt.Sprintf("%s: %s does not hold, so it goes on", operands, condition)
}

func (r *recorder) operand(s *emu.Step, register asm.Register) string {
	if r.shown[register] != "" && r.raw[register] == s.Registers[register] {
		return r.shown[register]
	}
	return r.number(s.Registers[register], s.Locate)
}

func (r *recorder) call(s *emu.Step, row *stage.Instruction) string {
	if s.Call.Kernel != "" {
		return s.Call.Kernel + "()"
	}
	name := "function " + r.functionAt(row.Target)
	if !s.Call.Function {
		name = target.HelperName(s.Call.Helper)
	}
	arguments := make([]string, len(s.Call.Arguments))
	for i, value := range s.Call.Arguments {
		arguments[i] = r.number(value, s.Locate)
	}
	text := fmt.Sprintf("%s(%s)", name, strings.Join(arguments, ", "))
	if s.Enters {
		return "calls " + text
	}
	result := r.number(s.Call.Result, s.Locate)
	if s.Call.Result == 0 && pointing(s.Call.Helper) {
		result = "null"
	}
	return text + " returns " + result
}

func (r *recorder) functionAt(offset int) string {
	for _, i := range r.listing(r.namer.program) {
		if i.Offset == offset {
			return i.Symbol
		}
	}
	return ""
}
