package target

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// Kinds of BTF types, as in include/uapi/linux/btf.h.
const (
	kindInt      = 1
	kindArray    = 3
	kindStruct   = 4
	kindUnion    = 5
	kindEnum     = 6
	kindTypedef  = 8
	kindFunction = 12
	kindProto    = 13
	kindVar      = 14
	kindDatasec  = 15
	kindDeclTag  = 17
	kindEnum64   = 19
)

// rawBTF is a view of BTF bytes for the questions that an index by type name cannot
// answer.
type rawBTF struct {
	types, strings []byte
	order          binary.ByteOrder
	functions      answers[string, bool]
}

var errMalformedBTF = errors.New("malformed BTF")

func newRawBTF(data []byte) (*rawBTF, error) {
	if len(data) < 24 {
		return nil, errMalformedBTF
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if order.Uint16(data) != 0xeb9f {
		order = binary.BigEndian
	}
	header := uint64(order.Uint32(data[4:]))
	section := func(at int) []byte {
		start := header + uint64(order.Uint32(data[at:]))
		end := start + uint64(order.Uint32(data[at+4:]))
		if order.Uint16(data) != 0xeb9f || end > uint64(len(data)) {
			return nil
		}
		return data[start:end]
	}
	raw := &rawBTF{types: section(8), strings: section(16), order: order}
	if raw.types == nil || raw.strings == nil {
		return nil, errMalformedBTF
	}
	return raw, nil
}

func (t *Target) rawTypes() *rawBTF {
	t = t.kernel()
	return t.raw.get(func() *rawBTF {
		if t.Sources.RawBTF == nil {
			return nil
		}
		data, err := t.Sources.RawBTF()
		if err == nil {
			var raw *rawBTF
			if raw, err = newRawBTF(data); err == nil {
				return raw
			}
		}
		t.note("kernel types", err)
		return nil
	})
}

// rawType is one type's header with the bytes that follow it.
type rawType struct {
	id, name, kind, count uint32
	size                  uint32 // or the id of another type
	signed                bool   // the kind flag
	rest                  []byte
}

// each calls visit for all types in order until it returns false.
func (r *rawBTF) each(visit func(rawType) bool) {
	data := r.types
	for id := uint32(1); len(data) >= 12; id++ {
		info := r.order.Uint32(data[4:])
		t := rawType{
			id: id, name: r.order.Uint32(data), kind: info >> 24 & 0x1f, count: info & 0xffff,
			signed: info>>31 == 1, size: r.order.Uint32(data[8:]),
		}
		length := 12 + extra(t.kind) + perItem(t.kind)*int(t.count)
		if length > len(data) {
			return
		}
		t.rest = data[12:length]
		if !visit(t) {
			return
		}
		data = data[length:]
	}
}

// extra returns the bytes that follow the header of one type of the kind.
func extra(kind uint32) int {
	switch kind {
	case kindInt, kindVar, kindDeclTag:
		return 4
	case kindArray:
		return 12
	}
	return 0
}

// perItem returns the bytes of each member, value, parameter or variable of a type of the
// kind.
func perItem(kind uint32) int {
	switch kind {
	case kindStruct, kindUnion, kindDatasec, kindEnum64:
		return 12
	case kindEnum, kindProto:
		return 8
	}
	return 0
}

// text returns the string at an offset.
func (r *rawBTF) text(offset uint32) string {
	if uint64(offset) >= uint64(len(r.strings)) {
		return ""
	}
	text, _, _ := bytes.Cut(r.strings[offset:], []byte{0})
	return string(text)
}

// offset finds where a string is kept; every string is kept once.
func (r *rawBTF) offset(text string) (uint32, bool) {
	at := bytes.Index(r.strings, []byte("\x00"+text+"\x00"))
	return uint32(at + 1), at >= 0
}

// hasFunction reports whether the types describe a function of the name.
func (r *rawBTF) hasFunction(name string) bool {
	return r.functions.get(name, func() bool { return r.describes(name) })
}

// describes looks for the bytes with which the type of a function begins, ten times
// faster than a walk; nothing else has the number of a kind where they have it.
func (r *rawBTF) describes(name string) bool {
	offset, ok := r.offset(name)
	for linkage := uint32(0); ok && linkage <= 2; linkage++ {
		var header [8]byte
		r.order.PutUint32(header[:], offset)
		r.order.PutUint32(header[4:], kindFunction<<24|linkage)
		if containsAligned(r.types, header[:]) {
			return true
		}
	}
	return false
}

// functionID finds the type of a function.
func (r *rawBTF) functionID(name string) (id btf.TypeID, found bool) {
	if !r.hasFunction(name) {
		return 0, false
	}
	offset, _ := r.offset(name)
	r.each(func(t rawType) bool {
		found = t.kind == kindFunction && t.name == offset
		id = btf.TypeID(t.id)
		return !found
	})
	return id, found
}

func containsAligned(data, pattern []byte) bool {
	for at := 0; ; {
		next := bytes.Index(data[at:], pattern)
		if next < 0 || (at+next)%4 == 0 {
			return next >= 0
		}
		at += next + 1
	}
}

// namesOf lists the names of all types of a kind.
func (r *rawBTF) namesOf(kinds ...uint32) []string {
	var names []string
	r.each(func(t rawType) bool {
		for _, kind := range kinds {
			if t.kind == kind && t.name != 0 {
				names = append(names, r.text(t.name))
			}
		}
		return true
	})
	return names
}

// FunctionNames lists the functions that raw BTF describes, in its order: what to offer
// where the kernel shows no list of traceable functions.
func FunctionNames(data []byte) ([]string, error) {
	raw, err := newRawBTF(data)
	if err != nil {
		return nil, err
	}
	return raw.namesOf(kindFunction), nil
}

// enumConstant finds the enum type that declares a constant, and the constant's value.
func (r *rawBTF) enumConstant(name string) (id btf.TypeID, value int64, found bool) {
	offset, ok := r.offset(name)
	if !ok {
		return 0, 0, false
	}
	r.each(func(t rawType) bool {
		if t.kind == kindEnum || t.kind == kindEnum64 {
			value, found = r.enumValue(t, offset)
			id = btf.TypeID(t.id)
		}
		return !found
	})
	return id, value, found
}

func (r *rawBTF) enumValue(t rawType, name uint32) (int64, bool) {
	item := perItem(t.kind)
	for rest := t.rest; len(rest) >= item; rest = rest[item:] {
		if r.order.Uint32(rest) != name {
			continue
		}
		low := r.order.Uint32(rest[4:])
		switch {
		case t.kind == kindEnum64:
			return int64(uint64(r.order.Uint32(rest[8:]))<<32 | uint64(low)), true
		case t.signed:
			return int64(int32(low)), true
		}
		return int64(low), true
	}
	return 0, false
}

func (t *Target) enumType(id btf.TypeID) *types.Type {
	if spec := t.spec(); spec != nil {
		if found, err := spec.TypeByID(id); err == nil {
			if e, ok := found.(*btf.Enum); ok {
				return enum(e, e.Name)
			}
		}
	}
	return types.Int64
}
