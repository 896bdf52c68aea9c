package builtin

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Parameter is a named parameter of a script.
type Parameter struct {
	Name    string
	Kind    types.Kind // Bool, Int or String
	Default string     // as shown to people
	Doc     string
	Span    diag.Span // of the call that asks for it
}

var constantFunctions = slices.Concat([]*Function{
	{
		Info: Info{Name: "sizeof", Signature: "uint64 sizeof(type or value)",
			Doc:     "How many bytes a type or the type of a value takes in C; known before tracing starts.",
			Example: `BEGIN { printf("%d %d\n", sizeof(struct file), sizeof(uint32)) }`},
		MinArgs: 1, MaxArgs: 1, Check: checkSize,
		Literal: func(c Checker, call *lang.Call) lang.Expr {
			return number64(int64(c.Named(call.Args[0]).SizeInC()), call)
		},
	},
	{
		Info: Info{Name: "offsetof", Signature: "uint64 offsetof(type or value, member)",
			Doc:     "How many bytes after the start of a struct a member lies, which may be a member of a member: offsetof(struct file, f_path.dentry); known before tracing starts.",
			Example: `BEGIN { printf("%d\n", offsetof(struct file, f_path.dentry)) }`},
		MinArgs: 2, MaxArgs: 2, Check: checkOffset,
		Literal: func(c Checker, call *lang.Call) lang.Expr {
			offset, _ := memberOffset(c, call, c.Named(call.Args[0]), call.Args[1])
			return number64(int64(offset), call)
		},
	},
	{
		Info: Info{Name: "container_of", Signature: "pointer container_of(pointer p, type, member)",
			Doc:     "A pointer to the struct whose member p points at.",
			Example: `kprobe:vfs_getattr { $file = container_of(arg0, struct file, f_path); @[$file->f_flags] = count() }`},
		MinArgs: 3, MaxArgs: 3, Check: checkContainer, Lower: lowerContainer,
	},
	{
		Info: Info{Name: "getopt", Signature: "getopt(string name [, bool, int or string default [, string description]])",
			Doc:     "A named parameter, given after the script as --name=value; its type is that of the default. Without a default it is a bool: --name sets it. --help after a script describes it.",
			Example: `BEGIN { printf("every %d s, %s\n", getopt("interval", 1, "seconds between reports"), getopt("verbose") ? "verbose" : "short") }`},
		MinArgs: 1, MaxArgs: 3, Check: checkParameter, Literal: parameterLiteral,
	},
	{
		Info: Info{Name: "kfunc_exist", Signature: "bool kfunc_exist(string name)",
			Doc:     "Whether the kernel has a function of the name that programs may call (a kfunc); known before tracing starts.",
			Example: `BEGIN { printf("%d\n", kfunc_exist("bpf_rdonly_cast")) }`},
		MinArgs: 1, MaxArgs: 1,
		Check: func(c Checker, call *lang.Call) *types.Type {
			wantText(c, call, 0, "the name")
			return types.Boolean
		},
		Literal: func(c Checker, call *lang.Call) lang.Expr {
			name, _ := c.Text(call.Args[0])
			_, exists := c.Target().Kfunc(name)
			return truth(exists, call)
		},
	},
}, kindFunctions())

// kindFunctions tell what kind of value there is; macros, which take values of any type,
// ask them.
func kindFunctions() []*Function {
	return []*Function{
		kindFunction("is_array", "an array", func(t *types.Type) bool { return t.Kind == types.Array }),
		kindFunction("is_integer", "an integer", func(t *types.Type) bool { return t.Kind == types.Int }),
		kindFunction("is_unsigned_integer", "an integer without a sign", func(t *types.Type) bool { return t.Kind == types.Int && !t.Signed }),
		kindFunction("is_ptr", "a pointer", func(t *types.Type) bool { return t.Kind == types.Pointer }),
		kindFunction("is_str", "a string", func(t *types.Type) bool { return t.Kind == types.String }),
		{
			Info: Info{Name: "is_literal", Signature: "bool is_literal(value)",
				Doc:     "Whether a value is known before tracing starts.",
				Example: `BEGIN { printf("%d %d\n", is_literal(5), is_literal(pid)) }`},
			MinArgs: 1, MaxArgs: 1, Check: checkAny,
			Literal: func(c Checker, call *lang.Call) lang.Expr {
				_, integer := c.Integer(call.Args[0])
				_, text := c.Text(call.Args[0])
				return truth(integer || text, call)
			},
		},
	}
}

//go:noinline
func kindFunction(name, what string, is func(*types.Type) bool) *Function {
	return &Function{
		Info: Info{Name: name, Signature: "bool " + name + "(value)",
			Doc:     "Whether a value is " + what + "; known before tracing starts.",
			Example: `BEGIN { printf("%d\n", ` + name + `(pid)) }`},
		MinArgs: 1, MaxArgs: 1, Check: checkAny,
		Literal: func(c Checker, call *lang.Call) lang.Expr { return truth(is(c.Type(call.Args[0])), call) },
	}
}

func checkAny(c Checker, call *lang.Call) *types.Type {
	if c.Type(call.Args[0]).Kind == types.None {
		return types.NoValue
	}
	return types.Boolean
}

// number64, truth and text are the literals that a call may stand for.
func number64(n int64, call *lang.Call) lang.Expr {
	return &lang.Integer{Value: uint64(n), Span: call.Span}
}

func truth(b bool, call *lang.Call) lang.Expr {
	return &lang.Name{Name: strconv.FormatBool(b), Span: call.Span}
}

func text(s string, call *lang.Call) lang.Expr { return &lang.String{Value: s, Span: call.Span} }

func checkSize(c Checker, call *lang.Call) *types.Type {
	t := c.Named(call.Args[0])
	switch {
	case t.Kind == types.None:
		return types.NoValue
	case t.Size == 0:
		c.Errorf(call.Args[0].Range(), "the size of %s is not known", t)
		return types.NoValue
	}
	return types.Uint64
}

func checkOffset(c Checker, call *lang.Call) *types.Type {
	t := c.Named(call.Args[0])
	if t.Kind == types.None {
		return types.NoValue
	}
	if _, ok := memberOffset(c, call, t, call.Args[1]); !ok {
		return types.NoValue
	}
	return types.Uint64
}

// memberOffset follows a.b.c into a struct, or reports where that leads nowhere.
func memberOffset(c Checker, call *lang.Call, t *types.Type, path lang.Expr) (int, bool) {
	offset := 0
	for _, name := range members(path) {
		if t.Kind != types.Struct {
			c.Errorf(call.Args[0].Range(), "%s has no members", t)
			return 0, false
		}
		member, ok := c.Target().Member(t, name.Name)
		switch {
		case !ok:
			c.Errorf(name.Span, "%s has no member %s", t, name.Name)
			nearest(c, name.Name, c.Target().MemberNames(t))
			return 0, false
		case member.Missing != "":
			c.Errorf(name.Span, "%s of %s %s", name.Name, t, member.Missing)
			return 0, false
		case member.BitSize > 0:
			c.Errorf(name.Span, "%s is a bitfield, which has no offset in bytes", name.Name)
			return 0, false
		}
		t, offset = member.Type, offset+member.Offset
	}
	if len(members(path)) == 0 {
		c.Errorf(path.Range(), "%s() wants the name of a member", call.Name)
	}
	return offset, len(members(path)) > 0
}

// members are the names of a.b.c in order; none when the expression is no such path.
func members(path lang.Expr) []*lang.Name {
	switch path := lang.Unparen(path).(type) {
	case *lang.Name:
		return []*lang.Name{path}
	case *lang.Field:
		if outer := members(path.X); outer != nil && !path.Arrow {
			return append(outer, &lang.Name{Name: path.Name, Span: path.NameSpan})
		}
	}
	return nil
}

// nearest hints at names that look alike.
func nearest(c Checker, name string, names []string) {
	if near := diag.Nearest(name, slices.Values(names), 1); len(near) > 0 {
		c.Hint("did you mean %s?", near[0])
	}
}

func checkContainer(c Checker, call *lang.Call) *types.Type {
	t := c.Named(call.Args[1])
	if !wantAddress(c, call, 0) || t.Kind == types.None {
		return types.NoValue
	}
	if _, ok := memberOffset(c, call, t, call.Args[2]); !ok {
		return types.NoValue
	}
	pointer := types.NewPointer(t)
	return pointer.Beside(c.Type(call.Args[0]))
}

func lowerContainer(l Lowering, call *lang.Call) *ir.Value {
	t, offset := l.Type(call).Elem, 0
	for _, name := range members(call.Args[2]) {
		member, _ := l.Target().Member(t, name.Name)
		t, offset = member.Type, offset+member.Offset
	}
	return l.IR().Binary(ir.Sub, l.Number(call.Args[0]), l.IR().Const(int64(offset)))
}

// checkParameter declares the parameter; its type is that of the default, or bool.
func checkParameter(c Checker, call *lang.Call) *types.Type {
	p, ok := describeParameter(c, call)
	if !ok {
		return types.NoValue
	}
	given, valued, found := c.Parameter(p)
	switch p.Kind {
	case types.String:
		if found && !valued {
			c.Errorf(call.Span, "--%s wants a value: --%s=TEXT", p.Name, p.Name)
		}
		if !found {
			given = p.Default
		}
		return types.NewString(len(given) + 1)
	case types.Int:
		if _, err := strconv.ParseInt(given, 0, 64); found && err != nil {
			c.Errorf(call.Span, "--%s wants a number, not %q", p.Name, given)
		}
		return types.Int64
	}
	if _, err := switched(given, valued); found && err != nil {
		c.Errorf(call.Span, "--%s is true or false, not %q", p.Name, given)
	}
	return types.Boolean
}

// switched is the value of a bool: naming it is enough.
func switched(given string, valued bool) (bool, error) {
	if !valued {
		return true, nil
	}
	return strconv.ParseBool(given)
}

func describeParameter(c Checker, call *lang.Call) (Parameter, bool) {
	name, ok := wantText(c, call, 0, "the name")
	p := Parameter{Name: name, Kind: types.Bool, Default: "false", Span: call.Span}
	if len(call.Args) > 1 {
		ok = describeDefault(c, call, &p) && ok
	}
	if len(call.Args) > 2 {
		doc, literal := wantText(c, call, 2, "the description")
		p.Doc, ok = doc, ok && literal
	}
	return p, ok
}

func describeDefault(c Checker, call *lang.Call, p *Parameter) bool {
	t := c.Type(call.Args[1])
	if written, ok := c.Text(call.Args[1]); ok {
		p.Kind, p.Default = types.String, written
		return true
	}
	n, ok := c.Integer(call.Args[1])
	switch {
	case !ok && t.Kind != types.None:
		c.Errorf(call.Args[1].Range(), "the default of getopt() must be true, false, a number or a string, written in the script")
	case t.Kind == types.Bool:
		p.Default = fmt.Sprint(n != 0)
	default:
		p.Kind, p.Default = types.Int, fmt.Sprint(n)
	}
	return ok
}

// parameterLiteral is what the user gave, or the default.
func parameterLiteral(c Checker, call *lang.Call) lang.Expr {
	p, _ := describeParameter(c, call)
	given, valued, found := c.Parameter(p)
	if !found {
		given, valued = p.Default, true
	}
	switch p.Kind {
	case types.String:
		return text(given, call)
	case types.Int:
		n, _ := strconv.ParseInt(given, 0, 64)
		return number64(n, call)
	}
	on, _ := switched(given, valued)
	return truth(on, call)
}
