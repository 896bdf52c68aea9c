package ponytrace_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

// tracingExamples are those that need what TestTracingExamples needs.
const tracingExamples = "^Example(Session_.*|Program_Run|Program_Load|Program_Inspect)$"

// TestMain leaves out the examples that trace where the process may not: an example
// cannot skip itself.
func TestMain(m *testing.M) {
	flag.Parse()
	if !privileged() {
		_ = flag.Set("test.skip", tracingExamples)
	}
	os.Exit(m.Run())
}

func privileged() bool {
	machine, err := ponytrace.Detect()
	return err == nil && ponytrace.Privilege(machine) == nil
}

// TestTracingExamples tells that examples were left out.
func TestTracingExamples(t *testing.T) { testkit.Need(t, "CAP_BPF", privileged()) }

// open loads a script on this machine.
func open(t *testing.T, text string, options ponytrace.Options) *ponytrace.Session {
	t.Helper()
	testkit.Need(t, "CAP_BPF", privileged())
	session, err := load(text, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	return session
}

func TestASessionIsStartedOnce(t *testing.T) {
	s := open(t, "interval:s:100 { }", ponytrace.Options{})
	if _, err := s.Wait(); err == nil {
		t.Error("what was not started was waited for")
	}
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(context.Background()); err == nil {
		t.Error("it was started twice")
	}
}

// Close ends what nobody has waited for, and frees it once.
func TestClose(t *testing.T) {
	s := open(t, "interval:s:100 { @ = 1 }", ponytrace.Options{})
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s.Close()
	s.Stop()
	if code, err := s.Wait(); code != 0 || err != nil {
		t.Error(code, err)
	}
	if _, err := s.Snapshot("@"); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if err := s.Start(context.Background()); err == nil {
		t.Error("what was closed was started")
	}
}

func TestWaitIsRepeatable(t *testing.T) {
	s := open(t, "BEGIN { exit(5) }", ponytrace.Options{})
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if code, err := s.Wait(); code != 5 || err != nil {
			t.Error(code, err)
		}
	}
}

// A context that has ended before keeps everything from being attached.
func TestEndedContext(t *testing.T) {
	s := open(t, "interval:s:100 { }", ponytrace.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if code, err := s.Wait(); code != 0 || err != nil {
		t.Error(code, err)
	}
}

// The command runs when everything is attached, and its end is that of the tracing.
func TestCommand(t *testing.T) {
	s := open(t, "tracepoint:sched:sched_process_exec /pid == cpid/ { @ = count() }",
		ponytrace.Options{Command: []string{"true"}})
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	if code, err := s.Wait(); code != 0 || err != nil {
		t.Fatal(code, err)
	}
	table, err := s.Snapshot("@")
	if err != nil || len(table.Rows) != 1 || table.Rows[0].Value != uint64(1) {
		t.Errorf("%+v, %v", table, err)
	}
}

// The end of a script's processes is the end of the tracing.
func TestNoProcess(t *testing.T) {
	s := open(t, "interval:s:100 { }", ponytrace.Options{Processes: []int{1 << 22}})
	err := s.Start(context.Background())
	if err == nil || err.Error() != "there is no process 4194304" {
		t.Error(err)
	}
	if code, again := s.Wait(); code != 1 || !errors.Is(again, err) {
		t.Error(code, again)
	}
}

// What goes to a stream goes to no other.
func TestStreams(t *testing.T) {
	testkit.Need(t, "CAP_BPF", privileged())
	machine, err := ponytrace.Detect()
	if err != nil {
		t.Fatal(err)
	}
	program, err := compile(`BEGIN { print(1); warnf("two") }`, machine, ponytrace.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const warning, attached = "-e:1:19-31: WARNING: two\n", "Attached 1 probe\n"
	for format, want := range map[string]string{"text": "1\n", "json": `"data": 1`} {
		var out, notices bytes.Buffer
		code, err := program.Run(context.Background(), ponytrace.RunOptions{Stdout: &out, Stderr: &notices, Format: format})
		if code != 0 || err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %q, %d, %v", format, out.String(), code, err)
		}
		if told := notices.String(); format == "text" && told != warning+attached && told != attached+warning {
			t.Errorf("%q", told)
		}
	}
	_, err = program.Run(context.Background(), ponytrace.RunOptions{Format: "xml"})
	if err == nil || err.Error() != `there is no output format "xml": there are text, json` {
		t.Error(err)
	}
}

// A way to attach that is not there is an error.
func TestOptionsAreChecked(t *testing.T) {
	_, err := compile("BEGIN { }", frozen.Target("6.12"), ponytrace.Options{Attach: "bogus"})
	if want := `there is no way to attach "bogus": there are kprobe, kprobe_multi, fentry, tracepoint, rawtracepoint, uprobe, uprobe_multi`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// A script that imports what is not there has an error at the import.
func TestImports(t *testing.T) {
	_, err := ponytrace.Parse(ponytrace.NewSource("-e", `import "no/such/file" BEGIN { }`))
	var diagnostics ponytrace.Diagnostics
	if !errors.As(err, &diagnostics) || diagnostics[0].Span.Start == 0 {
		t.Errorf("%v", err)
	}
}

func TestFormatOfAWrongScript(t *testing.T) {
	if _, err := ponytrace.Format(ponytrace.NewSource("-e", "BEGIN {")); !errors.As(err, new(ponytrace.Diagnostics)) {
		t.Error(err)
	}
}

// Stages are values: an instruction leads back to the text.
func TestStages(t *testing.T) {
	stages := &ponytrace.Stages{}
	if _, err := compile("BEGIN { exit() }", frozen.Target("6.12"), ponytrace.Options{Stages: stages}); err != nil {
		t.Fatal(err)
	}
	if len(stages.Programs) != 1 || len(stages.Tokens) == 0 || stages.Script == nil {
		t.Fatalf("%+v", stages)
	}
	found := false
	for _, instruction := range stages.Programs[0].Code {
		found = found || instruction.Span.Text() == "exit()"
	}
	if !found {
		t.Error("no instruction comes from exit()")
	}
}

// A program gets losses as data: which map was full, and how many updates it costs.
func TestNotify(t *testing.T) {
	testkit.Need(t, "CAP_BPF", privileged())
	machine, err := ponytrace.Detect()
	if err != nil {
		t.Fatal(err)
	}
	program, err := compile(`config = { max_map_keys = 2 }
		BEGIN { for ($i : 0..5) { @pairs[$i] = 1 } exit() }`, machine, ponytrace.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var losses []ponytrace.Loss
	var notices bytes.Buffer
	_, err = program.Run(context.Background(), ponytrace.RunOptions{
		Stderr: &notices,
		Notify: func(n ponytrace.Notice) {
			if n.Loss != nil {
				losses = append(losses, *n.Loss)
			}
		},
	})
	if err != nil || len(losses) != 1 || losses[0].Map.Name != "pairs" || losses[0].Count != 3 {
		t.Errorf("%+v, %v", losses, err)
	}
	if notices.Len() > 0 {
		t.Errorf("standard error has %q", notices.String())
	}
}
