package binary

import (
	"debug/dwarf"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// Operations of location expressions: DWARF 5, sections 2.5, 2.6 and 7.7.
const (
	opAddress       = 0x03
	opDeref         = 0x06
	opConst1u       = 0x08
	opConstu        = 0x10
	opConsts        = 0x11
	opPlusUconst    = 0x23
	opLiteral0      = 0x30
	opRegister0     = 0x50
	opBase0         = 0x70
	opRegister      = 0x90
	opFrameBase     = 0x91
	opBase          = 0x92
	opPiece         = 0x93
	opFrameCFA      = 0x9c
	opImplicitValue = 0x9e
	opStackValue    = 0x9f
	opEntryValue    = 0xa3
	opEntryValueGNU = 0xf3
)

// maxPieces is into how many parts a value is cut.
const maxPieces = 16

// Why a value is not where a probe could read it.
const (
	inVector       = "is passed in a floating point register, which programs cannot read"
	partlyInVector = "is passed in part in a floating point register, which programs cannot read"
	isConstant     = "has the same value in all calls of this function, so it is not passed"
	isComputed     = "is not passed: the compiler computes it from other arguments"
	isRemoved      = "is not passed: the compiler removed it from this copy of the function"
)

// dwarfRegisters are the names that struct pt_regs has for the registers by their number:
// https://gitlab.com/x86-psABIs/x86-64-ABI (figure 3.36),
// https://github.com/ARM-software/abi-aa/blob/2024Q3/aadwarf64/aadwarf64.rst (section
// 4.1).
var dwarfRegisters = [...]string{"ax", "dx", "cx", "bx", "si", "di", "bp", "sp",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}

// location is where a value is at an address. Without pieces and absent it is not known.
type location struct {
	pieces []target.Piece
	absent string
	// pointed: what the caller passes is the value's address.
	pointed bool
}

// register returns the place of a register in struct pt_regs.
func (u *unit) register(number uint64) (place int, vector, ok bool) {
	r := target.RegistersOf(u.arch)
	switch {
	case u.arch == "arm64" && number < 31:
		return 8 * int(number), false, true
	case u.arch == "arm64" && number == 31:
		return r.StackPointer, false, true
	case u.arch == "arm64":
		return 0, number >= 64 && number < 96, false
	case number < uint64(len(dwarfRegisters)):
		return r.Named[dwarfRegisters[number]], false, true
	}
	return 0, number >= 17 && number <= 32, false
}

// locate returns where a value of size bytes is when the function of an entry is entered
// at an address, as far as that is sure: an expression that is not from a list may be
// about what the function's first instructions will have done.
func (u *unit) locate(e *entry, function *entry, address uint64, size int) location {
	if _, constant := e.get(dwarf.AttrConstValue); constant {
		return location{absent: isConstant}
	}
	a, ok := e.get(dwarf.AttrLocation)
	if !ok {
		return location{}
	}
	c, end, whole := u.block(a)
	if !whole {
		if c, end, ok = u.listedLocation(a, address); !ok {
			return location{}
		}
	}
	x := expression{unit: u, cursor: c, end: end, function: function, whole: whole, size: size}
	return x.location()
}

// listedLocation returns the expression that a list of locations has for an address.
func (u *unit) listedLocation(a attribute, address uint64) (c cursor, end uint64, ok bool) {
	switch {
	case u.version >= 5 && a.form == formListIndex:
		index := u.locLists.from(u.listsBase + a.n*uint64(u.place))
		if place := index.number(u.place); index.err == nil {
			return u.inLocationLists(u.listsBase+place, address)
		}
	case u.version >= 5 && a.form == formPlace:
		return u.inLocationLists(a.n, address)
	case u.version < 5 && (a.form == formPlace || a.form == formData4 || a.form == formData8):
		return u.inLocations(a.n, address)
	}
	return c, 0, false
}

// inLocations reads a list of .debug_loc: as .debug_ranges, with an expression behind
// each pair.
func (u *unit) inLocations(at, address uint64) (c cursor, end uint64, ok bool) {
	c, base := u.loc.from(at), u.low
	largest := ^uint64(0) >> (64 - 8*u.address)
	for c.more() {
		start, stop := c.number(u.address), c.number(u.address)
		if start == 0 && stop == 0 {
			break
		}
		if start == largest {
			base = stop
			continue
		}
		length := uint64(c.u16())
		if address >= base+start && address < base+stop {
			return c, c.at + length, c.err == nil
		}
		c.skip(length)
	}
	return c, 0, false
}

// inLocationLists reads a list of .debug_loclists: as .debug_rnglists, with an expression
// behind each range, and one that holds where no other does.
func (u *unit) inLocationLists(at, address uint64) (c cursor, end uint64, ok bool) {
	c, base := u.locLists.from(at), u.low
	for c.more() {
		start, stop := uint64(0), uint64(0)
		switch c.u8() {
		case 1:
			base = u.indexed(&c)
			continue
		case 2:
			start = u.indexed(&c)
			stop = u.indexed(&c)
		case 3:
			start = u.indexed(&c)
			stop = start + c.uleb()
		case 4:
			start = base + c.uleb()
			stop = base + c.uleb()
		case 5:
			stop = ^uint64(0)
		case 6:
			base = c.number(u.address)
			continue
		case 7:
			start, stop = c.number(u.address), c.number(u.address)
		case 8:
			start = c.number(u.address)
			stop = start + c.uleb()
		case 9: // views of GNU
			c.uleb()
			c.uleb()
			continue
		default:
			return c, 0, false
		}
		length := c.uleb()
		if address >= start && address < stop {
			return c, c.at + length, c.err == nil
		}
		c.skip(length)
	}
	return c, 0, false
}

// expression reads where a value is: in a register, at an address from one, or in pieces
// of such kinds. What was read last is in part.
type expression struct {
	*unit
	cursor
	end      uint64
	function *entry
	whole    bool // it is not from a list
	size     int  // of the value
	part     target.Piece
	state    state
	pointed  bool
	found    []target.Piece
}

// state is what is known of a part.
type state int

const (
	nowhere  state = iota // nothing was read
	there                 // it is where part says
	constant              // it is a number
	vector
	computed
	unsure // it is not there yet
)

var absences = map[state]string{
	nowhere: isRemoved, constant: isConstant, vector: inVector, computed: isComputed, unsure: "",
}

func (x *expression) location() location {
	size := x.size
	if x.at == x.end {
		return location{}
	}
	at := 0
	for x.at < x.end && x.more() && x.state != computed {
		op := x.u8()
		if op != opPiece {
			x.read(op)
			continue
		}
		bytes := x.uleb()
		if bytes > uint64(size-at) || len(x.found) == maxPieces {
			return location{}
		}
		if absent, done := x.keep(at, int(bytes)); done {
			return absent
		}
		at += int(bytes)
	}
	if x.err != nil || x.at > x.end {
		return location{}
	}
	if x.pointed {
		return location{pointed: true}
	}
	if at == 0 {
		if absent, done := x.keep(0, size); done {
			return absent
		}
	}
	return location{pieces: x.found}
}

// keep adds a part, or returns what there is to say of the whole because of it.
func (x *expression) keep(at, size int) (location, bool) {
	switch {
	case x.state == vector && (at > 0 || size < x.size):
		return location{absent: partlyInVector}, true
	case x.state != there:
		return location{absent: absences[x.state]}, true
	case !x.part.InMemory && size > 8:
		return location{}, true
	}
	x.part.At, x.part.Size = at, size
	x.found = append(x.found, x.part)
	x.part, x.state = target.Piece{}, nowhere
	return location{}, false
}

// read does one operation.
func (x *expression) read(op uint8) {
	switch {
	case op >= opRegister0 && op < opRegister0+32:
		x.in(uint64(op-opRegister0), false, 0)
	case op == opRegister:
		x.in(x.uleb(), false, 0)
	case op >= opBase0 && op < opBase0+32:
		x.in(uint64(op-opBase0), true, x.sleb())
	case op == opBase:
		x.in(x.uleb(), true, x.sleb())
	case op == opFrameBase:
		x.inFrame(x.sleb())
	case op == opFrameCFA:
		x.inFrame(0)
	case op == opPlusUconst && x.state == there && x.part.InMemory:
		x.add(x.uleb())
	case op == opStackValue:
		x.value()
	case op >= opLiteral0 && op < opRegister0:
		x.state = constant
	case op == opImplicitValue:
		x.skip(x.uleb())
		x.state = constant
	case op == opEntryValue, op == opEntryValueGNU:
		x.entryValue()
	default:
		x.push(op)
	}
}

func (x *expression) in(number uint64, memory bool, offset int64) {
	place, isVector, ok := x.register(number)
	registers := target.RegistersOf(x.arch)
	frame := place == registers.StackPointer || place == registers.Named["bp"]
	switch {
	case isVector && !memory:
		x.state = vector
	case !ok || offset < -maxValue || offset > maxValue:
		x.state = computed
	case x.whole && memory && frame:
		x.state = unsure
	default:
		x.part, x.state = target.Piece{Register: place, InMemory: memory, Offset: int(offset)}, there
	}
}

// inFrame is a place in the frame of the function. Above the return address it is where
// the caller has put an argument; below, the function itself will put something.
func (x *expression) inFrame(offset int64) {
	base, _ := x.function.get(dwarf.AttrFrameBase)
	c, end, ok := x.block(base)
	if !ok || c.u8() != opFrameCFA || c.at != end || offset < 0 || offset > maxValue {
		x.state = unsure
		return
	}
	x.state = there
	x.part = target.Piece{
		Register: target.RegistersOf(x.arch).StackPointer, InMemory: true,
		Offset: int(offset) + target.StackArguments(x.arch),
	}
}

func (x *expression) add(n uint64) {
	if n > maxValue || x.part.Offset > maxValue-int(n) {
		x.state = computed
		return
	}
	x.part.Offset += int(n)
}

// value says that what was computed is the value itself.
func (x *expression) value() {
	switch {
	case x.state == there && x.part.InMemory && x.part.Offset == 0:
		x.part.InMemory = false
	case x.state == there:
		x.state = computed
	}
}

// entryValue is what a register had at the entry, which is where the probe is.
func (x *expression) entryValue() {
	length := x.uleb()
	number := uint64(x.u8()) - opRegister0
	if length != 1 || number >= 32 {
		x.state = computed
		return
	}
	x.in(number, true, 0)
}

// push reads a constant; what anything else does is not followed.
func (x *expression) push(op uint8) {
	switch {
	case x.state == unsure:
		x.pointed = op == opDeref
		x.at = x.end
	case op == opAddress:
		x.skip(uint64(x.address))
		x.state = constant
	case op >= opConst1u && op < opConstu:
		x.skip(1 << ((op - opConst1u) / 2))
		x.state = constant
	case op == opConstu || op == opConsts:
		x.uleb()
		x.state = constant
	default:
		x.state = computed
	}
}
