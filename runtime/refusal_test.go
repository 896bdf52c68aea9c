package runtime

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/attach"
	"golang.org/x/sys/unix"
)

// verifier is the error of a load whose log has these lines.
func verifier(cause error, log ...string) error {
	return fmt.Errorf("program p0: %w", &ebpf.VerifierError{Cause: cause, Log: log})
}

// Each way to be refused leads to what may serve instead, and is told in the script's
// terms.
func TestRefusal(t *testing.T) {
	source := diag.NewSource("-e", "kprobe:f { }")
	for name, test := range map[string]struct {
		kind    ebpf.ProgramType
		joined  bool
		only    bool // the probe type names the mechanism
		cause   error
		instead attach.Instead
		message string
		shown   bool // with a caret
	}{
		"no such mechanism": {
			kind: ebpf.Tracing, cause: verifier(unix.EINVAL, "attach to f is not supported"), instead: attach.Plainer,
			message: "the kernel does not let fentry serve kprobe:f\n", shown: true,
		},
		"a mechanism that is named": {
			kind: ebpf.Tracing, only: true, cause: verifier(unix.EINVAL, "attach to f is not supported"),
			message: "the kernel does not let fentry serve kprobe:f\n", shown: true,
		},
		"typed code": {
			kind: ebpf.Tracing, cause: verifier(unix.EACCES, "0: (b7) r0 = 1"), instead: attach.Plainer, message: "bug of ponytrace", shown: true,
		},
		"typed code of two clauses": {
			kind: ebpf.Tracing, joined: true, cause: verifier(unix.EACCES, "0: (b7) r0 = 1"), instead: attach.Plainer,
			message: "bug of ponytrace", shown: true,
		},
		"code": {kind: ebpf.Kprobe, cause: verifier(unix.EACCES, "0: (b7) r0 = 1"), message: "bug of ponytrace", shown: true},
		"code, explained": {
			kind: ebpf.Kprobe, cause: verifier(unix.EACCES, "0: (bf) r3 = r2", "R2 !read_ok"), shown: true,
			message: "\"R2 !read_ok\" means: r2 is read, but nothing was written to it",
		},
		"typed code, explained": {
			kind: ebpf.Tracing, cause: verifier(unix.EACCES, "0: (bf) r3 = r2", "R2 !read_ok"), shown: true, instead: attach.Plainer,
			message: "\"R2 !read_ok\" means: r2 is read, but nothing was written to it",
		},
		"code of two clauses": {kind: ebpf.Kprobe, joined: true, cause: verifier(unix.EACCES, "x"), instead: attach.Separate, message: "bug of ponytrace", shown: true},
		"too long": {
			kind: ebpf.Kprobe, joined: true, cause: verifier(unix.E2BIG, "0: (b7) r0 = 1"), instead: attach.Separate,
			message: "more ways to run than the kernel's verifier walks", shown: true,
		},
		"a helper": {
			kind: ebpf.Kprobe, cause: verifier(unix.EINVAL, "unknown func bpf_loop#181"), message: "call bpf_loop, which this needs", shown: true,
		},
		"no privilege": {kind: ebpf.Kprobe, cause: fmt.Errorf("program p0: %w", unix.EPERM), message: "run as root, or with CAP_BPF"},
		"anything":     {kind: ebpf.Kprobe, cause: fmt.Errorf("program p0: %w", unix.EIO), message: "loading into the kernel: program p0: input/output error"},
	} {
		point := object.Point{Probe: "kprobe:f", Mechanism: object.Fentry, Only: test.only}
		program := &object.ProgramSpec{
			Name: "p0", Type: test.kind, Points: []object.Point{point}, Clause: diag.Span{Source: source, End: len(source.Text)},
		}
		err := refusal(&object.Object{Programs: []*object.ProgramSpec{program}, Joined: test.joined}, test.cause)
		var refused *attach.RefusedError
		if !errors.As(err, &refused) || refused.Instead != test.instead || refused.Probes[0] != "kprobe:f" || !refused.Loading {
			t.Errorf("%s: %#v", name, err)
		}
		if !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s: %q, want %q", name, err, test.message)
		}
		if shown := errors.As(err, new(diag.Diagnostics)); shown != test.shown {
			t.Errorf("%s: shown in the script: %v", name, shown)
		}
	}
}

// What names no program cannot be served in another way.
func TestRefusedMap(t *testing.T) {
	err := refusal(&object.Object{}, fmt.Errorf("map at_x: %w", unix.ENOMEM))
	if errors.As(err, new(*attach.RefusedError)) || !errors.Is(err, unix.ENOMEM) {
		t.Errorf("%#v", err)
	}
}
