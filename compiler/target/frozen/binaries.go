package frozen

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// binaryAnswers is a record of what runtime/binary answers about the programs of its
// tests. Lines are questions; the indented ones below are the answer, or "error" and its
// text:
//
//	functions PATH NAME    address, offset and size in hexadecimal, "indirect"; name
//	arguments PATH NAME    size, kind; name; type
//	frames PATH OFFSET     offset, line, "inlined" or "code"; function; file
//
// Texts are separated by tabs. A test of runtime/binary compares the record with the live
// answers, and writes it anew with -update.
//
//go:embed binaries.txt
var binaryAnswers string

// Binary opens a program of the record.
func Binary(path string) (target.Binary, error) {
	b := recorded{}
	question := ""
	for line := range strings.Lines(binaryAnswers) {
		line = strings.TrimSuffix(line, "\n")
		if row, indented := strings.CutPrefix(line, "\t"); indented {
			if _, wanted := b[question]; wanted {
				b[question] = append(b[question], strings.Split(row, "\t"))
			}
			continue
		}
		words := strings.Split(line, " ")
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
	err = r.rows("functions "+name, func(numbers, texts []string) error {
		f := target.BinaryFunction{Name: texts[0], Indirect: len(numbers) > 3}
		_, err := fmt.Sscanf(strings.Join(numbers[:3], " "), "%v %v %v", &f.Address, &f.Offset, &f.Size)
		list = append(list, f)
		return err
	})
	return list, err
}

func (r recorded) Arguments(of target.BinaryFunction) (list []target.BinaryArgument, err error) {
	err = r.rows("arguments "+of.Name, func(numbers, texts []string) error {
		a := target.BinaryArgument{Name: texts[0], Type: texts[1], Kind: kind(numbers[1])}
		a.Size, err = strconv.Atoi(numbers[0])
		list = append(list, a)
		return err
	})
	return list, err
}

func kind(name string) target.ArgumentKind {
	for k := target.Unknown; k < target.Memory; k++ {
		if k.String() == name {
			return k
		}
	}
	return target.Memory
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
