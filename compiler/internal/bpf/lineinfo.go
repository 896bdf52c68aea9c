package bpf

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/cilium/ebpf/btf"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Limits of struct bpf_line_info: the line number has 22 bits, the column 10.
const (
	maxLine   = 1<<22 - 1
	maxColumn = 1<<10 - 1
)

// maxText is how many bytes of a line the kernel is given. Each program has a copy, and a
// line may name the attach points of thousands.
const maxText = 1 << 10

// lineTable builds the BTF line information of a function. Package btf has no constructor
// for a Line, but it reads the kernel's own format: a blob of BTF with nothing but
// strings, and records that point into it.
// https://github.com/cilium/ebpf/blob/v0.22.0/btf/ext_info.go
type lineTable struct {
	strings bytes.Buffer
	places  map[string]uint32
	lines   map[line]uint32 // their texts
	records []lineRecord
}

// line is a line of a source. A script may be one line of a megabyte, with as many
// places: its text is looked up once.
type line struct {
	source *diag.Source
	number int
}

// lineRecord is struct bpf_line_info of include/uapi/linux/bpf.h.
type lineRecord struct {
	Instruction, File, Text, LineColumn uint32
}

// attachLines gives an instruction its script line wherever the place changes. An
// instruction that belongs to no script gets none, but the first of each function must
// have one: the kernel wants it.
func (l *linker) attachLines() {
	table := &lineTable{places: map[string]uint32{}, lines: map[line]uint32{}}
	table.intern("")
	var marked []int
	var previous diag.Span
	starts := l.starts
	for i := range l.origins {
		span := l.origins[i].span
		first := len(starts) > 0 && starts[0] == i
		if first {
			starts = starts[1:]
		}
		if first && span.Source == nil {
			return
		}
		if span.Source != nil && (first || span != previous) {
			table.add(len(marked), span)
			marked = append(marked, i)
			previous = span
		}
	}
	for _, line := range l.load(table) {
		at := &l.code[marked[line.Offset]]
		*at = at.WithSource(line.Line)
	}
}

func (t *lineTable) add(instruction int, span diag.Span) {
	number, column := span.Source.Position(span.Start)
	t.records = append(t.records, lineRecord{
		Instruction: uint32(instruction),
		File:        t.intern(span.Source.Name),
		Text:        t.text(line{span.Source, number}),
		LineColumn:  uint32(min(number, maxLine)<<10 | min(column, maxColumn)),
	})
}

func (t *lineTable) text(l line) uint32 {
	offset, known := t.lines[l]
	if !known {
		text := l.source.Line(l.number)
		offset = t.intern(text[:min(len(text), maxText)])
		t.lines[l] = offset
	}
	return offset
}

// intern returns the offset of a text in the string section, where a zero byte ends it.
func (t *lineTable) intern(text string) uint32 {
	text = strings.ReplaceAll(text, "\x00", " ")
	offset, known := t.places[text]
	if !known {
		offset = uint32(t.strings.Len())
		t.places[text] = offset
		t.strings.WriteString(text)
		t.strings.WriteByte(0)
	}
	return offset
}

func (l *linker) load(t *lineTable) btf.LineOffsets {
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(t.blob()))
	if err != nil {
		l.main.Fail(l.main.Span, "line strings: %v", err)
	}
	var records bytes.Buffer
	if err := binary.Write(&records, binary.NativeEndian, t.records); err != nil {
		l.main.Fail(l.main.Span, "line records: %v", err)
	}
	lines, err := btf.LoadLineInfos(&records, binary.NativeEndian, uint32(len(t.records)), spec)
	if err != nil {
		l.main.Fail(l.main.Span, "line records: %v", err)
	}
	return lines
}

// blob is a BTF section without types: the header of include/uapi/linux/btf.h and the
// strings.
func (t *lineTable) blob() []byte {
	const headerSize = 24
	blob := binary.NativeEndian.AppendUint16(nil, 0xeb9f)
	blob = append(blob, 1, 0)
	for _, field := range []uint32{headerSize, 0, 0, 0, uint32(t.strings.Len())} {
		blob = binary.NativeEndian.AppendUint32(blob, field)
	}
	return append(blob, t.strings.Bytes()...)
}
