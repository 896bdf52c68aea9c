package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
)

// kernel is what one kernel says about itself.
type kernel struct {
	spec      *btf.Spec
	functions []string // lines of available_filter_functions
	events    map[event]string
	release   string
	modules   map[string]*btf.Spec
}

func readKernel(dir, events string) (*kernel, error) {
	raw, err := readTypes(dir)
	if err != nil {
		return nil, err
	}
	release, err := os.ReadFile(filepath.Join(dir, "release"))
	if err != nil {
		return nil, err
	}
	k := &kernel{release: strings.TrimSpace(string(release)), events: map[event]string{}}
	if k.spec, err = btf.LoadSpecFromReader(bytes.NewReader(raw)); err != nil {
		return nil, err
	}
	if k.functions, err = readFunctions(dir, raw); err != nil {
		return nil, err
	}
	if k.modules, err = readModules(filepath.Join(dir, "btf"), k.spec); err != nil {
		return nil, err
	}
	return k, k.readEvents(filepath.Join(events, "events"))
}

// readTypes falls back on an uncompressed kernel image, which holds the types among all
// else.
func readTypes(dir string) ([]byte, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "vmlinux.btf"))
	if !os.IsNotExist(err) {
		return raw, err
	}
	image, err := os.ReadFile(filepath.Join(dir, "Image"))
	if err != nil {
		return nil, err
	}
	header := []byte("\x9f\xeb\x01\x00\x18\x00\x00\x00\x00\x00\x00\x00") // magic, version, header length, types at once
	for at := bytes.Index(image, header); at >= 0; {
		end := 24 + uint64(binary.LittleEndian.Uint32(image[at+16:])) + uint64(binary.LittleEndian.Uint32(image[at+20:]))
		if end > 1<<20 && end <= uint64(len(image)-at) {
			return image[at:][:end], nil
		}
		next := bytes.Index(image[at+1:], header)
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return nil, errors.New("no types in the kernel image")
}

// readModules reads the types that modules add; kernels before 5.11 describe none.
func readModules(dir string, base *btf.Spec) (map[string]*btf.Spec, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	modules := map[string]*btf.Spec{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if modules[filepath.Base(path)], err = btf.LoadSplitSpecFromReader(bytes.NewReader(raw), base); err != nil {
			return nil, err
		}
	}
	return modules, err
}

// readFunctions falls back on the types where no kernel ran to list what it can trace.
func readFunctions(dir string, raw []byte) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "available_filter_functions"))
	if os.IsNotExist(err) {
		return target.FunctionNames(raw)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n"), err
}

func (k *kernel) readEvents(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*", "format"))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		folder := filepath.Dir(path)
		k.events[event{filepath.Base(filepath.Dir(folder)), filepath.Base(folder)}] = string(text)
	}
	return err
}

func (k *kernel) facts(arch, features string) []byte {
	return fmt.Appendf(nil, "arch %s\nrelease %s\ncpus 4\npagesize 4096\nfeatures %s\n", arch, k.release, features)
}

// trim returns the files of the frozen target, but for the facts.
func (k *kernel) trim(r *roots) (map[string][]byte, error) {
	vmlinux := newTrimmer(k.spec, r)
	trimmers := map[string]*trimmer{"vmlinux": vmlinux}
	var functions []string
	for _, line := range k.functions {
		name, module, _ := strings.Cut(line, " ")
		if !r.keepsFunction(name) {
			continue
		}
		functions = append(functions, strings.TrimSpace(name+" "+module))
		vmlinux.function(name)
		if module = strings.Trim(module, "[]"); k.modules[module] != nil {
			if trimmers[module] == nil {
				trimmers[module] = newTrimmer(k.modules[module], r)
			}
			trimmers[module].function(name)
		}
	}
	slices.Sort(functions)
	files := map[string][]byte{
		"functions": []byte(strings.Join(slices.Compact(functions), "\n") + "\n"),
		"formats":   k.formats(r, vmlinux),
	}
	for _, name := range r.iterators {
		vmlinux.iterator(name)
	}
	vmlinux.named()
	for name, t := range trimmers {
		blob, err := t.marshal(binary.LittleEndian)
		if err != nil {
			return nil, err
		}
		files[name+".btf"] = blob
	}
	return files, nil
}

// formats joins the kept formats: one text compresses to a fifth of what they take one by
// one.
func (k *kernel) formats(r *roots, t *trimmer) []byte {
	var kept []string
	for e, format := range k.events {
		if r.keepsEvent(e) {
			kept = append(kept, fmt.Sprintf("-- %s:%s --\n%s", e.Category, e.Name, format))
			t.typedef("btf_trace_" + e.Name)
		}
	}
	slices.Sort(kept)
	return []byte(strings.Join(kept, ""))
}

// writeArchive replaces a target of the archive, which is made if there is none.
func writeArchive(path, name string, files map[string][]byte) error {
	archive := frozen.Files{}
	switch packed, err := os.ReadFile(path); {
	case err == nil:
		if archive, err = frozen.Unpack(packed); err != nil {
			return err
		}
	case !os.IsNotExist(err):
		return err
	}
	maps.DeleteFunc(archive, func(file string, _ []byte) bool { return strings.HasPrefix(file, name+"/") })
	for file, content := range files {
		archive[name+"/"+file] = content
	}
	pack := exec.Command("xz", "-9e", "--check=none", "--stdout")
	pack.Stdin, pack.Stderr = bytes.NewReader(archive.Unpacked()), os.Stderr
	packed, err := pack.Output()
	if err != nil {
		return fmt.Errorf("packing by xz: %w", err)
	}
	return os.WriteFile(path, packed, 0o644)
}
