package compiler_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/ponytrace/ponytrace/compiler/emu"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/internal/oracle"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/runtime/events"
)

// loads asks the machine's kernel whether it takes the programs that depend on no
// function of its own.
func loads(t *testing.T, o *object.Object) {
	t.Helper()
	collection := &ebpf.CollectionSpec{Maps: map[string]*ebpf.MapSpec{}, Programs: map[string]*ebpf.ProgramSpec{}}
	for name, spec := range o.Kernel {
		collection.Maps[name] = spec.Copy()
	}
	for _, p := range o.Programs {
		if p.Type == ebpf.RawTracepoint {
			collection.Programs[p.Name] = &ebpf.ProgramSpec{Name: p.Name, Type: p.Type, License: "GPL", Instructions: p.Instructions}
		}
	}
	loaded, err := ebpf.NewCollection(collection)
	if errors.Is(err, os.ErrPermission) {
		return
	}
	if err != nil {
		t.Errorf("the kernel says %+v", err)
		return
	}
	loaded.Close()
}

// TestOdd compiles scripts that nobody should write, with the parameters of the oracle,
// and holds the messages of those that are refused and what those that run leave behind.
func TestOdd(t *testing.T) {
	testkit.Lines(t, "testdata/odd.txt", func(t *testing.T, script string) string {
		o, err := compileWith(script, oracle.Args...)
		if err != nil {
			return messagesOf(err)
		}
		machine, err := emulate(o)
		if err != nil {
			t.Fatal(err)
		}
		if os.Geteuid() == 0 {
			loads(t, o)
		}
		return leftBehind(t, o, machine)
	})
}

// leftBehind lists the maps and events of a run.
func leftBehind(t *testing.T, o *object.Object, machine *emu.Environment) string {
	t.Helper()
	result, err := oracle.Observe(o, func(m *object.MapSpec) (*events.Table, error) { return emulatedTable(o, m, machine.Maps), nil }, machine.Records)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, event := range result.Events {
		text += cut(event) + "\n"
	}
	for _, name := range slices.Sorted(maps.Keys(result.Maps)) {
		for _, key := range slices.Sorted(maps.Keys(result.Maps[name])) {
			text += cut(fmt.Sprintf("@%s[%s] = %s", name, key, result.Maps[name][key])) + "\n"
		}
	}
	return cmp.Or(strings.Trim(text, "\n"), "leaves nothing behind")
}
