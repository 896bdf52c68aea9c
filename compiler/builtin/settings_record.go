package builtin

import (
	"strconv"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
)

// A script reads its settings as a record whose fields are known before tracing starts.
var settingFunctions = []*Function{
	{
		Info: Info{Name: "config", Signature: "record config",
			Doc:     "The settings in force, those by default included, as a record: config.max_strlen. Numbers are uint64, the others bool or string; known before tracing starts.",
			Example: `config = { max_strlen = 100 } BEGIN { printf("%d %s\n", config.max_strlen, config.stack_mode) }`},
		Bare: true, MaxArgs: 1,
		Check: func(c Checker, call *lang.Call) *types.Type {
			if len(call.Args) == 0 {
				return c.Type(settingsRecord(c.Settings(), call))
			}
			c.Errorf(call.Args[0].Range(), "config takes no argument: it is a record of the settings")
			c.Hint("config.%s", settingNamedBy(c, call.Args[0]))
			return types.NoValue
		},
		Literal: func(c Checker, call *lang.Call) lang.Expr { return settingsRecord(c.Settings(), call) },
	},
}

// settingNamedBy is the name of the setting that an argument was meant as.
func settingNamedBy(c Checker, e lang.Expr) string {
	if name, ok := c.Text(e); ok {
		return name
	}
	return e.Range().Text()
}

func settingsRecord(s *Settings, call *lang.Call) *lang.Record {
	record := &lang.Record{Span: call.Span}
	for _, name := range SettingNames() {
		field := lang.RecordField{Name: name, NameSpan: call.Span, Value: settings[name].literal(s, call)}
		record.Fields = append(record.Fields, field)
	}
	return record
}

// literal is a value of the kind that the default has.
func (setting *Setting) literal(s *Settings, call *lang.Call) lang.Expr {
	value := s.texts[setting.Name]
	var on bool
	switch {
	case isNumber(setting.Default) == nil && setting.Default != "":
		n, _ := strconv.ParseUint(value, 10, 64)
		return &lang.Integer{Value: n, Unsigned: true, Span: call.Span}
	case boolean(setting.Default, &on) == nil:
		on = boolean(value, &on) == nil && on
		return truth(on, call)
	}
	return text(value, call)
}
