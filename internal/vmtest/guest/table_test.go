//go:build guest

package guest

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime"
	"github.com/ponytrace/ponytrace/runtime/attach"
	"github.com/ponytrace/ponytrace/runtime/detect"
)

// Every function and variable of the table gets past the kernel's verifier in the program of its example. They are
// loaded by this process: to start ponytrace two hundred times takes minutes in a virtual machine.
func TestTableLoads(t *testing.T) {
	machine, err := detect.Detect()
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
			switch err := load(entry.Example, machine); {
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

// load does what ponytrace --dry-run does with a script.
func load(script string, machine *target.Target) error {
	parsed, diagnostics := lang.Parse(diag.NewSource("example", script))
	if diagnostics.HasErrors() {
		return diagnostics
	}
	options := compiler.Options{Unsafe: true, Refused: map[string]bool{}}
	for range 3 {
		built, err := compiler.Compile(parsed, machine, options)
		if err != nil {
			return err
		}
		session, err := runtime.Load(built, machine, runtime.Options{Stdout: io.Discard, Stderr: io.Discard, Unsafe: true})
		if err == nil {
			session.Close()
			return nil
		}
		if !instead(&options, err) {
			return err
		}
	}
	return errors.New("the kernel takes its programs in no way")
}

// instead asks for what may serve where the kernel has refused a program, if there is anything.
func instead(options *compiler.Options, err error) bool {
	var refused *attach.RefusedError
	if !errors.As(err, &refused) {
		return false
	}
	for _, probe := range refused.Probes {
		options.Refused[probe] = refused.Instead == attach.Plainer || options.Refused[probe]
	}
	options.Separate = options.Separate || refused.Instead == attach.Separate
	return refused.Instead != attach.Nothing
}

// lacking: what the example needs is not in this machine or kernel, and ponytrace says so.
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
