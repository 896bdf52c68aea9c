package runtime

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/runtime/detect"
	"golang.org/x/sys/unix"
)

// The objects here are made by hand, so that the session is tested without the compiler:
// programs are raw tracepoint programs, which Program.Run starts at will.

const stride = 64

func mmapable(size int) *ebpf.MapSpec {
	return &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: uint32(size), MaxEntries: 1, Flags: 1 << 10} // BPF_F_MMAPABLE
}

// emit sends records of one number each, as compiled clauses do: the flags of submit come
// from DataWakeup.
func emit(event, argument int64) asm.Instructions {
	label := "full" + strconv.FormatInt(event, 10)
	return asm.Instructions{
		asm.LoadMapPtr(asm.R1, 0).WithReference(object.EventsMap),
		asm.Mov.Imm(asm.R2, 16),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnRingbufReserve.Call(),
		asm.JEq.Imm(asm.R0, 0, label),
		asm.Mov.Imm(asm.R2, int32(event)),
		asm.StoreMem(asm.R0, 0, asm.R2, asm.DWord),
		asm.Mov.Imm(asm.R2, int32(argument)),
		asm.StoreMem(asm.R0, 8, asm.R2, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.R0),
		asm.LoadMapValue(asm.R2, 0, object.DataWakeup).WithReference(object.DataMap),
		asm.LoadMem(asm.R2, asm.R2, 0, asm.DWord),
		asm.FnRingbufSubmit.Call(),
		asm.Ja.Label(label + "end"),
		asm.LoadMapValue(asm.R1, 0, object.DataDropped).WithReference(object.DataMap).WithSymbol(label),
		asm.Mov.Imm(asm.R2, 1),
		asm.AddAtomic.Mem(asm.R1, asm.R2, asm.DWord, 0),
		asm.Mov.Imm(asm.R0, 0).WithSymbol(label + "end"),
	}
}

// countUp adds 1 to the row of this CPU without an atomic operation.
func countUp() asm.Instructions {
	return asm.Instructions{
		asm.FnGetSmpProcessorId.Call(),
		asm.And.Imm(asm.R0, 63),
		asm.Mul.Imm(asm.R0, stride),
		asm.LoadMapValue(asm.R1, 0, 0).WithReference(object.PerCPUMap),
		asm.Add.Reg(asm.R1, asm.R0),
		asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord),
		asm.Add.Imm(asm.R2, 1),
		asm.StoreMem(asm.R1, 0, asm.R2, asm.DWord),
	}
}

func code(parts ...asm.Instructions) asm.Instructions {
	var all asm.Instructions
	for _, part := range parts {
		all = append(all, part...)
	}
	return append(all, asm.Mov.Imm(asm.R0, 0), asm.Return())
}

func clause(name string, instructions asm.Instructions, point object.Point) *object.ProgramSpec {
	return &object.ProgramSpec{Name: name, Type: ebpf.RawTracepoint, Instructions: instructions, Points: []object.Point{point}, Clauses: 1}
}

func at(when object.When) object.Point { return object.Point{At: object.RunPoint{When: when}} }

func every(period time.Duration) object.Point {
	return object.Point{At: object.RunPoint{When: object.AtInterval, Period: period}}
}

// lineObject has a clause that prints a line and one that ends the session; neither is
// attached to anything.
func lineObject(pages int) *object.Object {
	return &object.Object{
		Events: []*object.Event{
			{Action: object.Printf, Format: "event %d\n", Layout: types.NewLayout(8, types.Int64)},
			{Action: object.Exit, Layout: types.NewLayout(8, types.Int64)},
		},
		Kernel: map[string]*ebpf.MapSpec{
			object.DataMap:   mmapable(object.DataHeader),
			object.EventsMap: {Type: ebpf.RingBuf, MaxEntries: uint32(pages * os.Getpagesize())},
		},
		Settings: object.Settings{RingBufferPages: pages, MaxSymbolBytes: 64 << 20},
	}
}

func open(t testing.TB, o *object.Object, options Options) *Session {
	t.Helper()
	testkit.Need(t, "CAP_BPF", os.Geteuid() == 0)
	machine, err := detect.Detect()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Load(o, machine, options)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	t.Cleanup(s.Close)
	return s
}

// parallel runs a program of the session n times on each of several threads.
func parallel(t testing.TB, s *Session, name string, threads, n int) {
	var group sync.WaitGroup
	for range threads {
		group.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for range n {
				if _, err := s.collection.Programs[name].Run(nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// Run goes through the whole session and returns the exit code of the script.
func (s *Session) Run() (int, error) {
	if err := s.Start(); err != nil {
		return 1, err
	}
	return s.Wait()
}

func TestBeginAndEnd(t *testing.T) {
	o := lineObject(16)
	o.Programs = []*object.ProgramSpec{
		clause("begin", code(emit(0, 1)), at(object.AtBegin)),
		clause("end", code(emit(0, 2)), at(object.AtEnd)),
	}
	var out, notices bytes.Buffer
	exit, err := open(t, o, Options{Stdout: &out, Stderr: &notices}).Run()
	if err != nil || exit != 0 {
		t.Errorf("exit code %d, %v", exit, err)
	}
	if want := "event 1\nevent 2\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	if want := "Attached 2 probes\n"; notices.String() != want {
		t.Errorf("%q, want %q", notices.String(), want)
	}
}

// What BEGIN prints is printed once where the kernel refused the first try. JSON keeps it back
// until everything is attached.
func TestBeginAgain(t *testing.T) {
	for format, want := range map[string]int{"text": 0, "json": 1} {
		o := lineObject(16)
		o.Programs = []*object.ProgramSpec{
			clause("begin", code(emit(0, 1)), at(object.AtBegin)),
			clause("end", code(emit(0, 2)), at(object.AtEnd)),
		}
		var out bytes.Buffer
		exit, err := open(t, o, Options{Stdout: &out, Stderr: io.Discard, Format: format, Again: true}).Run()
		begun, ended := strings.Count(out.String(), "event 1"), strings.Count(out.String(), "event 2")
		if err != nil || exit != 0 || begun != want || ended != 1 {
			t.Errorf("%s: exit code %d, %v\n%s", format, exit, err, out.String())
		}
	}
}

func TestExitCode(t *testing.T) {
	o := lineObject(16)
	o.Programs = []*object.ProgramSpec{clause("tick", code(emit(0, 7), emit(1, 3)), every(5*time.Millisecond))}
	var out bytes.Buffer
	exit, err := open(t, o, Options{Stdout: &out, Stderr: io.Discard}).Run()
	if err != nil || exit != 3 {
		t.Errorf("exit code %d, %v; want 3", exit, err)
	}
	if !strings.HasPrefix(out.String(), "event 7\n") {
		t.Errorf("%q", out.String())
	}
}

// Two programs of one period print in the order of the script, and the second is not run
// after the exit() of the first.
func TestIntervalsOfOnePeriodFireInOrder(t *testing.T) {
	o := lineObject(256)
	stop := asm.Instructions{
		asm.LoadMapValue(asm.R1, 0, object.DataStopped).WithReference(object.DataMap),
		asm.Mov.Imm(asm.R2, 1),
		asm.StoreMem(asm.R1, 0, asm.R2, asm.DWord),
	}
	const period, rounds = time.Millisecond, 200
	o.Programs = []*object.ProgramSpec{clause("a", code(emit(0, 1)), every(period)), clause("b", code(emit(0, 2)), every(period))}
	o.Programs = append(o.Programs, clause("end", code(emit(1, 0), stop), every(rounds*period)))
	o.Programs = append(o.Programs, clause("never", code(emit(0, 3)), every(rounds*period)))
	var out bytes.Buffer
	if _, err := open(t, o, Options{Stdout: &out, Stderr: io.Discard}).Run(); err != nil {
		t.Fatal(err)
	}
	pairs := strings.ReplaceAll(out.String(), "event 1\nevent 2\n", ".")
	pairs = strings.TrimSuffix(pairs, "event 1\n") // the end, which is of another period, may come between the two
	if strings.Trim(pairs, ".") != "" || len(pairs) < 2 {
		t.Errorf("%q", pairs)
	}
}

// A signal prints what is in the maps.
func TestSignal(t *testing.T) {
	o := counting(object.PrintMap)
	o.Settings.PrintMapsOnExit = true
	o.Programs = append(o.Programs[:1], clause("tick", code(countUp()), every(time.Millisecond)))
	signals := make(chan os.Signal, 1)
	time.AfterFunc(50*time.Millisecond, func() { signals <- os.Interrupt })
	var out bytes.Buffer
	exit, err := open(t, o, Options{Stdout: &out, Stderr: io.Discard, Signals: signals}).Run()
	if err != nil || exit != 0 || !strings.HasPrefix(out.String(), "\n\n@: ") {
		t.Errorf("%q, exit code %d, %v", out.String(), exit, err)
	}
}

// counting has a count without key, a clause that counts, and one that reports and clears
// each millisecond.
func counting(report object.Action) *object.Object {
	count := &object.MapSpec{Value: types.NewAggregation(builtin.Count, false), Storage: object.CPUSlot}
	o := lineObject(256)
	o.Maps = []*object.MapSpec{count}
	o.Stride = stride
	o.Kernel[object.PerCPUMap] = mmapable(stride * 64)
	o.Events = append(o.Events,
		&object.Event{Action: report, Map: count, Format: "%@d\n", Layout: types.NewLayout(8)},
		&object.Event{Action: object.Clear, Map: count, Printed: true, Layout: types.NewLayout(8)})
	o.Programs = []*object.ProgramSpec{
		clause("count", code(countUp()), at(object.AtEnd)),
		clause("report", code(emit(2, 0), emit(3, 0)), every(time.Millisecond)),
		clause("last", code(emit(2, 0)), at(object.AtEnd)),
	}
	return o
}

// Every event is in exactly one report, however many threads count while reports are
// printed and cleared.
func TestReportsAddUp(t *testing.T) {
	const threads, runs = 8, 50_000
	signals := make(chan os.Signal, 1)
	var out bytes.Buffer
	s := open(t, counting(object.Printa), Options{Stdout: &out, Stderr: io.Discard, Signals: signals})
	go func() {
		parallel(t, s, "count", threads, runs)
		signals <- os.Interrupt
	}()
	if _, err := s.Run(); err != nil {
		t.Fatal(err)
	}
	total, reports := 0, strings.Fields(out.String())
	for _, report := range reports {
		n, err := strconv.Atoi(report)
		if err != nil {
			t.Fatalf("report %q", report)
		}
		total += n
	}
	if want := threads*runs + 1; total != want { // "count" runs once more at the end
		t.Errorf("%d reports add up to %d, want %d", len(reports), total, want)
	}
	t.Logf("%d reports", len(reports))
}

// A line that comes alone is written at once, though the loop sleeps.
func TestALoneLine(t *testing.T) {
	o := lineObject(16)
	o.Programs = []*object.ProgramSpec{clause("line", code(emit(0, 1)), at(object.AtEnd)), idle()}
	signals, lines := make(chan os.Signal, 1), make(notify, 1000)
	s := open(t, o, Options{Stdout: lines, Stderr: io.Discard, Signals: signals})
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run() }()
	for range 10 {
		time.Sleep(60 * time.Millisecond) // asleep by now
		start := time.Now()
		parallel(t, s, "line", 1, 1)
		<-lines
		if late := time.Since(start); late > sleepPeriod/2 { // a busy machine is late too
			t.Errorf("the line came after %v", late)
		}
	}
	signals <- os.Interrupt
	<-ended
}

// A session without events sleeps, however it prints.
func TestIdle(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		o := lineObject(16)
		o.Programs = []*object.ProgramSpec{idle()}
		signals, ended := make(chan os.Signal, 1), make(chan struct{})
		s := open(t, o, Options{Stdout: io.Discard, Stderr: io.Discard, Signals: signals, Format: format})
		go func() { defer close(ended); s.Run() }()
		time.Sleep(100 * time.Millisecond)
		before := switches(t)
		time.Sleep(time.Second)
		if n := switches(t) - before; n > 250 { // a look every two milliseconds are 1,000 and more
			t.Errorf("%s: an idle second has %d changes of threads", format, n)
		}
		signals <- os.Interrupt
		<-ended
	}
}

// switches is how often the threads of this process have begun to wait.
func switches(t *testing.T) int64 {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return usage.Nvcsw
}

// idle never runs, and keeps the session waiting.
func idle() *object.ProgramSpec { return clause("idle", code(), every(time.Hour)) }

// notify tells of each write.
type notify chan struct{}

func (n notify) Write(b []byte) (int, error) {
	n <- struct{}{}
	return len(b), nil
}

// Events that found the buffer full are counted and said.
func TestLossesAreSaid(t *testing.T) {
	o := lineObject(1)
	o.Programs = []*object.ProgramSpec{clause("line", code(emit(0, 1)), at(object.AtEnd)), idle()}
	signals := make(chan os.Signal, 1)
	var lines lineCounter
	var notices bytes.Buffer
	s := open(t, o, Options{Stdout: &lines, Stderr: &notices, Signals: signals})
	const runs = 20_000
	go func() {
		parallel(t, s, "line", 4, runs)
		signals <- os.Interrupt
	}()
	if _, err := s.Run(); err != nil {
		t.Fatal(err)
	}
	lost := int(s.store.Load(object.DataDropped))
	if int(lines)+lost != 4*runs+1 {
		t.Errorf("%d lines and %d lost of %d", lines, lost, 4*runs+1)
	}
	if lost > 0 && !strings.Contains(notices.String(), strconv.Itoa(lost)+" events were lost") {
		t.Errorf("notices: %q", notices.String())
	}
}

type lineCounter int

func (l *lineCounter) Write(b []byte) (int, error) {
	*l += lineCounter(bytes.Count(b, []byte("\n")))
	return len(b), nil
}

// A reader that has seen enough ends the session without a message, and with the exit
// code that shells give to SIGPIPE.
func TestClosedPipe(t *testing.T) {
	o := lineObject(16)
	o.Programs = []*object.ProgramSpec{clause("tick", code(emit(0, 1)), every(time.Millisecond))}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	if exit, err := open(t, o, Options{Stdout: w, Stderr: io.Discard}).Run(); err != nil || exit != 141 {
		t.Errorf("exit code %d, %v", exit, err)
	}
}

func TestCommandEndsTheSession(t *testing.T) {
	o := lineObject(16)
	o.Programs = []*object.ProgramSpec{idle()}
	exit, err := open(t, o, Options{Stdout: io.Discard, Stderr: io.Discard, Command: []string{"true"}}).Run()
	if err != nil || exit != 0 {
		t.Errorf("exit code %d, %v", exit, err)
	}
}

// Records that the layout does not cover are not read.
func TestForeignRecords(t *testing.T) {
	o := lineObject(16)
	o.Programs = []*object.ProgramSpec{idle()}
	var out bytes.Buffer
	s := open(t, o, Options{Stdout: &out, Stderr: io.Discard})
	for _, record := range [][]byte{nil, {1, 2, 3}, binary.NativeEndian.AppendUint64(nil, 99), binary.NativeEndian.AppendUint64(nil, 0)} {
		s.printer.Handle(record)
	}
	s.printer.Flush()
	if out.Len() > 0 {
		t.Errorf("%q", out.String())
	}
}

// BenchmarkLines is what a printed line costs the session, from the record to the writer.
func BenchmarkLines(b *testing.B) {
	o := lineObject(16)
	o.Programs = []*object.ProgramSpec{idle()}
	s := open(b, o, Options{Stdout: io.Discard, Stderr: io.Discard})
	record := binary.NativeEndian.AppendUint64(make([]byte, 8, 16), 123456)
	b.ReportAllocs()
	for b.Loop() {
		s.printer.Handle(record)
	}
}

// BenchmarkFlatOut prints as fast as two threads can send, and says what was lost.
func BenchmarkFlatOut(b *testing.B) {
	o := lineObject(1024)
	o.Programs = []*object.ProgramSpec{clause("line", code(emit(0, 1)), at(object.AtEnd)), idle()}
	signals := make(chan os.Signal, 1)
	s := open(b, o, Options{Stdout: io.Discard, Stderr: io.Discard, Signals: signals})
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run() }()
	b.ResetTimer()
	if _, err := s.collection.Programs["line"].Run(&ebpf.RunOptions{}); err != nil {
		b.Fatal(err)
	}
	parallel(b, s, "line", 2, b.N/2)
	b.StopTimer()
	signals <- os.Interrupt
	<-ended
	b.ReportMetric(float64(s.store.Load(object.DataDropped)), "lost")
}
