package target

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/lang/diag"
)

// A USDT place is an instruction that does nothing, usually a nop, and a note in the file
// that tells where the arguments are when the program gets there. The compiler and not
// the programmer chose these places, so that each place of one name may have other ones:
//
//	-4@%edi 8@$16 8@-24(%rbp) 4@40+main_arena(%rip) 1@3(%rax,%rcx,8) 8f@%xmm0     x86_64
//	-4@w19 8@16 8@[sp, 24] 8@x0 4@[x0, x1, lsl 2] 4@[x0, #:lo12:main_arena]       arm64
//
// Before the @ is the size in bytes, with a minus where the type has a sign and an f
// where it is floating point. Behind it is an operand as the assembler has it. The size
// holds whatever the width of the register: 4@%rax are the lower 4 bytes, -1@%ebx is a
// signed byte.
//
// An operand is a sum, and either the value or the address of the value:
//
//	Offset + Symbol + Base + Index * Scale
//
// What no program of the kernel can read (registers of vectors, thread-local memory) is
// Unreadable with the reason. It is no error, since a script may never ask for it.
//
// https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation

// MarkerArgument is where a USDT place has an argument.
type MarkerArgument struct {
	Text   string // as the note has it
	Size   int    // in bytes: 1, 2, 4 or 8, unless it is Unreadable
	Signed bool
	// Unreadable says why a program cannot read it, and continues "arg0"; empty where
	// one can.
	Unreadable string
	// InMemory: the sum is the address of the value.
	InMemory bool
	Offset   int64
	Symbol   string // of the program; empty for none, and once it is found
	// FromPlace: the sum counts from the address of the place in the process, because its
	// Symbol is that far away.
	FromPlace bool
	// Low: of the address of Symbol only the lower 12 bits count; Base has the others.
	Low         bool
	Base, Index *MarkerRegister
	Scale       int64 // of Index
}

// MarkerRegister is a register in an operand.
type MarkerRegister struct {
	At    int // the place of its word in struct pt_regs
	Shift int // of its lowest bit in the word
	// Size is how many bytes of it count in an address, and Signed whether they are
	// extended by their sign.
	Size   int
	Signed bool
}

// maxMarkerArguments bounds what one note may describe: the macros have 12 at most.
const maxMarkerArguments = 64

// MarkerArguments reads the arguments of a note of USDT. arch is that of the program.
func MarkerArguments(arch, text string) []MarkerArgument {
	var list []MarkerArgument
	for text = strings.TrimLeft(text, " \t"); text != "" && len(list) < maxMarkerArguments; {
		end := argumentEnd(text)
		list = append(list, markerArgument(arch, text[:end]))
		text = strings.TrimLeft(text[end:], " \t")
	}
	return list
}

// lowBits is how many bits of an address an instruction of arm64 adds by itself.
const lowBits = 12

// Variables returns the addresses of the variables of a name, as a program was linked.
type Variables func(name string) ([]uint64, error)

// Found is the argument as a place finds it whose address is known: a program may be
// anywhere in memory, but its symbols are always as far away from the place.
func (a MarkerArgument) Found(place uint64, variables Variables) MarkerArgument {
	if a.Symbol == "" || a.Unreadable != "" {
		return a
	}
	switch addresses, err := variables(a.Symbol); {
	case err != nil:
		a.Unreadable = fmt.Sprintf("is at the variable %s, which cannot be looked up: %v", a.Symbol, err)
	case len(addresses) == 0:
		a.Unreadable = fmt.Sprintf("is at the variable %s, of which the program does not tell "+
			"where it is: its debug symbols would", a.Symbol)
	case len(addresses) > 1:
		a.Unreadable = fmt.Sprintf("is at the variable %s, and the program has %d of that name",
			a.Symbol, len(addresses))
	case a.Low:
		a.Offset, a.Symbol = (a.Offset+int64(addresses[0]))&(1<<lowBits-1), ""
	default:
		a.Offset += int64(addresses[0] - place)
		a.FromPlace, a.Symbol = true, ""
	}
	return a
}

// argumentEnd finds the blank behind an argument. Those within brackets are part of it.
func argumentEnd(text string) int {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case ' ', '\t':
			if depth <= 0 && (i+1 == len(text) || !continues(text[:i], text[i+1:])) {
				return i
			}
		}
	}
	return len(text)
}

// continues reports an operand that is written with blanks around its operators.
func continues(before, after string) bool {
	last := before[max(len(before)-1, 0):]
	return last == "," || last == "@" || after[0] == ','

}

func markerArgument(arch, text string) MarkerArgument {
	a := MarkerArgument{Text: text, Size: wordSize}
	size, operand, sized := strings.Cut(text, "@")
	float := false
	if sized {
		sized = a.readSize(size, &float)
	}
	if !sized {
		operand = text
	}
	if !a.readOperand(arch, strings.TrimSpace(operand)) && a.Unreadable == "" {
		a.Unreadable = "is described in a way that is not known: " + diag.Printable(text)
	}
	switch {
	case float:
		a.Unreadable = "is a floating-point number, which scripts cannot compute with"
	case a.Unreadable != "":
	case a.Size != 1 && a.Size != 2 && a.Size != 4 && a.Size != 8:
		a.Unreadable = fmt.Sprintf("has %d bytes, and scripts compute with 1, 2, 4 or 8", a.Size)
	}
	return a
}

// readSize reads what is before the @, as in -4 and 8f.
func (a *MarkerArgument) readSize(text string, float *bool) bool {
	text, *float = strings.CutSuffix(text, "f")
	text, a.Signed = strings.CutPrefix(text, "-")
	n, err := strconv.ParseUint(text, 10, 16)
	if err == nil {
		a.Size = int(n)
	}
	return err == nil
}

// readOperand reads what is behind the @. It returns false for what it does not know.
func (a *MarkerArgument) readOperand(arch, text string) bool {
	if text == "" {
		return false
	}
	if arch == "arm64" {
		return a.readARM(text)
	}
	return a.readX86(text)
}

// readX86 reads an operand as the GNU assembler writes it for x86.
func (a *MarkerArgument) readX86(text string) bool {
	switch {
	case text[0] == '$':
		return a.readSum(text[1:])
	case text[0] == '%' && strings.Contains(text, ":"):
		a.Unreadable = "is in memory that each thread has for itself, where a probe does not find it"
		return false
	case text[0] == '%':
		a.Base = a.register(x86Register(text), text)
		return a.Base != nil
	}
	a.InMemory = true
	sum, registers, based := strings.Cut(text, "(")
	if !based {
		return a.readSum(text)
	}
	registers, closed := strings.CutSuffix(registers, ")")
	return closed && (sum == "" || a.readSum(sum)) && a.readX86Address(registers)
}

// readX86Address reads base, index and scale: %rax,%rcx,8.
func (a *MarkerArgument) readX86Address(text string) bool {
	parts := strings.Split(strings.ReplaceAll(text, " ", ""), ",")
	if parts[0] == "%rip" || parts[0] == "%eip" {
		return len(parts) == 1 && a.Symbol != ""
	}
	if parts[0] != "" {
		a.Base = a.register(x86Register(parts[0]), parts[0])
	}
	if len(parts) == 1 {
		return a.Base != nil
	}
	if a.Base == nil && parts[0] != "" || len(parts) > 3 {
		return false
	}
	a.Index, a.Scale = a.register(x86Register(parts[1]), parts[1]), 1
	if len(parts) == 3 && parts[2] != "" {
		a.Scale, _ = strconv.ParseInt(parts[2], 10, 8)
	}
	return a.Index != nil && a.Scale > 0
}

// register returns a register that was found by name; nil after it has entered why there
// is none.
func (a *MarkerArgument) register(found MarkerRegister, name string) *MarkerRegister {
	if found.Size > 0 {
		return &found
	}
	if inVector(strings.TrimPrefix(name, "%")) {
		a.Unreadable = fmt.Sprintf("is in the register %s, which the kernel does not hand to probes",
			diag.Printable(name))
	}
	return nil
}

// inVector reports registers of vectors and of floating point.
func inVector(name string) bool {
	kind := strings.TrimRight(name, "0123456789()")
	switch kind {
	case "xmm", "ymm", "zmm", "mm", "st", "k":
		return true
	case "v", "q", "d", "s", "h", "b", "z", "p":
		return kind != name
	}
	return false
}

// readSum reads numbers and at most one symbol: -8, 40+main_arena, table-16.
func (a *MarkerArgument) readSum(text string) bool {
	for text = strings.ReplaceAll(text, " ", ""); text != ""; {
		sign := int64(1)
		switch text[0] {
		case '-':
			sign, text = -1, text[1:]
		case '+':
			text = text[1:]
		}
		end := strings.IndexAny(text, "+-")
		if end < 0 {
			end = len(text)
		}
		if !a.addTerm(text[:end], sign) {
			return false
		}
		text = text[end:]
	}
	return true
}

func (a *MarkerArgument) addTerm(term string, sign int64) bool {
	if term == "" {
		return false
	}
	if term[0] >= '0' && term[0] <= '9' {
		n, err := strconv.ParseUint(term, 0, 64)
		a.Offset += sign * int64(n)
		return err == nil
	}
	name, relocated, through := strings.Cut(term, "@")
	switch {
	case a.Symbol != "" || sign < 0 || !symbolic(name):
		return false
	case through && strings.Contains(strings.ToLower(relocated), "tpoff"):
		a.Unreadable = "is in memory that each thread has for itself, where a probe does not find it"
		return false
	case through:
		return false
	}
	a.Symbol = name
	return true
}

// symbolic reports a name that a symbol can have.
func symbolic(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' && c != '.' && c != '$' {
			return false
		}
	}
	return name != ""
}

// x86Register finds a register by its name, whatever width the name is for; Size is 0
// where there is none.
func x86Register(name string) MarkerRegister {
	name, marked := strings.CutPrefix(name, "%")
	if !marked || name == "" {
		return MarkerRegister{}
	}
	if name[0] == 'r' && len(name) > 1 && name[1] >= '0' && name[1] <= '9' {
		return numberedX86(name)
	}
	word, size, shift := name, 2, 0
	switch last := name[len(name)-1]; {
	case name[0] == 'r':
		word, size = name[1:], wordSize
	case name[0] == 'e':
		word, size = name[1:], 4
	case len(name) == 2 && last == 'h':
		word, size, shift = name[:1]+"x", 1, 8
	case len(name) == 2 && last == 'l':
		word, size = name[:1]+"x", 1
	case len(name) == 3 && last == 'l':
		word, size = name[:2], 1
	}
	if !strings.Contains(" ax bx cx dx si di bp sp ", " "+word+" ") {
		return MarkerRegister{}
	}
	return MarkerRegister{At: registers["x86_64"].Named[word], Size: size, Shift: shift}
}

// numberedX86 finds r8 to r15, with the letter of a narrower width behind.
func numberedX86(name string) MarkerRegister {
	size := wordSize
	switch name[len(name)-1] {
	case 'd':
		size = 4
	case 'w':
		size = 2
	case 'b', 'l':
		size = 1
	}
	if size < wordSize {
		name = name[:len(name)-1]
	}
	at, known := registers["x86_64"].Named[name]
	if !known {
		return MarkerRegister{}
	}
	return MarkerRegister{At: at, Size: size}
}

// readARM reads an operand of arm64.
func (a *MarkerArgument) readARM(text string) bool {
	if inner, bracketed := strings.CutPrefix(text, "["); bracketed {
		inner, closed := strings.CutSuffix(inner, "]")
		a.InMemory = true
		return closed && a.readARMAddress(strings.Split(inner, ","))
	}
	if text == "xzr" || text == "wzr" {
		return true
	}
	if first := text[0]; first == '#' || first == '-' || first >= '0' && first <= '9' {
		return a.readSum(strings.TrimPrefix(text, "#")) && a.Symbol == ""
	}
	a.Base = a.register(armRegister(text), text)
	return a.Base != nil
}

// readARMAddress reads a base, and a number, or an index with what becomes of it.
func (a *MarkerArgument) readARMAddress(parts []string) bool {
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	if a.Base = a.register(armRegister(parts[0]), parts[0]); a.Base == nil || len(parts) > 3 {
		return false
	}
	if len(parts) == 1 {
		return true
	}
	if index := armRegister(parts[1]); index.Size > 0 {
		a.Index, a.Scale = &index, 1
		return len(parts) == 2 || a.readARMExtension(parts[2])
	}
	var sum string
	sum, a.Low = strings.CutPrefix(strings.TrimPrefix(parts[1], "#"), ":lo12:")
	return len(parts) == 2 && a.readSum(sum) && (a.Symbol != "") == a.Low
}

// readARMExtension reads what becomes of an index: lsl 3, sxtw 2, uxtw.
func (a *MarkerArgument) readARMExtension(text string) bool {
	kind, amount, shifted := strings.Cut(text, " ")
	switch kind {
	case "lsl", "uxtx", "sxtx":
	case "uxtw":
		a.Index.Size = 4
	case "sxtw":
		a.Index.Size, a.Index.Signed = 4, true
	default:
		return false
	}
	if !shifted {
		return kind != "lsl"
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(amount), "#"), 10, 3)
	a.Scale = 1 << n
	return err == nil && n <= 4
}

// armRegister finds a register by its name; Size is 0 where there is none.
func armRegister(name string) MarkerRegister {
	named := registers["arm64"].Named
	switch name {
	case "sp", "wsp":
		return MarkerRegister{At: named["sp"], Size: wordSize}
	case "fp":
		name = "x29"
	case "lr":
		name = "x30"
	}
	if len(name) < 2 || name[0] != 'x' && name[0] != 'w' {
		return MarkerRegister{}
	}
	at, known := named["r"+name[1:]]
	switch {
	case !known:
		return MarkerRegister{}
	case name[0] == 'w':
		return MarkerRegister{At: at, Size: 4}
	}
	return MarkerRegister{At: at, Size: wordSize}
}
