package step

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/events"
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/report/format"
)

// namer puts places and values into words.
type namer struct {
	object    *object.Object
	machine   *target.Target
	formatter *format.Formatter
	whole     map[*types.Type]*types.Type // structs with their fields
	// Of the event at hand.
	program *object.ProgramSpec
	context map[int]string
	types   map[uint64]*types.Type
}

func newNamer(o *object.Object, machine *target.Target) *namer {
	return &namer{
		object: o, machine: machine, whole: map[*types.Type]*types.Type{},
		formatter: format.New(o.Settings, &report.Names{Probes: o.ProbeNames}),
	}
}

// place names where something lies.
func (n *namer) place(p emu.Place) string {
	switch p.Kind {
	case emu.Stack:
		return stackName(p.Frame, p.Offset)
	case emu.Context:
		if name := n.context[int(p.Offset)]; name != "" {
			return fmt.Sprintf("context +%d (%s)", p.Offset, name)
		}
		return fmt.Sprintf("context +%d", p.Offset)
	case emu.MapValue:
		return n.value(p)
	case emu.MapKey:
		return "key of " + n.mapName(p.Map) + plus(p.Offset)
	case emu.Record:
		return "record" + plus(p.Offset)
	case emu.Memory:
		return n.memory(p.Start, int(p.Offset))
	case emu.MapHandle:
		return "map " + n.mapName(p.Map)
	}
	return "function " + n.function(int(p.Offset))
}

func stackName(frame int, offset int64) string {
	name := fmt.Sprintf("stack %d", offset)
	if offset == 0 {
		name = "end of the stack"
	}
	if frame > 0 {
		name += fmt.Sprintf(" of call %d", frame)
	}
	return name
}

func plus(offset int64) string {
	if offset == 0 {
		return ""
	}
	return fmt.Sprintf(" %+d", offset)
}

func (n *namer) function(index int) string {
	if index < len(n.program.Instructions) {
		return diag.Printable(n.program.Instructions[index].Symbol())
	}
	return ""
}

// scriptMap is the map of the script whose rows are in a map of the kernel.
func (n *namer) scriptMap(kernel string) *object.MapSpec {
	for _, m := range n.object.Maps {
		if kernel != "" && (m.Kernel == kernel || m.Other == kernel) {
			return m
		}
	}
	return nil
}

func (n *namer) mapName(kernel string) string {
	if m := n.scriptMap(kernel); m != nil {
		return "@" + m.Name
	}
	return kernel
}

// value names a place in the value of a map.
func (n *namer) value(p emu.Place) string {
	switch m := n.scriptMap(p.Map); {
	case p.Map == object.DataMap && p.Key == nil:
		return n.data(int(p.Offset))
	case p.Map == object.PerCPUMap && n.object.Stride > 0:
		cpu, offset := int(p.Offset)/n.object.Stride, int(p.Offset)%n.object.Stride
		for _, m := range n.object.Maps {
			value, at := m.InKernel().Value, offset-m.Offset
			if m.Storage == object.CPUSlot && at >= 0 && at < value.Size {
				return fmt.Sprintf("@%s%s on CPU %d", m.Name, word(value, at), cpu)
			}
		}
	case m != nil && p.Key != nil:
		return n.element(m, p, word(m.InKernel().Value, int(p.Offset)))
	}
	return p.Map + plus(p.Offset)
}

// element names the value of a key, or a part of it.
func (n *namer) element(m *object.MapSpec, p emu.Place, part string) string {
	name := fmt.Sprintf("@%s[%s]%s", m.Name, n.key(m, p.Key), part)
	if m.Storage == object.CPUHash {
		name += fmt.Sprintf(" on CPU %d", p.CPU)
	}
	return name
}

// pointer names what an address leads to: a value as a whole where it is the first byte.
func (n *namer) pointer(p emu.Place) string {
	if m := n.scriptMap(p.Map); m != nil && p.Kind == emu.MapValue && p.Key != nil && p.Offset == 0 {
		return "value of " + n.element(m, p, "")
	}
	switch whole := p.Offset == 0; {
	case whole && p.Kind == emu.Context:
		return "context"
	case whole && p.Kind == emu.Memory && n.types[p.Start] != nil && !texts(n.types[p.Start]):
		return n.types[p.Start].String()
	}
	return n.place(p)
}

// word names a part of a value: a bucket, or bytes.
func word(typ *types.Type, offset int) string {
	if offset == 0 && !buckets(typ) {
		return ""
	}
	if buckets(typ) && offset%8 == 0 && offset < typ.Size {
		return " bucket " + bucket(typ, offset/8)
	}
	return plus(int64(offset))
}

func buckets(typ *types.Type) bool {
	return typ.Aggregation() && (typ.Draws() == types.DrawPowers || typ.Draws() == types.DrawLinear)
}

// bucket is as histograms draw it, without units: [4096, 8192).
func bucket(typ *types.Type, i int) string {
	low, high := report.Bounds(typ, i)
	linear := typ.Draws() == types.DrawLinear
	switch {
	case i == 0 && linear:
		return fmt.Sprintf("below %d", int64(high)+1)
	case i == 0:
		return "below 0"
	case i == typ.Words()-1 && linear:
		return fmt.Sprintf("from %d on", int64(low))
	case high == low:
		return fmt.Sprintf("[%d]", int64(low))
	}
	return fmt.Sprintf("[%d, %d)", int64(low), high+1)
}

func (n *namer) key(m *object.MapSpec, key []byte) string {
	layout := m.InKernel().Key
	if layout == nil {
		return ""
	}
	var parts []string
	for _, field := range layout.Fields {
		if field.Offset+field.Type.Size <= len(key) {
			parts = append(parts, n.typed(field.Type, key[field.Offset:]))
		}
	}
	return strings.Join(parts, ", ")
}

// typed writes a value as print() does, on one line.
func (n *namer) typed(typ *types.Type, raw []byte) string {
	text := n.formatter.AppendValue(nil, report.Plain(events.Decode(typ, raw)))
	return diag.Printable(strings.Join(strings.Fields(string(text)), " "))
}

// dataWords are those that a map of the kernel named "data" begins with.
var dataWords = [...]string{
	object.DataDropped / 8: "events that found the ring buffer full",
	object.DataWakeup / 8:  "how to wake the reader",
	object.DataStart / 8:   "time when tracing began",
	object.DataStopped / 8: "whether exit() was called",
	object.DataCut / 8:     "loops that were cut off",
	object.DataMissed / 8:  "events missed for a lock",
}

func (n *namer) data(offset int) string {
	if offset%8 == 0 && offset/8 < len(dataWords) {
		return "data: " + dataWords[offset/8]
	}
	for _, m := range n.object.Maps {
		switch value := m.InKernel().Value; {
		case m.Storage == object.Slot && offset >= m.Offset && offset < m.Offset+value.Size:
			return "@" + m.Name + word(value, offset-m.Offset)
		case offset == m.Present && m.Storage == object.Slot:
			return "whether @" + m.Name + " was assigned"
		case offset == m.Full && m.Kernel != "":
			return "updates of @" + m.Name + " that were refused"
		}
	}
	return fmt.Sprintf("data +%d", offset)
}

// memory names a place behind a pointer, by the member of the struct that lies there.
func (n *namer) memory(start uint64, offset int) string {
	typ := n.types[start]
	switch {
	case typ == nil:
		return "memory" + plus(int64(offset))
	case texts(typ):
		return "text" + plus(int64(offset))
	case typ.Kind != types.Struct || typ.Size <= 0:
		return typ.String() + plus(int64(offset))
	}
	name := typ.String()
	if offset >= typ.Size {
		name += fmt.Sprintf(" number %d", offset/typ.Size)
	}
	if member := n.member(typ, offset%typ.Size); member != "" {
		return name + "." + member
	}
	return name + plus(int64(offset%typ.Size))
}

// texts reports the type of what a text consists of.
func texts(typ *types.Type) bool { return typ.Kind == types.Int && typ.Size == 1 }

// member is the path to the member that begins at an offset, or holds it.
func (n *namer) member(typ *types.Type, offset int) string {
	complete := n.whole[typ]
	if complete == nil {
		complete = n.machine.Complete(typ)
		n.whole[typ] = complete
	}
	return memberPath(complete, offset)
}

func memberPath(typ *types.Type, offset int) string {
	for _, f := range typ.Fields {
		if offset < f.Offset || offset >= f.Offset+max(f.Type.Size, 1) || f.Name == "" {
			continue
		}
		if f.Type.Kind == types.Struct && len(f.Type.Fields) > 0 {
			if inner := memberPath(f.Type, offset-f.Offset); inner != "" {
				return f.Name + "." + inner
			}
		}
		if offset > f.Offset {
			return fmt.Sprintf("%s %+d", f.Name, offset-f.Offset)
		}
		return f.Name
	}
	return ""
}

// locator finds what an address leads to.
type locator func(address uint64) (emu.Place, bool)

// number tells of a value in a register or in 8 bytes of memory.
func (n *namer) number(value uint64, locate locator) string {
	if place, known := locate(value); known {
		return n.pointer(place)
	}
	return plain(value)
}

// Numbers below readable are written in decimal.
const readable = 1 << 40

func plain(value uint64) string {
	if value < readable || int64(value) < 0 && int64(value) > -readable {
		return strconv.FormatInt(int64(value), 10)
	}
	return "0x" + strconv.FormatUint(value, 16)
}

// bytes tells of memory of any size.
func (n *namer) bytes(raw []byte, locate locator) string {
	if text, ok := textOf(raw); ok && len(raw) != 8 {
		return text
	}
	switch len(raw) {
	case 1, 2, 4, 8:
		value := little(raw)
		if text, ok := textOf(raw); ok && value >= readable {
			return text
		}
		return n.number(value, locate)
	}
	return hexDump(raw)
}

func little(raw []byte) (value uint64) {
	for i := len(raw) - 1; i >= 0; i-- {
		value = value<<8 | uint64(raw[i])
	}
	return value
}

// textOf quotes what looks like a text: three letters and more, then nothing but zeroes.
func textOf(raw []byte) (string, bool) {
	text := strings.TrimRight(string(raw), "\x00")
	if len(text) < 2 || !utf8.ValidString(text) {
		return "", false
	}
	for _, r := range text {
		if r < ' ' || r == 0x7f {
			return "", false
		}
	}
	return strconv.Quote(diag.Printable(text)), true
}

// mostBytes is how many bytes of memory are written out.
const mostBytes = 16

func hexDump(raw []byte) string {
	zero := strings.Trim(string(raw), "\x00") == ""
	if zero {
		return fmt.Sprintf("%d bytes of 0", len(raw))
	}
	if len(raw) > mostBytes {
		return fmt.Sprintf("% x ... (%d bytes)", raw[:mostBytes], len(raw))
	}
	return fmt.Sprintf("% x", raw)
}

// row tells of a whole value of a map: in a histogram, of the buckets that are not empty.
func (n *namer) row(typ *types.Type, raw []byte, locate locator) string {
	switch {
	case len(raw) < typ.Size:
		return n.bytes(raw, locate)
	case !typ.Aggregation() && typ.Kind != types.Pointer:
		return n.typed(typ, raw)
	case !buckets(typ):
		return n.bytes(raw[:min(typ.Size, len(raw))], locate)
	}
	var filled []string
	for i := range typ.Words() {
		if count := little(raw[8*i : 8*i+8]); count > 0 {
			filled = append(filled, fmt.Sprintf("bucket %s %d", bucket(typ, i), count))
		}
	}
	if len(filled) == 0 {
		return "all buckets 0"
	}
	const most = 4
	if len(filled) > most {
		filled = append(filled[:most], "...")
	}
	return strings.Join(filled, ", ")
}
