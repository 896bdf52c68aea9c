// Package oracle holds what compiled scripts do against what package eval says they
// should.
//
// Both sides are an eval.Result: the maps and events that a script leaves behind, as
// text. Observe makes one of tables and ring buffer records, wherever these come from:
// the emulator or a kernel. Kernel loads an object and runs its BEGIN, END and interval
// clauses by Program.Run, which calls a raw tracepoint program without any event.
//
// Corpus are scripts written by hand, a construct each; package random writes others.
package oracle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/internal/eval"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// Args are the positional parameters of every script here.
var Args = []string{"12", "text", "-3"}

// Text is what lies in user memory at Address, so that scripts have something to read.
const (
	Address = 0x7000_0000_0000
	Text    = "/etc/hosts"
)

// Memory is the user memory of the scripts: the text, then numbers.
func Memory() []byte {
	memory := make([]byte, 4096)
	copy(memory, Text)
	for i := 64; i < len(memory); i++ {
		memory[i] = byte(i*37 + i/256)
	}
	return memory
}

// Observe describes what a run of an object left behind.
func Observe(o *object.Object, table func(*object.MapSpec) (*events.Table, error), records [][]byte) (*eval.Result, error) {
	result := &eval.Result{Maps: map[string]map[string]string{}}
	for _, m := range o.Maps {
		t, err := table(m)
		if err != nil {
			return nil, err
		}
		if entries := entriesOf(m, t); len(entries) > 0 {
			result.Maps[m.Name] = entries
		}
	}
	for _, record := range records {
		result.Events = append(result.Events, describe(o, record))
	}
	return result, nil
}

func entriesOf(m *object.MapSpec, t *events.Table) map[string]string {
	entries := map[string]string{}
	for row := range t.Len() {
		var key []eval.Value
		for part := range t.KeyParts() {
			key = append(key, valueOf(t.KeyPart(row, part)))
		}
		entries[eval.KeyText(key)] = valueOf(t.Value(row)).String()
	}
	return entries
}

func valueOf(v events.Value) eval.Value { return eval.Decode(v.Type, v.Raw) }

// describe writes a record as package eval writes the call that makes one.
func describe(o *object.Object, record []byte) string {
	number := binary.LittleEndian.Uint64(record)
	if number >= uint64(len(o.Events)) {
		return fmt.Sprintf("record of unknown kind %d", number)
	}
	event := o.Events[number]
	var fields []eval.Value
	for _, field := range event.Layout.Fields {
		fields = append(fields, eval.Decode(field.Type, record[field.Offset:]))
	}
	switch event.Action {
	case object.Printf:
		return fmt.Sprintf("printf %q%s", event.Format, spaced(fields))
	case object.Time:
		return fmt.Sprintf("time %q", event.Format)
	case object.Print:
		return "print" + spaced(fields)
	case object.Exit:
		return "exit" + spaced(fields)
	case object.PrintKey:
		return fmt.Sprintf("print key @%s[%s]", event.Map.Name, eval.KeyText(keyOf(event, fields)))
	case object.Printa:
		return fmt.Sprintf("printa %q%s", event.Format, named(event))
	}
	return fmt.Sprintf("%s @%s", mapActions[event.Action], event.Map.Name)
}

// named are the maps of a printa.
func named(event *object.Event) (names string) {
	list := event.Maps
	if len(list) == 0 {
		list = []*object.MapSpec{event.Map}
	}
	for _, m := range list {
		names += " @" + m.Name
	}
	return names
}

// keyOf takes a key apart that was written as one tuple.
func keyOf(event *object.Event, fields []eval.Value) []eval.Value {
	if len(fields) < len(event.Map.Key.Fields) {
		return fields[0].Parts
	}
	return fields
}

var mapActions = map[object.Action]string{object.PrintMap: "print", object.Clear: "clear", object.Zero: "zero"}

func spaced(fields []eval.Value) string {
	var b strings.Builder
	for _, field := range fields {
		b.WriteString(" " + field.String())
	}
	return b.String()
}

// Difference says in which ways two results differ; it is empty when they do not.
func Difference(got, want *eval.Result) string {
	var b strings.Builder
	names := map[string]bool{}
	for name := range got.Maps {
		names[name] = true
	}
	for name := range want.Maps {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		compareEntries(&b, name, got.Maps[name], want.Maps[name])
	}
	if !slices.Equal(got.Events, want.Events) {
		fmt.Fprintf(&b, "events: got\n\t%s\nwant\n\t%s\n", strings.Join(got.Events, "\n\t"), strings.Join(want.Events, "\n\t"))
	}
	return b.String()
}

func compareEntries(b *strings.Builder, name string, got, want map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if value, ok := got[key]; !ok {
			fmt.Fprintf(b, "@%s[%s]: is not there, want %s\n", name, key, want[key])
		} else if value != want[key] {
			fmt.Fprintf(b, "@%s[%s]: got %s, want %s\n", name, key, value, want[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			fmt.Fprintf(b, "@%s[%s]: got %s, want no such key\n", name, key, got[key])
		}
	}
}

// Runs tells whether the runtime would run a program: after exit() it begins no interval.
func Runs(program *object.ProgramSpec, stopped bool) bool {
	point := program.Points[0]
	return !stopped || point.Once()
}

// ErrLong is a script whose evaluation, or whose loops on a kernel without bpf_loop, are
// too long to compare. The kernel's programs count what they cut off (object.DataCut).
var ErrLong = errors.New("the script runs too long")

// TooLarge reports whether the verifier gave up: it walks a million instructions, each
// path and each call anew.
func TooLarge(err error) bool { return strings.Contains(err.Error(), "BPF program is too large") }

// TooLong reports such a script.
func TooLong(err error) bool {
	return errors.Is(err, ErrLong) || err != nil && strings.Contains(err.Error(), ErrLong.Error())
}

// Class tells failures apart while a script is made smaller: it may not become one that
// is refused.
func Class(err error) string {
	var diagnostics diag.Diagnostics
	switch {
	case err == nil:
		return ""
	case errors.As(err, &diagnostics):
		return fmt.Sprintf("%.12s", diagnostics[0].Message)
	}
	return fmt.Sprintf("%.9s", err.Error())
}
