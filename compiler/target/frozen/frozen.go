// Package frozen holds targets that never change, for tests, and for lessons and
// explanations without a kernel: what the compiler asks of one, taken from real ones and
// kept in one packed file. A golden that was made for frozen.Target("6.12") is true on
// every machine.
//
// The names are those of the test kernels (Debian's cloud kernels of four suites), and
// one for arm64:
//
//	5.10        no kprobe_multi, no attach cookies, no bpf_loop
//	6.1         no kprobe_multi: Debian's 6.1 is configured without fprobe
//	6.12        all that the compiler uses
//	7.x         the newest at the time of freezing
//	6.12-arm64  other registers, other system call names; its formats are those of x86_64
//	            (with package arm64)
//
// Only what roots.txt lists is in them. A type that is absent here may well be in a real
// kernel, so a test that needs one more adds a line there and runs go generate; that
// needs the kernels' own descriptions (go run ./internal/vmtest/cmd/ponyvm extract).
//
// Rejected: whole BTF, 5 MB a kernel; and C headers compiled to BTF by hand, which would
// be our idea of a kernel and not the kernel.
package frozen

import (
	"bytes"
	_ "embed"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/target"
)

//go:generate go run ../../../internal/trimbtf -roots roots.txt -from ../../../.cache/extract/5.10 -features Kprobe,Fentry,Tracefs -out kernels.xz
//go:generate go run ../../../internal/trimbtf -roots roots.txt -from ../../../.cache/extract/6.1 -features Kprobe,Fentry,Tracefs -out kernels.xz
//go:generate go run ../../../internal/trimbtf -roots roots.txt -from ../../../.cache/extract/6.12 -features Kprobe,KprobeMulti,Fentry,Tracefs -out kernels.xz
//go:generate go run ../../../internal/trimbtf -roots roots.txt -from ../../../.cache/extract/7.x -features Kprobe,KprobeMulti,Fentry,Tracefs -out kernels.xz
//go:generate go run ../../../internal/trimbtf -roots roots.txt -from ../../../.cache/extract/6.12-arm64 -events ../../../.cache/extract/6.12 -arch arm64 -features Kprobe,Fentry,Tracefs -out arm64/6.12-arm64.xz

//go:embed kernels.xz
var kernels []byte

var names = []string{"5.10", "6.1", "6.12", "7.x"}

var unpacked = sync.OnceValues(func() (Files, error) { return Unpack(kernels) })

// added are targets that are not in every program.
var added = map[string][]byte{}

// Add adds a target that is in an archive of its own. It is called before main.
func Add(name string, packed []byte) {
	names = append(names, name)
	added[name] = packed
}

// Names lists the frozen targets.
func Names() []string { return slices.Clone(names) }

// Kept lists those that every program has.
func Kept() []string {
	return slices.DeleteFunc(Names(), func(name string) bool { return added[name] != nil })
}

// Target returns a new target of the name, one of Names. Any other is a mistake of the
// caller, and panics.
func Target(name string) *target.Target {
	archive, err := open(name)
	if err != nil {
		panic(fmt.Sprintf("frozen target %q: %v", name, err))
	}
	t, err := archive.target()
	if err != nil {
		panic(fmt.Sprintf("frozen target %q: %v", name, err))
	}
	if t.Arch == "x86_64" { // as the programs of the record
		t.Sources.Binary, t.Sources.Programs = Binary, programs
		t.Sources.BPFPrograms = bpfPrograms
	}
	return t
}

// archive is the files of one kernel; internal/trimbtf describes them.
type archive struct {
	files  Files
	kernel string
}

func open(name string) (archive, error) {
	files, err := unpacked()
	if packed, isAdded := added[name]; isAdded {
		files, err = Unpack(packed)
	}
	return archive{files, name}, err
}

func (a archive) read(name string) ([]byte, error) {
	content, exists := a.files[a.kernel+"/"+name]
	if !exists {
		return nil, fs.ErrNotExist
	}
	return content, nil
}

func (a archive) target() (*target.Target, error) {
	t := &target.Target{Sources: a.sources()}
	facts, err := a.read("facts")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(facts)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if err := setFact(t, key, value); err != nil {
			return nil, fmt.Errorf("fact %s: %w", key, err)
		}
	}
	return t, nil
}

// setFact relies on the features coming last: they depend on the others.
func setFact(t *target.Target, key, value string) (err error) {
	switch key {
	case "arch":
		t.Arch = value
	case "release":
		t.Release = value
		t.Version, err = target.ParseVersion(value)
	case "cpus":
		t.CPUs, err = strconv.Atoi(value)
	case "pagesize":
		t.PageSize, err = strconv.Atoi(value)
	case "features":
		t.Features = target.ByVersion(t.Arch, t.Version).WithTypes(t.Version)
		t.Features.Uprobe, t.Features.UprobeMulti = true, t.Version.AtLeast(6, 6) // as Debian configures them
		err = t.Features.Add(strings.Split(value, ",")...)
	}
	return err
}

func (a archive) sources() target.Sources {
	raw := sync.OnceValues(func() ([]byte, error) { return a.read("vmlinux.btf") })
	return target.Sources{
		RawBTF: raw,
		BTF: func() (*btf.Spec, error) {
			data, err := raw()
			if err != nil {
				return nil, err
			}
			return btf.LoadSpecFromReader(bytes.NewReader(data))
		},
		Modules: func() ([]string, error) { return a.modules(), nil },
		ModuleBTF: func(module string) (*btf.Spec, error) {
			data, err := a.read(module + ".btf")
			if err != nil {
				return nil, err
			}
			return btf.LoadSpecFromReader(bytes.NewReader(data))
		},
		RawModuleBTF: func(module string) ([]byte, error) { return a.read(module + ".btf") },
		Functions: func() ([]string, error) {
			text, err := a.read("functions")
			return strings.Split(strings.TrimSpace(string(text)), "\n"), err
		},
		Tracepoints: func() ([]string, error) {
			formats, err := a.formats()
			return slices.Collect(maps.Keys(formats)), err
		},
		Format: func(category, name string) ([]byte, error) {
			formats, err := a.formats()
			if format, ok := formats[category+":"+name]; ok || err != nil {
				return []byte(format), err
			}
			return nil, fs.ErrNotExist
		},
	}
}

// modules are those whose types are kept; unlike the kernel's own, their descriptions are
// complete in themselves.
func (a archive) modules() (names []string) {
	for path := range a.files {
		folder, file, _ := strings.Cut(path, "/")
		name, ok := strings.CutSuffix(file, ".btf")
		if ok && folder == a.kernel && name != "vmlinux" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (a archive) formats() (map[string]string, error) {
	text, err := a.read("formats")
	formats := map[string]string{}
	for entry := range strings.SplitSeq(strings.TrimPrefix(string(text), "-- "), "\n-- ") {
		name, format, _ := strings.Cut(entry, " --\n")
		formats[name] = format
	}
	return formats, err
}
