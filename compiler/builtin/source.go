package builtin

import (
	"sync"

	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// An entry with a Source is written in the language: macros of its own name, one for each
// number of arguments.
//
//	macro leader_tid { leader_tid(curtask) }
//	macro leader_tid(task) { (uint32)task->group_leader->pid }
//
// They are parsed when the first script uses the entry. Its Check looks at the arguments
// first, in the user's terms; then the macro is expanded as one of the script would be,
// with three differences. Each node of the body stands where the call stands, so that no
// message, event or line of the program leads into the table. Names that are built in
// stay so, whatever the script declares. And an error in the body is one message about
// the call.

// body holds the parsed macros of a Source.
type body struct {
	once   sync.Once
	macros []*lang.Macro
	broken diag.Diagnostics
}

// Macro returns the body for a number of arguments, nil where the entry has none.
func (f *Function) Macro(args int) *lang.Macro {
	if f.Source == "" {
		return nil
	}
	f.body.once.Do(func() { f.body.macros, f.body.broken = parseBody(f) })
	for _, m := range f.body.macros {
		if len(m.Params) == args {
			return m
		}
	}
	return nil
}

func parseBody(f *Function) ([]*lang.Macro, diag.Diagnostics) {
	script, diagnostics := lang.Parse(diag.NewSource("the source of "+f.Name, f.Source))
	for _, m := range script.Macros {
		lang.Walk(m.Body, func(node any) bool {
			prefixBuiltin(node, m.Params)
			return true
		})
	}
	return script.Macros, diagnostics
}

// prefixBuiltin gives what is built in the name that no script can take from it.
func prefixBuiltin(node any, params []lang.Expr) {
	switch node := node.(type) {
	case *lang.Call:
		if functions[node.Name] != nil {
			node.Name = internalPrefix + node.Name
		}
	case *lang.Name:
		if functions[node.Name] != nil && !isParameter(node.Name, params) {
			node.Name = internalPrefix + node.Name
		}
	}
}

func isParameter(name string, params []lang.Expr) bool {
	for _, param := range params {
		if p, ok := param.(*lang.Name); ok && p.Name == name {
			return true
		}
	}
	return false
}
