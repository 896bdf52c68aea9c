package builtin

import (
	"errors"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

var outputFunctions = []*Function{
	{
		Info: Info{Name: "printf", Signature: "void printf(string format, ...)",
			Doc:     "Prints the arguments as C's printf does. Conversions: %d %i %u %x %X %o %c %s %p %%, with -, +, space, #, 0, width and precision. %s takes strings, enum values, symbols and probe names.",
			Example: `kprobe:vfs_read { printf("%-16s %6d\n", comm, pid) }`},
		MinArgs: 1, MaxArgs: -1, Check: checkPrintf,
		Lower: func(l Lowering, call *lang.Call) *ir.Value {
			format, _ := l.Text(call.Args[0])
			l.Emit(&object.Event{Action: object.Printf, Format: format, Source: call.Span}, call.Args[1:]...)
			return nil
		},
	},
	{
		Info: Info{Name: "print", Signature: "void print(any value [, int top [, int divisor]])",
			Doc:     "Prints a map, the value of one key of a map, or any value on a line of its own. With top, only the largest entries of a whole map; with divisor, its values divided.",
			Example: `interval:s:1 { print(@, 5); clear(@) } kprobe:vfs_read { @[comm] = count() }`},
		MinArgs: 1, MaxArgs: 3, Check: checkPrint, Lower: lowerPrint,
	},
	{
		Info: Info{Name: "printa", Signature: "void printa(string format, @map, ...)",
			Doc:     "Prints every entry of a map through a format: ordinary conversions take the parts of the key in order, %@d or, with a width, %8@d takes the value. A histogram prints as its table. A map without a key prints even when nothing was recorded. With several maps of the same key, each %@d takes the value of the next map, 0 where it has none.",
			Example: `kprobe:vfs_read { @[comm, pid] = count(); @bytes[comm, pid] = sum(args.count) } END { printa("%-16s %6d %@8d %@d\n", @, @bytes); clear(@); clear(@bytes) }`},
		MinArgs: 2, MaxArgs: -1, Check: checkPrinta, Lower: lowerPrinta,
	},
	{
		Info: Info{Name: "time", Signature: "void time([string format])",
			Doc:     `Prints the wall clock time in the format of strftime; "%H:%M:%S\n" when none is given.`,
			Example: `interval:s:1 { time("%H:%M:%S\n") }`},
		MinArgs: 0, MaxArgs: 1, Check: checkTime, Lower: lowerTime,
	},
	{
		Info: Info{Name: "exit", Signature: "void exit([int code])",
			Doc:     "Ends the clause and then ponytrace, with the exit code given (default 0). END clauses run and maps are printed.",
			Example: `interval:s:10 { exit() }`},
		MinArgs: 0, MaxArgs: 1, Check: checkExit, Lower: lowerExit, Ends: true,
	},
}

// checkFormat reports whether the argument is a literal text, which a format must be.
func checkFormat(c Checker, call *lang.Call) (string, bool) {
	format, ok := c.Text(call.Args[0])
	if !ok && c.Type(call.Args[0]).Kind != types.None {
		c.Errorf(call.Args[0].Range(), "the format of %s() must be a literal string", call.Name)
		c.Hint("print(%s) prints a value of any type", call.Args[0].Range().Text())
	}
	return format, ok
}

func wrongFormat(c Checker, call *lang.Call, err error) {
	c.Errorf(call.Args[0].Range(), "%v", err)
	var wrong *object.FormatError
	if errors.As(err, &wrong) && wrong.Hint != "" {
		c.Hint("%s", wrong.Hint)
	}
}

func checkPrintf(c Checker, call *lang.Call) *types.Type {
	format, ok := checkFormat(c, call)
	if !ok {
		return types.NoValue
	}
	conversions, err := object.ParseFormat(format)
	if err != nil {
		wrongFormat(c, call, err)
		return types.NoValue
	}
	values := call.Args[1:]
	if len(conversions) != len(values) {
		c.Errorf(call.Span, "the format has %s, but %s given", plural(len(conversions), "conversion"), were(len(values)))
		return types.NoValue
	}
	for i, conversion := range conversions {
		checkConversion(c, conversion, values[i])
	}
	return types.NoValue
}

func were(n int) string {
	if n == 1 {
		return "1 argument is"
	}
	return plural(n, "argument") + " are"
}

// checkConversion holds a value against its conversion.
func checkConversion(c Checker, conversion object.Conversion, value lang.Expr) {
	t := c.Type(value)
	if t.Kind == types.None {
		return
	}
	if conversion.Value {
		c.Errorf(value.Range(), "%s is for printa(), where it stands for the value of the map", conversion.Text)
		return
	}
	if conversion.Accepts(t) {
		return
	}
	c.Errorf(value.Range(), "%s cannot print a value of type %s", conversion.Text, t)
	switch {
	case t.Aggregation():
		c.Hint("an aggregation is printed by print(%s)", value.Range().Text())
	case t.Kind == types.String:
		c.Hint("use %%s")
	case t.Scalar():
		c.Hint("use %%d")
	case t.Kind == types.Struct:
		hintMember(c, value, t)
	}
}

func hintMember(c Checker, value lang.Expr, t *types.Type) {
	text := value.Range().Text()
	if names := c.Target().MemberNames(t); len(names) > 0 {
		c.Hint("print a member of it, such as %s.%s, or all by %%s", text, names[0])
	}
}

// wholeMap returns the map when the expression is a map without a key.
func wholeMap(e lang.Expr) (*lang.Map, bool) {
	m, ok := lang.Unparen(e).(*lang.Map)
	return m, ok && len(m.Keys) == 0
}

func checkPrint(c Checker, call *lang.Call) *types.Type {
	m, whole := wholeMap(call.Args[0])
	switch {
	case whole:
		c.Key(m)
		checkTop(c, call)
	case len(call.Args) > 1:
		c.Errorf(call.Args[1].Range(), "top and divisor are for whole maps: print(@map, top, divisor)")
		if format, known := c.Text(call.Args[0]); known && strings.Contains(format, "%") {
			c.Hint("a format is for printf(%s, ...)", call.Args[0].Range().Text())
		} else {
			c.Hint("several values are a tuple: print((a, b))")
		}
	case m == nil || !c.CheckPrinted(m):
		checkPrintValue(c, call)
	}
	return types.NoValue
}

// checkTop checks how many entries print() shows, and what it divides them by.
func checkTop(c Checker, call *lang.Call) {
	for i, arg := range call.Args[1:] {
		if n, ok := c.Integer(arg); !ok || n < int64(i) {
			c.Errorf(arg.Range(), "the %s of print() is a number from %d, known before tracing starts", [...]string{"top", "divisor"}[i], i)
		}
	}
}

func checkPrintValue(c Checker, call *lang.Call) {
	t := c.Type(call.Args[0])
	if t.Kind != types.None && t.Size == 0 {
		c.Errorf(call.Args[0].Range(), "%s cannot be printed as a whole; print the member you want: %s.MEMBER", t, call.Args[0].Range().Text())
	}
}

func lowerPrint(l Lowering, call *lang.Call) *ir.Value {
	if _, whole := wholeMap(call.Args[0]); whole {
		event := &object.Event{Action: object.PrintMap, Map: l.Map(call.Args[0]), Source: call.Span}
		if len(call.Args) > 1 {
			event.Top, _ = l.Integer(call.Args[1])
		}
		if len(call.Args) > 2 {
			event.Divisor, _ = l.Integer(call.Args[2])
		}
		l.Emit(event)
		return nil
	}
	event := &object.Event{Action: object.Print, Source: call.Span}
	if m, keyed := lang.Unparen(call.Args[0]).(*lang.Map); keyed {
		event.Map = l.Map(m)
		if event.Map.Value.Composite() {
			event.Action = object.PrintKey
			l.Emit(event, m.Keys...)
			return nil
		}
	}
	l.Emit(event, call.Args[0])
	return nil
}

func checkPrinta(c Checker, call *lang.Call) *types.Type {
	format, ok := checkFormat(c, call)
	for _, arg := range call.Args[1:] {
		ok = checkWholeMap(c, call, arg) && ok
	}
	if !ok {
		return types.NoValue
	}
	conversions, err := object.ParseFormat(format)
	if err != nil {
		wrongFormat(c, call, err)
		return types.NoValue
	}
	if keys, same := checkSameKeys(c, call); same {
		checkPrintaKeys(c, call, conversions, keys)
		checkPrintaValues(c, call, conversions)
	}
	return types.NoValue
}

// checkSameKeys returns the key of the maps, which must have the same parts.
func checkSameKeys(c Checker, call *lang.Call) (keys []*types.Type, ok bool) {
	ok = true
	for i, arg := range call.Args[1:] {
		m, _ := wholeMap(arg)
		its, known := c.Key(m)
		switch {
		case !known:
			ok = false
		case i == 0:
			keys = its
		case !slices.EqualFunc(keys, its, (*types.Type).Equal):
			first, _ := wholeMap(call.Args[1])
			c.Errorf(arg.Range(), "@%s has another key than @%s, so their entries do not stand in one line", m.Name, first.Name)
			ok = false
		}
	}
	return keys, ok
}

// checkPrintaKeys holds the ordinary conversions against the parts of the key.
func checkPrintaKeys(c Checker, call *lang.Call, conversions []object.Conversion, keys []*types.Type) {
	used := 0
	for _, conversion := range conversions {
		switch {
		case conversion.Value:
		case used == len(keys):
			c.Errorf(call.Args[0].Range(), "%s has no part of the key left to print: the key has %s", conversion.Text, plural(len(keys), "part"))
			return
		default:
			if !conversion.Accepts(keys[used]) {
				c.Errorf(call.Args[0].Range(), "%s cannot print part %d of the key, which is %s", conversion.Text, used+1, keys[used])
			}
			used++
		}
	}
}

// checkPrintaValues: with several maps each needs a conversion; one map may be printed
// again and again.
func checkPrintaValues(c Checker, call *lang.Call, conversions []object.Conversion) {
	values := 0
	for _, conversion := range conversions {
		if conversion.Value {
			values++
		}
	}
	if maps := len(call.Args) - 1; maps > 1 && values != maps {
		c.Errorf(call.Args[0].Range(), "the format has %s for values (%%@d), and there are %d maps", plural(values, "conversion"), maps)
	}
}

func lowerPrinta(l Lowering, call *lang.Call) *ir.Value {
	format, _ := l.Text(call.Args[0])
	event := &object.Event{Action: object.Printa, Format: format, Map: l.Map(call.Args[1]), Source: call.Span}
	for _, arg := range call.Args[1:] {
		event.Maps = append(event.Maps, l.Map(arg))
	}
	l.Emit(event)
	return nil
}

func checkTime(c Checker, call *lang.Call) *types.Type {
	if len(call.Args) == 1 {
		checkFormat(c, call)
	}
	return types.NoValue
}

func lowerTime(l Lowering, call *lang.Call) *ir.Value {
	format := "%H:%M:%S\n"
	if len(call.Args) == 1 {
		format, _ = l.Text(call.Args[0])
	}
	l.Emit(&object.Event{Action: object.Time, Format: format, Source: call.Span})
	return nil
}

func checkExit(c Checker, call *lang.Call) *types.Type {
	if len(call.Args) == 1 {
		if t := c.Type(call.Args[0]); t.Kind != types.None && !t.Integer() {
			c.Errorf(call.Args[0].Range(), "the exit code is a number, not %s", t)
		}
	}
	return types.NoValue
}

func lowerExit(l Lowering, call *lang.Call) *ir.Value {
	setData(l, object.DataStopped, l.IR().Const(1))
	l.Emit(&object.Event{Action: object.Exit, Source: call.Span}, call.Args...)
	l.End()
	return nil
}
