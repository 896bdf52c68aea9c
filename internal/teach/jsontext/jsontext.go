// Package jsontext writes Go values as JSON: what teaches has an output for programs, and
// is read by a page.
//
// Rejected: encoding/json, which makes the command 176 KB larger, a tenth of all that
// teaching may add. The tests hold that both write the same bytes.
//
// Values are bools, integers, strings, and slices, pointers, structs and maps by string of
// them. Members of structs have the names of their json tags, in their order; omitempty leaves out what is
// false, 0, empty or nil, and members of embedded structs are members. Any other kind, and
// any other option of a tag, panics.
package jsontext

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Write writes a value, and the end of the line.
func Write(w io.Writer, value any) error {
	_, err := w.Write(append(appendValue(nil, reflect.ValueOf(value)), '\n'))
	return err
}

// InScript returns a value such that it may stand in the script element of a page: without
// the characters <, > and &.
func InScript(value any) []byte {
	text := string(appendValue(nil, reflect.ValueOf(value)))
	return []byte(strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`).Replace(text))
}

func appendValue(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(b, v.Uint(), 10)
	case reflect.String:
		return appendString(b, v.String())
	case reflect.Slice:
		return appendSlice(b, v)
	case reflect.Struct:
		return append(appendMembers(append(b, '{'), v), '}')
	case reflect.Map:
		return appendMap(b, v)
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return append(b, "null"...)
		}
		return appendValue(b, v.Elem())
	}
	panic(fmt.Sprintf("jsontext: a value of the type %s", v.Type()))
}

func appendSlice(b []byte, v reflect.Value) []byte {
	if v.IsNil() {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, v.Index(i))
	}
	return append(b, ']')
}

// appendMap sorts by key.
func appendMap(b []byte, v reflect.Value) []byte {
	if v.IsNil() {
		return append(b, "null"...)
	}
	values := map[string]reflect.Value{}
	for i := v.MapRange(); i.Next(); { // Seq2 would link reflect.MakeFunc, 16 KB
		values[i.Key().Interface().(string)] = i.Value() // any other panics
	}
	b = append(b, '{')
	for i, key := range slices.Sorted(maps.Keys(values)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, key), ':')
		b = appendValue(b, values[key])
	}
	return append(b, '}')
}

func appendMembers(b []byte, v reflect.Value) []byte {
	for i := range v.NumField() {
		field, member := v.Type().Field(i), v.Field(i)
		tag := field.Tag.Get("json")
		name, omit := strings.CutSuffix(tag, ",omitempty")
		switch {
		case field.Anonymous && tag == "":
			b = appendMembers(b, member)
			continue
		case strings.Contains(name, ",") || name == "" && field.IsExported():
			panic(fmt.Sprintf("jsontext: the tag %q of %s.%s", tag, v.Type(), field.Name))
		case !field.IsExported() || name == "-" || omit && empty(member):
			continue
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':')
		b = appendValue(b, member)
	}
	return b
}

func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

const hexDigits = "0123456789abcdef"

// appendString escapes what JSON demands, the line separators that JavaScript does not
// take, and what is not UTF-8.
func appendString(b []byte, text string) []byte {
	b = append(b, '"')
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch c := text[i]; {
		case r == utf8.RuneError && size == 1:
			b = append(b, `\ufffd`...)
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' && strings.IndexByte("\b\f\n\r\t", c) >= 0:
			b = append(b, '\\', "btn_fr"[c-'\b'])
		case c < ' ':
			b = append(b, `\u00`...)
			b = append(b, hexDigits[c>>4], hexDigits[c&15])
		case r == '\u2028' || r == '\u2029':
			b = append(b, `\u202`...)
			b = append(b, hexDigits[r&15])
		default:
			b = append(b, text[i:i+size]...)
		}
		i += size
	}
	return append(b, '"')
}
