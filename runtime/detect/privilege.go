package detect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/target"
	"golang.org/x/sys/unix"
)

// MissingPrivilege is the error when this process may not trace.
type MissingPrivilege struct {
	Capabilities []string // "CAP_BPF", ...
	Lockdown     bool     // the kernel is locked down for confidentiality
}

func (e *MissingPrivilege) Error() string {
	if e.Lockdown {
		return "this kernel is locked down for confidentiality (see /sys/kernel/security/lockdown): programs may not read kernel memory"
	}
	return "tracing needs " + strings.Join(e.Capabilities, " and ") + ", which this process does not have: run as root (sudo)"
}

// Privilege returns what keeps this process from tracing, as a *MissingPrivilege, or nil.
// It answers without trying, so that the message comes before anything is attached.
func Privilege(t *target.Target) error {
	effective, err := capabilities()
	if err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	if missing := effective.lacking(t.Features); len(missing) > 0 {
		return &MissingPrivilege{Capabilities: missing}
	}
	if lockedDown() {
		return &MissingPrivilege{Lockdown: true}
	}
	if !exists("/proc/self/fd") {
		return errors.New("/proc is not mounted, and without it the kernel does not tell what it can trace (mount -t proc proc /proc)")
	}
	return nil
}

// RaiseMemoryLimit lifts RLIMIT_MEMLOCK, to which maps are charged on kernels before
// 5.11, where the process may.
//
// Rejected: the package rlimit of cilium/ebpf, which makes a map at every start to find
// out what the version tells.
func RaiseMemoryLimit(f target.Features) error {
	effective, err := capabilities()
	if f.MemoryCgroup || err != nil || !effective.has(unix.CAP_SYS_RESOURCE) {
		return nil
	}
	err = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY})
	if err != nil {
		return fmt.Errorf("raising the limit of locked memory: %w", err)
	}
	return nil
}

// Capable reports whether the process has a capability, such as unix.CAP_SYS_PTRACE.
func Capable(capability int) bool {
	effective, err := capabilities()
	return err == nil && effective.has(capability)
}

type capabilitySet uint64

func capabilities() (capabilitySet, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, err
	}
	return capabilitySet(data[0].Effective) | capabilitySet(data[1].Effective)<<32, nil
}

func (c capabilitySet) has(capability int) bool { return c>>capability&1 == 1 }

// lacking lists what loading and attaching needs beyond the set. CAP_SYS_ADMIN stands for
// all.
func (c capabilitySet) lacking(f target.Features) []string {
	switch {
	case c.has(unix.CAP_SYS_ADMIN):
		return nil
	case !f.FineCapabilities:
		return []string{"CAP_SYS_ADMIN"}
	}
	var missing []string
	if !c.has(unix.CAP_BPF) {
		missing = append(missing, "CAP_BPF")
	}
	if !c.has(unix.CAP_PERFMON) {
		missing = append(missing, "CAP_PERFMON")
	}
	return missing
}

func lockedDown() bool {
	state, err := readFile("/sys/kernel/security/lockdown", 4096)
	return err == nil && bytes.Contains(state, []byte("[confidentiality]"))
}

// AddressesHidden reports whether the kernel shows this process zeroes in place of its
// addresses, so that kernel stacks and symbols cannot be resolved (sysctl
// kernel.kptr_restrict).
func AddressesHidden() bool {
	file, err := os.Open("/proc/kallsyms")
	if err != nil {
		return true
	}
	defer file.Close()
	text := make([]byte, 8<<10) // some 200 symbols, of which a few are at 0
	n, _ := io.ReadFull(file, text)
	return allZero(text[:n])
}

// allZero reports whether no line begins with an address other than 0.
func allZero(symbols []byte) bool {
	for line := range bytes.Lines(symbols) {
		address, _, _ := bytes.Cut(line, []byte(" "))
		if len(bytes.Trim(address, "0\n")) > 0 {
			return false
		}
	}
	return true
}

// InitialProcesses reports whether this process is in the initial PID namespace, as the
// kernel numbers processes for programs.
// https://elixir.bootlin.com/linux/v6.12/source/include/linux/proc_ns.h
// (PROC_PID_INIT_INO)
func InitialProcesses() bool {
	const initial = 0xEFFFFFFC
	var status unix.Stat_t
	return unix.Stat("/proc/self/ns/pid", &status) != nil || status.Ino == initial
}
