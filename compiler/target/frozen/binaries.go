package frozen

import (
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// binaryAnswers is a record of what runtime/binary answers about the programs of its
// tests. Lines are questions; the indented ones below are the answer, or "error" and its
// text:
//
//	functions PATH NAME    address, offset and size in hexadecimal, "indirect", "old"; name,
//	                       source, version, chosen as
//	match PATH PATTERN     the same
//	arguments PATH NAME    size, kind; name; type
//	signature PATH NAME    as signatures.go says
//	frames PATH OFFSET     offset, line, "inlined" or "code"; function; file
//	lines PATH FILE:LINE   address, offset; function; file; function in the source
//	markers PATH all       address, offset, semaphore; provider; name; arguments
//	variables PATH NAME    addresses in hexadecimal
//	code PATH OFFSET       bytes from there on, in hexadecimal
//	segments PATH all      offset, size, address of what is loaded
//	facts PATH all         "pie", "library", "static", "dwarf", "stripped"; machine, build ID, Go
//	placement PATH OFFSET  offset, class, "entry" or "unchecked", "uncalled", "opens" or "lands"; below it those behind
//	gofunction PATH OFFSET where probes go at entry, and at the instructions that return; "leaves"
//	goroutine PATH NAME    register, place in the thread, place of the number
//
// Texts are separated by tabs. A test of runtime/binary compares the record with the live
// answers, and writes it anew with -update.
//
//go:embed binaries.txt
var binaryAnswers string

// serverAnswers is the same of a program of Go, made by another test.
//
//go:embed server.txt
var serverAnswers string

// Binary opens a program of the record.
func Binary(path string) (target.Binary, error) {
	b := recorded{}
	question := ""
	for line := range strings.Lines(binaryAnswers + serverAnswers) {
		line = strings.TrimSuffix(line, "\n")
		if row, indented := strings.CutPrefix(line, "\t"); indented {
			if _, wanted := b[question]; wanted {
				b[question] = append(b[question], strings.Split(row, "\t"))
			}
			continue
		}
		words := strings.SplitN(line, " ", 3)
		if len(words) == 3 && words[1] == path {
			question = words[0] + " " + words[2]
			b[question] = nil
		} else {
			question = ""
		}
	}
	if len(b) == 0 {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return b, nil
}

// recorded has for each question the rows of the answer, as texts.
type recorded map[string][][]string

// rows gives each row of an answer to a function. A question that was not recorded has an
// error, for an empty answer would be a wrong one.
func (r recorded) rows(question string, row func(numbers, texts []string) error) error {
	rows, known := r[question]
	if !known {
		return fmt.Errorf("%q is not in the record of frozen programs", question)
	}
	for _, texts := range rows {
		if texts[0] == "error" {
			return errors.New(texts[1])
		}
		if err := row(strings.Fields(texts[0]), texts[1:]); err != nil {
			return err
		}
	}
	return nil
}

func (r recorded) Functions(name string) (list []target.BinaryFunction, err error) {
	return r.functions("functions " + name)
}

func (r recorded) Match(pattern string, visit func(target.BinaryFunction) bool) error {
	list, err := r.functions("match " + pattern)
	for _, f := range list {
		if !visit(f) {
			break
		}
	}
	return err
}

func (r recorded) functions(question string) (list []target.BinaryFunction, err error) {
	err = r.rows(question, func(numbers, texts []string) error {
		f := target.BinaryFunction{
			Indirect: slices.Contains(numbers, "indirect"), Old: slices.Contains(numbers, "old"),
		}
		for i, into := range []*string{&f.Name, &f.Source, &f.Version, &f.ChosenAs} {
			if i < len(texts) {
				*into = texts[i]
			}
		}
		err := scan(numbers, &f.Address, &f.Offset, &f.Size)
		list = append(list, f)
		return err
	})
	return list, err
}

// scan reads the first words as numbers.
func scan(words []string, into ...*uint64) (err error) {
	for i, n := range into {
		if *n, err = strconv.ParseUint(words[i], 0, 64); err != nil {
			return err
		}
	}
	return nil
}

func (r recorded) Lines(file string, line int) (list []target.BinaryPlace, err error) {
	question := fmt.Sprintf("lines %s:%d", file, line)
	err = r.rows(question, func(numbers, texts []string) error {
		p := target.BinaryPlace{Function: texts[0], File: texts[1], Line: line}
		if len(texts) > 2 {
			p.Source = texts[2]
		}
		err := scan(numbers, &p.Address, &p.Offset)
		list = append(list, p)
		return err
	})
	return list, err
}

func (r recorded) Markers() (list []target.Marker, err error) {
	err = r.rows("markers all", func(numbers, texts []string) error {
		m := target.Marker{Provider: texts[0], Name: texts[1], Arguments: texts[2]}
		err := scan(numbers, &m.Address, &m.Offset, &m.Semaphore)
		list = append(list, m)
		return err
	})
	return list, err
}

func (r recorded) Variables(name string) (list []uint64, err error) {
	err = r.rows("variables "+name, func(numbers, _ []string) error {
		var address uint64
		err := scan(numbers, &address)
		list = append(list, address)
		return err
	})
	return list, err
}

func (r recorded) Code(offset uint64, n int) (code []byte, err error) {
	err = r.rows(fmt.Sprintf("code %#x", offset), func(digits, _ []string) error {
		code, err = hex.DecodeString(digits[0])
		return err
	})
	return code[:min(n, len(code))], err
}

func (r recorded) Address(offset uint64) (address uint64, ok bool) {
	r.segments(func(from, size, to uint64) {
		if offset-from < size {
			address, ok = offset-from+to, true
		}
	})
	return address, ok
}

func (r recorded) Offset(address uint64) (offset uint64, ok bool) {
	r.segments(func(from, size, to uint64) {
		if address-to < size {
			offset, ok = address-to+from, true
		}
	})
	return offset, ok
}

// segments visits what is loaded; nothing where that was not recorded.
func (r recorded) segments(visit func(offset, size, address uint64)) {
	_ = r.rows("segments all", func(numbers, _ []string) error {
		var offset, size, address uint64
		err := scan(numbers, &offset, &size, &address)
		visit(offset, size, address)
		return err
	})
}

func (r recorded) Facts() (facts target.BinaryFacts) {
	_ = r.rows("facts all", func(words, texts []string) error {
		facts = target.BinaryFacts{
			Arch: texts[0], BuildID: texts[1], Go: texts[2],
			PIE: slices.Contains(words, "pie"), Library: slices.Contains(words, "library"),
			Static: slices.Contains(words, "static"), DWARF: slices.Contains(words, "dwarf"),
			Stripped: slices.Contains(words, "stripped"),
		}
		return nil
	})
	return facts
}

func (r recorded) Frames(offset uint64) (list []target.Frame, err error) {
	err = r.rows(fmt.Sprintf("frames %#x", offset), func(numbers, texts []string) error {
		f := target.Frame{Function: texts[0], File: texts[1], Inlined: numbers[2] == "inlined"}
		_, err := fmt.Sscanf(strings.Join(numbers[:2], " "), "%v %v", &f.Offset, &f.Line)
		list = append(list, f)
		return err
	})
	return list, err
}

func (r recorded) Placement(offset uint64) (p target.Placement, err error) {
	first := true
	err = r.rows(fmt.Sprintf("placement %#x", offset), func(words, _ []string) error {
		i := target.Instruction{
			Class: class(words[1]), Opens: slices.Contains(words, "opens"), Lands: slices.Contains(words, "lands"),
		}
		if i.Offset, err = strconv.ParseUint(words[0], 0, 64); !first {
			p.Next = append(p.Next, i)
			return err
		}
		p.Instruction, first = i, false
		p.Entry, p.Unchecked = slices.Contains(words, "entry"), slices.Contains(words, "unchecked")
		p.Uncalled = slices.Contains(words, "uncalled")
		return err
	})
	return p, err
}

func class(name string) target.InstructionClass {
	for c := target.SingleStepped; c < target.NoCode; c++ {
		if c.String() == name {
			return c
		}
	}
	return target.NoCode
}

// GoFunction finds none in programs of which no question for one was recorded.
func (r recorded) GoFunction(offset uint64) (f target.GoFunction, made bool, err error) {
	question := fmt.Sprintf("gofunction %#x", offset)
	if _, made = r[question]; !made {
		return f, false, nil
	}
	err = r.rows(question, func(words, _ []string) error {
		f.Leaves = slices.Contains(words, "leaves")
		for i, word := range words {
			n, err := strconv.ParseUint(word, 0, 64)
			switch {
			case err != nil:
			case i == 0:
				f.Entry = n
			default:
				f.Returns = append(f.Returns, n)
			}
		}
		return nil
	})
	return f, true, err
}

func (r recorded) Goroutine([]uint64) (g target.Goroutine, err error) {
	if _, known := r["goroutine main.total"]; !known {
		return g, target.ErrNotGo
	}
	err = r.rows("goroutine main.total", func(numbers, _ []string) error {
		_, err := fmt.Sscan(strings.Join(numbers, " "), &g.Register, &g.Thread, &g.ID)
		return err
	})
	return g, err
}
