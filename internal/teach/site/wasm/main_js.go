// Command wasm is the compiler and the emulator for a browser: it defines the function
// ponytrace, which takes a question as an object and returns the answer as JSON (package
// api). worker.js calls it.
//
//	GOOS=js GOARCH=wasm go build ./internal/teach/site/wasm
package main

import (
	"syscall/js"

	"github.com/ponytrace/ponytrace/internal/teach/jsontext"

	"github.com/ponytrace/ponytrace/internal/teach/site/api"
)

func main() {
	js.Global().Set("ponytrace", js.FuncOf(func(_ js.Value, arguments []js.Value) any {
		return string(jsontext.InScript(api.Ask(question(arguments[0]))))
	}))
	select {} // the function is called from now on
}

// question reads an object. No JSON: what reads that is a hundredth of the module.
func question(object js.Value) *api.Question {
	text := func(name string) string {
		if value := object.Get(name); value.Type() == js.TypeString {
			return value.String()
		}
		return ""
	}
	return &api.Question{
		Ask: text("ask"), Kernel: text("kernel"), Script: text("script"),
		Events: text("events"), Lesson: text("lesson"),
	}
}
