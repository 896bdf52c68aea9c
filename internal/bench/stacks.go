package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// stacksTime is how long stacks are noted.
const stacksTime = 3 * time.Second

// stacks measures what it takes to name, at the end, the stacks of everything that ran in
// some seconds, kernel and programs: of what the machine does anyway, and of a build by
// Go's compiler, a large program whose processes have ended by then.
func stacks(ponytrace string) error {
	nothing := func(context.Context) error { return nil }
	if err := stacksOf(ponytrace, "of the machine", nothing); err != nil {
		return err
	}
	if _, err := exec.LookPath("go"); err != nil {
		fmt.Println("not run, as there is no go: stacks of a build")
		return nil
	}
	return stacksOf(ponytrace, "of a build", build)
}

func stacksOf(ponytrace, what string, load func(context.Context) error) error {
	var gone, memory, printed sample
	for range attachRounds {
		t, err := start(ponytrace, "-e", "profile:hz:997 { @[kstack, ustack, comm] = count() }")
		if err != nil {
			return err
		}
		limited, cancel := context.WithTimeout(context.Background(), stacksTime)
		err = load(limited)
		<-limited.Done()
		cancel()
		end, peak, stopped := t.stop()
		if err := errors.Join(err, stopped); err != nil {
			return err
		}
		gone = append(gone, milliseconds(end))
		memory = append(memory, peak/1e6)
		printed = append(printed, float64(t.printed.Len())/1e6)
	}
	report("ponytrace", "stacks "+what+", MB printed", printed, none)
	report("ponytrace", "stacks "+what+", named at exit, ms", gone, none)
	report("ponytrace", "stacks "+what+", peak memory, MB", memory, none)
	return nil
}

// build compiles packages of Go's library anew until the time is over.
func build(limited context.Context) error {
	cache, err := os.MkdirTemp("", "ponytrace-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(cache)
	cmd := exec.CommandContext(limited, "go", "build", "-a", "-o", os.DevNull, "net/http")
	cmd.Env = append(os.Environ(), "GOCACHE="+cache)
	if err := cmd.Run(); err != nil && limited.Err() == nil {
		return fmt.Errorf("%s: %w", cmd, err)
	}
	return nil
}
