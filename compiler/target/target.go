// Package target holds all that the compiler may know of a machine: its architecture, its
// kernel's version and abilities, the kernel's functions, types, constants and
// tracepoints.
//
// # Model
//
// A Target is a few plain facts (Arch, Version, Features, ...) and a set of Sources:
// functions that fetch what is large. The compiler never opens a file; it asks the
// Target, the Target asks a source, once, and only when a script needs the answer.
// runtime/detect builds a Target whose sources are the running kernel; package
// target/frozen builds one from files kept in this repository. Both go through the same
// code here, which is why a golden made on one machine holds on every other.
//
// What there is to ask:
//
//	functions    Function, Traceable, MatchFunctions    function.go, names.go
//	             Module, Modules                        module.go
//	             Successor, TracepointFor               renames.go
//	types        Struct, Member, MemberNames            ctypes.go, convert.go, member.go
//	             Define, Named                          define.go, layout.go, named.go
//	             Complete                               complete.go
//	constants    Constant                               constants.go, rawbtf.go
//	tracepoints  Tracepoint, RawTracepoint              tracepoint.go, format.go
//	programs     Binary, Programs                       binary.go, program.go
//	             BPFPrograms, BPFFunction               bpfprogram.go
//	the machine  Features, Registers                    features.go, registers.go
//	             Helper, Kfunc                          helpers.go
//	names like   Nearest, NearestType, ...              likeness.go
//
// # Invariants
//
//   - The same sources give the same answers: lists are sorted, ties are broken by name.
//   - A types.Type that comes from here is finite. A pointer to a struct carries the struct's name, size
//     and Origin, never its members; members are looked up one at a time through Member.
//   - Nothing read here is trusted. BTF, format files and symbol lists may be malformed; the answer is
//     then "not found" or an error, never a panic and never an endless loop.
//   - A source that fails is asked once. Problem returns the first failure in the user's terms.
//
// # Cost
//
// Kernel BTF has 126,000 types (6.18). Indexing it takes 15-20 ms, walking all of it as
// Go values a quarter of a second and 47 MB, so nothing here iterates over types: names
// are looked up in the index of cilium/ebpf, enum constants and functions by scanning the
// raw bytes (0.5 to 3 ms).
//
// Rejected: a reader of our own for all of BTF. It would open faster, but loading a
// tracing program makes cilium/ebpf index the same bytes anyway, and two readers would be
// two places to be wrong in.
//
// # Sources
//
//   - BTF: https://www.kernel.org/doc/html/v6.12/bpf/btf.html
//   - calling conventions: https://gitlab.com/x86-psABIs/x86-64-ABI (section 3.2.3),
//     https://github.com/ARM-software/abi-aa/blob/2024Q3/aapcs64/aapcs64.rst (section 6.8)
//   - pt_regs: https://elixir.bootlin.com/linux/v6.12/source/arch/x86/include/asm/ptrace.h,
//     https://elixir.bootlin.com/linux/v6.12/source/arch/arm64/include/uapi/asm/ptrace.h
//   - tracepoint formats: https://www.kernel.org/doc/html/v6.12/trace/events.html
package target

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// Version is that of a kernel.
type Version struct{ Major, Minor, Patch int }

// AtLeast reports whether the version is major.minor or newer.
func (v Version) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// String writes the version as 6.12.3.
func (v Version) String() string {
	return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
}

// ParseVersion reads the version at the start of a release such as
// 6.12.117+deb13-cloud-amd64.
func ParseVersion(release string) (Version, error) {
	var v Version
	n, _ := fmt.Sscanf(release, "%d.%d.%d", &v.Major, &v.Minor, &v.Patch)
	if n < 2 {
		return Version{}, fmt.Errorf("no kernel version in %q", release)
	}
	return v, nil
}

// Target is the machine that a script is compiled for.
type Target struct {
	Arch     string // "x86_64" or "arm64"
	Release  string // as uname prints it
	Version  Version
	CPUs     int // possible CPUs: numbers below this may ever be seen
	PageSize int
	// Nested: ponytrace is in a PID namespace that is not the initial one, so that /proc has
	// other numbers of processes than the kernel.
	Nested   bool
	Features Features
	Sources  Sources

	types     memo[*btf.Spec]
	raw       memo[*rawBTF]
	functions memo[functionList]
	points    memo[[]string]
	loaded    memo[[]string]

	loadedPrograms memo[[]BPFProgram]

	openedWalk memo[bool]

	names  memo[[]string]
	listed atomic.Bool // functions holds the list

	modules     answers[string, *btf.Spec]
	helpers     answers[asm.BuiltinFunc, bool]
	enumerators answers[string, foundEnumerator]
	symbols     answers[string, bool]
	formats     answers[[2]string, foundTracepoint]
	binaries    answers[string, foundBinary]

	mu      sync.Mutex
	problem error
	fields  map[any][]types.Field // of completed structs, by their origin

	// Of a Target that Define made: the one that knows the kernel, and the types of the
	// script.
	base   *Target
	script *definitions
}

// kernel returns the Target that asks the sources: all that were made of it share its
// answers.
func (t *Target) kernel() *Target {
	if t.base != nil {
		return t.base
	}
	return t
}

// Sources fetch what is too large to fetch unasked. A nil source has nothing to offer.
type Sources struct {
	// BTF opens the index of the kernel's types.
	BTF func() (*btf.Spec, error)
	// Modules lists the kernel modules that are loaded and describe types of their own.
	Modules func() ([]string, error)
	// ModuleBTF opens the index of the types that a kernel module adds.
	ModuleBTF func(module string) (*btf.Spec, error)
	// RawBTF returns the same description of vmlinux as bytes; they are only read.
	RawBTF func() ([]byte, error)
	// RawModuleBTF returns what a kernel module adds as bytes; they are only read.
	RawModuleBTF func(module string) ([]byte, error)
	// Helper reports whether tracing programs can call a helper; known is false when it
	// cannot tell.
	Helper func(helper asm.BuiltinFunc) (has, known bool)
	// Functions lists the functions that probes can attach to, as "name" or "name
	// [module]", in any order.
	Functions func() ([]string, error)
	// Symbol reports whether the kernel's symbol table has a function of the name.
	Symbol func(name string) bool
	// Tracepoints lists "category:name", in any order.
	Tracepoints func() ([]string, error)
	// Format returns the text of a tracepoint's format file; its error satisfies
	// fs.ErrNotExist when there is no such tracepoint.
	Format func(category, name string) ([]byte, error)
	// BPFPrograms lists the BPF programs that are loaded.
	BPFPrograms func() ([]BPFProgram, error)
	// Binary opens a program or library.
	Binary func(path string) (Binary, error)
	// Programs finds the files that a name stands for, in the root folder of a process or,
	// where pid is 0, the own one: a path, which may be a pattern; the name of a program or
	// library, with or without its version; with a process, `*` for all that it has mapped
	// and "" for its own program.
	Programs func(name string, pid int) ([]Program, error)
}

// Problem returns the first failure of a source, or nil.
func (t *Target) Problem() error {
	t = t.kernel()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.problem
}

func (t *Target) note(what string, err error) {
	t = t.kernel()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.problem == nil && err != nil {
		t.problem = fmt.Errorf("%s: %w", what, err)
	}
}

// memo computes a value once.
type memo[T any] struct {
	once  sync.Once
	value T
}

func (m *memo[T]) get(compute func() T) T {
	m.once.Do(func() { m.value = compute() })
	return m.value
}

// answers finds the answer to each question once.
type answers[Question comparable, Answer any] struct {
	mu    sync.Mutex
	known map[Question]Answer
}

func (a *answers[Question, Answer]) get(question Question, find func() Answer) Answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	answer, known := a.known[question]
	if known {
		return answer
	}
	if a.known == nil {
		a.known = map[Question]Answer{}
	}
	answer = find()
	a.known[question] = answer
	return answer
}

// spec returns the kernel's types, or nil when the kernel does not describe them.
func (t *Target) spec() *btf.Spec {
	t = t.kernel()
	return t.types.get(func() *btf.Spec {
		if t.Sources.BTF == nil {
			return nil
		}
		spec, err := t.Sources.BTF()
		t.note("kernel types", err)
		return spec
	})
}

// HasTypes reports whether the kernel describes its types (CONFIG_DEBUG_INFO_BTF).
func (t *Target) HasTypes() bool { return t.spec() != nil }
