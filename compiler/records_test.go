package compiler_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
)

// In the kernel memory of emulate: a path name, and from pointers on an array of pointers
// to it and into it.
const (
	pathText = "/etc/hosts"
	pointers = kernelText + 64
)

func emulatedMemory() []byte {
	memory := make([]byte, 4096)
	copy(memory, pathText)
	for i, pointer := range []uint64{kernelText, kernelText + 5, 0, kernelText} {
		binary.LittleEndian.PutUint64(memory[pointers-kernelText+8*i:], pointer)
	}
	return memory
}

// records are what statements send: the action and format of the event, then its fields,
// texts up to their end and other memory in hexadecimal.
var records = []struct{ script, want string }{
	{`warnf("%d\n", 1 + 1)`, `Warn "%d\n" 2`},
	{`errorf("%s", comm)`, `Fail "%s" pony`},
	{`cat("/proc/%d/maps", pid)`, `Cat "/proc/%d/maps" 7`},
	{`system("echo %d", tid)`, `System "echo %d" 8`},
	{`print(kstack(2))`, "Print " + words(0x33, 0)},
	{`print(ustack(raw, 4))`, "Print " + words(7, 0x11, 0x22, 0x33, 0)},
	{`print(usym(5))`, "Print " + words(5, 7)},
	{`print(buf(0xffff888000001000, 3))`, "Print 030000002f6574"},
	{`print(buf(0xffff888000001000, pid - 2))`, "Print 050000002f6574632f" + strings.Repeat("00", 1024-5)},
	{`print(buf(pton("1.2.3.4")))`, "Print 0400000001020304"},
	{`print(ntop(0x0100007f))`, "Print 020000007f000001" + strings.Repeat("00", 12)},
	{`print(ntop(AF_INET, pton("1.2.3.4")))`, "Print 0200000001020304" + strings.Repeat("00", 12)},
	{`print(ntop(pton("::1")))`, "Print 0a000000" + strings.Repeat("00", 15) + "01"},
	{`print(macaddr(0xffff888000001000))`, "Print 2f6574632f68"},
	{`struct s { char mac[6]; }; BEGIN { print(macaddr(((struct s *)0xffff888000001040)->mac)) }`, "Print 001000008088"},
	{`join(0xffff888000001040)`, `Join " " /etc/hosts hosts` + strings.Repeat(" ", 14)},
	{`join(kaddr("nothing"), ", ")`, `Join ", "` + strings.Repeat(" ", 16)},
}

func words(list ...uint64) string {
	var memory []byte
	for _, word := range list {
		memory = binary.LittleEndian.AppendUint64(memory, word)
	}
	return fmt.Sprintf("%x", memory)
}

func TestRecords(t *testing.T) {
	for _, c := range records {
		t.Run(c.script, func(t *testing.T) {
			script := c.script
			if !strings.Contains(script, "BEGIN") {
				script = "BEGIN { " + script + " }"
			}
			o, err := compileWith(script)
			if err != nil {
				t.Fatal(err)
			}
			machine, err := emulate(o)
			if err != nil || len(machine.Records) != 1 {
				t.Fatalf("%d records, %v", len(machine.Records), err)
			}
			if got := describeRecord(o, machine.Records[0]); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			loads(t, o)
		})
	}
}

var actionNames = map[object.Action]string{
	object.Print: "Print", object.Warn: "Warn", object.Fail: "Fail", object.Cat: "Cat", object.System: "System", object.Join: "Join",
}

func describeRecord(o *object.Object, record []byte) string {
	event := o.Events[binary.LittleEndian.Uint64(record)]
	text := actionNames[event.Action]
	if event.Format != "" {
		text += fmt.Sprintf(" %q", event.Format)
	}
	for _, field := range event.Layout.Fields {
		text += " " + describeField(field.Type, record[field.Offset:][:field.Type.Size])
	}
	return text
}

func describeField(t *types.Type, value []byte) string {
	switch {
	case t.Kind == types.String:
		text, _, _ := bytes.Cut(value, []byte{0})
		return string(text)
	case t.Scalar():
		return fmt.Sprint(int64(binary.LittleEndian.Uint64(append(value[:len(value):len(value)], make([]byte, 8)...))))
	}
	return fmt.Sprintf("%x", value)
}
