// Package events turns what the kernel hands over into values: the records of the ring
// buffer and the rows of maps.
//
// # Values
//
// A Value is a view: a type and the bytes that hold it. Nothing is decoded before a
// sink asks for it, so a line of printf and a map of a million keys cost no
// allocation per value. The bytes are laid out by the same types.Layout through which the
// compiler stored them; there is no second description to keep in step. (Rejected: a tree
// of Go values, which costs an allocation a leaf.)
//
// # Maps
//
// A Table is a copy of one map at one moment: keys and merged values in flat memory.
// Aggregations are kept in one row per CPU by the kernel; Merge makes one row of them.
//
// # Generations: print, clear and no lost event
//
// A script that prints a map and clears it each second wants every event in exactly one
// of the reports, and room for new keys after each. Programs go on counting on other CPUs
// while we read. A key that was read and is then deleted takes along what was added in
// between, and a program that has just looked it up adds to memory that may already
// belong to another key. So nothing is deleted that a program may use. A map that is
// emptied while programs run is two kernel maps:
//
//	                 word in "data": 0                      1
//	programs      ---- count in ---->  @    |  @'  <---- count in ----
//	                                        |  @   is read, emptied and waits for its turn
//
// Clear keeps the rows as they were printed ("shown") and sets the word: from then on
// programs find an empty map. Those that had read the word before may still count in the
// old one. After a grace period of RCU, some 5 to 30 ms, none does; then its rows are
// taken out, what was printed is subtracted, and the rest, if any, is carried to the next
// report. In between reports are made of both maps, so that nobody waits. A clear that
// comes before the grace period is over hides what was printed, and turns when it is.
// Words wrap; the arithmetic is exact. One thing is forgotten: whether a sum that did not
// change since it was printed had events of value 0.
//
// An event costs four instructions more than in a map that is never cleared. (Rejected:
// one kernel map with the generation in its keys, where a full map could refuse the new
// generation for the old one's keys. An array of maps, whose lookup costs more. Deleting
// keys after a second without an event, when no program can still be preempted between
// lookup and update: what is cleared makes no room meanwhile. A program that subtracts
// atomically: the keys stay.)
//
// The rules per storage:
//
//	Hash, CPUHash        two kernel maps; exact where values are added up. For a minimum, maximum, time series or
//	                     assigned value that only the runtime reads, the turn is made before the print
//	                     (ReadToClear). Where that is too early, or the script reads the map, one that changed
//	                     since it was printed is carried, and an event that changed nothing is not seen
//	lruhash              the same; of a key that the kernel dropped nothing is left to subtract from. The
//	                     kernel may give its memory to another key while a program counts in it
//	CPUSlot, additive    the kernel's rows are never written, only "shown" is subtracted; exact
//	CPUSlot, min/max     the `set` word is reset, and set again if the value moved meanwhile, because
//	                     programs store the value before the set word
//	Slot, Additive       the printed amount is subtracted atomically; exact. So it is with aggregations that the
//	                     script reads, which lie there instead of in a row per CPU; their min and max as in CPUSlot
//	Slot, otherwise      reset
//
// The kernel's side of these promises: Linux kernel/bpf/hashtab.c, batch operations
// (https://elixir.bootlin.com/linux/v6.12/source/kernel/bpf/hashtab.c).
package events

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// Value is a typed view of bytes. An aggregation's bytes are one merged row.
type Value struct {
	Type *types.Type
	Raw  []byte
}

// Decode views raw as a value of type t.
func Decode(t *types.Type, raw []byte) Value { return Value{Type: t, Raw: raw[:t.Size]} }

// Uint returns a scalar, extended to 64 bits as its type says.
func (v Value) Uint() uint64 {
	switch v.Type.Size {
	case 1:
		if v.Type.Signed {
			return uint64(int8(v.Raw[0]))
		}
		return uint64(v.Raw[0])
	case 2:
		n := binary.NativeEndian.Uint16(v.Raw)
		if v.Type.Signed {
			return uint64(int16(n))
		}
		return uint64(n)
	case 4:
		n := binary.NativeEndian.Uint32(v.Raw)
		if v.Type.Signed {
			return uint64(int32(n))
		}
		return uint64(n)
	}
	return binary.NativeEndian.Uint64(v.Raw)
}

// Int returns a scalar as a signed number.
func (v Value) Int() int64 { return int64(v.Uint()) }

// Text returns the bytes of a String before its ending zero; truncated tells that there
// was none.
func (v Value) Text() (text []byte, truncated bool) {
	if end := bytes.IndexByte(v.Raw, 0); end >= 0 {
		return v.Raw[:end], false
	}
	return v.Raw, true
}

// Buffer returns the bytes of a Buffer.
func (v Value) Buffer() []byte {
	length := min(int(binary.NativeEndian.Uint32(v.Raw)), len(v.Raw)-4)
	return v.Raw[4 : 4+length]
}

// Cut reports a Buffer that holds less than the original did.
func (v Value) Cut() bool { return int64(binary.NativeEndian.Uint32(v.Raw)) > int64(len(v.Raw)-4) }

// Bytes returns the content of a Buffer, the text of a String, and the memory of anything
// else.
func (v Value) Bytes() []byte {
	switch v.Type.Kind {
	case types.Buffer:
		return v.Buffer()
	case types.String:
		text, _ := v.Text()
		return text
	}
	return v.Raw
}

// Len returns the number of parts of a tuple, record, struct or array.
func (v Value) Len() int {
	switch {
	case v.Type.Kind == types.Array:
		return v.Type.Count
	case v.Type.Kind == types.Buffer && v.Type.Elem != nil:
		return len(v.Buffer()) / v.Type.Elem.Size
	}
	return len(v.Type.Fields)
}

// Part returns a part of a tuple, record, struct or array.
func (v Value) Part(i int) Value {
	switch v.Type.Kind {
	case types.Array:
		return Decode(v.Type.Elem, v.Raw[i*v.Type.Elem.Size:])
	case types.Buffer:
		return Decode(v.Type.Elem, v.Raw[types.BufferHeader+i*v.Type.Elem.Size:])
	}
	field := &v.Type.Fields[i]
	part := Decode(field.Type, v.Raw[field.Offset:])
	if field.BitSize > 0 {
		return part.bits(field.BitOffset, field.BitSize)
	}
	return part
}

// bits takes a bitfield out of the integer that holds it.
func (v Value) bits(offset, size int) Value {
	n := v.Uint() << max(0, 64-offset-size)
	if v.Type.Signed {
		n = uint64(int64(n) >> max(0, 64-size))
	} else {
		n >>= max(0, 64-size)
	}
	return Value{v.Type, integer(n, v.Type.Size)}
}

// integer stores the low bytes of a number as the machine does.
func integer(n uint64, size int) []byte {
	raw := binary.NativeEndian.AppendUint64(nil, n)
	if bigEndian {
		return raw[8-size:]
	}
	return raw[:size]
}

var bigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// Address returns the address of a UserSymbol, or that of frame i of a stack, the
// innermost first; 0 stands behind the last.
func (v Value) Address(i int) uint64 {
	if v.Type.Kind == types.UserStack {
		i++
	}
	return binary.NativeEndian.Uint64(v.Raw[8*i:])
}

// Process returns the process ID of a UserSymbol or UserStack.
func (v Value) Process() int {
	at := 0
	if v.Type.Kind == types.UserSymbol {
		at = 8
	}
	return int(int32(binary.NativeEndian.Uint64(v.Raw[at:])))
}

// Inet returns a NetworkAddress; that of another family is the zero Addr, which prints as
// nothing.
func (v Value) Inet() netip.Addr {
	switch binary.NativeEndian.Uint32(v.Raw) {
	case types.FamilyInet:
		return netip.AddrFrom4([4]byte(v.Raw[4:]))
	case types.FamilyInet6:
		return netip.AddrFrom16([16]byte(v.Raw[4:]))
	}
	return netip.Addr{}
}

// Interval returns place i of a time series, as builtin.Interval does.
func (v Value) Interval(i int) (number uint64, value Value, used bool) {
	number, raw, used := builtin.Interval(v.Type, v.Raw, i)
	return number, Decode(v.Type.Elem, raw), used
}

// Words returns the number of words of an aggregation's row.
func (v Value) Words() int { return len(v.Raw) / 8 }

// Word returns a word of an aggregation's row; its record says what each holds.
func (v Value) Word(i int) uint64 { return types.Row(v.Raw).Word(i) }

// Number is the one number that stands for a value: an aggregation's result, else the
// value itself. It is 0 where there is none.
func (v Value) Number() uint64 {
	switch {
	case v.Type.Aggregation() && v.Type.Record.Number != nil:
		return v.Type.Record.Number(v.Type, v.Raw)
	case v.Type.Scalar() && v.Type.Size <= 8:
		return v.Uint()
	}
	return 0
}

// Empty reports whether no event went into an aggregation. Other values are never empty.
func (v Value) Empty() bool {
	switch {
	case !v.Type.Aggregation():
		return false
	case v.Type.Record.Empty != nil:
		return v.Type.Record.Empty(v.Raw)
	}
	return isZero(v.Raw)
}

func isZero(raw []byte) bool { return types.Row(raw).Zero() }
