package symbols

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"reflect"
	"testing"
	"unsafe"
)

// What interfaces of our own process hold: by the description of the type, and by the
// table of an interface with methods.
func TestGoTypesOfOwnProcess(t *testing.T) {
	u := NewUser(true, 1<<24)
	word := func(interfaceAt unsafe.Pointer) uint64 { return *(*uint64)(interfaceAt) }
	for _, value := range []any{
		1, "text", []string{}, &fs.PathError{}, map[string]*User{}, struct{ X int }{}, u,
	} {
		want := reflect.TypeOf(value).String()
		if name, ok := u.GoType(os.Getpid(), word(unsafe.Pointer(&value)), false); name != want || !ok {
			t.Errorf("%q, %v; want %q", name, ok, want)
		}
	}
	for _, value := range []error{io.EOF, &fs.PathError{}, errors.ErrUnsupported} {
		want := reflect.TypeOf(value).String()
		for range 2 {
			if name, ok := u.GoType(os.Getpid(), word(unsafe.Pointer(&value)), true); name != want || !ok {
				t.Errorf("%q, %v; want %q", name, ok, want)
			}
		}
	}
	var made any = reflect.New(reflect.ArrayOf(3, reflect.TypeFor[User]())).Interface()
	for _, address := range []uint64{word(unsafe.Pointer(&made)), 0x10, uint64(here())} {
		if name, ok := u.GoType(os.Getpid(), address, false); ok || name != "" {
			t.Errorf("%#x is a type: %q", address, name)
		}
	}
	if name, ok := u.GoType(1<<30, 0x500000, false); ok {
		t.Errorf("no process has the type %q", name)
	}
}

// The mapping that an address of data belongs to: the last before it, also among those
// that were noted.
func TestMappingsBefore(t *testing.T) {
	file := fileID{device: "08:01", inode: 1}
	list := []mapping{
		{start: 0x1000, end: 0x2000, file: file}, {start: 0x3000, end: 0x4000},
		{start: 0x5000, end: 0x6000, file: file},
	}
	all, noted := mappings{list: list}, notes{most: 1 << 20}
	for i, m := range list {
		noted.mapped(7, m, uint64(i))
	}
	for _, test := range []struct {
		address, want uint64
		noted         bool
	}{
		{0x1000, 0x1000, true}, {0x4800, 0x1000, true}, {0x5000, 0x5000, true},
		{1 << 40, 0x5000, true}, {0x10, 0x1000, false},
	} {
		if m, ok := all.before(test.address); !ok || m.start != test.want {
			t.Errorf("%#x: %#x, want %#x", test.address, m.start, test.want)
		}
		if m, ok := noted.before(7, test.address); ok != test.noted || ok && m.start != test.want {
			t.Errorf("%#x: %#x, %v among notes, want %#x", test.address, m.start, ok, test.want)
		}
	}
	if _, ok := noted.before(8, 0x1000); ok {
		t.Error("nothing was noted of process 8")
	}
}
