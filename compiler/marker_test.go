package compiler_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
)

// markerMemory is where the registers of the emulated process lead, and markerPlace where
// the process runs the program /bin/usdt, which was linked for 0x400000.
const (
	markerMemory = 0x70000000
	markerPlace  = 0x55550000
)

// Arguments of USDT are what registers, memory and variables hold, in the size and sign of
// the note.
func TestMarkerArguments(t *testing.T) {
	for _, test := range []struct {
		marker string
		n      int
		want   int64
	}{
		{"registers", 0, 0x12},                // 1@%ah
		{"registers", 1, 0x88},                // 1@%dil
		{"registers", 2, -0x7778},             // -2@%r9w
		{"registers", 3, 0x82811234},          // 4@%rax
		{"registers", 4, -0x1122334455667788}, // 8@%r10
		{"registers", 5, -2},                  // -1@%cl
		{"memory", 0, 0x0706050403020100},     // 8@(%rdx)
		{"memory", 1, 0x1b1a1918},             // -4@8(%rax,%rcx,8)
		{"memory", 2, 0x1918},                 // 2@16(,%rcx,4)
		{"memory", 3, 0x0b0a0908},             // 4@(%ecx)
		{"variables", 0, 0x33323130},          // -4@limit(%rip)
		{"variables", 1, 0x2f2e2d2c2b2a2928},  // 8@40+area(%rip)
		{"variables", 2, markerPlace + 0x1160},
		{"numbers", 0, 16},
		{"numbers", 1, -1},
		{"numbers", 2, 44},
	} {
		for _, argument := range []string{"arg%d", "args.arg%d"} {
			name := fmt.Sprintf(argument, test.n)
			script := fmt.Sprintf("usdt:/bin/usdt:app:%s { @r = (int64)%s }", test.marker, name)
			got, err := atMarker(script, test.marker)
			if err != nil || got != test.want {
				t.Errorf("%s of %s is %#x, want %#x: %v", name, test.marker, got, test.want, err)
			}
		}
	}
}

// atMarker is @r after a script has run at a place of /bin/usdt.
func atMarker(script, marker string) (int64, error) {
	machine := frozen.Target("6.12")
	o, err := compileText(script, machine, compiler.Options{})
	if err != nil {
		return 0, err
	}
	counting := make([]byte, 64)
	for i := range counting {
		counting[i] = byte(i)
	}
	environment := emulator(o)
	environment.Memory[markerMemory] = counting
	environment.Memory[markerPlace+0x1160] = counting
	registers := map[string]uint64{
		"ax": 0xffffffff82811234, "di": 0xffffff88, "r9": 0x11118888, "r10": 0xeeddccbbaa998878,
		"cx": 0xfe, "ip": markerPlace + 0x153,
	}
	switch marker {
	case "memory":
		registers["dx"], registers["ax"], registers["cx"] = markerMemory, markerMemory, 2
	case "variables":
		registers["ip"] = markerPlace + 0x155
	}
	for name, value := range registers {
		at := machine.Registers().Named[name]
		binary.LittleEndian.PutUint64(environment.Context[at:], value)
	}
	if marker == "memory" { // what the scaled and the narrow base lead to
		environment.Memory[16+2*4] = counting[24:]
		environment.Memory[2] = counting[8:12]
	}
	_, err = emu.Run(o.Programs[0].Instructions, environment)
	return word(o, environment, "r"), err
}
