//go:build guest

package guest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

const everyMarker = `
	usdt:%[1]s:request { @request[arg0, str(arg1), arg2] = count() }
	usdt:%[1]s:app:twelve {
		@twelve[arg0, arg1, arg2, arg3, arg4, arg5, arg6, arg7, arg8, arg9, arg10, arg11] = count()
	}
	usdt:%[1]s:app:counted { @counted = count(); @numbers = sum(arg0 + arg1) }
	usdt:%[1]s:global { @global[arg0, args.arg1] = count() }
	usdt:%[1]s:half { @half[arg0, arg1, arg2] = count() }
	usdt:%[1]s:real { @real = sum(arg0) }
	U:%[1]s:ba?e { @bare[probe, func] = count() }
	usdt:%[1]s:a*:* { @all[func] = count() }`

// markerCounts are what everyMarker counts of three threads with four rounds each.
const markerCounts = `
4 rounds, computed 12, semaphore 1
@all[twelve]: 12
@all[counted]: 12
@all[global]: 12
@all[half]: 12
@all[real]: 12
@all[bare]: 12
@all[request]: 24
@bare[usdt:%s:app:bare, bare]: 12
@counted: 12
@global[77, 0]: 3
@global[77, 10]: 3
@global[77, 20]: 3
@global[77, 30]: 3
@half[18, 52, 4660]: 12
@numbers: 42
@real: 18
@request[0, round, 0]: 3
@request[1, round, 3]: 3
@request[2, round, 6]: 3
@request[3, round, 9]: 3
@request[7, fixed, -5]: 12
@twelve[-1, 2, -3, 4, -5, 6, -7, 8, -9, 10, -11, 12]: 12
`

// Every USDT probe fires as often as the program passes it, with its arguments, wherever
// the compiler has them, in all threads.
func TestMarkers(t *testing.T) {
	for _, name := range []string{"usdt", "usdt-O0", "usdt-fixed", "usdt-static", "usdt-static-pie"} {
		program := "/programs/" + name
		script := fmt.Sprintf(everyMarker, program)
		out := MustRun(t, "ponytrace", "-v", "-c", program+" 4 3", "-e", script)
		equal(t, name, withoutBlankLines(out.Stdout), fmt.Sprintf(markerCounts, program))
		by := "uprobe_multi"
		if !AtLeast(t, 6, 6) {
			by = "uprobe, because this kernel has no uprobe_multi (Linux 6.6)"
		}
		if want := "app:twelve: attached by " + by + "\n"; !strings.Contains(out.Stderr, want) {
			t.Errorf("%s: %q is not in\n%s", name, want, out.Stderr)
		}
	}
}

func withoutBlankLines(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// marked is a program with USDT probes that waits.
type marked struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

func startMarked(t *testing.T, rounds int) *marked {
	t.Helper()
	m := &marked{t: t, cmd: exec.Command("/programs/usdt", strconv.Itoa(rounds), "2", "wait")}
	stdin, err := m.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := m.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	m.stdin, m.lines = stdin, bufio.NewScanner(stdout)
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.cmd.Process.Kill()
		m.cmd.Wait()
	})
	return m
}

// next lets the program go on, and returns what it says.
func (m *marked) next() string {
	m.t.Helper()
	if _, err := io.WriteString(m.stdin, "\n"); err != nil {
		m.t.Fatal(err)
	}
	if !m.lines.Scan() {
		m.t.Fatal("the program says nothing more")
	}
	return m.lines.Text()
}

// until lets the program go on until it says something: the kernel takes its time to
// detach what a killed tracer had attached.
func (m *marked) until(want string) {
	m.t.Helper()
	said := ""
	for end := time.Now().Add(patience); said != want; said = m.next() {
		if time.Now().After(end) {
			m.t.Fatalf("the program says %q, and never %q", said, want)
		}
	}
}

// -p sees the process alone, in all that it has mapped; its library was mapped before and
// the counter of a probe is back at 0 when the tracer is gone, however it went.
func TestMarkersOfAProcess(t *testing.T) {
	first, other := startMarked(t, 50), startMarked(t, 70)
	pid := strconv.Itoa(first.cmd.Process.Pid)
	listed := MustRun(t, "ponytrace", "-l", "-p", pid, "usdt:*").Stdout
	for _, want := range []string{"usdt:/programs/usdt:app:counted\n", ":shared:event\n"} {
		if strings.Count(listed, want) != 1 {
			t.Errorf("-l does not have %q once:\n%s", want, listed)
		}
	}
	p := tracing(t, `
		usdt::counted { @counted = count() }
		usdt:*:shared:event { @events = count(); @sum = sum(arg1 - arg0) }
		usdt:*:*:bare { @bare[probe] = count() }`, "-p", pid)
	equal(t, "of the process", first.next(), "50 rounds, computed 100, semaphore 1")
	equal(t, "of the other", other.next(), "70 rounds, computed 0, semaphore 0")
	equal(t, "counts", ended(p).Stdout, `
@bare[usdt:/programs/usdt:app:bare]: 100
@counted: 100
@events: 100
@sum: 100
`)
	first.until("semaphore 0")

	killed := tracing(t, "usdt:/programs/usdt:counted { @ = count() }")
	equal(t, "while it is traced", first.next(), "semaphore 1")
	killed.Signal(os.Kill)
	killed.Wait()
	first.until("semaphore 0")
}

// What an attach point of USDT cannot do is said.
func TestMarkersAreRefused(t *testing.T) {
	const gone = "arg0 of app:global is at the variable limit, of which the program does not tell"
	for script, want := range map[string]string{
		`/programs/usdt:real { @ = sum(arg1) }`:            "arg1 of app:real is a floating-point number",
		`/programs/usdt:reqest { @ = count() }`:            "/programs/usdt has no USDT probe reqest",
		`/programs/c:request { @ = count() }`:              "/programs/c has no USDT probes",
		`/programs/usdt-stripped:global { @ = sum(arg0) }`: gone,
		`:request { @ = count() }`:                         "usdt::request names no program",
	} {
		out := Run(t, "ponytrace", "-e", "usdt:"+script)
		if out.Code != 1 || !strings.Contains(out.Stderr, want) {
			t.Errorf("%s ended with %d\n%s", script, out.Code, out.Stderr)
		}
	}
	out := MustRun(t, "ponytrace", "-c", "/programs/usdt-stripped 5", "-e",
		"usdt:/programs/usdt-stripped:global { @ = count() }")
	if !strings.Contains(out.Stdout, "@: 5\n") {
		t.Errorf("a probe whose arguments nobody reads:\n%s", out.Stdout)
	}
}
