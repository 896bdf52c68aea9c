package detect

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/features"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/runtime/binary"
	"golang.org/x/sys/unix"
)

// The most that is read of a file, several times what the largest known kernels need.
const (
	typesLimit   = 256 << 20
	symbolsLimit = 64 << 20
	formatLimit  = 64 << 10
)

func sources() target.Sources {
	return target.Sources{
		BTF:          Types.Kernel,
		Modules:      modules,
		ModuleBTF:    moduleTypes,
		RawBTF:       rawTypes,
		RawModuleBTF: rawModuleTypes,
		Helper:       helper,
		Functions:    functions,
		Symbol:       new(symbolTable).has,
		Tracepoints:  tracepoints,
		Format:       format,
		Binary:       new(openPrograms).open,
		Programs:     programs,
		BPFPrograms:  bpfPrograms,
	}
}

// openPrograms are the programs and libraries that were opened, which stay open as long as
// the Target is in use.
type openPrograms struct{ binary.Opened }

func (p *openPrograms) open(path string) (target.Binary, error) {
	file, err := binary.Open(path)
	if err != nil {
		return nil, notProgram(err)
	}
	p.Add(file)
	return file, nil
}

// modules lists the loaded modules that describe their types, which they do since 5.11.
func modules() ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(kernelTypes))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, entry := range entries {
		if entry.Name() != filepath.Base(kernelTypes) {
			names = append(names, entry.Name())
		}
	}
	return names, err
}

func moduleTypes(module string) (*btf.Spec, error) {
	if !plain(module) {
		return nil, fs.ErrNotExist
	}
	return Types.Module(module)
}

func rawModuleTypes(module string) ([]byte, error) {
	if !plain(module) {
		return nil, fs.ErrNotExist
	}
	return readFile(filepath.Join(filepath.Dir(kernelTypes), module), typesLimit)
}

// rawTypes maps the file, which Linux allows since 6.18, and else reads it.
func rawTypes() ([]byte, error) {
	file, err := os.Open(kernelTypes)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && info.Size() > 0 && info.Size() < typesLimit {
		if data, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE); err == nil {
			return data, nil
		}
		return readSized(file, int(info.Size()))
	}
	return readLimited(file, typesLimit)
}

// helper loads a program that calls the helper, which takes 0.1 ms. Helpers that only
// fentry, fexit and typed tracepoints may call cannot be probed so.
func helper(f asm.BuiltinFunc) (has, known bool) {
	if onlyTracing[f] {
		return false, false
	}
	err := features.HaveProgramHelper(ebpf.Kprobe, f)
	return err == nil, err == nil || errors.Is(err, ebpf.ErrNotSupported)
}

// https://elixir.bootlin.com/linux/v6.12/source/kernel/trace/bpf_trace.c
// (tracing_prog_func_proto)
var onlyTracing = map[asm.BuiltinFunc]bool{
	asm.FnDPath: true, asm.FnGetFuncArg: true, asm.FnGetFuncRet: true, asm.FnGetFuncArgCnt: true,
}

// functions lists what can be traced: the kernel's own list, or the best substitute.
func functions() ([]string, error) {
	if lines, err := traceable(); err == nil {
		return lines, nil
	}
	if data, err := rawTypes(); err == nil {
		return target.FunctionNames(data)
	}
	return textSymbols()
}

func traceable() ([]string, error) {
	text, err := readTrace("available_filter_functions", symbolsLimit)
	return strings.Split(strings.TrimSpace(string(text)), "\n"), err
}

// textSymbols lists the functions of /proc/kallsyms, without the pieces that a compiler
// or linker made.
func textSymbols() ([]string, error) {
	text, err := readFile("/proc/kallsyms", symbolsLimit)
	var names []string
	for line := range bytes.Lines(text) {
		fields := strings.Fields(string(line))
		if len(fields) < 3 || !strings.Contains("tTwW", fields[1]) || artificial(fields[2]) {
			continue
		}
		names = append(names, strings.Join(fields[2:], " "))
	}
	return names, err
}

// symbolTable answers for names of /proc/kallsyms. The kernel takes 20 ms to write that,
// so that a script with many names that it does not know reads it once. The set takes
// more than a search does.
type symbolTable struct {
	lock     sync.Mutex
	searched int
	names    map[string]bool
}

// fewSearches is how many names are searched for before all are kept.
const fewSearches = 4

func (s *symbolTable) has(name string) bool {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.names != nil {
		return s.names[name]
	}
	text, err := readFile("/proc/kallsyms", symbolsLimit)
	if err != nil {
		return false
	}
	if s.searched++; s.searched > fewSearches {
		s.names = functionNames(text)
		return s.names[name]
	}
	return listsFunction(text, name)
}

func listsFunction(text []byte, name string) bool {
	for _, class := range "tTwW" {
		for _, end := range "\n\t" {
			if bytes.Contains(text, []byte(" "+string(class)+" "+name+string(end))) {
				return true
			}
		}
	}
	return false
}

// functionNames are all names for which listsFunction is true.
func functionNames(text []byte) map[string]bool {
	names := map[string]bool{}
	for line := range bytes.Lines(text) {
		_, rest, _ := bytes.Cut(line, []byte(" "))
		if len(rest) < 3 || !strings.Contains("tTwW", string(rest[:1])) {
			continue
		}
		if end := bytes.IndexAny(rest, "\n\t"); end > 2 {
			names[string(rest[2:end])] = true
		}
	}
	return names
}

func artificial(name string) bool {
	return strings.HasPrefix(name, "__pfx_") || strings.HasPrefix(name, "__cfi_") || strings.HasSuffix(name, ".cold")
}

func tracepoints() ([]string, error) {
	text, err := readTrace("available_events", symbolsLimit)
	if err != nil {
		return nil, err
	}
	return strings.Fields(string(text)), nil
}

func format(category, name string) ([]byte, error) {
	if !plain(category) || !plain(name) {
		return nil, fs.ErrNotExist
	}
	return readTrace(filepath.Join("events", category, name, "format"), formatLimit)
}

// plain reports whether a name is one part of a path: it comes from a script.
func plain(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}

func readFile(path string, limit int) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readLimited(file, limit)
}

var errTooLarge = errors.New("file is larger than any kernel writes it")

// readLimited doubles its buffer: files in /proc say nothing of their size, and each read
// of a kernel list returns one page at most.
func readLimited(from io.Reader, limit int) ([]byte, error) {
	var data []byte
	for {
		data = slices.Grow(data, max(len(data), 64<<10))
		n, err := from.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case len(data) > limit:
			return nil, errTooLarge
		case err == io.EOF:
			return data, nil
		case err != nil:
			return nil, err
		}
	}
}

func readSized(from io.Reader, size int) ([]byte, error) {
	data := make([]byte, size)
	_, err := io.ReadFull(from, data)
	return data, err
}
