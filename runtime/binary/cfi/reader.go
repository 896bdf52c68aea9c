package cfi

import (
	"encoding/binary"
	"errors"
)

var errEnds = errors.New("the table of frames ends too early")

// reader reads numbers one after the other. After an error it returns zeroes.
type reader struct {
	text []byte
	at   int
	end  int
	err  error
}

func (r *reader) left() bool { return r.err == nil && r.at < r.end }

func (r *reader) bytes(n uint64) []byte {
	if r.err != nil || n > uint64(r.end-r.at) {
		r.err = errEnds
		return nil
	}
	r.at += int(n)
	return r.text[r.at-int(n) : r.at]
}

// number reads size bytes, 1 to 8.
func (r *reader) number(size int) uint64 {
	var word [8]byte
	copy(word[:], r.bytes(uint64(size)))
	return binary.LittleEndian.Uint64(word[:])
}

func (r *reader) byte() byte { return byte(r.number(1)) }

func (r *reader) uleb() (n uint64) {
	for shift := 0; ; shift += 7 {
		b := r.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
}

func (r *reader) sleb() (n int64) {
	for shift := 0; ; shift += 7 {
		b := r.byte()
		n |= int64(b&0x7f) << shift
		if b < 0x80 {
			if shift < 57 {
				n = n << (57 - shift) >> (57 - shift)
			}
			return n
		}
	}
}

// cstring reads a text that a zero ends.
func (r *reader) cstring() string {
	start := r.at
	for r.byte() != 0 {
	}
	if r.err != nil {
		return ""
	}
	return string(r.text[start : r.at-1])
}

// The ways in which addresses are written (DW_EH_PE).
const (
	formMask  = 0x0f
	absolute  = 0x00
	relative  = 0x10 // to the place where it stands
	baseMask  = 0x70
	omitted   = 0xff
	indirect  = 0x80
	signedBit = 0x08
)

var errForm = errors.New("the table of frames has addresses in a form that is not known")

// address reads one; section is the address of the section.
func (r *reader) address(form byte, section uint64) uint64 {
	here := section + uint64(r.at)
	value := r.plain(form & formMask)
	switch form & (baseMask | indirect) {
	case absolute:
	case relative:
		value += here
	default:
		r.fail(errForm)
	}
	return value
}

func (r *reader) plain(form byte) uint64 {
	switch form {
	case 0x01:
		return r.uleb()
	case 0x09:
		return uint64(r.sleb())
	case 0x00, 0x04, 0x0c:
		return r.number(8)
	case 0x02:
		return r.number(2)
	case 0x0a:
		return uint64(int16(r.number(2)))
	case 0x03:
		return r.number(4)
	case 0x0b:
		return uint64(int32(r.number(4)))
	}
	r.fail(errForm)
	return 0
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}
