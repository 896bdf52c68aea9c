package oracle

import (
	"fmt"
	"math/big"
	"strings"
)

// IntegerType is one of the types that arithmetic applies to.
type IntegerType struct {
	Name   string
	Bits   uint // of the values; a bool has 1
	Size   int
	Signed bool
}

// IntegerTypes are all of them. Prelude declares those of enums.
var IntegerTypes = []IntegerType{
	{"bool", 1, 1, false},
	{"int8", 8, 1, true}, {"int16", 16, 2, true}, {"int32", 32, 4, true}, {"int64", 64, 8, true},
	{"uint8", 8, 1, false}, {"uint16", 16, 2, false}, {"uint32", 32, 4, false}, {"uint64", 64, 8, false},
	{"positive", 32, 4, false}, {"negative", 32, 4, true},
}

var (
	int64Type  = IntegerTypes[4]
	uint64Type = IntegerTypes[8]
)

// values are the numbers at the edges of a type, and two inside.
func (t IntegerType) values() []*big.Int {
	list := []*big.Int{big.NewInt(0), big.NewInt(1)}
	if t.Bits == 1 {
		return list
	}
	list = append(list, big.NewInt(5))
	for _, edge := range []int64{-1, 0, 1} {
		list = append(list, t.cut(new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), t.Bits-1), big.NewInt(edge))))
	}
	return append(list, t.cut(big.NewInt(-1)))
}

// cut is the value of the type with the same lowest bits.
func (t IntegerType) cut(n *big.Int) *big.Int {
	if t.Bits == 1 {
		return big.NewInt(int64(n.CmpAbs(big.NewInt(0))))
	}
	all := new(big.Int).Lsh(big.NewInt(1), t.Bits)
	n = new(big.Int).Mod(n, all)
	if t.Signed && n.Bit(int(t.Bits)-1) == 1 {
		n.Sub(n, all)
	}
	return n
}

// written is a value as a literal of 64 bits, which a cast makes one of the type.
func written(n *big.Int) string { return uint64Type.cut(n).String() }

// operand is what an operator takes a value of the type as.
func (t IntegerType) operand() IntegerType {
	if t.Size == 8 && !t.Signed {
		return uint64Type
	}
	return int64Type
}

var arithmetic = []string{"+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"}

var conditions = []string{"<", "<=", ">", ">=", "==", "!=", "&&", "||"}

// operate is x op y by the table in spec.md, as print writes it.
func operate(op string, a IntegerType, x *big.Int, b IntegerType, y *big.Int) string {
	wide := int64Type
	if a.operand() == uint64Type || b.operand() == uint64Type {
		wide = uint64Type
	}
	if op == "<<" || op == ">>" {
		wide = a.operand()
		n := uint(new(big.Int).And(y, big.NewInt(63)).Uint64())
		if op == "<<" {
			return wide.cut(new(big.Int).Lsh(x, n)).String()
		}
		return wide.cut(new(big.Int).Rsh(wide.cut(x), n)).String()
	}
	x, y = wide.cut(x), wide.cut(y)
	if text, ok := condition(op, x, y); ok {
		return text
	}
	return wide.cut(calculate(op, x, y)).String()
}

func calculate(op string, x, y *big.Int) *big.Int {
	z := new(big.Int)
	switch op {
	case "+":
		return z.Add(x, y)
	case "-":
		return z.Sub(x, y)
	case "*":
		return z.Mul(x, y)
	case "&":
		return z.And(x, y)
	case "|":
		return z.Or(x, y)
	case "^":
		return z.Xor(x, y)
	}
	if y.Sign() == 0 {
		return z
	}
	if op == "/" {
		return z.Quo(x, y)
	}
	return z.Rem(x, y)
}

func condition(op string, x, y *big.Int) (string, bool) {
	order := x.Cmp(y)
	holds, ok := map[string]bool{
		"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0, "==": order == 0, "!=": order != 0,
		"&&": x.Sign() != 0 && y.Sign() != 0, "||": x.Sign() != 0 || y.Sign() != 0,
	}[op]
	return fmt.Sprint(holds), ok
}

// unary are -x, ~x and !x, and the sizes of x, -x and ~x.
func unary(t IntegerType, x *big.Int) string {
	negated, inverted := t.operand(), t
	if t.Bits < 32 {
		inverted = IntegerTypes[3]
	}
	if t.Size < 4 || t.Size == 4 && t.Signed {
		negated = IntegerTypes[3]
	}
	return fmt.Sprintf("(%s, %s, %t, %d, %d, %d)", negated.cut(new(big.Int).Neg(x)), inverted.cut(new(big.Int).Not(x)), x.Sign() == 0,
		t.Size, negated.Size, inverted.Size)
}

// Naming is a way to write x op y of two values that $a and $b hold in 64 bits:
// statements that come first, and the expression. In both, X and Y are the types, and OP
// the operator.
type Naming struct{ Name, First, Expression string }

// Namings are the ways that must not differ in what they yield. Prelude declares what
// they call.
var Namings = []Naming{
	{"cast", "", "(X)$a OP (Y)$b"},
	{"variable", "$x = (X)$a; $y = (Y)$b;", "$x OP $y"},
	{"declared", "let $x : X = (X)$a; let $y : Y = (Y)$b;", "$x OP $y"},
	{"map", "@x_X = (X)$a; @y_Y = (Y)$b;", "@x_X OP @y_Y"},
	{"keyed map", "@kx_X[1] = (X)$a; @ky_Y[2] = (Y)$b;", "@kx_X[1] OP @ky_Y[2]"},
	{"tuple", "$t = ((X)$a, (Y)$b);", "$t.0 OP $t.1"},
	{"record", "$t = (x = (X)$a, y = (Y)$b);", "$t.x OP $t.y"},
	{"function", "", "id_X((X)$a) OP id_Y((Y)$b)"},
	{"macro", "", "same((X)$a) OP same((Y)$b)"},
	{"cast twice", "", "(X)(X)$a OP (Y)(Y)$b"},
	{"block", "", "({ $q = (X)$a; $q }) OP ({ $q = (Y)$b; $q })"},
	{"choice", "", "($a == 77 ? (X)0 : (X)$a) OP ($b != 77 ? (Y)$b : (Y)0)"},
	{"shared", "$x = (X)$a; $y = (Y)$b; for ($k : 0..1) { if ($k) { $x = (X)$k; $y = (Y)$k } }", "$x OP $y"},
	{"pointer", "$x = (X)$a; $y = (Y)$b; $p = &$x; $q = &$y;", "*$p OP *$q"},
	{"result", "", "RESULT((X)$a OP (Y)$b)"},
}

// Prelude declares the enums, functions and macros that the scripts use.
func Prelude() string {
	var b strings.Builder
	b.WriteString("typedef enum { HUNDRED = 100 } positive;\ntypedef enum { MINUS = -100 } negative;\n")
	for _, t := range IntegerTypes {
		fmt.Fprintf(&b, "fn id_%s($x : %s) : %[2]s { return $x }\n", t.Name, t.Name)
	}
	b.WriteString("macro same(x) { x }\n")
	return b.String()
}

func (n Naming) fill(text string, x, y IntegerType, op string) string {
	if n.Name == "result" {
		text = strings.NewReplacer("RESULT(", "({ $r = ", ")$b)", ")$b; $r })").Replace(text)
	}
	return strings.NewReplacer("X", x.Name, "Y", y.Name, "OP", op).Replace(text)
}

// IntegerScript applies every operator to the values at the edges of type x and of each
// type: BEGIN clauses that print a tuple of the results for each pair. The lines are what
// a machine of unlimited numbers makes of the table in spec.md.
func IntegerScript(x IntegerType, naming Naming) (script string, lines []string) {
	script, lines = integerClauses(x, naming, everyPair)
	return Prelude() + script, lines
}

// IntegerScripts is one script for all types, each of which is named in another way on
// the left. It has some pairs of values only, because verifiers without bpf_loop walk
// every round.
func IntegerScripts() (script string, lines []string) {
	script = Prelude()
	for i, x := range IntegerTypes {
		clauses, results := integerClauses(x, Namings[i], edgePairs)
		script += clauses
		lines = append(lines, results...)
	}
	return script, lines
}

// pair are two operands.
type pair struct{ x, y *big.Int }

func everyPair(x, y IntegerType) (list []pair) {
	for _, n := range x.values() {
		for _, m := range y.values() {
			list = append(list, pair{n, m})
		}
	}
	return list
}

// edgePairs are the first, the last, and those around half of the range.
func edgePairs(x, y IntegerType) (list []pair) {
	xs, ys := x.values(), y.values()
	at := func(list []*big.Int, i int) *big.Int { return list[min(i, len(list)-1)] }
	for _, i := range [][2]int{{0, 4}, {4, 0}, {3, 4}, {4, 6}, {6, 3}, {6, 6}} {
		list = append(list, pair{at(xs, i[0]), at(ys, i[1])})
	}
	return list
}

func integerClauses(x IntegerType, naming Naming, pairs func(x, y IntegerType) []pair) (clauses string, lines []string) {
	var b strings.Builder
	for _, y := range IntegerTypes {
		var xs, ys []*big.Int
		for _, p := range pairs(x, y) {
			xs, ys = append(xs, p.x), append(ys, p.y)
			lines = append(lines, results(x, p.x, y, p.y))
		}
		fmt.Fprintf(&b, "BEGIN { for ($i : 0..%d) { $a = %s; $b = %s; %s\nprint((%s)); } }\n",
			len(xs), chosen("$i", xs), chosen("$i", ys), naming.fill(naming.First, x, y, ""), naming.all(x, y))
	}
	return b.String(), lines
}

// chosen is an expression for the value with a number that is known only when the program
// runs.
func chosen(index string, values []*big.Int) string {
	text := written(values[len(values)-1])
	for i := len(values) - 2; i >= 0; i-- {
		text = fmt.Sprintf("%s == %d ? %s : (%s)", index, i, written(values[i]), text)
	}
	return "(uint64)(" + text + ")"
}

func (n Naming) all(x, y IntegerType) string {
	var list []string
	for _, op := range append(arithmetic[:len(arithmetic):len(arithmetic)], conditions...) {
		list = append(list, n.fill(n.Expression, x, y, op))
	}
	return strings.Join(list, ", ")
}

func results(x IntegerType, n *big.Int, y IntegerType, m *big.Int) string {
	var list []string
	for _, op := range append(arithmetic[:len(arithmetic):len(arithmetic)], conditions...) {
		list = append(list, operate(op, x, n, y, m))
	}
	return "(" + strings.Join(list, ", ") + ")"
}

// UpdateScript computes x op y by `z = x; z op= y`, in a variable, a map and an entry of
// a map, and prints how many of these differ from `x op y`.
func UpdateScript(x IntegerType) (script string, lines []string) {
	var b strings.Builder
	b.WriteString(Prelude())
	for _, y := range IntegerTypes {
		fmt.Fprintf(&b, "BEGIN { $wrong = 0; for ($i : 0..%d) { for ($j : 0..%d) { $a = %s; $b = %s;\n",
			len(x.values()), len(y.values()), chosen("$i", x.values()), chosen("$j", y.values()))
		for i, op := range arithmetic {
			for _, z := range []string{"$z%d", "@z%d%[2]s", "@k%d%[2]s[$i]"} {
				z = fmt.Sprintf(z+"%.0[2]s", i, x.Name+y.Name)
				fmt.Fprintf(&b, "%[1]s = (%[2]s)$a; %[1]s %[3]s= (%[4]s)$b; if (%[1]s != ((%[2]s)$a %[3]s (%[4]s)$b)) { $wrong++ }\n", z, x.Name, op, y.Name)
			}
		}
		b.WriteString("} } print($wrong); }\n")
		lines = append(lines, "0")
	}
	return b.String(), lines
}

// UnaryScript does the same for the operators before a value, and prints the sizes of
// what they make.
func UnaryScript(x IntegerType, naming Naming) (script string, lines []string) {
	value, _, _ := strings.Cut(naming.fill(naming.Expression, x, x, " OP "), " OP ")
	script = fmt.Sprintf("%sBEGIN { for ($i : 0..%d) { $a = %s; $b = $a; %s\nprint((-(%s), ~(%[5]s), !(%[5]s), sizeof(%[5]s), sizeof(-(%[5]s)), sizeof(~(%[5]s)))); } }\n",
		Prelude(), len(x.values()), chosen("$i", x.values()), naming.fill(naming.First, x, x, ""), value)
	for _, n := range x.values() {
		lines = append(lines, unary(x, n))
	}
	return script, lines
}
