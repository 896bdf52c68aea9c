//go:build guest

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// memory starts a load that begins when the gate opens.
func memory(t *testing.T, args ...string) (p *Process, open func()) {
	gate := filepath.Join(t.TempDir(), "gate")
	p = Start(t, "workload", append([]string{"memory", "--gate", gate}, args...)...)
	return p, func() {
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSoftwareEvents: with a period of one, every page that is touched counts, and every
// switch of tasks that the tracepoint counts.
func TestSoftwareEvents(t *testing.T) {
	const load = "workload --comm pony memory --pages 777 --threads 4 --writes 9"
	out := withoutLoad(MustRun(t, "ponytrace", "-c", load, "-e", `
		software:page-faults:1 /comm == "pony"/ { @faults[usym(reg("ip")), usermode]++; }
		tracepoint:sched:sched_switch /comm == "pony"/ { @switches++; }
		software:cs:1 /comm == "pony"/ { @switches--; @modes[usermode]++; }`))
	for _, want := range []string{"@faults[main.touch, 1]: 777\n", "@switches: 0\n", "@modes[0]: "} {
		if !strings.Contains(out.Stdout, want) {
			t.Errorf("there is no %q in\n%s", want, out.Stdout)
		}
	}
}

// TestSoftwareEventsOfAProcess: the threads that are there and those that come, and no
// other process.
func TestSoftwareEventsOfAProcess(t *testing.T) {
	p, open := memory(t, "--pages", "300", "--threads", "5", "--later", "5")
	_, other := memory(t, "--pages", "300")
	tracing := Start(t, "ponytrace", "-p", fmt.Sprint(p.Pid()), "-e", `
		software:page-faults:1 { @faults[usym(reg("ip"))]++; }`)
	tracing.Await("Attached 1 probe")
	other()
	open()
	if out := tracing.Wait(); !strings.Contains(out.Stdout, "@faults[main.touch]: 300\n") {
		t.Error(out.Stdout)
	}
}
