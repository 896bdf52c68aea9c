package binary

import (
	"errors"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/target"
)

// How Go begins a function, if its frame does not fit what is always left of a stack:
//
//	f:     cmp  0x10(%r14),%rsp     ldr x16, [x28, #16]
//	       jbe  more                cmp sp, x16
//	       push %rbp                b.ls more
//	       ...                      str x30, [sp, #-32]!
//	more:  mov  %rax,0x8(%rsp)      ...
//	       call morestack
//	       mov  0x8(%rsp),%rax
//	       jmp  f
//
// With large frames there are several tests, with older versions of Go other registers.
const (
	// maxCheck is how many instructions the check has, and maxMore those at its jump.
	maxCheck = 12
	maxMore  = 96
)

var errUndecoded = errors.New("some instructions of the function are not known, so it is unknown where it returns")

// GoFunction finds the places of a function, unless Go did not make it.
func (f *File) GoFunction(offset uint64) (g target.GoFunction, made bool, err error) {
	made, err = ask(f, func() (bool, error) {
		address, loaded := f.address(offset)
		table, err := f.goTable()
		if table == nil || err != nil || !loaded {
			return false, err
		}
		d, known := table.describe(address)
		if !known || table.text+d.start != address {
			return false, nil
		}
		decode := f.decoder()
		if decode == nil {
			return false, ErrForeign
		}
		b, err := f.body(extent{address, table.text + d.end}, decode)
		if err == nil {
			g, err = b.goFunction(offset)
		}
		return true, err
	})
	return g, made, err
}

func (b *body) goFunction(offset uint64) (g target.GoFunction, err error) {
	g.Entry = offset + b.once(b.checked()) - b.start
	whole := b.sweep(func(at uint64, i instruction) bool {
		to := at + i.size + uint64(i.to)
		switch {
		case i.flow == returns:
			g.Returns = append(g.Returns, offset+at-b.start)
		case (i.flow == jumps || i.flow == branches) && !b.has(to):
			g.Leaves = true
		}
		return true
	})
	if !whole {
		return g, errUndecoded
	}
	return g, nil
}

// checked returns the address behind the check of the stack.
func (b *body) checked() uint64 {
	behind := b.start
	at := b.start
	for range maxCheck {
		i := b.at(at)
		if i.size == 0 || i.saves || i.calls || i.flow != onward && i.flow != branches {
			break
		}
		to := at + i.size + uint64(i.to)
		at += i.size
		if i.flow == branches && b.begins(to) {
			behind = at
		}
	}
	return behind
}

// once returns the first place from an address on that is executed once for each call,
// though the goroutine is interrupted there.
func (b *body) once(at uint64) uint64 {
	for b.at(at).restarts {
		at += b.at(at).size
	}
	return at
}

// begins reports whether the code at an address calls something and then begins the
// function anew.
func (b *body) begins(at uint64) bool {
	called := false
	for range maxMore {
		if !b.has(at) {
			return false
		}
		i := b.at(at)
		called = called || i.calls
		switch {
		case i.size == 0:
			return false
		case i.flow == jumps:
			return called && at+i.size+uint64(i.to) == b.start
		case i.flow != onward:
			return false
		}
		at += i.size
	}
	return false
}

// untypedGo returns a function of Go of which no arguments are described; nil for others,
// and for one that is described and not in assembly.
func (f *File) untypedGo(of target.BinaryFunction, described bool) *target.Function {
	function, _ := ask(f, func() (*target.Function, error) {
		table, err := f.goTable()
		if table == nil || err != nil {
			return nil, err
		}
		arch := architectures[f.elf.Machine]
		d, known := table.describe(of.Address)
		switch {
		case !known || described && !table.inAssembly(d):
			return nil, nil
		case table.inAssembly(d) && !choosesConvention(of.Name), !target.GoUsesRegisters(arch, f.goVersion()):
			return target.StackGo(of.Name, arch, d.stackWords()), nil
		}
		return target.UntypedGo(of.Name, arch), nil
	})
	return function
}

// inAssembly reports a function in assembly, which before Go 1.18 only its file tells.
func (t *goTable) inAssembly(d goFunction) bool {
	if t.word == 8 {
		file, _ := t.line(d, d.start)
		return strings.HasSuffix(file, ".s")
	}
	return d.assembly
}

// stackWords is how many words of arguments and results a function has on the stack.
func (d goFunction) stackWords() int {
	if int32(d.arguments) < 0 { // unknown
		return 0
	}
	return int(d.arguments) / wordSize
}

// goStackMark ends the name that the linker gives to a function which has its arguments on the
// stack, if Go calls it by another one of that name.
const goStackMark = ".abi0"

// choosesConvention reports a function in assembly that may take arguments in registers:
// only those of a few packages of Go itself may.
func choosesConvention(name string) bool {
	if strings.HasSuffix(name, goStackMark) {
		return false
	}
	slash := strings.LastIndexByte(name, '/') + 1
	point := strings.IndexByte(name[slash:], '.')
	if point < 0 {
		return true
	}
	pkg := name[:slash+point]
	return slices.Contains(goChoosing, pkg) || strings.HasPrefix(pkg, "internal/runtime/") ||
		strings.HasPrefix(pkg, "runtime/internal/") // before Go 1.23
}

// goChoosing are those packages, beside the parts of the runtime:
// https://github.com/golang/go/blob/go1.26.0/src/cmd/internal/objabi/pkgspecial.go
var goChoosing = []string{"runtime", "reflect", "syscall", "internal/bytealg", "internal/chacha8rand"}
