package runtime

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// The kernel tells the address of the machine code of each line of a program's line
// information, and keeps the lines with their instructions when it changes the program:
// it puts several instructions in the place of one, or removes some. So a line for each
// instruction, whose number is that of the instruction, tells which code it became.
// https://elixir.bootlin.com/linux/v6.12/source/kernel/bpf/core.c
// (bpf_prog_fill_jited_linfo)
// https://elixir.bootlin.com/linux/v6.12/source/kernel/bpf/verifier.c
// (bpf_adj_linfo_after_remove)

// marked are the instructions with a line each, whose number is that of the instruction
// from 1 on.
func marked(code asm.Instructions) (asm.Instructions, error) {
	lines, err := numberedLines(offsetsOf(code))
	if err != nil {
		return nil, err
	}
	code = slices.Clone(code)
	for _, line := range lines {
		code[line.Offset] = code[line.Offset].WithSource(line.Line)
	}
	return code, nil
}

// offsetsOf are the numbers of instructions in units of 8 bytes, as the kernel counts.
func offsetsOf(code asm.Instructions) (offsets []uint32) {
	offset := uint32(0)
	for i := range code {
		offsets = append(offsets, offset)
		offset += uint32(code[i].Width())
	}
	return offsets
}

// numberedLines makes lines through the kernel's own format, as package btf has no
// constructor: a blob of BTF with nothing but an empty string, and records that point to
// that. The offset of a line is the index of its number.
func numberedLines(numbers []uint32) (btf.LineOffsets, error) {
	const (
		magic, version = 0xeb9f, 1
		headerSize     = 24
		columnBits     = 10
	)
	blob := append(binary.NativeEndian.AppendUint16(nil, magic), version, 0)
	for _, field := range []uint32{headerSize, 0, 0, 0, 1} {
		blob = binary.NativeEndian.AppendUint32(blob, field)
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(append(blob, 0)))
	if err != nil {
		return nil, err
	}
	var records []byte
	for i, number := range numbers {
		for _, field := range []uint32{uint32(i), 0, 0, (number + 1) << columnBits} {
			records = binary.NativeEndian.AppendUint32(records, field)
		}
	}
	return btf.LoadLineInfos(bytes.NewReader(records), binary.NativeEndian, uint32(len(numbers)), spec)
}

// addressedMark says at which address the code of an instruction begins.
type addressedMark struct {
	address     uint64
	instruction int
}

// marksOf pairs the lines of a program with the addresses that the kernel gives for them,
// in the same order. It gives none where it hides addresses.
func marksOf(info *ebpf.ProgramInfo) (list []addressedMark) {
	addresses, _ := info.JitedLineInfos()
	lines, err := info.LineInfos()
	if err != nil || len(lines) != len(addresses) {
		return nil
	}
	for i, address := range addresses {
		list = append(list, addressedMark{address, int(lines[i].Line.LineNumber()) - 1})
	}
	return list
}
