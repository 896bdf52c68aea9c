package binary

import (
	"errors"

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

// madeByGo reports whether the function at an address is one that passes arguments as Go
// does.
func (f *File) madeByGo(address uint64) bool {
	made, _ := ask(f, func() (bool, error) {
		table, err := f.goTable()
		if table == nil || err != nil {
			return false, err
		}
		_, known := table.describe(address)
		return known, nil
	})
	return made
}
