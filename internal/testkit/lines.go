package testkit

import (
	"os"
	"strings"
	"testing"
)

// Lines gives every line of a file to a function, in a subtest of its own, and compares
// what it answers with the lines below it that begin with a tab. Blank lines and those
// that begin with // are for the reader. With -update the answers are written anew.
func Lines(t *testing.T, path string, answer func(t *testing.T, line string) string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file strings.Builder
	for _, entry := range entries(string(text)) {
		got := entry.answer
		if entry.line != "" && !strings.HasPrefix(entry.line, "//") {
			t.Run(shortened(entry.line), func(t *testing.T) {
				got = indented(answer(t, entry.line))
				if got != entry.answer && !*Update {
					t.Errorf("%s\ngot\n%swant\n%s", entry.line, got, entry.answer)
				}
			})
		}
		file.WriteString(entry.line + "\n" + got)
	}
	if !*Update {
		return
	}
	if err := os.WriteFile(path, []byte(file.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// entry is a line and the indented ones below it.
type entry struct{ line, answer string }

func entries(text string) (list []entry) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "\t") && len(list) > 0 {
			list[len(list)-1].answer += line
			continue
		}
		list = append(list, entry{line: strings.TrimSuffix(line, "\n")})
	}
	return list
}

func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("\t" + strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.String()
}

// shortened makes a name of a subtest that fits on a line.
func shortened(line string) string {
	const most = 60
	if len(line) <= most {
		return line
	}
	return strings.ToValidUTF8(line[:most], "")
}
