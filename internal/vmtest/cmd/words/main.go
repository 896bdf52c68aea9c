// Command words writes what kernels say of the wrong programs of internal/teach/refusal
// into the files of that gallery:
//
//	words [-k KERNEL,...] [NAME...]
//
// It boots each kernel with itself inside, where "words here" loads the programs and
// prints the words as JSON. A right program that a kernel refuses is an error.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ponytrace/ponytrace/internal/teach/refusal"
	"github.com/ponytrace/ponytrace/internal/vmtest"
	"github.com/ponytrace/ponytrace/internal/vmtest/gallery"
	"github.com/ponytrace/ponytrace/internal/vmtest/wire"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "words:", err)
		os.Exit(1)
	}
}

func run() error {
	kernels := flag.String("k", strings.Join(refusal.Kernels, ","), "kernels")
	flag.Parse()
	names := flag.Args()
	if len(names) > 0 && names[0] == "here" {
		return here(names[1:])
	}
	if len(names) == 0 {
		names = refusal.Names()
	}
	for kernel := range strings.SplitSeq(*kernels, ",") {
		said, err := ask(kernel, names)
		if err != nil {
			return fmt.Errorf("%s: %w", kernel, err)
		}
		for name, words := range said {
			if err := keep(name, kernel, words); err != nil {
				return err
			}
		}
	}
	return nil
}

// here prints the words of the kernel that runs.
func here(names []string) error {
	said := map[string][]string{}
	for _, name := range names {
		example, err := refusal.Find(name)
		if err != nil {
			return err
		}
		refused, err := gallery.Load(example, refusal.Right)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if len(refused) > 0 {
			return fmt.Errorf("%s: the right program is refused: %s", name, strings.Join(refused, "\n"))
		}
		if said[name], err = gallery.Load(example, refusal.Wrong); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(said)
}

// ask boots a kernel.
func ask(name string, names []string) (said map[string][]string, err error) {
	k, err := vmtest.FindKernel(name)
	if err != nil {
		return nil, err
	}
	program, err := vmtest.Build(k.Arch, "build", "internal/vmtest/cmd/words")
	if err != nil {
		return nil, err
	}
	var output strings.Builder
	_, err = vmtest.Machine{
		Kernel: k, Stdout: &output, Stderr: os.Stderr, Log: os.Stderr, Timeout: 20 * time.Minute,
		Files:    []vmtest.File{{Guest: "/bin/words", Content: program, Mode: 0o755}},
		Commands: []wire.Command{{Args: append([]string{"words", "here"}, names...)}},
	}.Start(context.Background())
	if err != nil {
		return nil, err
	}
	return said, json.Unmarshal([]byte(output.String()), &said)
}

// keep replaces a kernel's words in a file of the gallery.
func keep(name, kernel string, words []string) error {
	root, err := vmtest.ModuleRoot()
	if err != nil {
		return err
	}
	path := filepath.Join(root, "internal/teach/refusal/gallery", name+".txtar")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	example, err := refusal.Parse(name, text)
	if err != nil {
		return err
	}
	kept := map[string][]string{}
	for _, w := range example.Words {
		kept[w.Kernel] = w.Lines
	}
	kept[kernel] = words
	return os.WriteFile(path, []byte(withWords(string(text), kept)), 0o644)
}

// withWords replaces the parts of a file that hold words.
func withWords(text string, words map[string][]string) string {
	for _, kernel := range refusal.Kernels {
		text, _, _ = strings.Cut(text, "-- "+kernel+" --\n")
	}
	for _, kernel := range refusal.Kernels {
		lines, given := words[kernel]
		if given && len(lines) == 0 {
			lines = []string{"accepted"}
		}
		if given {
			text += fmt.Sprintf("-- %s --\n%s\n", kernel, strings.Join(lines, "\n"))
		}
	}
	return text
}
