package site

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// A WebAssembly module is a header and sections: a number, a size, bytes. The data section
// is a list of segments: a zero, the instructions `i32.const ADDRESS` and `end`, a size,
// bytes. https://webassembly.github.io/spec/core/binary/modules.html
const (
	headerSize  = 8
	dataSection = 11
	i32const    = 0x41
	end         = 0x0b
)

// segment is a part of memory as it is when a module starts.
type segment struct {
	address int
	bytes   []byte
}

var errModule = errors.New("the module is not as Go's linker writes it")

// slim makes a module smaller that Go's linker wrote, and leaves what it does. The linker
// cuts the data at each short run of zeroes, into 100,000 segments whose addresses no
// packer can shrink: here only long runs are left out. And it clears what tells lines and
// names of functions.
func slim(module []byte) ([]byte, error) {
	out := bytes.NewBuffer(bytes.Clone(module[:min(headerSize, len(module))]))
	for r := (reader{module, headerSize}); r.at < len(module); {
		number := r.bytes(1)
		content := r.bytes(r.number())
		if r.at > len(module) {
			return nil, errModule
		}
		if number[0] == dataSection {
			segments, err := readData(content)
			if err != nil {
				return nil, err
			}
			content = writeData(segments)
		}
		out.Write(number)
		out.Write(binary.AppendUvarint(nil, uint64(len(content))))
		out.Write(content)
	}
	return out.Bytes(), nil
}

// readData returns the segments, of which those that lie close together are one.
func readData(content []byte) ([]segment, error) {
	const close = 64 // bytes; a segment's own head takes ten
	r := reader{content, 0}
	var list []segment
	for range r.number() {
		head := r.bytes(2)
		address := r.signed()
		tail := r.bytes(1)
		part := r.bytes(r.number())
		if r.at > len(content) || head[0] != 0 || head[1] != i32const || tail[0] != end {
			return nil, errModule
		}
		if n := len(list); n > 0 {
			last := &list[n-1]
			if gap := address - last.address - len(last.bytes); gap >= 0 && gap <= close {
				last.bytes = append(append(last.bytes, make([]byte, gap)...), part...)
				continue
			}
		}
		list = append(list, segment{address, bytes.Clone(part)})
	}
	return list, nil
}

func writeData(list []segment) []byte {
	out := binary.AppendUvarint(nil, uint64(len(list)))
	for _, s := range list {
		clearLines(s.bytes)
		out = append(out, 0, i32const)
		out = appendSigned(out, s.address)
		out = append(out, end)
		out = binary.AppendUvarint(out, uint64(len(s.bytes)))
		out = append(out, s.bytes...)
	}
	return out
}

// reader reads a section. At its end it reads zeroes, and at is beyond the end.
type reader struct {
	from []byte
	at   int
}

func (r *reader) bytes(n int) []byte {
	at := r.at
	r.at += n
	if n < 0 || r.at > len(r.from) {
		r.at = len(r.from) + 1
		return make([]byte, 2)
	}
	return r.from[at:r.at]
}

func (r *reader) number() int {
	n, size := binary.Uvarint(r.from[min(r.at, len(r.from)):])
	r.at += size
	if size <= 0 {
		r.at = len(r.from) + 1
	}
	return int(n)
}

// signed reads a number in LEB128 as i32.const has it.
func (r *reader) signed() (n int) {
	for shift := 0; ; shift += 7 {
		b := r.bytes(1)[0]
		n |= int(b&0x7f) << shift
		if b < 0x40 {
			return n
		}
		if b < 0x80 {
			return n | -1<<(shift+7)
		}
	}
}

func appendSigned(out []byte, n int) []byte {
	for {
		b := byte(n & 0x7f)
		n >>= 7
		if n == 0 && b < 0x40 || n == -1 && b >= 0x40 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}
