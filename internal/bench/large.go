package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/ponytrace/ponytrace/internal/sizes"
)

const (
	largeProbe      = "tracepoint:syscalls:sys_enter_read"
	largeExpression = "args.count"
	largeRounds     = 5
)

// largeBudgets are in milliseconds, by the number of statements.
var largeBudgets = map[int]float64{1000: 100, 5000: 500}

// large measures how long a clause of many statements takes from the start to the end of
// the program, which compiles it and loads it into the kernel. Its time by statement must
// not depend on how many there are.
func large(ponytrace string) error {
	folder, err := os.MkdirTemp("", "ponytrace-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	names := []string{"mixed"}
	for _, s := range sizes.Statements {
		names = append(names, s.Name)
	}
	for _, name := range names {
		for _, n := range []int{500, 1000, 2000, 5000} {
			budget := largeBudgets[n]
			script := filepath.Join(folder, "large.pt")
			text := sizes.Large(largeProbe, largeExpression, name, n)
			if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
				return err
			}
			what := fmt.Sprintf("%d statements, %s, ms", n, name)
			if err := loads(ponytrace, what, script, budget); err != nil {
				return err
			}
		}
	}
	return nil
}

func loads(ponytrace, what, script string, budget float64) error {
	var whole, work sample
	for range largeRounds {
		cmd := exec.Command(ponytrace, "--dry-run", script)
		began := time.Now()
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", what, err, text)
		}
		whole = append(whole, milliseconds(time.Since(began)))
		work = append(work, milliseconds(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()))
	}
	report("ponytrace", what, whole, budget)
	report("ponytrace", what+" of CPU", work, none)
	return nil
}
