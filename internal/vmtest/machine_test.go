package vmtest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/internal/vmtest"
	"github.com/ponytrace/ponytrace/internal/vmtest/guesttest"
	"github.com/ponytrace/ponytrace/internal/vmtest/kernel"
	"github.com/ponytrace/ponytrace/internal/vmtest/wire"
)

func aMachine(t *testing.T, commands ...string) vmtest.Machine {
	t.Helper()
	name := guesttest.Kernels()[0]
	guesttest.NeedQEMU(t, kernel.Arch(name))
	k, err := vmtest.FindKernel(name)
	if err != nil {
		t.Fatal(err)
	}
	m := vmtest.Machine{Kernel: k, Log: t.Output()}
	for _, line := range commands {
		m.Commands = append(m.Commands, wire.Command{Args: strings.Fields(line)})
	}
	return m
}

func TestStreamsExitCodesAndFiles(t *testing.T) {
	m := aMachine(t, "workload --comm pony read --n 3 --size 7", "workload read --n 1 --file /tmp/none", "missing")
	back := t.TempDir()
	m.Files = []vmtest.File{{Guest: "/tmp/in/a", Content: []byte("kept\n"), Mode: 0o644}}
	m.Get = []vmtest.Fetched{{Guest: "/tmp/in", Host: back}, {Guest: "/proc/sys/kernel/osrel*", Host: back}}
	var stdout, stderr strings.Builder
	m.Stdout, m.Stderr = &stdout, &stderr
	result, err := m.Start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(stdout.String(), `"bytes":21`) {
		t.Errorf("stdout: %q", stdout.String())
	}
	if want := "workload: open /tmp/none: no such file or directory\nmissing: exec: \"missing\": executable file not found in $PATH\n"; stderr.String() != want {
		t.Errorf("stderr: %q", stderr.String())
	}
	if got := fmt.Sprint(result.Exits); got != "[{0 0 } {1 1 } {2 127 }]" || result.ExitCode() != 1 {
		t.Errorf("exits: %s", got)
	}
	for name, want := range map[string]string{"a": "kept\n", "osrelease": result.Release + "\n"} {
		if got, _ := os.ReadFile(filepath.Join(back, name)); string(got) != want {
			t.Errorf("%s came back as %q, want %q", name, got, want)
		}
	}
}

func TestAMachineThatTakesTooLong(t *testing.T) {
	m := aMachine(t, "workload sleep --ms 600000")
	m.Timeout = time.Second
	_, err := m.Start(context.Background())
	var late *vmtest.TimeoutError
	if !errors.As(err, &late) || late.Booted {
		t.Errorf("got %v", err)
	}
}

func TestAMachineThatNeverBoots(t *testing.T) {
	m := aMachine(t, "workload sleep")
	m.Kernel = kernel.Custom(filepath.Join(t.TempDir(), "vmlinuz"), "")
	if err := os.WriteFile(m.Kernel.Image, []byte("this is no kernel"), 0o644); err != nil {
		t.Fatal(err)
	}
	result, err := m.Start(context.Background())
	var died *vmtest.DiedError
	if !errors.As(err, &died) || died.Booted || result.Boots != 2 {
		t.Errorf("after %d boots: %v", result.Boots, err)
	}
}
