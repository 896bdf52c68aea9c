package runtime

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/detect"
)

// waits is a part of a script as tools have them: it measures the times between two
// events of one process, in ten lines. The first line of each clause has room for a
// number, so that no two are the same.
const waits = `tracepoint:sched:sched_switch
/args.prev_pid != %[1]d && !@away[tid]/ {
  @away[tid] = nsecs;
}
tracepoint:sched:sched_wakeup
/args.pid != %[1]d && @away[args.pid]/ {
  $us = (nsecs - @away[args.pid]) / 1000;
  if ($us > %[1]d) { @us[comm] = hist($us); printf("%%-16s %%6d %%d us\n", comm, pid, $us); }
  delete(@away, args.pid);
}
`

func tool(lines int) string {
	var text strings.Builder
	for i := range lines / 10 {
		fmt.Fprintf(&text, waits, i+1)
	}
	return text.String()
}

// BenchmarkCompileAndLoad has the machine's own kernel load scripts of many lines, a
// fifth as many programs.
func BenchmarkCompileAndLoad(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("capability: CAP_BPF")
	}
	machine, err := detect.Detect()
	if err != nil {
		b.Fatal(err)
	}
	for _, lines := range []int{10, 100, 1000, 5000} {
		b.Run(fmt.Sprint(lines), func(b *testing.B) {
			text := tool(lines)
			for b.Loop() {
				session, err := Load(compileTool(b, text, machine), machine, Options{Stdout: io.Discard, Stderr: io.Discard})
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				session.Close()
				b.StartTimer()
			}
		})
	}
}

func compileTool(b *testing.B, text string, machine *target.Target) *object.Object {
	script, diagnostics := lang.Parse(diag.NewSource("tool.pt", text))
	if diagnostics.HasErrors() {
		b.Fatal(diagnostics)
	}
	o, err := compiler.Compile(script, machine, compiler.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return o
}
