package main

import (
	"fmt"
	"path"
	"strings"
)

// roots are what to keep.
type roots struct {
	functions []string
	iterators []string
	events    []event            // Name is a pattern
	structs   map[string]members // all members when nil
	types     []string
	constants []string
}

type event struct{ Category, Name string }

type members map[string]bool

func parseRoots(text string) (*roots, error) {
	r := &roots{structs: map[string]members{}}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if err := r.add(words[0], words[1:]); err != nil {
			return nil, fmt.Errorf("%q: %w", strings.TrimSpace(line), err)
		}
	}
	return r, nil
}

func (r *roots) add(kind string, words []string) error {
	if len(words) == 0 || kind == "event" && len(words) != 2 {
		return fmt.Errorf("wrong number of words")
	}
	switch kind {
	case "function":
		r.functions = append(r.functions, words...)
	case "iterator":
		r.iterators = append(r.iterators, words...)
	case "event":
		r.events = append(r.events, event{words[0], words[1]})
	case "struct":
		r.structs[words[0]] = nameSet(words[1:])
	case "type":
		r.types = append(r.types, words...)
	case "constant":
		r.constants = append(r.constants, words...)
	default:
		return fmt.Errorf("unknown kind %q", kind)
	}
	return nil
}

func nameSet(names []string) members {
	if len(names) == 0 {
		return nil
	}
	set := members{}
	for _, name := range names {
		set[name] = true
	}
	return set
}

func (r *roots) keepsFunction(name string) bool {
	for _, pattern := range r.functions {
		if ok, _ := path.Match(pattern, name); ok {
			return true
		}
	}
	return false
}

func (r *roots) keepsEvent(e event) bool {
	for _, root := range r.events {
		if ok, _ := path.Match(root.Name, e.Name); ok && root.Category == e.Category {
			return true
		}
	}
	return false
}
