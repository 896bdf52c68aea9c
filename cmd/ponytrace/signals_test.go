package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/internal/testkit"
)

// asProgram makes the test binary ponytrace itself.
const asProgram = "PONYTRACE_TEST_PROGRAM"

// traced is a running ponytrace.
type traced struct {
	*exec.Cmd
	t        *testing.T
	out      bytes.Buffer
	mu       sync.Mutex
	said     strings.Builder // standard error
	attached chan struct{}
}

func (p *traced) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := strings.Contains(p.said.String(), "Attached")
	p.said.Write(b)
	if !before && strings.Contains(p.said.String(), "Attached") {
		close(p.attached)
	}
	return len(b), nil
}

func (p *traced) notices() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// program makes a command of ponytrace, whose standard output goes to out unless it is
// set to something else.
func program(t *testing.T, args ...string) *traced {
	t.Helper()
	testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
	p := &traced{Cmd: exec.Command(os.Args[0], args...), t: t, attached: make(chan struct{})}
	p.Env = append(os.Environ(), asProgram+"=1")
	p.Stdout, p.Stderr, p.WaitDelay = &p.out, p, 10*time.Second
	return p
}

func (p *traced) start() *traced {
	p.t.Helper()
	if err := p.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = p.Process.Kill() })
	return p
}

func (p *traced) awaitAttached() *traced {
	p.t.Helper()
	select {
	case <-p.attached:
	case <-time.After(time.Minute):
		p.t.Fatalf("nothing was attached within a minute: %s", p.notices())
	}
	return p
}

// end waits for the end and returns the exit code, -1 after a signal that nobody caught.
// Whatever holds the standard streams after that was left running by mistake.
func (p *traced) end() int {
	p.t.Helper()
	if err := p.Wait(); errors.Is(err, exec.ErrWaitDelay) {
		p.t.Error("a process that was started on behalf of ponytrace runs on")
	}
	return p.ProcessState.ExitCode()
}

// sent is a signal, and for how long nothing happens before it.
type sent struct {
	signal syscall.Signal
	gap    time.Duration
}

func (p *traced) send(signals []sent) {
	for _, s := range signals {
		time.Sleep(s.gap)
		_ = p.Process.Signal(s.signal)
	}
}

// holding is a script that has collected n keys when everything is attached.
func holding(n int) string {
	return fmt.Sprintf(`config = { max_map_keys = 1100000 }
		BEGIN { printf("begun\n"); for ($i : 0..%d) { @m[$i] = 1 } } tracepoint:sched:sched_process_exit { @exits = count() }
		END { printf("ended\n") }`, n)
}

// somewhere are one to three signals. The first comes at some time within early, the
// others up to half a second apart.
func somewhere(random *rand.Rand, early time.Duration) []sent {
	kinds := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
	list := []sent{{kinds[random.IntN(3)], time.Duration(random.Int64N(int64(early)))}}
	for range random.IntN(3) {
		gap := time.Duration(random.IntN(501)) * time.Millisecond
		if random.IntN(3) == 0 {
			gap = 0
		}
		list = append(list, sent{kinds[random.IntN(3)], gap})
	}
	return list
}

// What was collected is printed, whatever number of signals asks for the end.
func TestSignalsPrintEverything(t *testing.T) {
	for seed := range testkit.Seeds(t, 6, 200) {
		random := rand.New(rand.NewPCG(seed, 8))
		n, signals := []int{50, 0, testkit.Choose(0, 100_000, 1_000_000)}[seed%3], somewhere(random, 50*time.Millisecond)
		p := program(t, "-e", holding(n)).start().awaitAttached()
		go p.send(signals)
		code, out := p.end(), p.out.String()
		if got := strings.Count(out, "@m["); code != 0 || got != n || !strings.Contains(out, "begun\n") || !strings.Contains(out, "ended\n") {
			t.Errorf("run %d, %v: exit code %d, %d of %d keys\n%s", seed, signals, code, got, n, p.notices())
		}
	}
}

// Before BEGIN has run there is nothing to print, and the process ends by the signal.
// After that BEGIN, END and the maps print.
func TestSignalsBeforeEverythingIsAttached(t *testing.T) {
	early, printed := 0, 0
	for seed := range testkit.Seeds(t, 12, 1000) {
		random := rand.New(rand.NewPCG(seed, 19))
		signals := somewhere(random, 300*time.Millisecond)
		p := program(t, "-e", holding(50)).start()
		go p.send(signals)
		code, out := p.end(), p.out.String()
		switch {
		case code == 0 && strings.Count(out, "@m[") == 50 && strings.Contains(out, "begun\n") && strings.Contains(out, "ended\n"):
			printed++
		case out == "" && (code == -1 || slices.ContainsFunc(signals, func(s sent) bool { return code == 128+int(s.signal) })):
			early++
		default:
			t.Errorf("run %d, %v: exit code %d\n%s%s", seed, signals, code, out, p.notices())
		}
	}
	t.Logf("%d ended before BEGIN, %d after it", early, printed)
}

// An output that nobody reads keeps the results back for as long as the user wishes: the
// third request ends the session.
func TestAHungSessionCanBeEnded(t *testing.T) {
	testkit.Long(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := program(t, "-e", holding(100_000))
	p.Stdout = w
	p.start().awaitAttached()
	w.Close()
	ended := make(chan int)
	go func() { ended <- p.end() }()
	for sending := true; sending; {
		select {
		case code := <-ended:
			if code != 128+int(syscall.SIGTERM) {
				t.Errorf("exit code %d", code)
			}
			sending = false
		case <-time.After(300 * time.Millisecond):
			_ = p.Process.Signal(syscall.SIGTERM)
		}
	}
	said := p.notices()
	asked := strings.Index(said, "ponytrace is printing the results; one more signal ends it at once, without what is not printed yet\n")
	lost := strings.Index(said, "WARNING: ended at once as asked: what was not printed is lost\n")
	if asked < 0 || lost < asked {
		t.Errorf("notices: %s", said)
	}
}

// SIGUSR1 prints the maps and goes on.
func TestSignalForTheMaps(t *testing.T) {
	for _, script := range []string{
		`BEGIN { @kept = 7 } tracepoint:sched:sched_process_exit /comm == "nobody"/ { @n[1] = count() }`, // no ring buffer
		`BEGIN { @kept = 7 } interval:s:100 { printf("never\n") }`,
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		p := program(t, "-e", script)
		p.Stdout = w
		p.start().awaitAttached()
		w.Close()
		_ = p.Process.Signal(syscall.SIGUSR1)
		first := make([]byte, len("@kept: 7\n"))
		if _, err := io.ReadAtLeast(r, first, len(first)); err != nil || !strings.Contains(string(first), "@kept: 7\n") {
			t.Errorf("%s: %q, %v", script, first, err)
		}
		_ = p.Process.Signal(os.Interrupt)
		rest, err := io.ReadAll(r)
		if code := p.end(); err != nil || code != 0 || !strings.HasSuffix(string(rest), "\n\n@kept: 7\n") {
			t.Errorf("%s: exit code %d, %q, %v", script, code, rest, err)
		}
	}
}

// Where nohup(1) has the signal of a lost terminal ignored, it stays ignored.
func TestIgnoredHangUp(t *testing.T) {
	p := program(t)
	p.Path, p.Args = "/bin/sh", []string{"sh", "-c", `trap '' HUP; exec "$0" -e 'interval:s:100 { exit() } END { printf("%s", "over") }'`, os.Args[0]}
	p.start().awaitAttached()
	_ = p.Process.Signal(syscall.SIGHUP)
	_ = p.Process.Signal(syscall.SIGHUP)
	time.Sleep(50 * time.Millisecond)
	if p.out.Len() > 0 {
		t.Error("the session ended by a signal that is ignored")
	}
	_ = p.Process.Signal(syscall.SIGTERM)
	if code := p.end(); code != 0 || !strings.HasPrefix(p.out.String(), "over") {
		t.Errorf("exit code %d, %q", code, p.out.String())
	}
}

// A program that reads JSON waits for the first line before it does what is to be traced.
func TestAttachedProbesComeFirst(t *testing.T) {
	for _, script := range []string{
		`BEGIN { printf("early\n"); print((1, 2)) } interval:s:1000 { exit() }`,
		`BEGIN { for ($i : 0..3000) { printf("%d\n", $i) } } tracepoint:sched:sched_process_exec /comm == "nobody"/ { exit() }`,
		`BEGIN { @kept = 7 } interval:s:1000 { @n = count() }`, // no ring buffer
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		p := program(t, "-f", "json", "-e", script)
		p.Stdout = w
		p.start()
		w.Close()
		lines := bufio.NewReader(r)
		line, err := lines.ReadString('\n')
		if err != nil || line != `{"type": "attached_probes", "count": 2, "data": {"probes": 2}}`+"\n" {
			t.Errorf("%s: %q, %v", script, line, err)
		}
		go func() { _, _ = io.Copy(io.Discard, lines) }()
		_ = p.Process.Signal(os.Interrupt)
		if code := p.end(); code != 0 {
			t.Errorf("exit code %d: %s", code, p.notices())
		}
	}
}
