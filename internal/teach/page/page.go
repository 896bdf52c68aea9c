// Package page writes an explanation of a script as a web page.
//
//	err := page.Write(file, page.Content{Explanation: explanation, Run: run})
//
// The page is one file that refers to nothing else: it opens from a disk, and travels by
// mail. It shows the script beside its instructions; pointing at one lights the other. A
// slider steps recorded events through the emulator. Words of the field are explained
// where they stand, by the mouse, the keyboard's focus and a tap.
//
// # What is in the file
//
//	style     base.css, view.css, explain.css
//	body      explain.html
//	content   JSON in a script element that is not run
//	scripts   dom.js, view.js, explanation.js, player.js, explain.js
//
// All but explain.* serve the page of package site as well. They are plain modern
// JavaScript without a framework and without a build step: what lies in assets is what a
// browser runs.
//
// # Hostile text
//
// Scripts, names and records come from anywhere. They reach the page in the JSON alone,
// where `<`, `>` and `&` are escaped, so that no text ends the script element; and the
// scripts make elements by functions that take text, never markup. A
// Content-Security-Policy allows the page's own scripts and styles by their hashes, and
// nothing else: no address, no other script, not even an attribute with code.
//
// Rejected: html/template, which escapes as well, but looks up methods by name, for which
// the linker would have to keep every exported method: a tenth of the binary.
package page

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io"
	"strings"

	"github.com/ponytrace/ponytrace/internal/teach/jsontext"

	"github.com/ponytrace/ponytrace/internal/teach/explain"
	"github.com/ponytrace/ponytrace/internal/teach/step"
)

//go:embed assets
var assets embed.FS

// Content is what a page shows.
type Content struct {
	Explanation *explain.Explanation `json:"explanation"`
	// Run is what the slider steps through; nil for no slider.
	Run   *step.Run         `json:"run,omitempty"`
	Terms map[string]string `json:"terms"` // set by Write
}

var (
	styles  = []string{"base.css", "view.css", "explain.css"}
	scripts = []string{"dom.js", "view.js", "explanation.js", "player.js", "explain.js"}
)

// Asset returns a file that pages are made of, by its name.
func Asset(name string) string {
	text, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// joined is one text of several files.
func joined(names []string) string {
	var text strings.Builder
	for _, name := range names {
		text.WriteString(Asset(name))
	}
	return text.String()
}

// policy allows what has these hashes, and an empty icon.
func policy(style, script string) string {
	return "default-src 'none'; style-src '" + hash(style) + "'; script-src '" + hash(script) +
		"'; img-src data:; base-uri 'none'; form-action 'none'"
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Write writes the page.
func Write(w io.Writer, content Content) error {
	content.Terms = Terms()
	data := jsontext.InScript(content)
	style, script := joined(styles), joined(scripts)
	_, err := io.WriteString(w, strings.Join([]string{
		`<!DOCTYPE html>`,
		`<html lang="en">`,
		`<meta charset="utf-8">`,
		`<meta name="viewport" content="width=device-width, initial-scale=1">`,
		`<meta name="referrer" content="no-referrer">`,
		`<meta http-equiv="Content-Security-Policy" content="` + policy(style, script) + `">`,
		`<title>ponytrace explain</title>`,
		`<link rel="icon" href="data:,">`,
		`<style>` + style + `</style>`,
		Asset("explain.html") + `<script type="application/json" id="content">` + string(data) + `</script>`,
		`<script>` + script + `</script>`,
		`</html>`,
		``,
	}, "\n"))
	return err
}
