package main

import (
	"os"
	"os/exec"
	"testing"

	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	_ "github.com/ponytrace/ponytrace/compiler/target/frozen/arm64"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
	testscript.Main(m, map[string]func(){"ponytrace": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *testkit.Update,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"unprivileged": unprivileged,
			"frozen":       freeze,
			"poor":         poor,
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "root":
				return os.Geteuid() == 0, nil
			case "mounts":
				return exec.Command("unshare", "--mount", "true").Run() == nil, nil
			}
			return false, nil
		},
	})
}

// freeze writes the types of a frozen kernel to a file: frozen KERNEL FILE.
func freeze(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: frozen KERNEL FILE")
	}
	types, err := frozen.Target(args[0]).Sources.RawBTF()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), types, 0o600))
}

// unprivileged runs ponytrace without any capability.
func unprivileged(ts *testscript.TestScript, neg bool, args []string) {
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		ts.Fatalf("setpriv (util-linux) is needed: %v", err)
	}
	drop := []string{"--bounding-set=-all", "--inh-caps=-all", "ponytrace"}
	err = ts.Exec(setpriv, append(drop, args...)...)
	if (err != nil) != neg {
		ts.Fatalf("ponytrace ended with %v", err)
	}
}

// poor runs ponytrace after a shell command that spoils its mounts or limits: poor
// COMMAND ARGUMENT...
func poor(ts *testscript.TestScript, neg bool, args []string) {
	script := args[0] + ` && exec ponytrace "$@"`
	err := ts.Exec("unshare", append([]string{"--mount", "sh", "-c", script, "sh"}, args[1:]...)...)
	if (err != nil) != neg {
		ts.Fatalf("ponytrace ended with %v", err)
	}
}
