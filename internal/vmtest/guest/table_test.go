//go:build guest

package guest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/compiler/builtin"
)

// Every function and variable of the table gets past the kernel's verifier in the program
// of its example. They are loaded by this process: to start ponytrace two hundred times
// takes minutes in a virtual machine.
func TestTableLoads(t *testing.T) {
	// The record's server is the guest's program in Go.
	if err := os.Symlink("/programs/go", "/bin/server"); err != nil {
		t.Fatal(err)
	}
	defer os.Remove("/bin/server")
	machine, err := ponytrace.Detect()
	if err != nil {
		t.Fatal(err)
	}
	loaded := 0
	for _, section := range builtin.Sections() {
		if section.Title != "Functions" && section.Title != "Variables" {
			continue
		}
		for _, entry := range section.Entries {
			var major, minor int
			if n, _ := fmt.Sscanf(entry.Since, "%d.%d", &major, &minor); n == 2 && !AtLeast(t, major, minor) {
				continue
			}
			switch err := load(entry.Example, machine, ponytrace.Options{Unsafe: true, Environment: os.Getenv}); {
			case err == nil:
				loaded++
			case !lacking(err.Error()):
				t.Errorf("%s: %s: %v", entry.Name, entry.Example, err)
			}
		}
	}
	if loaded < 80 {
		t.Errorf("only %d examples were loaded", loaded)
	}
}

// load brings a script into the kernel, in one of the ways that it takes.
func load(script string, machine *ponytrace.Target, options ponytrace.Options) error {
	parsed, err := ponytrace.Parse(ponytrace.NewSource("script", script))
	if err != nil {
		return err
	}
	program, err := ponytrace.Compile(parsed, machine, options)
	if err != nil {
		return err
	}
	session, err := program.Load(ponytrace.RunOptions{})
	if err != nil {
		return err
	}
	session.Close()
	return nil
}

// lacking: what the example needs is not in this machine or kernel, and ponytrace says
// so.
func lacking(message string) bool {
	for _, known := range []string{
		`there is no folder "/sys/fs/cgroup/system.slice"`,
		"override() needs a kernel that was built for it",
		"this kernel does not let such a probe call bpf_override_return",
		"is passed in memory, where a probe cannot read it",
	} {
		if strings.Contains(message, known) {
			return true
		}
	}
	return false
}
