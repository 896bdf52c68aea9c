package runtime

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/attach"
	"github.com/ponytrace/ponytrace/runtime/verdict"
	"golang.org/x/sys/unix"
)

// refusal turns an error of loading into one about the script. What several clauses share
// may be accepted for each alone.
func refusal(o *object.Object, err error) error {
	program := failed(o, err)
	if program == nil {
		return refusedMap(o, err)
	}
	r := refusedProgram(program, err)
	if o.Joined && r.Instead == attach.Nothing {
		r.Instead = attach.Separate
	}
	return r
}

// refusedMap is an error that names no program.
func refusedMap(o *object.Object, err error) error {
	switch {
	case errors.Is(err, unix.E2BIG):
		return tooLarge(o)
	case errors.Is(err, os.ErrPermission):
		return errNotPermitted
	}
	return fmt.Errorf("loading into the kernel: %w", err)
}

var errNotPermitted = errors.New(
	"the kernel does not let this process load programs: run as root, or with CAP_BPF and CAP_PERFMON")

// refusedProgram tells apart why the kernel refuses a program. Nothing but a program that
// is checked by types of the kernel has a plainer one.
func refusedProgram(program *object.ProgramSpec, err error) *attach.RefusedError {
	r := &attach.RefusedError{
		Program: program.Name, Probes: probesOf(program), Loading: true, Kernel: err.Error(),
	}
	if len(program.Points) > 0 {
		r.Mechanism = program.Points[0].Mechanism
	}
	var verifier *ebpf.VerifierError
	errors.As(err, &verifier)
	switch {
	case errors.Is(err, unix.E2BIG):
		explain(r, tooComplex(program, verifier))
	case program.Type == ebpf.Tracing:
		explain(r, refusedTracing(program, verifier, kernelWords(err)))
		r.Cause = errors.Join(r.Cause, err)
		if !program.Points[0].Only {
			r.Instead = attach.Plainer
		}
	case verifier != nil && lackingHelper(verifier.Log) != "":
		message := "this kernel does not let such a probe call " + lackingHelper(verifier.Log) + ", which this needs"
		explain(r, diag.Diagnostic{Span: spanOf(program, verifier.Log), Message: message})
	case verifier != nil && len(verifier.Log) > 0:
		r.Kernel = tail(verifier.Log)
		explain(r, ourBug(spanOf(program, verifier.Log), verifier.Log))
		r.Cause = errors.Join(r.Cause, err)
	case errors.Is(err, os.ErrPermission):
		r.Message, r.Cause = errNotPermitted.Error(), err
	default:
		r.Message, r.Cause = fmt.Sprintf("loading into the kernel: %v", err), err
	}
	return r
}

// explain has the error shown with its place in the script.
//
//go:noinline
func explain(r *attach.RefusedError, d diag.Diagnostic) {
	shown := diag.Diagnostics{d}
	r.Message, r.Cause = shown.Error(), shown
}

// kernelWords leaves out what the library that loads programs guesses.
func kernelWords(err error) string {
	if errors.Is(err, unix.EPERM) {
		return "operation not permitted"
	}
	return err.Error()
}

func probesOf(program *object.ProgramSpec) (probes []string) {
	for i := range program.Points {
		probes = append(probes, program.Points[i].Probe)
	}
	return probes
}

// refusedTracing is about the code only where the verifier has looked at it.
func refusedTracing(program *object.ProgramSpec, verifier *ebpf.VerifierError, log string) diag.Diagnostic {
	if walked(verifier) {
		return ourBug(program.Clause, verifier.Log)
	}
	point := &program.Points[0]
	return diag.Diagnostic{
		Span:    program.Clause,
		Message: fmt.Sprintf("the kernel does not let %s serve %s", point.Mechanism, point.Probe),
		Hint:    "it says: " + log,
	}
}

// ourBug asks for a report: a program that the verifier refuses is our mistake. What its
// words mean helps whoever looks for it, and tells others that their script is right.
func ourBug(span diag.Span, log []string) diag.Diagnostic {
	hint := "please report it with this log:\n" + tail(log)
	if v := verdict.Read(log); v.Known() {
		hint = fmt.Sprintf("%q means: %s\n%s", v.Line, v.Means, hint)
	}
	return diag.Diagnostic{
		Span:    span,
		Message: "the kernel's verifier refused the code that ponytrace made of this; that is a bug of ponytrace",
		Hint:    hint,
	}
}

// walked reports whether the verifier came to an instruction: what it refuses before is
// not the code.
func walked(verifier *ebpf.VerifierError) bool {
	return verifier != nil && slices.ContainsFunc(verifier.Log, refusedAt().MatchString)
}

// tooComplex explains that the verifier gave up: it walks a million instructions, every
// round of a loop and both sides of every branch counted (BPF_COMPLEXITY_LIMIT_INSNS).
// The place is the part of the script that it came by most often in what it kept of its
// trace.
// https://elixir.bootlin.com/linux/v6.12/source/include/linux/bpf.h
func tooComplex(program *object.ProgramSpec, verifier *ebpf.VerifierError) diag.Diagnostic {
	d := diag.Diagnostic{
		Span:    program.Clause,
		Message: "this clause has more ways to run than the kernel's verifier walks, a million instructions",
		Hint:    "make loops shorter, nest them less, or spread the work over several clauses",
	}
	if verifier == nil {
		return d
	}
	visits, most := map[diag.Span]int{}, 0
	for _, line := range verifier.Log {
		match := refusedAt().FindStringSubmatch(line)
		if match == nil {
			continue
		}
		instruction, _ := strconv.Atoi(match[1])
		span := positionOf(program, instruction)
		if visits[span]++; visits[span] > most {
			d.Span, most = span, visits[span]
		}
	}
	return d
}

// tooLarge explains that the memory of a program, a row for each CPU, is more than a
// map's value can be on kernels that bound it by KMALLOC_MAX_SIZE.
// https://elixir.bootlin.com/linux/v5.10/source/kernel/bpf/arraymap.c
// (array_map_alloc_check)
func tooLarge(o *object.Object) error {
	var largest *ebpf.MapSpec
	for _, spec := range o.Kernel {
		if largest == nil || spec.ValueSize > largest.ValueSize {
			largest = spec
		}
	}
	return fmt.Errorf("the script needs %d KiB of memory in one piece for texts and variables on all CPUs, more than the %d KiB that this kernel gives: "+
		"set max_strlen = %d (it is %d), or give str() a size", largest.ValueSize>>10, largestValue>>10, shorter(o, largest.ValueSize), o.Settings.MaxStringSize)
}

// largestValue is KMALLOC_MAX_SIZE, which is 4 MiB on x86_64 and arm64 with pages of 4
// KiB.
const largestValue = 4 << 20

// shorter is a size of texts with which a value of so many bytes would fit: nearly all of
// it are texts, in rows whose size is a power of two, for as many CPUs.
func shorter(o *object.Object, size uint32) int {
	length := o.Settings.MaxStringSize
	for ; size > largestValue && length > 16; size /= 2 {
		length /= 2
	}
	return length
}

// unknownHelper matches what verifiers say of a helper that is not there: up to 6.x and
// of 7.x.
var unknownHelper = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:unknown func|program of this type cannot use helper|policy check failed for helper) (bpf_\w+)#`)
})

func lackingHelper(log []string) string {
	match := unknownHelper().FindStringSubmatch(strings.Join(log, "\n"))
	if match == nil {
		return ""
	}
	return match[1]
}

// failed finds the program that the library's message names.
func failed(o *object.Object, err error) *object.ProgramSpec {
	for _, program := range o.All() {
		if strings.Contains(err.Error(), "program "+program.Name+":") {
			return program
		}
	}
	return nil
}

// refusedAt matches the verifier's trace of an instruction: "12: (79) r1 = ...".
var refusedAt = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(\d+): \(`) })

// spanOf finds the script position of the last instruction in a verifier log.
func spanOf(program *object.ProgramSpec, log []string) diag.Span {
	for i := len(log) - 1; i >= 0; i-- {
		match := refusedAt().FindStringSubmatch(log[i])
		if match == nil {
			continue
		}
		instruction, _ := strconv.Atoi(match[1])
		return positionOf(program, instruction)
	}
	return program.Clause
}

func positionOf(program *object.ProgramSpec, instruction int) diag.Span {
	span := program.Clause
	for _, line := range program.Lines {
		if line.Instruction > instruction {
			break
		}
		span = line.Span
	}
	return span
}

// tail keeps a log readable.
func tail(log []string) string {
	const most = 20
	return "  " + strings.Join(log[max(0, len(log)-most):], "\n  ")
}
