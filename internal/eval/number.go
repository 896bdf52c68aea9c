package eval

import (
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// promoted is C's integer promotion (C11 6.3.1.1), which ~ goes by: what is smaller than
// an int becomes one. Anything that is no number counts as an address.
func promoted(t *types.Type) *types.Type {
	switch {
	case t.Kind != types.Int && t.Kind != types.Enum && t.Kind != types.Bool:
		return types.Uint64
	case t.Kind == types.Bool || t.Size < 4:
		return types.Int32
	}
	return t
}

// operand is the type that + - * / % & | ^ << >> and comparisons take a value as. Each
// has 64 bits. An int64 holds what fewer bits hold.
func operand(t *types.Type) *types.Type {
	switch {
	case t.Aggregation():
		return types.NewInt(8, t.Signed)
	case t.Kind == types.Int || t.Kind == types.Enum || t.Kind == types.Bool:
		if t.Size == 8 && !t.Signed {
			return types.Uint64
		}
		return types.Int64
	}
	return types.Uint64
}

// signed tells whether an operation on two types is signed: of an int64 and a uint64 C
// computes in uint64 (C11 6.3.1.8).
func signed(x, y *types.Type) bool { return operand(x).Signed && operand(y).Signed }

// arithmetic computes x op y in 64 bits.
func arithmetic(op lang.Operator, x, y uint64, isSigned bool) uint64 {
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "&":
		return x & y
	case "|":
		return x | y
	case "^":
		return x ^ y
	case "<<":
		return x << (y & 63)
	case ">>":
		if isSigned {
			return uint64(int64(x) >> (y & 63))
		}
		return x >> (y & 63)
	case "/":
		return quotient(x, y, isSigned)
	case "%":
		return remainder(x, y, isSigned)
	}
	panic("eval: no operator " + string(op))
}

// A division by zero is 0, and so is its remainder.
func quotient(x, y uint64, isSigned bool) uint64 {
	switch {
	case y == 0:
		return 0
	case isSigned:
		return uint64(int64(x) / int64(y))
	}
	return x / y
}

func remainder(x, y uint64, isSigned bool) uint64 {
	switch {
	case y == 0:
		return 0
	case isSigned:
		return uint64(int64(x) % int64(y))
	}
	return x % y
}

// ordered computes a comparison of numbers.
func ordered(op lang.Operator, x, y uint64, isSigned bool) bool {
	less, greater := x < y, x > y
	if isSigned {
		less, greater = int64(x) < int64(y), int64(x) > int64(y)
	}
	switch op {
	case "<":
		return less
	case ">":
		return greater
	case "<=":
		return !greater
	case ">=":
		return !less
	case "==":
		return x == y
	}
	return x != y
}

func comparison(op lang.Operator) bool {
	switch op {
	case "==", "!=", "<", "<=", ">", ">=":
		return true
	}
	return false
}
