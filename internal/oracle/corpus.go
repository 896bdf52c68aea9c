package oracle

import (
	"embed"
	"io/fs"
	"path"
	"strings"
)

//go:embed corpus/*.txt
var files embed.FS

// Script is a line of the corpus.
type Script struct{ File, Text string }

// Corpus returns the scripts of the corpus. A line is the body of a BEGIN clause, or a
// whole script where it has a clause of its own; "# " begins a comment.
func Corpus() []Script {
	names, err := fs.Glob(files, "corpus/*.txt")
	if err != nil {
		panic(err)
	}
	var list []Script
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			panic(err)
		}
		list = append(list, parse(path.Base(name), string(text))...)
	}
	return list
}

func parse(file, text string) (list []Script) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		if !strings.Contains(line, "BEGIN {") && !strings.Contains(line, "BEGIN /") {
			line = "BEGIN { " + line + " }"
		}
		line = strings.ReplaceAll(line, " ⏎ ", "\n")
		list = append(list, Script{File: file, Text: line})
	}
	return list
}
