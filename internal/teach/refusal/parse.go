package refusal

import (
	"fmt"
	"strconv"
	"strings"
)

// Parse reads a file of the gallery.
func Parse(name string, text []byte) (*Example, error) {
	header, files := sections(string(text))
	e := &Example{Name: name, License: "GPL"}
	for line := range strings.Lines(header) {
		if err := e.setting(strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	e.Lines = parseLines(files["program"])
	e.Why, e.Mend = paragraph(files["why"]), paragraph(files["mend"])
	for _, kernel := range Kernels {
		if words, given := files[kernel]; given {
			e.Words = append(e.Words, parseWords(kernel, words))
		}
	}
	return e, nil
}

// sections cuts an archive at its lines "-- NAME --".
func sections(text string) (header string, files map[string]string) {
	files = map[string]string{}
	name := ""
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(trimmed, "-- "); ok && strings.HasSuffix(rest, " --") {
			name = strings.TrimSuffix(rest, " --")
			continue
		}
		files[name] += line
	}
	return files[""], files
}

func (e *Example) setting(line string) (err error) {
	key, value, _ := strings.Cut(line, ": ")
	switch key {
	case "":
	case "title":
		e.Title = value
	case "program":
		e.Program = value
	case "attach":
		e.Attach = value
	case "license":
		e.License = value
	case "capabilities":
		e.Capabilities = value
	case "slow":
		e.Slow = value == "yes"
	case "map":
		var m Map
		m, err = parseMap(value)
		e.Maps = append(e.Maps, m)
	default:
		err = fmt.Errorf("unknown setting %q", line)
	}
	return err
}

// parseMap reads "counts hash, key 4, value 8, entries 16, lock".
func parseMap(text string) (m Map, err error) {
	parts := strings.Split(text, ", ")
	m.Name, m.Kind, _ = strings.Cut(parts[0], " ")
	for _, part := range parts[1:] {
		name, number, _ := strings.Cut(part, " ")
		switch name {
		case "key":
			m.Key, err = strconv.Atoi(number)
		case "value":
			m.Value, err = strconv.Atoi(number)
		case "entries":
			m.Entries, err = strconv.Atoi(number)
		case "lock":
			m.Lock = true
		default:
			err = fmt.Errorf("unknown property %q of map %s", part, m.Name)
		}
		if err != nil {
			return m, err
		}
	}
	return m, nil
}

// parseLines reads a program.
func parseLines(text string) (lines []Line) {
	for raw := range strings.Lines(text) {
		raw = strings.TrimRight(raw, "\n")
		code, comment, _ := strings.Cut(raw, ";")
		if name, isLabel := strings.CutSuffix(strings.TrimSpace(code), ":"); isLabel {
			lines = append(lines, Line{In: Both, Label: strings.TrimLeft(name, "+- ")})
		} else if len(code) > 2 {
			lines = append(lines, Line{
				In: In(raw[0]), Text: strings.TrimSpace(code[1:]), Comment: strings.TrimSpace(comment),
			})
		}
	}
	return lines
}

func parseWords(kernel, text string) Words {
	text = strings.Trim(text, "\n")
	if text == "accepted" {
		return Words{Kernel: kernel, Accepted: true}
	}
	return Words{Kernel: kernel, Lines: strings.Split(text, "\n")}
}

// paragraph joins the lines of a text.
func paragraph(text string) string { return strings.Join(strings.Fields(text), " ") }
