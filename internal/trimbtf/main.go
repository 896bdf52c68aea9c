// Command trimbtf makes the frozen targets of compiler/target/frozen from what real
// kernels say about themselves (ponyvm extract). It keeps what a list of roots names and
// what hangs on it by value; all else that a kept type points at is reduced to its name.
// From 5 MB of BTF some 100 KB are left.
//
// A frozen target is a folder of an archive (frozen.Files), named as that of -from is:
//
//	facts                       "key value" lines: arch, release, cpus, pagesize, features
//	vmlinux.btf                 the trimmed types
//	MODULE.btf                  the types of the kept functions of a module, those of vmlinux among them included
//	functions                   the kept lines of available_filter_functions
//	formats                     the kept formats, each after a line "-- CATEGORY:NAME --"
//
// An archive, and not one file for each of these, because a thousand small files would be
// read, compressed and listed by every tool that touches the repository. The other targets
// in it stay as they are. The command xz packs it, a quarter smaller than its like in Go
// does. Equal input gives equal bytes, from one version of xz: files are sorted and carry
// no time.
//
// For arm64 there is no running kernel to ask: the types come out of the kernel image of
// a package (Image), the functions are those of the types, and the formats are borrowed
// from x86_64 (-events), which they equal for the tracepoints kept: both are little
// endian with 8-byte longs.
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	roots := flag.String("roots", "", "the list of what to keep")
	from := flag.String("from", "", "folder with vmlinux.btf (or Image), available_filter_functions, events and release")
	events := flag.String("events", "", "folder to take events from; that of -from when empty")
	arch := flag.String("arch", "x86_64", "architecture")
	features := flag.String("features", "", "features beyond those of the version, comma separated")
	out := flag.String("out", "", "the archive to write the target into")
	flag.Parse()
	if err := run(*roots, *from, *events, *arch, *features, *out); err != nil {
		log.Fatal("trimbtf: ", err)
	}
}

func run(rootsFile, from, events, arch, features, out string) error {
	text, err := os.ReadFile(rootsFile)
	if err != nil {
		return err
	}
	roots, err := parseRoots(string(text))
	if err != nil {
		return err
	}
	if events == "" {
		events = from
	}
	k, err := readKernel(from, events)
	if err != nil {
		return err
	}
	files, err := k.trim(roots)
	if err != nil {
		return err
	}
	files["facts"] = k.facts(arch, features)
	return writeArchive(out, filepath.Base(from), files)
}
