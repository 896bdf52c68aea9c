package cfi

import (
	"bytes"
	"math"
)

// The numbers of registers that DWARF gives on x86_64.
const (
	rbp           = 6
	rsp           = 7
	returnAddress = 16
)

// state is the rules at a place.
type state struct {
	kind   Kind  // of the CFA; End where it cannot be told
	offset int64 // in bytes
	rbp    saved
	back   saved // the return address
}

// saved is where a register of the caller lies.
type saved struct {
	how    where
	offset int64 // from the CFA
}

type where uint8

const (
	unchanged where = iota
	atOffset
	atFrame
	elsewhere // where no row can say it
	nowhere   // there is no caller
)

// machine runs the program of a function.
type machine struct {
	state
	common     *common
	initial    state
	remembered []state
	table      *table
	place, end uint64
	failed     bool // an instruction is not known: from here on, nothing is
}

// maxRemembered bounds how deep states nest.
const maxRemembered = 64

func (m *machine) run(r *reader) {
	for r.left() && !m.failed {
		m.table.work--
		m.failed = m.table.work < 0
		m.step(r)
	}
	m.failed = m.failed || r.err != nil
}

// function runs the programs of a function: that of its common entry, whose state the own
// one comes back to, and its own.
func (m *machine) function(shared, own []byte, f function) {
	m.run(&reader{text: shared, at: f.common.program[0], end: f.common.program[1]})
	m.initial = m.state
	m.run(&reader{text: own, at: int(f.program[0]), end: int(f.program[1])})
	m.flush()
}

// flush adds the row of the place.
func (m *machine) flush() {
	if m.place < m.end {
		m.table.add(m.place, m.rule())
	}
}

func (m *machine) advance(by uint64) {
	m.flush()
	if next := m.place + by*uint64(m.common.code); next >= m.place && by <= math.MaxUint32 {
		m.place = next
	} else {
		m.failed = true
	}
}

// The instructions (DW_CFA) that have an operand in their low bits.
const (
	advanceLow = 0x40
	offsetLow  = 0x80
	restoreLow = 0xc0
)

func (m *machine) step(r *reader) {
	code := r.byte()
	low := uint64(code & 0x3f)
	switch code & 0xc0 {
	case advanceLow:
		m.advance(low)
	case offsetLow:
		m.save(low, saved{atOffset, int64(r.uleb()) * m.common.data})
	case restoreLow:
		m.restore(low)
	default:
		m.long(code, r)
	}
}

func (m *machine) long(code byte, r *reader) {
	switch code {
	case 0x00: // nop
	case 0x02, 0x03, 0x04: // advance_loc1, 2, 4
		m.advance(r.number(1 << (code - 2)))
	case 0x05: // offset_extended
		register := r.uleb()
		m.save(register, saved{atOffset, int64(r.uleb()) * m.common.data})
	case 0x06: // restore_extended
		m.restore(r.uleb())
	case 0x07: // undefined
		m.save(r.uleb(), saved{how: nowhere})
	case 0x08: // same_value
		m.save(r.uleb(), saved{how: unchanged})
	case 0x09: // register
		register := r.uleb()
		r.uleb()
		m.save(register, saved{how: elsewhere})
	case 0x0a: // remember_state
		m.remember()
	case 0x0b: // restore_state
		m.recall()
	case 0x11: // offset_extended_sf
		register := r.uleb()
		m.save(register, saved{atOffset, r.sleb() * m.common.data})
	case 0x2f: // GNU_negative_offset_extended
		register := r.uleb()
		m.save(register, saved{atOffset, -int64(r.uleb()) * m.common.data})
	case 0x14: // val_offset
		register := r.uleb()
		r.uleb()
		m.save(register, saved{how: elsewhere})
	case 0x15: // val_offset_sf
		register := r.uleb()
		r.sleb()
		m.save(register, saved{how: elsewhere})
	case 0x10: // expression
		register := r.uleb()
		m.save(register, m.savedBy(r.bytes(r.uleb())))
	case 0x16: // val_expression
		register := r.uleb()
		r.bytes(r.uleb())
		m.save(register, saved{how: elsewhere})
	case 0x2e: // GNU_args_size
		r.uleb()
	default:
		m.frame(code, r)
	}
}

// frame runs the instructions for the CFA.
func (m *machine) frame(code byte, r *reader) {
	switch code {
	case 0x0c: // def_cfa
		m.register(r.uleb())
		m.offset = int64(r.uleb())
	case 0x12: // def_cfa_sf
		m.register(r.uleb())
		m.offset = r.sleb() * m.common.data
	case 0x0d: // def_cfa_register
		m.register(r.uleb())
	case 0x0e: // def_cfa_offset
		m.offset = int64(r.uleb())
	case 0x13: // def_cfa_offset_sf
		m.offset = r.sleb() * m.common.data
	case 0x0f: // def_cfa_expression
		m.expression(r.bytes(r.uleb()))
	default:
		m.failed = true
	}
}

func (m *machine) register(number uint64) {
	switch number {
	case rsp:
		m.kind = Stack
	case rbp:
		m.kind = Frame
	default:
		m.kind = End
	}
}

func (m *machine) save(register uint64, as saved) {
	switch register {
	case rbp:
		m.rbp = as
	case returnAddress:
		m.back = as
	}
}

func (m *machine) restore(register uint64) {
	switch register {
	case rbp:
		m.rbp = m.initial.rbp
	case returnAddress:
		m.back = m.initial.back
	}
}

func (m *machine) remember() {
	if len(m.remembered) == maxRemembered {
		m.failed = true
		return
	}
	m.remembered = append(m.remembered, m.state)
}

func (m *machine) recall() {
	n := len(m.remembered)
	if n == 0 {
		m.failed = true
		return
	}
	m.state, m.remembered = m.remembered[n-1], m.remembered[:n-1]
}

// The operations of expressions (DW_OP).
const (
	opDeref = 0x06
	opBreg0 = 0x70
)

// linkage is what linkers write for the PLT: RSP + 8 + (RIP & 15 >= N) * 8, with N at
// linkageAt.
var linkage = []byte{0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x30, 0x2a, 0x33, 0x24, 0x22}

const linkageAt = 6

func (m *machine) expression(text []byte) {
	m.kind, m.offset = End, 0
	if register, offset, rest, ok := base(text); ok && len(rest) == 1 && rest[0] == opDeref {
		switch register {
		case rsp:
			m.kind, m.offset = StackMemory, offset
		case rbp:
			m.kind, m.offset = FrameMemory, offset
		}
		return
	}
	if len(text) != len(linkage) {
		return
	}
	from := text[linkageAt] - linkage[linkageAt]
	same := bytes.Clone(text)
	same[linkageAt] = linkage[linkageAt]
	if bytes.Equal(same, linkage) && from < 16 {
		m.kind, m.offset = Linkage, 8*int64(from) // a row has words
	}
}

// savedBy is where an expression finds a register. Functions that align their stack keep
// that of their caller in the word at RBP.
func (m *machine) savedBy(text []byte) saved {
	if register, offset, rest, ok := base(text); ok && len(rest) == 0 && register == rbp && offset == 0 {
		return saved{how: atFrame}
	}
	return saved{how: elsewhere}
}

// base reads an operation that is a register and an offset.
func base(text []byte) (register int, offset int64, rest []byte, ok bool) {
	if len(text) == 0 || text[0] < opBreg0 || text[0] > opBreg0+31 {
		return 0, 0, nil, false
	}
	r := &reader{text: text, at: 1, end: len(text)}
	offset = r.sleb()
	return int(text[0] - opBreg0), offset, text[r.at:], r.err == nil
}

// rule is the row's part of the state.
func (m *machine) rule() Rule {
	back := m.back == saved{atOffset, -8}
	words := m.offset / 8
	switch {
	case m.failed:
		return Rule{}
	case m.common.signal:
		return m.signal()
	case !back || m.kind == End || m.offset%8 != 0 || words != int64(int16(words)):
		return Rule{}
	}
	rule := Rule{CFA: int16(words), Kind: m.kind}
	n := m.rbp.offset / 8
	switch {
	case m.rbp.how == atFrame:
		rule.RBP = AtFrame
	case m.rbp.how == atOffset && m.rbp.offset%8 == 0 && n < 0 && n >= math.MinInt8:
		rule.RBP = int8(n)
	case m.rbp.how != unchanged:
		return Rule{}
	}
	return rule
}

// signalStack is where the stack pointer lies in the frame of a signal.
const signalStack = 160

// signal is the rule of the frame that the kernel makes for a handler.
func (m *machine) signal() Rule {
	if m.kind == StackMemory && m.offset == signalStack {
		return Rule{Kind: Signal}
	}
	return Rule{}
}
