package frozen

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// A function of a program is recorded with all types that its own lead to, which are
// numbered; 0 is for none:
//
//	function TYPE FLAGS; absent                        type of the result
//	param TYPE REGISTER WORDS STACK FLAGS; name; absent
//	piece AT SIZE REGISTER OFFSET FLAGS                of the function's result or the last param
//	type NUMBER KIND SIZE ELEMENT COUNT FLAGS; name; alias; Passed
//	enumerator TYPE VALUE; name
//	member TYPE OF OFFSET BIT BITS; name; missing

// maxRecorded bounds the structs behind pointers that a record has.
const maxRecorded = 64

// RecordSignature writes a function as the record has it.
func RecordSignature(f *target.Function) string {
	w := &signatureWriter{numbers: map[any]int{}}
	result := w.number(f.Return)
	w.row(fmt.Sprint("function ", result, flags("memory", f.ReturnsMemory, "variadic", f.Variadic)), f.ReturnAbsent)
	w.pieces(f.ReturnPieces)
	for _, p := range f.Params {
		w.row(fmt.Sprint("param ", w.number(p.Type), " ", p.Register, " ", p.Words, " ", p.Stack,
			flags("indirect", p.Indirect)), p.Name, p.Absent)
		w.pieces(p.Pieces)
	}
	for n := 0; n < len(w.types); n++ {
		w.describe(n+1, w.types[n])
	}
	return w.out.String()
}

type signatureWriter struct {
	out     strings.Builder
	types   []*types.Type
	numbers map[any]int // by origin, or by the text of what has none
}

func (w *signatureWriter) row(numbers string, texts ...string) {
	w.out.WriteString(strings.Join(append([]string{numbers}, texts...), "\t") + "\n")
}

func flags(pairs ...any) (text string) {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1].(bool) {
			text += " " + pairs[i].(string)
		}
	}
	return text
}

func (w *signatureWriter) pieces(list []target.Piece) {
	for _, p := range list {
		w.row(fmt.Sprint("piece ", p.At, " ", p.Size, " ", p.Register, " ", p.Offset, flags("memory", p.InMemory)))
	}
}

// number returns that of a type, which is described later.
func (w *signatureWriter) number(t *types.Type) int {
	if t == nil {
		return 0
	}
	var key any = t
	if composite, ok := t.Origin.(target.Composite); ok {
		key = composite
	}
	if n, known := w.numbers[key]; known {
		return n
	}
	w.types = append(w.types, t)
	w.numbers[key] = len(w.types)
	return len(w.types)
}

func (w *signatureWriter) describe(n int, t *types.Type) {
	passed, _ := t.Origin.(target.Passed)
	composite, isStruct := t.Origin.(target.Composite)
	w.row(fmt.Sprint("type ", n, " ", uint8(t.Kind), " ", t.Size, " ", w.number(t.Elem), " ", t.Count,
		flags("signed", t.Signed, "union", t.Union, "user", t.User, "const", t.Const, "struct", isStruct)),
		t.Name, t.Alias, strconv.Itoa(int(passed)))
	for _, v := range t.Values {
		w.row(fmt.Sprint("enumerator ", n, " ", v.Value), v.Name)
	}
	if !isStruct || n > maxRecorded {
		return
	}
	members, _ := composite.Members()
	for _, m := range members {
		w.row(fmt.Sprint("member ", n, " ", w.number(m.Type), " ", m.Offset, " ", m.BitOffset, " ", m.BitSize),
			m.Name, m.Missing)
	}
}

// signature is a function that is read from the record.
type signature struct {
	function *target.Function
	types    []*types.Type
	members  map[int][]recordedMember
}

type recordedMember struct {
	target.Member
	of int // the number of its type
}

// recordedStruct is a struct of the record.
type recordedStruct struct {
	in     *signature
	number int
}

var _ target.Composite = recordedStruct{}

func (r recordedStruct) Members() (list []target.Member, err error) {
	for _, m := range r.in.members[r.number] {
		m.Type = r.in.numbered(m.of)
		list = append(list, m.Member)
	}
	return list, nil
}

// Definition has nothing to return: declarations are recorded as they are.
func (r recordedStruct) Definition() (*types.Type, bool) { return nil, false }

// Named finds the types that the function leads to.
func (s *signature) Named(tag, name string) *types.Type {
	for _, t := range s.types {
		isStruct := t.Kind == types.Struct && !t.Union && (tag == "struct" || tag == "")
		if t.Name == name && (isStruct || t.Kind == types.Enum && tag == "enum") {
			return t
		}
	}
	return nil
}

func (s *signature) numbered(n int) *types.Type {
	if n < 1 || n > len(s.types) {
		return nil
	}
	return s.types[n-1]
}

func (r recorded) Signature(of target.BinaryFunction) (*target.Function, error) {
	s := &signature{members: map[int][]recordedMember{}}
	var rows [][2][]string
	err := r.rows("signature "+of.Name, func(numbers, texts []string) error {
		rows = append(rows, [2][]string{numbers, texts})
		if numbers[0] == "type" {
			s.types = append(s.types, &types.Type{})
		}
		return nil
	})
	for _, row := range rows {
		s.read(row[0], row[1], of.Name)
	}
	return s.function, err
}

// integers reads the numbers that follow the first word of a row, and which words follow
// them.
func integers(words []string) (numbers []int, has func(flag string) bool) {
	for i, word := range words[1:] {
		n, err := strconv.Atoi(word)
		if err != nil {
			rest := " " + strings.Join(words[i+1:], " ") + " "
			return numbers, func(flag string) bool { return strings.Contains(rest, " "+flag+" ") }
		}
		numbers = append(numbers, n)
	}
	return numbers, func(string) bool { return false }
}

// read makes of a row what it stands for. Types are filled where they stand already, as
// those before may refer to them.
func (s *signature) read(words, texts []string, name string) {
	n, has := integers(words)
	switch words[0] {
	case "function":
		s.function = &target.Function{Name: name, User: true, Types: s, Return: s.numbered(n[0]),
			ReturnsMemory: has("memory"), Variadic: has("variadic"), ReturnAbsent: texts[0]}
	case "param":
		s.function.Params = append(s.function.Params, target.Param{
			Name: texts[0], Type: s.numbered(n[0]), Register: n[1], Words: n[2], Stack: n[3], Slot: -1,
			Indirect: has("indirect"), User: true, Absent: texts[1]})
	case "piece":
		piece := target.Piece{At: n[0], Size: n[1], Register: n[2], Offset: n[3], InMemory: has("memory")}
		of := &s.function.ReturnPieces
		if last := len(s.function.Params) - 1; last >= 0 {
			of = &s.function.Params[last].Pieces
		}
		*of = append(*of, piece)
	case "type":
		t := s.numbered(n[0])
		*t = types.Type{Kind: types.Kind(n[1]), Size: n[2], Elem: s.numbered(n[3]), Count: n[4],
			Signed: has("signed"), Union: has("union"), User: has("user"), Const: has("const"),
			Name: texts[0], Alias: texts[1]}
		if passed, _ := strconv.Atoi(texts[2]); passed > 0 {
			t.Origin = target.Passed(passed)
		}
		if has("struct") {
			t.Origin = recordedStruct{s, n[0]}
		}
	case "enumerator":
		t := s.numbered(n[0])
		t.Values = append(t.Values, types.EnumValue{Name: texts[0], Value: int64(n[1])})
	case "member":
		s.members[n[0]] = append(s.members[n[0]], recordedMember{of: n[1], Member: target.Member{
			Offset: n[2], BitOffset: n[3], BitSize: n[4], Name: texts[0], Missing: texts[1]}})
	}
}
