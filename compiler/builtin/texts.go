package builtin

import (
	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// textFunctions take texts: strings, arrays of bytes, and pointers to characters, which
// they read as str() does.
var textFunctions = []*Function{
	{
		Info: Info{Name: "strlen", Signature: "uint64 strlen(string text)",
			Doc:     "The number of bytes of a text, without the ending zero. A pointer to characters is read as str() does.",
			Example: `tracepoint:syscalls:sys_enter_openat { @ = hist(strlen(str(args.filename))) }`},
		MinArgs: 1, MaxArgs: 1,
		Check: func(c Checker, call *lang.Call) *types.Type { return checkTexts(c, call, 1, types.Uint64) },
		Lower: func(l Lowering, call *lang.Call) *ir.Value { return l.Texts().Length(call.Args[0]) },
	},
	{
		Info: Info{Name: "strcap", Signature: "uint64 strcap(string text)",
			Doc:     "How many bytes a text can have: of a string and an array its size, of a pointer to characters max_strlen.",
			Example: `BEGIN { printf("%d\n", strcap(comm)) }`},
		MinArgs: 1, MaxArgs: 1,
		Check: func(c Checker, call *lang.Call) *types.Type { return checkTexts(c, call, 1, types.Uint64) },
		Lower: func(l Lowering, call *lang.Call) *ir.Value {
			return l.IR().Const(int64(textSize(l.Type(call.Args[0]), l.Settings())))
		},
	},
	{
		Info: Info{Name: "strncmp", Signature: "int64 strncmp(string a, string b, uint64 size)",
			Doc:     "0 where the first n bytes of two texts are the same, or all where there are fewer or where n is below zero when the probe fires; else 1. Which text comes first is said by <.",
			Example: `kprobe:vfs_read /strncmp(comm, "pony", 4) == 0/ { @ = count() }`},
		MinArgs: 3, MaxArgs: 3, Check: checkStrncmp,
		Lower: func(l Lowering, call *lang.Call) *ir.Value {
			same := l.Texts().Same(call.Args[0], call.Args[1], call.Args[2])
			return l.IR().Binary(ir.Xor, same, l.IR().Const(1))
		},
	},
	{
		Info: Info{Name: "strcontains", Signature: "bool strcontains(string text, string wanted)",
			Doc:     "Whether a text contains another.",
			Example: `tracepoint:syscalls:sys_enter_openat /strcontains(str(args.filename), ".so")/ { @[comm] = count() }`},
		MinArgs: 2, MaxArgs: 2,
		Check:  func(c Checker, call *lang.Call) *types.Type { return checkSearch(c, call, types.Boolean) },
		Source: "macro strcontains(text, wanted) { (bool)(strstr(text, wanted) != -1) }",
	},
	{
		Info: Info{Name: "strstr", Signature: "int64 strstr(string text, string wanted)",
			Doc:     "The place in a text, counted from 0, where another one begins first; -1 where it does not.",
			Example: `tracepoint:syscalls:sys_enter_openat { @[strstr(str(args.filename), "/lib/")] = count() }`},
		MinArgs: 2, MaxArgs: 2,
		Check: func(c Checker, call *lang.Call) *types.Type { return checkSearch(c, call, types.Int64) },
		Lower: func(l Lowering, call *lang.Call) *ir.Value { return l.Texts().Find(call.Args[0], call.Args[1]) },
	},
	{
		Info: Info{Name: "str_concat", Signature: "string str_concat(string a, string b, ...)",
			Doc:     "Texts one behind the other. What goes beyond max_strlen is cut.",
			Example: `kprobe:vfs_read { @[str_concat(pcomm, "/", comm)] = count() }`},
		MinArgs: 2, MaxArgs: 16, Check: checkConcat, Fills: true,
		Into: func(l Lowering, call *lang.Call, to Place) { l.Texts().Join(call.Args, to, l.Type(call).Size) },
	},
}

// textSize is how many bytes a value of the type has as a text; 0 where it is none.
func textSize(t *types.Type, s *Settings) int {
	switch {
	case t.Kind == types.Buffer && t.ByteArray():
		return t.Size - types.BufferHeader
	case t.Kind == types.String, t.ByteArray():
		return t.Size
	case t.Kind == types.Pointer && t.Elem != nil && t.Elem.Kind == types.Int && t.Elem.Size == 1:
		return s.MaxStringSize
	}
	return 0
}

// checkText returns the size of a text argument, or 0 where it is none.
func checkText(c Checker, call *lang.Call, i int) int {
	t := c.Type(call.Args[i])
	size := textSize(t, c.Settings())
	if size == 0 && t.Kind != types.None {
		c.Errorf(call.Args[i].Range(), "%s() wants a text, not %s", call.Name, t)
		if t.Kind == types.Pointer || t.Kind == types.Int {
			c.Hint("read it first: str(%s)", call.Args[i].Range().Text())
		}
	}
	return size
}

// checkTexts checks that the first n arguments are texts.
func checkTexts(c Checker, call *lang.Call, n int, result *types.Type) *types.Type {
	for i := range n {
		if checkText(c, call, i) == 0 {
			return types.NoValue
		}
	}
	return result
}

func checkStrncmp(c Checker, call *lang.Call) *types.Type {
	wantSize(c, call, 2, 0)
	return checkTexts(c, call, 2, types.Int64)
}

func checkConcat(c Checker, call *lang.Call) *types.Type {
	all := 1
	for i := range call.Args {
		size := checkText(c, call, i)
		if size == 0 {
			return types.NoValue
		}
		all += size - 1
	}
	return types.NewString(min(all, c.Settings().MaxStringSize))
}

func checkSearch(c Checker, call *lang.Call, result *types.Type) *types.Type {
	if checkTexts(c, call, 2, result).Kind == types.None {
		return types.NoValue
	}
	size, wanted := textSize(c.Type(call.Args[0]), c.Settings()), textSize(c.Type(call.Args[1]), c.Settings())
	steps := size * (wanted/8 + 1)
	if literal, known := c.Text(call.Args[1]); known {
		steps = SearchSteps(size, len(literal))
	}
	CheckSteps(c, call.Span, steps)
	return result
}

// SearchSteps is how often a search in a text of a size has to look at a word for a
// literal of a length.
func SearchSteps(size, literal int) int { return size * max(1, (literal+7)/8) }

// mostSteps is how many steps of a search the verifier can walk: each is some twenty
// instructions, and it walks a million (BPF_COMPLEXITY_LIMIT_INSNS).
const mostSteps = 10_000

// CheckSteps reports a search that only a kernel with bpf_loop can make.
func CheckSteps(c Checker, span diag.Span, steps int) {
	if steps > mostSteps && !c.Target().Features.Loop {
		c.Errorf(span, "this search takes up to %d steps; a kernel older than 5.17, without bpf_loop, can make %d", steps, mostSteps)
		c.Hint("search in less, as of str(p, 128), or set max_strlen")
	}
}
