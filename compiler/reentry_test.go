package compiler_test

import (
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/lang"
)

// locking is a target on which functions can be traced that programs run through.
func locking(kernel string) *target.Target {
	frozen := frozen.Target(kernel)
	machine := &target.Target{Arch: frozen.Arch, Version: frozen.Version, CPUs: 4, PageSize: 4096, Features: frozen.Features, Sources: frozen.Sources}
	machine.Sources.Functions = func() ([]string, error) { return []string{"_raw_spin_lock", "vfs_read", "migrate_disable"}, nil }
	return machine
}

// Forced fentry is refused where it could hang the kernel, with the reason.
func TestFentryIsRefused(t *testing.T) {
	for script, want := range map[string]string{
		"kprobe:_raw_spin_lock { @ = count() }":     "_raw_spin_lock is not safe to trace by fentry: maps hold locks in it, and the kernel could hang",
		"kretprobe:migrate_disable { @ = count() }": "migrate_disable is not safe to trace by fexit: every program enters and leaves through it, and the kernel could hang",
	} {
		parsed, _ := lang.Parse(lang.NewSource("script", script))
		_, err := compiler.Compile(parsed, locking("6.12"), compiler.Options{Attach: "fentry"})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "a kprobe is safe there") {
			t.Errorf("%s: %v", script, err)
		}
	}
}
