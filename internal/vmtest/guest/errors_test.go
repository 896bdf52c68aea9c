//go:build guest

package guest

import (
	"os"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/runtime/detect"
)

func TestErrors(t *testing.T) {
	machine, err := detect.Detect()
	if err != nil {
		t.Fatal(err)
	}
	for script, want := range map[string]string{
		"kprobe:blk_mq_start_requst { @ = count(); }":             "did you mean blk_mq_start_request",
		"kprobe:blk_mq_start_request { @ = sum(arg0->data_len) }": "did you mean __data_len",
		"tracepoint:syscalls:sys_enter_getppd { @ = count(); }":   "did you mean syscalls:sys_enter_getppid",
		"kprobe:blk_mq_start_request { @ = counts() }":            "did you mean count",
		"kprobe:no_such_thing_at_all* { @ = count(); }":           "no traceable kernel function matches",
	} {
		if err := load(script, machine, ponytrace.Options{Environment: os.Getenv}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant: %s", script, err, want)
		}
	}
}

func TestCommandThatCannotStart(t *testing.T) {
	out := Run(t, "ponytrace", "-e", "kprobe:__x64_sys_getpgid { @ = count(); }", "-c", "no-such-program")
	if out.Code == 0 || !strings.Contains(out.Stderr, "no-such-program") {
		t.Errorf("ended with %d: %s", out.Code, out.Stderr)
	}
}

// TestErrorsOfTheCommand: a message goes to standard error, and the code is 1.
func TestErrorsOfTheCommand(t *testing.T) {
	out := Run(t, "ponytrace", "-e", "kprobe:blk_mq_start_requst { @ = count(); }")
	if out.Code != 1 || out.Stdout != "" || !strings.Contains(out.Stderr, "did you mean blk_mq_start_request") {
		t.Errorf("ended with %d\n%s%s", out.Code, out.Stdout, out.Stderr)
	}
}
