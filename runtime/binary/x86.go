package binary

import (
	"bytes"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// What follows an opcode in 64-bit mode, a letter for each:
//
//   - nothing                  b  8 bits
//     m  ModRM                    M  ModRM, 8 bits
//     w  16 bits                  E  24 bits
//     i  32 bits, 16 with 66      I  ModRM, 32 bits, 16 with 66
//     j  32 bits                  v  64 bits with REX.W, else as i
//     o  64 bits, 32 with 67      .  no opcode
//     t  ModRM, and 8 bits where its middle part is 0 or 1
//     T  ModRM, and as i where that is so
//
// Volume 2, appendix A, of https://cdrdv2.intel.com/v1/dl/getContent/671110
const (
	oneByte = "" +
		"mmmmbi..mmmmbi.." + "mmmmbi..mmmmbi.." + // 00
		"mmmmbi..mmmmbi.." + "mmmmbi..mmmmbi.." +
		"................" + "----------------" + // 40: REX
		"...m....iIbM----" + "bbbbbbbbbbbbbbbb" +
		"MI.Mmmmmmmmmmmmm" + "----------.-----" + // 80
		"oooo----bi------" + "bbbbbbbbvvvvvvvv" +
		"MMw-..MIE-w--b.-" + "mmmm...-mmmmmmmm" + // c0
		"bbbbbbbbjj.b----" + ".-..--tT------mm"
	twoBytes = "" +
		"mmmm.-----.-.m-M" + "mmmmmmmmmmmmmmmm" + // 0f 00
		"mmmm....mmmmmmmm" + "------.-........" +
		"mmmmmmmmmmmmmmmm" + "mmmmmmmmmmmmmmmm" + // 0f 40
		"mmmmmmmmmmmmmmmm" + "MMMMmmm-mm..mmmm" +
		"jjjjjjjjjjjjjjjj" + "mmmmmmmmmmmmmmmm" + // 0f 80
		"---mMm..---mMmmm" + "mmmmmmmmmmMmmmmm" +
		"mmMmMMMm--------" + "mmmmmmmmmmmmmmmm" + // 0f c0
		"mmmmmmmmmmmmmmmm" + "mmmmmmmmmmmmmmmm"
)

// unprobed are the opcodes that kernels take no probes on, by the first byte behind
// prefixes, also those of VEX and EVEX.
//
// https://elixir.bootlin.com/linux/v6.12/source/arch/x86/kernel/uprobes.c (good_insns_64)
const unprobed = "" +
	"\x06\x07\x0e\x16\x17\x1e\x1f\x27\x2f\x37\x3f\x60\x61\x62\x6c\x6d\x6e\x6f\x82\x9a" +
	"\xcc\xcd\xce\xcf\xd4\xd5\xd6\xe4\xe5\xe6\xe7\xea\xec\xed\xee\xef\xf1\xf4\xfa\xfb"

var (
	endbr64   = []byte{0xf3, 0x0f, 0x1e, 0xfa}
	nop5      = []byte{0x0f, 0x1f, 0x44, 0, 0}
	nop10     = []byte{0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0}
	pushFrame = []byte{0x55} // push %rbp
)

// Prefixes, of which an instruction has a set. Kernels take no probes where one of those
// of segments or lock is.
const (
	prefixes     = "\x26\x2e\x36\x3e\xf0\x64\x65\x66\x67\xf2\xf3"
	refused      = 1<<5 - 1
	wordPrefix   = 1 << 7
	smallAddress = 1 << 8
)

// x86 is an instruction of x86_64 in its parts.
type x86 struct {
	rest     []byte // not read yet
	prefixes int
	rex      byte
	vector   bool // VEX, EVEX or XOP
	escaped  bool // the opcode is behind 0f
	opcode   byte
	modRM    byte
	value    int64 // the last part, with its sign
	short    bool  // the bytes ended before it did
}

// decodeX86 decodes an instruction of x86_64.
func decodeX86(code []byte) instruction {
	code = code[:min(len(code), mostBytes)]
	x := &x86{rest: code}
	form := x.form()
	if x.operands(form); x.short || form == '.' {
		return instruction{class: target.Undecodable}
	}
	i := instruction{size: uint64(len(code) - len(x.rest)), to: x.value}
	code = code[:i.size]
	i.flow, i.class, i.saves = x.flow(), x.class(), x.push()
	i.calls = x.call()
	i.opens, i.lands = bytes.Equal(code, pushFrame), bytes.Equal(code, endbr64)
	i.writes, i.quiet = x.quiet()
	i.idle = x.idle() || i.lands
	switch {
	case bytes.Equal(code, nop5):
		i.class = target.Nop5
	case bytes.Equal(code, nop10):
		i.class = target.Nop10
	}
	return i
}

func (x *x86) next() (b byte) {
	if len(x.rest) == 0 {
		x.short = true
		return 0
	}
	b, x.rest = x.rest[0], x.rest[1:]
	return b
}

// number reads a part.
func (x *x86) number(bytes int) {
	if len(x.rest) < bytes {
		x.short = true
		return
	}
	x.value = int64(int8(x.rest[bytes-1]))
	for i := bytes - 2; i >= 0; i-- {
		x.value = x.value<<8 | int64(x.rest[i])
	}
	x.rest = x.rest[bytes:]
}

// form reads up to the opcode, and returns the letter of what follows it.
func (x *x86) form() byte {
	op := x.next()
	for at := strings.IndexByte(prefixes, op); at >= 0; at = strings.IndexByte(prefixes, op) {
		x.prefixes |= 1 << at
		op = x.next()
	}
	if op&0xf0 == 0x40 {
		x.rex, op = op, x.next()
	}
	switch op {
	case 0xc5: // VEX of 2 bytes
		x.next()
		return x.vectorForm(1)
	case 0xc4:
		space := x.next()
		x.next()
		return x.vectorForm(space & 0x1f)
	case 0x8f: // XOP, unless it is pop
		if len(x.rest) > 0 && x.rest[0]&0x1f >= 8 {
			space := x.next() & 0x1f
			x.next()
			return x.vectorForm(space)
		}
	case 0x62: // EVEX
		space := x.next()
		x.next()
		x.next()
		return x.vectorForm(space & 7)
	}
	if x.opcode = op; op != 0x0f {
		return oneByte[op]
	}
	x.escaped, x.opcode = true, x.next()
	if x.opcode != 0x38 && x.opcode != 0x3a {
		return twoBytes[x.opcode]
	}
	x.next()
	return "mM"[x.opcode>>1&1]
}

// vectorForm reads an opcode behind VEX, EVEX or XOP, whose space is 1 for those of 0f, 2
// and 3 for those of 0f 38 and 0f 3a, 5 and 6 for numbers of 16 bits, and above of XOP.
func (x *x86) vectorForm(space byte) byte {
	x.vector, x.opcode = true, x.next()
	switch space {
	case 1:
		return twoBytes[x.opcode]
	case 2, 5, 6, 9:
		return 'm'
	case 3, 8:
		return 'M'
	case 10:
		return 'I'
	}
	return '.'
}

// operands reads what follows the opcode.
func (x *x86) operands(form byte) {
	wide, sized := x.rex&8 != 0, 4
	if x.prefixes&wordPrefix != 0 && !wide {
		sized = 2
	}
	if strings.IndexByte("mMItT", form) >= 0 {
		x.memory()
	}
	number := x.modRM>>3&7 < 2
	switch {
	case form == 'b', form == 'M', form == 't' && number:
		x.number(1)
	case form == 'i', form == 'I', form == 'T' && number, form == 'v' && !wide:
		x.number(sized)
	case form == 'w':
		x.number(2)
	case form == 'E':
		x.number(3)
	case form == 'j', form == 'o' && x.prefixes&smallAddress != 0:
		x.number(4)
	case form == 'v', form == 'o':
		x.number(8)
	}
}

// memory reads ModRM, SIB and the displacement.
func (x *x86) memory() {
	x.modRM = x.next()
	mode, base := x.modRM>>6, x.modRM&7
	if mode == 3 {
		return
	}
	if base == 4 {
		base = x.next() & 7
	}
	switch {
	case mode == 1:
		x.number(1)
	case mode == 2, mode == 0 && base == 5:
		x.number(4)
	}
}

// plain reports an opcode of one byte, escape one behind 0f.
func (x *x86) plain() bool  { return !x.vector && !x.escaped }
func (x *x86) escape() bool { return !x.vector && x.escaped }

// idle reports a nop. With REX.B the shortest one exchanges registers.
func (x *x86) idle() bool {
	return x.plain() && x.opcode == 0x90 && x.rex&1 == 0 || x.escape() && x.opcode == 0x1f
}

// The opcodes of instructions that compare, copy or compute, by what they change: nothing,
// the register that the middle of ModRM names, and the operand that its end names.
const (
	comparing  = "\x38\x39\x3a\x3b\x84\x85"
	intoMiddle = "\x03\x0b\x23\x2b\x33\x63\x8b\x8d"
	intoEnd    = "\x01\x09\x21\x29\x31\x89\xc7"
	extending  = "\xb6\xb7\xbe\xbf" // behind 0f
)

// quiet returns the register that an instruction changes, -1 for none, if it is one of
// those above and reads no memory but what lies beside the code.
func (x *x86) quiet() (writes int, ok bool) {
	middle := int(x.middle() | x.rex&4<<1)
	end := int(x.modRM&7 | x.rex&1<<3)
	direct := x.modRM>>6 == 3
	beside := direct || x.modRM>>6 == 0 && x.modRM&7 == 5
	has := func(list string) bool { return strings.IndexByte(list, x.opcode) >= 0 }
	switch op := x.opcode; {
	case x.vector || x.prefixes&^wordPrefix != 0:
	case x.escaped:
		return middle, has(extending) && beside
	case op == 0x3c, op == 0x3d, op == 0xa8, op == 0xa9: // cmp and test of rax
		return -1, true
	case has(comparing), op&^3 == 0x80 && x.middle() == 7, op|1 == 0xf7 && x.middle() == 0:
		return -1, beside
	case op>>3 == 0xb8>>3:
		return int(op&7 | x.rex&1<<3), true
	case has(intoMiddle):
		return middle, beside || op == 0x8d
	case has(intoEnd) && (op != 0xc7 || x.middle() == 0), op == 0x81 && x.middle() != 7, op == 0x83 && x.middle() != 7:
		return end, direct
	}
	return 0, false
}

func (x *x86) call() bool {
	return x.plain() && (x.opcode == 0xe8 || x.opcode == 0xff && x.middle()|1 == 3)
}

func (x *x86) push() bool { return x.plain() && x.opcode>>3 == 0x50>>3 }

// conditional reports a branch that the kernel emulates.
func (x *x86) conditional() bool {
	return x.plain() && x.opcode>>4 == 7 || x.escape() && x.opcode>>4 == 8
}

// middle are the bits of ModRM that say more of the operation.
func (x *x86) middle() byte { return x.modRM >> 3 & 7 }

func (x *x86) flow() flow {
	op := x.opcode
	switch {
	case x.conditional(), x.plain() && op >= 0xe0 && op <= 0xe3: // loop, jrcxz
		return branches
	case x.escape() && (op == 0x0b || op == 0xb9 || op == 0xff): // ud
		return stops
	case !x.plain():
		return onward
	case op == 0xe9, op == 0xeb:
		return jumps
	case op == 0xff && x.middle()|1 == 5:
		return computes
	case op|9 == 0xcb: // ret
		return returns
	case op == 0xcc, op == 0xcf, op == 0xf4: // int3, iret, hlt
		return stops
	}
	return onward
}

// class is what kernels do with a probe on it, apart from nops of several bytes.
func (x *x86) class() target.InstructionClass {
	op := x.opcode
	direct := x.conditional() || x.plain() && (op == 0xe8 || op == 0xe9 || op == 0xeb)
	switch {
	case x.plain() && op == 0xcc:
		return target.Trap
	case x.prefixes&refused != 0, !x.escaped && strings.IndexByte(unprobed, op) >= 0:
		return target.Refused
	case direct && x.prefixes&wordPrefix != 0, x.plain() && op == 0x8e && x.middle() == 2: // mov to ss
		return target.Refused
	case x.plain() && op == 0x90 && !x.idle(): // taken for a nop
		return target.Refused
	case direct, x.plain() && op == 0x90:
		return target.Emulated
	case x.push() && x.prefixes == 0 && (x.rex == 0 || x.rex == 0x41):
		return target.Emulated
	}
	return target.SingleStepped
}
