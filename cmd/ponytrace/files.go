package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

// plain takes the system call and path off a file error.
func plain(err error) error { return errors.New(safeopen.Reason(err)) }

// words splits a command as a shell does with blanks and quotes; there is no shell, so
// nothing else is special.
func words(command string) ([]string, error) {
	var list []string
	var word strings.Builder
	var quote rune
	started := false
	for _, r := range command {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, started = r, true
		case quote == 0 && unicode.IsSpace(r):
			if started {
				list = append(list, word.String())
			}
			word.Reset()
			started = false
		default:
			word.WriteRune(r)
			started = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("the command of -c lacks a closing %c", quote)
	}
	if started {
		list = append(list, word.String())
	}
	return list, nil
}
