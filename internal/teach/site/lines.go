package site

import (
	"bytes"
	"encoding/binary"
)

// Go's table of functions, pclntab, tells for each place in the code its file and line, for
// tracebacks. Nobody sees these in a browser, and they are a tenth of what travels. What
// the garbage collector needs of the table, the sizes of frames and what is alive in them,
// stays. For a function without lines the runtime has "?" and 0.
//
// The layout is that of Go 1.20 to 1.26:
// https://github.com/golang/go/blob/go1.26.0/src/runtime/symtab.go (pcHeader, _func) and
// src/cmd/link/internal/ld/pcln.go. Any other is left as it is.
var lineTable = []byte{0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8} // little-endian magic, instruction and pointer size

// tableHeader follows the magic.
type tableHeader struct {
	Functions, Files, Text                uint64
	Names, Units, FileNames, Tables, List uint64 // offsets from the magic
}

// function is the beginning of a _func.
type function struct {
	Entry                  uint32
	Name, Arguments        int32
	DeferReturn            uint32
	Frames, Files, Lines   uint32 // offsets into the tables; 0 for none
	Others, Unit           uint32 // Others is how many offsets of tables follow
	StartLine              int32
	Kind, Flag, _, Objects uint8
}

const functionSize = 44

// clearLines clears files, lines and names of functions in a part of memory that has the
// table.
func clearLines(memory []byte) {
	at := bytes.Index(memory, lineTable)
	if at < 0 {
		return
	}
	table := memory[at:]
	var h tableHeader
	if _, err := binary.Decode(table[len(lineTable):], binary.LittleEndian, &h); err != nil || !h.plausible(len(table)) {
		return
	}
	kept, lines := map[uint32]bool{}, map[uint32]bool{}
	for i := range h.Functions {
		f, others := h.function(table, i)
		kept[f.Frames] = true
		for _, offset := range others {
			kept[offset] = true
		}
		lines[f.Files], lines[f.Lines] = true, true
	}
	for offset := range lines {
		if !kept[offset] && offset != 0 {
			clearTable(table[h.Tables+uint64(offset) : h.List])
		}
	}
	for i := range h.Functions {
		f, _ := h.function(table, i)
		f.Name, f.Files, f.Lines, f.Unit, f.StartLine = 0, 0, 0, 0, 0
		binary.Encode(table[h.place(table, i):], binary.LittleEndian, f)
	}
	clear(table[h.Names:h.Tables])
}

func (h *tableHeader) plausible(size int) bool {
	return h.Names < h.Units && h.Units < h.FileNames && h.FileNames < h.Tables && h.Tables < h.List &&
		h.List+h.Functions*(8+functionSize) < uint64(size)
}

// place is where function i lies: the list begins with pairs of entry and offset.
func (h *tableHeader) place(table []byte, i uint64) uint64 {
	return h.List + uint64(binary.LittleEndian.Uint32(table[h.List+8*i+4:]))
}

func (h *tableHeader) function(table []byte, i uint64) (f function, others []uint32) {
	at := h.place(table, i)
	binary.Decode(table[at:], binary.LittleEndian, &f)
	others = make([]uint32, f.Others)
	binary.Decode(table[at+functionSize:], binary.LittleEndian, others)
	return f, others
}

// clearTable clears a table: pairs of numbers, up to a first number of zero that is not the
// very first.
func clearTable(table []byte) {
	at := 0
	for first := true; ; first = false {
		n, size := binary.Uvarint(table[at:])
		at += max(size, 1)
		if n == 0 && !first || at >= len(table) {
			break
		}
		_, size = binary.Uvarint(table[at:])
		at += max(size, 1)
	}
	clear(table[:at])
}
