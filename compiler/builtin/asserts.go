package builtin

import (
	"fmt"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/internal/ir"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// What scripts say must hold, before tracing starts or while it goes on.
var assertFunctions = []*Function{
	{
		Info: Info{Name: "assert", Signature: "void assert(bool condition, string message)",
			Doc:     "Ends the tracing with the message and the exit code 1 where the condition does not hold.",
			Example: `kprobe:vfs_read { assert(arg2 < 1000000000, "a large read") }`},
		MinArgs: 2, MaxArgs: 2, Check: checkAssert, Source: `
			macro assert(condition, message) {
				if (!condition) { errorf("assert failed: %s", message); exit(1) }
			}`,
	},
	{
		Info: Info{Name: "static_assert", Signature: "void static_assert(bool condition, string message)",
			Doc:     "Refuses the script with the message where the condition, which must be known before tracing starts, does not hold.",
			Example: `BEGIN { static_assert(sizeof(struct file) > 8, "no file") }`},
		MinArgs: 2, MaxArgs: 2, Check: checkStaticAssert, Lower: nothing,
	},
	{
		Info: Info{Name: "fail", Signature: "void fail(string format, ...)",
			Doc:     "Refuses the script with a message, unless an if that is decided before tracing starts keeps it from being reached. The arguments must be known then, too.",
			Example: `BEGIN { if ($1 < 0) { fail("%d is no process", $1) } }`},
		MinArgs: 1, MaxArgs: -1, Check: checkFail, Lower: nothing,
	},
	{
		Info: Info{Name: "is_err", Signature: "bool is_err(pointer p)",
			Doc:     "Whether a pointer of the kernel is an error number instead (ERR_PTR): one of the last 4095 addresses.",
			Example: `kretprobe:do_filp_open { if (is_err(retval)) { @[strerror((int64)retval)] = count() } }`},
		MinArgs: 1, MaxArgs: 1,
		Check: func(c Checker, call *lang.Call) *types.Type {
			if !wantAddress(c, call, 0) {
				return types.NoValue
			}
			return types.Boolean
		},
		Source: "macro is_err(p) { (bool)((uint64)p >= (uint64)-4095) }", // MAX_ERRNO of linux/err.h
	},
	{
		Info: Info{Name: "probetype", Signature: "string probetype",
			Doc:     "The type of the probe that the clause is compiled for, such as kprobe; that of BEGIN and END is special. Known before tracing starts.",
			Example: `kprobe:vfs_read, interval:s:1 { if (probetype == "kprobe") { @reads = count() } }`},
		Bare:    true,
		Check:   func(c Checker, _ *lang.Call) *types.Type { return types.NewString(len(probeType(c.Scope())) + 1) },
		Literal: func(c Checker, call *lang.Call) lang.Expr { return text(probeType(c.Scope()), call) },
	},
}

func probeType(s *Scope) string {
	if name := s.Probe.Name; name != "begin" && name != "end" {
		return name
	}
	return "special"
}

func nothing(Lowering, *lang.Call) *ir.Value { return nil }

func checkAssert(c Checker, call *lang.Call) *types.Type {
	if t := c.Type(call.Args[0]); t.Kind != types.None && !t.Scalar() {
		c.Errorf(call.Args[0].Range(), "%s is neither true nor false", t)
	}
	if t := c.Type(call.Args[1]); t.Kind != types.None && t.Kind != types.String {
		c.Errorf(call.Args[1].Range(), "the message of assert() is a string, not %s", t)
	}
	return types.NoValue
}

func checkStaticAssert(c Checker, call *lang.Call) *types.Type {
	message, ok := wantText(c, call, 1, "the message")
	holds, known := c.Integer(call.Args[0])
	switch {
	case !known && c.Type(call.Args[0]).Kind != types.None:
		c.Errorf(call.Args[0].Range(), "the condition of static_assert() must be known before tracing starts")
		c.Hint("assert() checks what is known only then")
	case known && holds == 0 && ok && c.Reached():
		c.Errorf(call.Span, "%s", message)
	}
	return types.NoValue
}

func checkFail(c Checker, call *lang.Call) *types.Type {
	format, ok := wantText(c, call, 0, "the format")
	conversions, err := object.ParseFormat(format)
	switch {
	case !ok:
	case err != nil:
		wrongFormat(c, call, err)
	case len(conversions) != len(call.Args)-1:
		c.Errorf(call.Span, "the format has %s, but %s given", plural(len(conversions), "conversion"), were(len(call.Args)-1))
	default:
		message, known := knownMessage(c, format, conversions, call.Args[1:])
		if known && c.Reached() {
			c.Errorf(call.Span, "%s", message)
		}
	}
	return types.NoValue
}

// knownMessage is the format with values that are known before tracing starts.
func knownMessage(c Checker, format string, conversions []object.Conversion, values []lang.Expr) (string, bool) {
	var message strings.Builder
	end, known := 0, true
	for i, conversion := range conversions {
		message.WriteString(strings.ReplaceAll(format[end:conversion.Start], "%%", "%"))
		value, ok := knownValue(c, conversion, values[i])
		known = known && ok
		message.WriteString(value)
		end = conversion.End
	}
	message.WriteString(strings.ReplaceAll(format[end:], "%%", "%"))
	return message.String(), known
}

func knownValue(c Checker, conversion object.Conversion, e lang.Expr) (string, bool) {
	flags := strings.TrimRight(conversion.Text[:len(conversion.Text)-1], "hlLjzt")
	if text, ok := c.Text(e); ok && conversion.Verb == 's' {
		return fmt.Sprintf(flags+"s", text), true
	}
	n, ok := c.Integer(e)
	if !ok || conversion.Verb == 'r' || conversion.Value {
		if c.Type(e).Kind != types.None {
			c.Errorf(e.Range(), "%s in fail() wants a value that is known before tracing starts", conversion.Text)
		}
		return "", false
	}
	switch conversion.Verb {
	case 'u':
		return fmt.Sprintf(flags+"d", uint64(n)), true
	case 'i', 's':
		return fmt.Sprintf(flags+"d", n), true
	case 'p':
		return fmt.Sprintf("%#x", uint64(n)), true
	case 'c':
		return fmt.Sprintf(flags+"c", rune(byte(n))), true
	case 'd':
		return fmt.Sprintf(flags+"d", n), true
	}
	return fmt.Sprintf(flags+string(conversion.Verb), uint64(n)), true
}
