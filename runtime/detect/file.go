package detect

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// FromBTF describes a kernel that does not run here by the description of its types alone: a file such as
// /sys/kernel/btf/vmlinux, or an ELF file with a section .BTF, such as vmlinux. The types do not tell the version, and
// the architecture only in ELF files, where arch may be empty. Functions are those that the types describe,
// tracepoints those whose records they describe; of features, those are taken to be there that the version has.
func FromBTF(path string, version target.Version, arch string) (*target.Target, error) {
	data, err := readFile(path, typesLimit)
	if err == nil {
		var t *target.Target
		if t, err = fromBTF(data, version, arch); err == nil {
			return t, nil
		}
	}
	var failed *os.PathError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return nil, fmt.Errorf("kernel types in %s: %w", path, err)
}

// What a machine has that nothing is known of: masks and per-CPU memory are made for this many CPUs.
const (
	unknownCPUs     = 64
	unknownPageSize = 4096
)

func fromBTF(data []byte, version target.Version, arch string) (*target.Target, error) {
	raw, machine, err := section(data)
	if err != nil {
		return nil, err
	}
	if machine != "" && arch != "" && machine != arch {
		return nil, fmt.Errorf("they are those of %s, not of %s", machine, arch)
	}
	if arch == "" {
		arch = machine
	}
	if arch != "x86_64" && arch != "arm64" {
		return nil, errors.New("the architecture must be given: x86_64 or arm64")
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
	if err != nil {
		return nil, errors.New("this is no description of types (BTF), or it is damaged")
	}
	t := &target.Target{
		Arch: arch, Release: version.String(), Version: version, CPUs: unknownCPUs, PageSize: unknownPageSize,
		Sources: target.Sources{
			BTF:       func() (*btf.Spec, error) { return spec, nil },
			RawBTF:    func() ([]byte, error) { return raw, nil },
			Functions: func() ([]string, error) { return target.FunctionNames(raw) },
		},
	}
	t.Features = target.ByVersion(arch, version).WithTypes(version)
	t.Features.Kprobe, t.Features.Tracefs = true, true
	t.Features.KprobeMulti = version.AtLeast(5, 18)
	t.Features.Fentry = trampolines(t)
	return t, nil
}

// section returns the types in an ELF file and its architecture, or the data itself when it is no ELF file.
func section(data []byte) (raw []byte, arch string, err error) {
	if !bytes.HasPrefix(data, []byte(elf.ELFMAG)) {
		return data, "", nil
	}
	damaged := errors.New("the ELF file is damaged")
	defer func() {
		if recover() != nil { // debug/elf is not made for hostile files
			err = damaged
		}
	}()
	file, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, "", damaged
	}
	found := file.Section(".BTF")
	if found == nil {
		return nil, "", errors.New("the ELF file has no section .BTF")
	}
	raw, err = io.ReadAll(io.LimitReader(found.Open(), typesLimit))
	if err != nil {
		return nil, "", damaged
	}
	return raw, map[elf.Machine]string{elf.EM_X86_64: "x86_64", elf.EM_AARCH64: "arm64"}[file.Machine], nil
}
