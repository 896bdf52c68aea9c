package detect

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

// Kernel is what a file with types does not say of a kernel, or not surely. Empty fields
// are found out.
type Kernel struct {
	Version string // such as 6.1
	Arch    string // x86_64 or arm64
}

// Described makes the Target of a kernel that need not run here, from a file with its
// types: raw BTF, as in /sys/kernel/btf/vmlinux, or a vmlinux with a section of them. Its
// abilities are those of its version in the configuration that distributions use. The
// version is taken from the banner of a vmlinux, else from the file's name, else from the
// running kernel; the architecture from the types.
func Described(path string, kernel Kernel) (*target.Target, error) {
	file, err := readDescription(path)
	if err != nil {
		return nil, fmt.Errorf("the types of %s cannot be read: %w", path, err)
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(file.types))
	if err != nil {
		return nil, fmt.Errorf("%s holds no types of a kernel: %w", path, err)
	}
	t := &target.Target{PageSize: os.Getpagesize(), CPUs: 1}
	if t.Arch, err = describedArch(spec, kernel.Arch); err != nil {
		return nil, err
	}
	if t.Release, err = describedRelease(path, file.banner, kernel.Version); err != nil {
		return nil, err
	}
	if t.Version, err = target.ParseVersion(t.Release); err != nil {
		return nil, fmt.Errorf("%q is no version of Linux, such as 6.1", t.Release)
	}
	t.Features = usual(t)
	t.Sources = describedSources(file.types, spec)
	return t, nil
}

// usual are the features that a distribution's kernel has.
func usual(t *target.Target) target.Features {
	f := target.ByVersion(t.Arch, t.Version).WithTypes(t.Version)
	f.Kprobe, f.Uprobe, f.Tracefs = true, true, true
	f.UprobeMulti = t.Version.AtLeast(6, 6)
	f.KprobeMulti = t.Version.AtLeast(5, 18)
	f.Fentry = trampolines(t)
	return f
}

func describedSources(types []byte, spec *btf.Spec) target.Sources {
	names := sync.OnceValues(func() ([]string, error) { return target.FunctionNames(types) })
	records := &records{spec: spec, functions: names}
	return target.Sources{
		BTF:         func() (*btf.Spec, error) { return spec, nil },
		RawBTF:      func() ([]byte, error) { return types, nil },
		Functions:   names,
		Tracepoints: records.tracepoints,
		Format:      records.format,
	}
}

// describedArch looks at the registers of an interrupted task, which no two architectures
// share.
func describedArch(spec *btf.Spec, wanted string) (string, error) {
	switch wanted {
	case "x86_64", "arm64":
		return wanted, nil
	case "":
	default:
		return "", fmt.Errorf("there is no architecture %q: x86_64 or arm64", wanted)
	}
	var registers *btf.Struct
	if err := spec.TypeByName("pt_regs", &registers); err != nil {
		return "", errors.New("the types do not tell the architecture: say which with --arch")
	}
	for _, m := range registers.Members {
		switch m.Name {
		case "orig_ax":
			return "x86_64", nil
		case "orig_x0":
			return "arm64", nil
		}
	}
	return "", errors.New("the types are those of another architecture than x86_64 and arm64")
}

var versionInName = regexp.MustCompile(`[4-9]\.[0-9]+(\.[0-9]+)?`)

func describedRelease(path, banner, wanted string) (string, error) {
	if wanted != "" {
		return wanted, nil
	}
	if banner != "" {
		return banner, nil
	}
	if found := versionInName.FindString(filepath.Base(path)); found != "" {
		return found, nil
	}
	return release()
}

// description is what a file holds of a kernel.
type description struct {
	types  []byte
	banner string // release, such as 6.12.57+deb13-amd64; empty where it does not say
}

func readDescription(path string) (d description, err error) {
	file, err := safeopen.Open(path)
	if err != nil {
		return d, bare(err)
	}
	defer file.Close()
	magic := make([]byte, len(elf.ELFMAG))
	if _, err := io.ReadFull(file, magic); err != nil {
		return d, errors.New("it is too short")
	}
	if string(magic) == elf.ELFMAG {
		return readImage(file)
	}
	d.types, err = readLimited(io.NewSectionReader(file, 0, typesLimit+1), typesLimit)
	return d, err
}

// bare takes the system call and path off a file error.
func bare(err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return errors.New("there is no such file")
	case errors.Is(err, safeopen.ErrNotRegular):
		return errors.New("it is not a regular file")
	}
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// readImage takes the types and the banner out of an ELF file.
func readImage(file io.ReaderAt) (d description, err error) {
	defer func() {
		if recover() != nil { // debug/elf does not promise to bear every file
			err = errors.New("it is a damaged ELF file")
		}
	}()
	image, err := elf.NewFile(file)
	if err != nil {
		return d, fmt.Errorf("it is a damaged ELF file: %w", err)
	}
	section := image.Section(".BTF")
	if section == nil {
		return d, errors.New("it is an ELF file without a section .BTF")
	}
	if d.types, err = readLimited(section.Open(), typesLimit); err != nil {
		return d, err
	}
	if constants := image.Section(".rodata"); constants != nil {
		text, _ := readLimited(constants.Open(), typesLimit)
		d.banner = bannerIn(text)
	}
	return d, nil
}

// bannerIn finds the release in the kernel's linux_banner.
// https://elixir.bootlin.com/linux/v6.12/source/init/version-timestamp.c
func bannerIn(text []byte) string {
	const start = "Linux version "
	for {
		_, rest, found := bytes.Cut(text, []byte(start))
		if !found {
			return ""
		}
		word, _, _ := bytes.Cut(rest[:min(len(rest), 100)], []byte(" "))
		if _, err := target.ParseVersion(string(word)); err == nil {
			return string(word)
		}
		text = rest
	}
}
